//! A subscriber that does not read, and what becomes of it when it does.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::BenchError;
use super::event_stream::EventStream;
use super::subscribers::GRACE;

/// How long a read waits until it is looked whether time is up.
const LOOK: Duration = Duration::from_millis(200);

/// What a subscriber has read, and how often its stream was cut meanwhile.
#[derive(Debug)]
pub(super) struct Reading {
    /// The ids of the messages, in their order.
    pub ids: Vec<Box<[u8]>>,
    /// How often it had to resume.
    pub cuts: usize,
}

/// Opens a stream with this request.
///
/// # Errors
/// The system refuses a socket.
pub(super) fn open(to: SocketAddr, request: &[u8]) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(LOOK))?;
    stream.write_all(request)?;
    Ok(stream)
}

/// Reads until the message with the id `last`. Whenever its stream is cut, the subscriber opens it
/// anew after the last message that it has, with the request that `resume` makes of its id.
///
/// # Errors
/// It has not come so far within [`GRACE`], or is refused.
pub(super) fn read_to(
    last: &[u8],
    mut stream: TcpStream,
    resume: impl Fn(Option<&[u8]>) -> Vec<u8>,
) -> Result<Reading, BenchError> {
    let to = stream.peer_addr()?;
    let deadline = Instant::now() + GRACE;
    let mut reading = Reading { ids: Vec::new(), cuts: 0 };
    let mut messages = EventStream::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        if reading.ids.last().is_some_and(|id| **id == *last) {
            return Ok(reading);
        }
        if Instant::now() >= deadline {
            return Err(BenchError::Missed(format!(
                "a slow subscriber has read {} messages after {} cuts, and not all",
                reading.ids.len(),
                reading.cuts
            )));
        }
        let taken = match stream.read(&mut buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(bytes) => messages.take(&buffer[..bytes], &mut |id, _| {
                reading.ids.push(id.into());
                Ok(())
            }),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        };
        match taken {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(BenchError::Missed(format!("a slow subscriber: {error}")));
            }
            Err(_) => {
                reading.cuts += 1;
                messages = EventStream::new();
                stream = open(to, &resume(reading.ids.last().map(|id| &**id)))?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};
    use std::thread;

    #[test]
    fn whoever_is_cut_goes_on_behind_its_last_whole_message() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let pieces = ["id: 1\ndata: a\n\nid: 2\nda", "id: 2\ndata: b\n\nid: 3\ndata: c\n\n"];
            for piece in pieces {
                let (mut socket, _) = listener.accept().unwrap();
                let mut request = [0; 1];
                socket.read_exact(&mut request).unwrap();
                write!(socket, "HTTP/1.1 200 OK\r\n\r\n{piece}").unwrap();
            }
        });
        let asked = Arc::new(Mutex::new(Vec::new()));
        let resume = |last: Option<&[u8]>| {
            asked.lock().unwrap().push(last.map(<[u8]>::to_vec));
            b"x".to_vec()
        };
        let reading = read_to(b"3", open(to, b"x").unwrap(), resume).unwrap();
        server.join().unwrap();
        assert_eq!(reading.ids, [b"1", b"2", b"3"].map(|id| Box::from(&id[..])));
        assert_eq!(reading.cuts, 1);
        assert_eq!(*asked.lock().unwrap(), [Some(b"1".to_vec())]);
    }
}
