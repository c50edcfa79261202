//! The plainest program that passes messages on: one thread that waits for bytes, reads them and
//! writes them on, and does nothing else. What it uses stands beside what the proxy uses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::processor;

/// The argument that makes this program the relay; the upstream's address follows.
const ARGUMENT: &str = "--relay-to";
const LISTENER: Token = Token(usize::MAX);
/// More than a message has.
const MESSAGE: usize = 16 << 10;

/// The relay as a program of its own.
pub struct Relay {
    pub address: SocketAddr,
    process: Child,
}

impl Relay {
    pub fn start(upstream: SocketAddr) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this program"))
            .args([ARGUMENT, &upstream.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the relay starts");
        let mut address = String::new();
        let mut told = BufReader::new(process.stdout.take().expect("what it tells"));
        told.read_line(&mut address).expect("it tells its address");
        Self { address: address.trim().parse().expect("an address"), process }
    }

    /// What it has used, in user mode and in the system's.
    pub fn processor_time(&self) -> Duration {
        processor::of_threads(self.process.id())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The upstream, when this program is to be the relay.
pub fn asked(arguments: &[String]) -> Option<SocketAddr> {
    let [argument, upstream] = arguments else { return None };
    (argument == ARGUMENT).then(|| upstream.parse().expect("an address"))
}

/// Passes messages on until it is killed. It tells its address on standard output.
pub fn run(upstream: SocketAddr) -> ! {
    let mut poll = Poll::new().expect("a poll");
    let mut listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port to listen on");
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE).expect("it is watched");
    println!("{}", listener.local_addr().expect("an address"));
    let mut events = Events::with_capacity(256);
    // The two sides of a connection lie beside each other.
    let mut sockets: Vec<TcpStream> = Vec::new();
    let mut message = [0; MESSAGE];
    loop {
        poll.poll(&mut events, None).expect("events");
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((client, _)) = listener.accept() {
                    for mut socket in [client, connect(upstream)] {
                        socket.set_nodelay(true).expect("no delay");
                        let token = Token(sockets.len());
                        poll.registry()
                            .register(&mut socket, token, Interest::READABLE)
                            .expect("it is watched");
                        sockets.push(socket);
                    }
                }
                continue;
            }
            let Token(side) = event.token();
            while let Ok(read) = sockets[side].read(&mut message) {
                if read == 0 {
                    drop(sockets[side ^ 1].shutdown(Shutdown::Write));
                    break;
                }
                sockets[side ^ 1].write_all(&message[..read]).expect("room for a message");
                // Read in part, a socket is empty.
                if read < MESSAGE {
                    break;
                }
            }
        }
    }
}

fn connect(upstream: SocketAddr) -> TcpStream {
    let socket = std::net::TcpStream::connect(upstream).expect("the upstream answers");
    socket.set_nonblocking(true).expect("it never waits");
    TcpStream::from_std(socket)
}
