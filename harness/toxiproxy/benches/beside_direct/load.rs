//! The loads.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::upstreams::BULK;

const REQUESTS: usize = 20_000;
const CONNECTIONS: usize = 6_000;
const ROUND_TRIPS: usize = 4_000;
const BULK_AT_ONCE: usize = 2;

/// Fetches the big file through so many connections at once; bytes a second.
pub fn bulk(to: SocketAddr, streams: usize) -> f64 {
    let started = Instant::now();
    let workers: Vec<_> =
        (0..streams).map(|_| std::thread::spawn(move || fetch_bulk(to))).collect();
    let bytes: usize = workers.into_iter().map(|worker| worker.join().expect("a stream")).sum();
    bytes as f64 / started.elapsed().as_secs_f64()
}

fn fetch_bulk(to: SocketAddr) -> usize {
    let mut socket = TcpStream::connect(to).expect("a connection");
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = 0;
    for _ in 0..BULK_AT_ONCE {
        socket.write_all(b"GET /bulk HTTP/1.1\r\nHost: h\r\n\r\n").expect("a request");
        let mut got = 0;
        while got < BULK {
            let read = socket.read(&mut buffer).expect("bytes");
            assert!(read > 0, "{got} bytes of {BULK}, and the end");
            got += read;
        }
        bytes += BULK;
        drain(&mut socket, got - BULK);
    }
    bytes
}

/// The head came with the body: as many bytes as it has are still to come.
fn drain(socket: &mut TcpStream, seen: usize) {
    // nginx's head for this file; its length is asked for once and is the same each time.
    let head = head_length(socket.peer_addr().expect("an address"), "/bulk");
    let mut rest = vec![0; head - seen];
    socket.read_exact(&mut rest).expect("the last bytes");
}

fn head_length(to: SocketAddr, path: &str) -> usize {
    let mut socket = TcpStream::connect(to).expect("a connection");
    let request = format!("HEAD {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("a request");
    let mut buffer = [0; 4096];
    let mut got = 0;
    loop {
        got += socket.read(&mut buffer[got..]).expect("a head");
        if buffer[..got].ends_with(b"\r\n\r\n") {
            return got;
        }
    }
}

/// Small requests from so many clients at once, each on a connection of its own that it keeps, or on
/// a new one each time; requests a second.
pub fn requests(to: SocketAddr, clients: usize, kept: bool) -> f64 {
    let length = head_length(to, "/small") + 1024;
    let each = if kept { REQUESTS } else { CONNECTIONS } / clients;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let started = Instant::now();
    runtime.expect("a runtime").block_on(async {
        let clients: Vec<_> =
            (0..clients).map(|_| tokio::task::spawn(client(to, each, kept, length))).collect();
        for client in clients {
            client.await.expect("a client");
        }
    });
    (each * clients) as f64 / started.elapsed().as_secs_f64()
}

async fn client(to: SocketAddr, requests: usize, kept: bool, length: usize) {
    const KEPT: &[u8] = b"GET /small HTTP/1.1\r\nHost: h\r\n\r\n";
    const LAST: &[u8] = b"GET /small HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let mut answer = vec![0; length];
    let mut connection = None;
    for _ in 0..requests {
        let mut socket = match connection.take() {
            Some(socket) => socket,
            None => tokio::net::TcpStream::connect(to).await.expect("a connection"),
        };
        if kept {
            socket.write_all(KEPT).await.expect("a request");
            socket.read_exact(&mut answer).await.expect("an answer");
            connection = Some(socket);
        } else {
            socket.write_all(LAST).await.expect("a request");
            answer.clear();
            socket.read_to_end(&mut answer).await.expect("an answer");
            assert!(answer.len() > 1024, "{} bytes", answer.len());
        }
    }
}

/// The median time from a byte sent to the same byte back.
pub fn round_trip(to: SocketAddr) -> Duration {
    let mut times = round_trips(to, 1, ROUND_TRIPS);
    times.sort_unstable();
    times[times.len() / 2]
}

/// The times of round trips of one byte, so many on each of so many connections at once.
pub fn round_trips(to: SocketAddr, connections: usize, each: usize) -> Vec<Duration> {
    let pinger = move || {
        let mut socket = TcpStream::connect(to).expect("a connection");
        socket.set_nodelay(true).expect("no delay");
        let mut byte = [0];
        let mut one = || {
            let started = Instant::now();
            socket.write_all(&byte).expect("a byte goes");
            socket.read_exact(&mut byte).expect("a byte comes");
            started.elapsed()
        };
        (0..each).map(|_| one()).collect::<Vec<_>>()
    };
    side_by_side(connections, pinger)
}

/// How long so many threads really sleep when they ask for `length`, each so often.
pub fn sleeps(threads: usize, each: usize, length: Duration) -> Vec<Duration> {
    let one = move || {
        let started = Instant::now();
        std::thread::sleep(length);
        started.elapsed()
    };
    side_by_side(threads, move || (0..each).map(|_| one()).collect())
}

fn side_by_side(
    threads: usize,
    measure: impl FnOnce() -> Vec<Duration> + Clone + Send + 'static,
) -> Vec<Duration> {
    let workers: Vec<_> = (0..threads).map(|_| std::thread::spawn(measure.clone())).collect();
    workers.into_iter().flat_map(|worker| worker.join().expect("measured times")).collect()
}
