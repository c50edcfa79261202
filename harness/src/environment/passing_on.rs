//! A file system that passes everything on to a folder, and can be made slow: whoever changes
//! something there then waits for the answer.
//!
//! The kernel asks this process for it (FUSE), so it needs no program beside the harness, and any
//! part may use it. Nothing in this process looks at it: who waits for an answer of its own cannot
//! be killed. What is asked for is done at once, and answered later; so reading stays as fast as it
//! is, but for what is just being written, and what waits when the disk becomes fast again is
//! answered then.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, FileTimes, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{
    DirEntryExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, lchown, symlink,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, OpenFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, ReplyXattr, Request, Session,
    SessionACL, TimeOrNow, WriteFlags,
};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long the kernel may take what it was told for true: not at all, since the folder may be
/// changed by others.
const NEVER: Duration = Duration::ZERO;
const FIRST: Generation = Generation(0);
/// Of what a program asks for when it opens a file, what matters to the folder.
const PASSED_ON: OFlags = OFlags::APPEND.union(OFlags::SYNC).union(OFlags::DSYNC);

/// How much longer than it takes an answer to a change is awaited.
#[derive(Clone, Debug)]
pub(super) struct Slowness(watch::Sender<Duration>);

impl Slowness {
    /// From now on. What waits is answered if that is not at all.
    pub fn set(&self, delay: Duration) {
        self.0.send_replace(delay);
    }
}

/// Serves the file system that was mounted with this open `/dev/fuse`, until nobody uses it any
/// more. `owner` is whom all files belong to, where the kernel knows others by other numbers.
pub(super) fn serve(device: OwnedFd, folder: &Path, owner: Option<u32>) -> io::Result<Slowness> {
    let slowness = Slowness(watch::Sender::new(Duration::ZERO));
    let root = Node { file: place(folder)?, lookups: 1 };
    let file_system = PassingOn {
        nodes: Mutex::new(HashMap::from([(INodeNo::ROOT.0, root)])),
        opened: Mutex::default(),
        last_handle: AtomicU64::new(0),
        owner,
        slowness: slowness.clone(),
        runtime: Handle::current(),
    };
    let session = Session::from_fd(file_system, device, SessionACL::All, Config::default())?;
    // Its thread ends with the mount.
    session.spawn()?;
    Ok(slowness)
}

struct PassingOn {
    /// What the kernel knows, by its number in the folder: in there no file has the number of the
    /// root here, 1.
    nodes: Mutex<HashMap<u64, Node>>,
    opened: Mutex<HashMap<u64, Opened>>,
    last_handle: AtomicU64,
    owner: Option<u32>,
    slowness: Slowness,
    runtime: Handle,
}

/// Something in the folder, whatever its name is now, or if it has none any more.
struct Node {
    /// A place only: not open for reading or writing.
    file: File,
    /// How often the kernel was told of it and has not forgotten it.
    lookups: u64,
}

#[derive(Clone)]
enum Opened {
    File(Arc<File>),
    /// What was there when it was opened.
    Folder(Arc<Vec<(u64, FileType, OsString)>>),
}

impl PassingOn {
    fn nodes(&self) -> MutexGuard<'_, HashMap<u64, Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self) -> MutexGuard<'_, HashMap<u64, Opened>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A path that leads to a node as long as the kernel knows it.
    fn path(&self, node: INodeNo) -> io::Result<PathBuf> {
        let nodes = self.nodes();
        let node = nodes.get(&node.0).ok_or(ErrorKind::NotFound)?;
        Ok(PathBuf::from(format!("/proc/self/fd/{}", node.file.as_raw_fd())))
    }

    fn child(&self, parent: INodeNo, name: &OsStr) -> io::Result<PathBuf> {
        Ok(self.path(parent)?.join(name))
    }

    /// The kernel is told of what has this name.
    fn find(&self, parent: INodeNo, name: &OsStr) -> io::Result<FileAttr> {
        let file = place(&self.child(parent, name)?)?;
        let attributes = self.attributes(&file.metadata()?);
        let mut nodes = self.nodes();
        let node = nodes.entry(attributes.ino.0).or_insert(Node { file, lookups: 0 });
        node.lookups += 1;
        Ok(attributes)
    }

