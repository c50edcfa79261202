//! A pipe in the kernel, through which bytes go from one socket to another without being copied.

#[cfg(target_os = "linux")]
pub use linux::Pipe;
#[cfg(not(target_os = "linux"))]
pub use nowhere::Pipe;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;

    use rustix::fd::OwnedFd;
    use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
    use tokio::io::Interest;
    use tokio::net::TcpStream;

    /// The most that an unprivileged user may ask for. A quarter of it costs half as much processor
    /// time again a byte.
    const SIZE: usize = 1 << 20;

    /// A pipe, and how much it holds.
    pub struct Pipe {
        entry: OwnedFd,
        exit: OwnedFd,
        held: usize,
    }

    impl Pipe {
        /// An empty pipe.
        ///
        /// # Errors
        /// When the system has no file left, or the user has so many pipes that this one would be too
        /// small to be worth it.
        pub fn new() -> io::Result<Self> {
            let (exit, entry) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
            fcntl_setpipe_size(&entry, SIZE)?;
            Ok(Self { entry, exit, held: 0 })
        }

        /// The bytes in it.
        pub fn held(&self) -> usize {
            self.held
        }

        /// Takes what a socket has; 0 at its end. The pipe must be empty: a full pipe and an empty
        /// socket look alike.
        ///
        /// # Errors
        /// `WouldBlock` when the socket has nothing; what broke it otherwise.
        pub fn fill(&mut self, source: &TcpStream) -> io::Result<usize> {
            debug_assert_eq!(self.held, 0);
            let filled = source.try_io(Interest::READABLE, || {
                Ok(splice(source, None, &self.entry, None, SIZE, SpliceFlags::NONBLOCK)?)
            })?;
            self.held = filled;
            Ok(filled)
        }

        /// Gives what it holds to a socket, or a part of it.
        ///
        /// # Errors
        /// `WouldBlock` when the socket has no room; what broke it otherwise.
        pub fn drain(&mut self, sink: &TcpStream) -> io::Result<usize> {
            let drained = sink.try_io(Interest::WRITABLE, || {
                Ok(splice(&self.exit, None, sink, None, self.held, SpliceFlags::NONBLOCK)?)
            })?;
            self.held -= drained;
            Ok(drained)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod nowhere {
    use std::io;

    use tokio::net::TcpStream;

    /// There is no such pipe on this system.
    pub enum Pipe {}

    impl Pipe {
        pub fn new() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub fn held(&self) -> usize {
            match *self {}
        }

        pub fn fill(&mut self, _source: &TcpStream) -> io::Result<usize> {
            match *self {}
        }

        pub fn drain(&mut self, _sink: &TcpStream) -> io::Result<usize> {
            match *self {}
        }
    }
}
