//! The limit of any HTTP client: bytes that are never looked at, from blocking sockets.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Sends a request `depth` times in one write on each connection, reads as many answers of
/// `answer` bytes, and begins anew, for so long. Answers a second.
///
/// # Errors
/// A connection breaks.
pub(super) fn bare_exchange(
    to: SocketAddr,
    (connections, depth): (usize, usize),
    request: &[u8],
    answer: usize,
    lasts: Duration,
) -> io::Result<f64> {
    let sent = request.repeat(depth);
    let mut received = vec![0; answer * depth];
    let mut sockets = Vec::new();
    for _ in 0..connections {
        let socket = TcpStream::connect(to)?;
        socket.set_nodelay(true)?;
        sockets.push(socket);
    }
    let (start, mut exchanges) = (Instant::now(), 0);
    while start.elapsed() < lasts {
        for socket in &mut sockets {
            socket.write_all(&sent)?;
        }
        for socket in &mut sockets {
            socket.read_exact(&mut received)?;
        }
        exchanges += connections * depth;
    }
    Ok(exchanges as f64 / start.elapsed().as_secs_f64())
}