    /// The kernel is told of what was just made with this name. It belongs to who made it.
    fn made(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: Option<u32>,
    ) -> io::Result<FileAttr> {
        let path = self.child(parent, name)?;
        if self.owner.is_none() {
            lchown(&path, Some(request.uid()), Some(request.gid()))?;
        }
        // Whatever this process leaves out of what it makes.
        if let Some(mode) = mode {
            fs::set_permissions(&path, Permissions::from_mode(mode & 0o7777))?;
        }
        self.find(parent, name)
    }

    fn attributes(&self, metadata: &Metadata) -> FileAttr {
        let changed = Duration::new(
            metadata.ctime().try_into().unwrap_or_default(),
            metadata.ctime_nsec().try_into().unwrap_or_default(),
        );
        FileAttr {
            ino: INodeNo(metadata.ino()),
            size: metadata.size(),
            blocks: metadata.blocks(),
            atime: metadata.accessed().unwrap_or(SystemTime::UNIX_EPOCH),
            mtime: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            ctime: SystemTime::UNIX_EPOCH + changed,
            crtime: SystemTime::UNIX_EPOCH,
            kind: kind(metadata.file_type()),
            perm: (metadata.mode() & 0o7777) as u16,
            nlink: metadata.nlink().try_into().unwrap_or(u32::MAX),
            uid: self.owner.unwrap_or(metadata.uid()),
            gid: self.owner.unwrap_or(metadata.gid()),
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }

    fn of_node(&self, node: INodeNo) -> io::Result<FileAttr> {
        let nodes = self.nodes();
        let known = nodes.get(&node.0).ok_or(ErrorKind::NotFound)?;
        Ok(FileAttr { ino: node, ..self.attributes(&known.file.metadata()?) })
    }

    fn open_file(
        &self,
        path: &Path,
        how: &mut OpenOptions,
        flags: OFlags,
    ) -> io::Result<FileHandle> {
        let file = how.custom_flags((flags & PASSED_ON).bits() as i32).open(path)?;
        Ok(self.keep(Opened::File(Arc::new(file))))
    }

    fn keep(&self, opened: Opened) -> FileHandle {
        let handle = self.last_handle.fetch_add(1, Ordering::Relaxed);
        self.opened().insert(handle, opened);
        FileHandle(handle)
    }

    fn file(&self, handle: FileHandle) -> io::Result<Arc<File>> {
        match self.opened().get(&handle.0) {
            Some(Opened::File(file)) => Ok(Arc::clone(file)),
            _ => Err(io::Error::from_raw_os_error(Errno::EBADF.code())),
        }
    }

    /// Tells of a change when the disk is as slow as it is told to be.
    fn answer(&self, answer: impl FnOnce() + Send + 'static) {
        let mut slowness = self.slowness.0.subscribe();
        let delay = *slowness.borrow_and_update();
        if delay.is_zero() {
            return answer();
        }
        self.runtime.spawn(async move {
            // Late or fast again.
            let _ = timeout(delay, slowness.wait_for(Duration::is_zero)).await;
            answer();
        });
    }

    fn answer_empty(&self, done: io::Result<()>, reply: ReplyEmpty) {
        self.answer(move || match done {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error.into()),
        });
    }

    fn answer_entry(&self, made: io::Result<FileAttr>, reply: ReplyEntry) {
        self.answer(move || tell_entry(made, reply));
    }

    fn change(&self, node: INodeNo, change: &Change) -> io::Result<FileAttr> {
        let path = self.path(node)?;
        if let Some(mode) = change.mode {
            fs::set_permissions(&path, Permissions::from_mode(mode & 0o7777))?;
        }
        if self.owner.is_none() && (change.owner.is_some() || change.group.is_some()) {
            std::os::unix::fs::chown(&path, change.owner, change.group)?;
        }
        match (change.size, change.handle) {
            (Some(size), Some(handle)) => self.file(handle)?.set_len(size)?,
            (Some(size), None) => OpenOptions::new().write(true).open(&path)?.set_len(size)?,
            (None, _) => {}
        }
        if let Some(times) = change.times {
            let file = match change.handle {
                Some(handle) => self.file(handle)?,
                None => Arc::new(File::open(&path)?),
            };
            file.set_times(times)?;
        }
        self.of_node(node)
    }
}

/// What of a file is to become other than it is.
struct Change {
    mode: Option<u32>,
    owner: Option<u32>,
    group: Option<u32>,
    size: Option<u64>,
    times: Option<FileTimes>,
    handle: Option<FileHandle>,
}

