//! What the proxy stands before: nginx, and an echo.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::processor;

/// What `/bulk` has.
pub const BULK: usize = 256 << 20;
const SMALL: usize = 1 << 10;

const DEADLINE: Duration = Duration::from_secs(10);

pub struct Upstreams {
    pub nginx: SocketAddr,
    pub echo: SocketAddr,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Upstreams {
    /// # Errors
    /// What is missing, and how to get it.
    pub fn start() -> Result<Self, String> {
        let folder =
            tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let nginx = free_address();
        write_site(folder.path(), nginx);
        let process = Command::new("nginx")
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "stderr"])
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| {
                format!("nginx does not start: {error}; `apt-get install nginx`, or put it on PATH")
            })?;
        let started = Instant::now();
        while TcpStream::connect(nginx).is_err() {
            assert!(started.elapsed() < DEADLINE, "nginx does not listen on {nginx}");
            std::thread::yield_now();
        }
        Ok(Self { nginx, echo: echo(), process, _folder: folder })
    }
}

impl Upstreams {
    /// What nginx's worker has used.
    pub fn processor_time(&self) -> Duration {
        processor::children(self.process.id()).into_iter().map(processor::of_threads).sum()
    }
}

impl Drop for Upstreams {
    fn drop(&mut self) {
        // Its master ends the worker when asked to, not when killed.
        if let Some(id) = rustix::process::Pid::from_raw(self.process.id().cast_signed()) {
            rustix::process::kill_process(id, rustix::process::Signal::TERM).ok();
        }
        drop(self.process.wait());
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address")
}

fn write_site(folder: &Path, address: SocketAddr) {
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {kind};"))
        .concat();
    let text = format!(
        "daemon off; {user} worker_processes 1; pid nginx.pid;
         events {{ worker_connections 1024; }}
         http {{
             access_log off; sendfile on; keepalive_requests 1000000000; {paths}
             server {{ listen {address}; root .; }}
         }}"
    );
    std::fs::write(folder.join("nginx.conf"), text).expect("nginx.conf is written");
    std::fs::write(folder.join("small"), [b'x'; SMALL]).expect("a small file is written");
    let bulk = std::fs::File::create(folder.join("bulk")).expect("a big file is made");
    bulk.set_len(BULK as u64).expect("a big file is made");
}

/// An echo of which each connection has a thread.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            std::thread::spawn(move || repeat(socket));
        }
    });
    address
}

fn repeat(mut socket: TcpStream) {
    drop(socket.set_nodelay(true));
    let mut buffer = [0; 64];
    while let Ok(1..) = socket.read(&mut buffer).and_then(|read| {
        socket.write_all(&buffer[..read])?;
        Ok(read)
    }) {}
}
