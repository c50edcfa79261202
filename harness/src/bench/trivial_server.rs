//! A server that does nothing but answer: what is measured against it is the client.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

/// What every request is answered with.
pub(super) const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// How often the server looks whether it shall end.
const LOOK: Duration = Duration::from_millis(100);
const LISTENER: Token = Token(usize::MAX);

/// A server on a thread of its own, which takes pipelined requests without a body and answers each
/// with [`ANSWER`]. Dropping it ends it.
pub(super) struct TrivialServer {
    address: SocketAddr,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TrivialServer {
    /// # Errors
    /// The system refuses a socket.
    pub fn start() -> io::Result<Self> {
        let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let (address, poll) = (listener.local_addr()?, Poll::new()?);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let end = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&end);
        let thread = std::thread::spawn(move || {
            if let Err(error) = serve(poll, &listener, &ended) {
                tracing::error!(%error, "the trivial server ended");
            }
        });
        Ok(Self { address, end, thread: Some(thread) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for TrivialServer {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A client's connection, and how far it is through the blank line that ends a request.
struct Client {
    stream: TcpStream,
    matched: usize,
    outgoing: Vec<u8>,
}

fn serve(mut poll: Poll, listener: &TcpListener, end: &AtomicBool) -> io::Result<()> {
    let mut events = Events::with_capacity(1024);
    let mut clients: Vec<Option<Client>> = Vec::new();
    let mut buffer = vec![0; 256 << 10];
    while !end.load(Ordering::Relaxed) {
        poll.poll(&mut events, Some(LOOK))?;
        for event in &events {
            if event.token() == LISTENER {
                accept(listener, &poll, &mut clients)?;
            } else if let Some(slot) = clients.get_mut(event.token().0)
                && slot.as_mut().is_some_and(|client| client.serve(&mut buffer).is_err())
            {
                *slot = None;
            }
        }
    }
    Ok(())
}

fn accept(
    listener: &TcpListener,
    poll: &Poll,
    clients: &mut Vec<Option<Client>>,
) -> io::Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nodelay(true)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(clients.len()), interest)?;
        clients.push(Some(Client { stream, matched: 0, outgoing: Vec::new() }));
    }
}

impl Client {
    /// Answers what has come, until the socket is empty.
    fn serve(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(bytes) => {
                    for _ in 0..self.count_ends(&buffer[..bytes]) {
                        self.outgoing.extend_from_slice(ANSWER);
                    }
                    self.flush()?;
                    if bytes < buffer.len() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.flush(),
                Err(error) => return Err(error),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(bytes) => drop(self.outgoing.drain(..bytes)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// How many requests end in these bytes.
    fn count_ends(&mut self, bytes: &[u8]) -> usize {
        const END: &[u8] = b"\r\n\r\n";
        let mut ends = 0;
        for byte in bytes {
            self.matched = match *byte == END[self.matched] {
                true => self.matched + 1,
                false => usize::from(*byte == END[0]),
            };
            if self.matched == END.len() {
                self.matched = 0;
                ends += 1;
            }
        }
        ends
    }
}