impl Filesystem for PassingOn {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        tell_entry(self.find(parent, name), reply);
    }

    fn forget(&self, _: &Request, node: INodeNo, lookups: u64) {
        let mut nodes = self.nodes();
        if let Some(known) = nodes.get_mut(&node.0) {
            known.lookups = known.lookups.saturating_sub(lookups);
            if known.lookups == 0 {
                nodes.remove(&node.0);
            }
        }
    }

    fn getattr(&self, _: &Request, node: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        tell_attributes(self.of_node(node), reply);
    }

    fn setattr(
        &self,
        _: &Request,
        node: INodeNo,
        mode: Option<u32>,
        owner: Option<u32>,
        group: Option<u32>,
        size: Option<u64>,
        accessed: Option<TimeOrNow>,
        modified: Option<TimeOrNow>,
        _: Option<SystemTime>,
        handle: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let times = times(accessed, modified);
        let changed = self.change(node, &Change { mode, owner, group, size, times, handle });
        self.answer(move || tell_attributes(changed, reply));
    }

    fn readlink(&self, _: &Request, node: INodeNo, reply: ReplyData) {
        let target = self.nodes().get(&node.0).map(|node| {
            rustix::fs::readlinkat(&node.file, "", Vec::new()).map_err(io::Error::from)
        });
        match target.unwrap_or_else(|| Err(ErrorKind::NotFound.into())) {
            Ok(target) => reply.data(target.to_bytes()),
            Err(error) => reply.error(error.into()),
        }
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        _: u32,
        reply: ReplyEntry,
    ) {
        let made = self.child(parent, name).and_then(|path| {
            let kind = rustix::fs::FileType::from_raw_mode(mode);
            rustix::fs::mknodat(CWD, &path, kind, Mode::from_raw_mode(mode), 0)?;
            self.made(request, parent, name, Some(mode))
        });
        self.answer_entry(made, reply);
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        reply: ReplyEntry,
    ) {
        let made = self.child(parent, name).and_then(|path| {
            fs::create_dir(path)?;
            self.made(request, parent, name, Some(mode))
        });
        self.answer_entry(made, reply);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.answer_empty(self.child(parent, name).and_then(fs::remove_file), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.answer_empty(self.child(parent, name).and_then(fs::remove_dir), reply);
    }

    fn symlink(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        target: &Path,
        reply: ReplyEntry,
    ) {
        let made = self.child(parent, name).and_then(|path| {
            symlink(target, path)?;
            self.made(request, parent, name, None)
        });
        self.answer_entry(made, reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: fuser::RenameFlags,
        reply: ReplyEmpty,
    ) {
        let rename = || {
            let (from, to) = (self.child(parent, name)?, self.child(new_parent, new_name)?);
            let flags = rustix::fs::RenameFlags::from_bits_retain(flags.bits());
            Ok(rustix::fs::renameat_with(CWD, from, CWD, to, flags)?)
        };
        self.answer_empty(rename(), reply);
    }

    fn link(
        &self,
        _: &Request,
        node: INodeNo,
        new_parent: INodeNo,
        new_name: &OsStr,
        reply: ReplyEntry,
    ) {
        let link = || {
            let (from, to) = (self.path(node)?, self.child(new_parent, new_name)?);
            rustix::fs::linkat(CWD, from, CWD, to, AtFlags::SYMLINK_FOLLOW)?;
            self.find(new_parent, new_name)
        };
        self.answer_entry(link(), reply);
    }

    fn open(&self, _: &Request, node: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let flags = OFlags::from_bits_retain(flags.0 as u32);
        let access = flags & OFlags::RWMODE;
        let mut how = OpenOptions::new();
        how.read(access != OFlags::WRONLY).write(access != OFlags::RDONLY);
        match self.path(node).and_then(|path| self.open_file(&path, &mut how, flags)) {
            Ok(handle) => reply.opened(handle, FopenFlags::empty()),
            Err(error) => reply.error(error.into()),
        }
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let created = self.child(parent, name).and_then(|path| {
            let flags = OFlags::from_bits_retain(flags as u32);
            let mut how = OpenOptions::new();
            how.read(true).write(true).create(true).mode(mode);
            how.create_new(flags.contains(OFlags::EXCL));
            let handle = self.open_file(&path, &mut how, flags)?;
            Ok((self.made(request, parent, name, Some(mode))?, handle))
        });
        self.answer(move || match created {
            Ok((attributes, handle)) => {
                reply.created(&NEVER, &attributes, FIRST, handle, FopenFlags::empty());
            }
            Err(error) => reply.error(error.into()),
        });
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let mut bytes = vec![0; size as usize];
        match self.file(handle).and_then(|file| file.read_at(&mut bytes, offset)) {
            Ok(read) => reply.data(&bytes[..read]),
            Err(error) => reply.error(error.into()),
        }
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = self.file(handle).and_then(|file| file.write_at(bytes, offset));
        self.answer(move || match written {
            Ok(written) => reply.written(written.try_into().unwrap_or(u32::MAX)),
            Err(error) => reply.error(error.into()),
        });
    }

    fn fsync(&self, _: &Request, _: INodeNo, handle: FileHandle, data: bool, reply: ReplyEmpty) {
        let synced = self.file(handle).and_then(|file| match data {
            true => file.sync_data(),
            false => file.sync_all(),
        });
        self.answer_empty(synced, reply);
    }

    fn fsyncdir(&self, _: &Request, node: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        let synced = self.path(node).and_then(File::open).and_then(|folder| folder.sync_all());
        self.answer_empty(synced, reply);
    }

    /// There is nothing to do when a file is closed; the kernel then asks no more.
    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.error(Errno::ENOSYS);
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.opened().remove(&handle.0);
        reply.ok();
    }

    fn opendir(&self, _: &Request, node: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let list = || {
            let entries = fs::read_dir(self.path(node)?)?.map(|entry| {
                let entry = entry?;
                Ok((entry.ino(), kind(entry.file_type()?), entry.file_name()))
            });
            entries.collect::<io::Result<Vec<_>>>()
        };
        match list() {
            Ok(list) => {
                let handle = self.keep(Opened::Folder(Arc::new(list)));
                reply.opened(handle, FopenFlags::empty());
            }
            Err(error) => reply.error(error.into()),
        }
    }

    fn readdir(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let Some(Opened::Folder(list)) = self.opened().get(&handle.0).cloned() else {
            return reply.error(Errno::EBADF);
        };
        for (number, (node, kind, name)) in (1..).zip(list.iter()).skip(offset as usize) {
            if reply.add(INodeNo(*node), number, *kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        reply: ReplyEmpty,
    ) {
        self.opened().remove(&handle.0);
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let room = self.path(INodeNo::ROOT).and_then(|root| Ok(rustix::fs::statvfs(root)?));
        match room {
            Ok(room) => reply.statfs(
                room.f_blocks,
                room.f_bfree,
                room.f_bavail,
                room.f_files,
                room.f_ffree,
                room.f_bsize as u32,
                room.f_namemax as u32,
                room.f_frsize as u32,
            ),
            Err(error) => reply.error(error.into()),
        }
    }

    /// Asked before each write, until this is the answer.
    fn getxattr(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }
}

fn tell_entry(found: io::Result<FileAttr>, reply: ReplyEntry) {
    match found {
        Ok(attributes) => reply.entry(&NEVER, &attributes, FIRST),
        Err(error) => reply.error(error.into()),
    }
}

fn tell_attributes(found: io::Result<FileAttr>, reply: ReplyAttr) {
    match found {
        Ok(attributes) => reply.attr(&NEVER, &attributes),
        Err(error) => reply.error(error.into()),
    }
}

/// Something as a place, not opened.
fn place(path: &Path) -> io::Result<File> {
    let flags = (OFlags::PATH | OFlags::NOFOLLOW).bits() as i32;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

fn kind(kind: fs::FileType) -> FileType {
    match kind {
        kind if kind.is_dir() => FileType::Directory,
        kind if kind.is_symlink() => FileType::Symlink,
        kind if kind.is_fifo() => FileType::NamedPipe,
        kind if kind.is_socket() => FileType::Socket,
        _ => FileType::RegularFile,
    }
}

fn times(accessed: Option<TimeOrNow>, modified: Option<TimeOrNow>) -> Option<FileTimes> {
    let time = |time| match time {
        TimeOrNow::SpecificTime(time) => time,
        TimeOrNow::Now => SystemTime::now(),
    };
    let (accessed, modified) = (accessed.map(time), modified.map(time));
    if accessed.is_none() && modified.is_none() {
        return None;
    }
    let times = accessed.map_or_else(FileTimes::new, |time| FileTimes::new().set_accessed(time));
    Some(modified.map_or(times, |time| times.set_modified(time)))
}
