//! Ports on the loopback address, each for one harness process at a time.

use std::fs::{File, TryLockError};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::runtime_folder::runtime_folder;

/// Below the ephemeral range (32768 and up on Linux), so that no outgoing connection takes one
/// between the lease and the bind.
const PORTS: Range<u16> = 20_000..32_000;

/// A port of 127.0.0.1 that no other harness process is given while this lease lives. The kernel
/// ends it with the process.
#[derive(Debug)]
pub struct PortLease {
    port: u16,
    _lock: File,
}

impl PortLease {
    /// The port's number.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Why no port could be leased.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The file that stands for a port cannot be opened or locked.
    #[error("cannot lease a port through {path}: {source}")]
    Lock {
        /// The lock file, or the folder of the lock files.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Every port is leased or bound.
    #[error(
        "no port from {start} to {last} of 127.0.0.1 is free; see what holds them with `ss -ltnp`",
        start = PORTS.start,
        last = PORTS.end - 1
    )]
    NoneFree,
}

/// Leases a port of 127.0.0.1 that nobody listens on.
///
/// # Errors
/// No port is free, or the lock files cannot be written.
pub fn lease_port() -> Result<PortLease, PortError> {
    let folder = port_folder()?;
    let count = u32::from(PORTS.end - PORTS.start);
    let first = first_candidate(count);
    for step in 0..count {
        let offset = u16::try_from((first + step) % count).expect("smaller than the range");
        if let Some(lease) = try_lease(&folder, PORTS.start + offset)? {
            return Ok(lease);
        }
    }
    Err(PortError::NoneFree)
}

/// Processes begin far from one another, and a process goes on where it was, so that most leases
/// succeed at the first try and a port rests before it is used again.
fn first_candidate(count: u32) -> u32 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(97) % count;
    (start + TAKEN.fetch_add(1, Ordering::Relaxed) % count) % count
}

fn port_folder() -> Result<PathBuf, PortError> {
    let folder = runtime_folder()
        .map_err(|source| PortError::Lock { path: std::env::temp_dir(), source })?
        .join("ports");
    match std::fs::create_dir_all(&folder) {
        Ok(()) => Ok(folder),
        Err(source) => Err(PortError::Lock { path: folder, source }),
    }
}

/// The lock file stays for good: were it removed, two processes could lock two files of one name.
fn try_lease(folder: &Path, port: u16) -> Result<Option<PortLease>, PortError> {
    let path = folder.join(port.to_string());
    let open = File::options().create(true).write(true).truncate(false).open(&path);
    let lock = open.map_err(|source| PortError::Lock { path: path.clone(), source })?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(source)) => return Err(PortError::Lock { path, source }),
    }
    // Somebody who knows nothing of these leases may listen there.
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    Ok(free.then_some(PortLease { port, _lock: lock }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_differ_and_lie_below_the_ephemeral_range() {
        let leases: Vec<_> = (0..20).map(|_| lease_port().unwrap()).collect();
        let mut ports: Vec<_> = leases.iter().map(PortLease::port).collect();
        assert!(ports.iter().all(|port| PORTS.contains(port)));
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), leases.len());
    }

    #[test]
    fn a_port_is_free_again_after_its_lease() {
        // The outer lease keeps other processes away from the port while a folder of our own
        // stands in for theirs.
        let outer = lease_port().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let lease = try_lease(folder.path(), outer.port()).unwrap();
        assert!(lease.is_some());
        assert!(try_lease(folder.path(), outer.port()).unwrap().is_none());
        drop(lease);
        assert!(try_lease(folder.path(), outer.port()).unwrap().is_some());
    }

    #[test]
    fn a_bound_port_is_not_leased() {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(try_lease(folder.path(), port).unwrap().is_none());
    }
}
