//! An event given in as a line: to standard input or to a socket.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket, UnixDatagram, UnixStream};

use super::NotTaken;
use crate::environment::Endpoint;
use crate::system::{Channel, fill};

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// Sends a line and returns the answer, where there is one. A connection that never came about
/// proves that nothing happened; so does a datagram that was refused.
pub(super) async fn send(
    channel: &Channel,
    producer: &Endpoint,
    line: &str,
) -> Result<String, NotTaken> {
    let address = (producer.address.host.as_str(), producer.address.port);
    let path = |text| fill(text, &producer.values).map_err(|e| NotTaken::certainly(e.to_string()));
    match channel {
        Channel::StandardInput => to_standard_input(producer, line).await,
        Channel::Tcp => {
            let mut stream = certainly(TcpStream::connect(address).await)?;
            let answer = exchange(&mut stream, line).await?;
            unless_reset(stream.take_error(), answer)
        }
        Channel::Unix(socket) => {
            let mut stream = certainly(UnixStream::connect(path(socket)?).await)?;
            let answer = exchange(&mut stream, line).await?;
            unless_reset(stream.take_error(), answer)
        }
        Channel::Udp => {
            let socket = certainly(UdpSocket::bind("127.0.0.1:0").await)?;
            certainly(socket.connect(address).await)?;
            certainly(socket.send(line.as_bytes()).await)?;
            Ok(String::new())
        }
        Channel::UnixDatagram(socket) => {
            let (own, socket) = (certainly(UnixDatagram::unbound())?, path(socket)?);
            certainly(own.send_to(line.as_bytes(), socket).await)?;
            Ok(String::new())
        }
    }
}

async fn to_standard_input(producer: &Endpoint, line: &str) -> Result<String, NotTaken> {
    let Some(input) = &producer.input else {
        return Err(NotTaken::certainly("nobody holds its standard input"));
    };
    match input.write_line(line).await {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => certainly(Err(error)),
        written => written.map(|()| String::new()).map_err(NotTaken::from),
    }
}

/// Sends a line, says that no more is to come, and waits for an answer of a line or for the end of
/// the connection, whichever is first. An end with a reset says that something was not read.
async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    line: &str,
) -> Result<String, NotTaken> {
    stream.write_all(format!("{line}\n").as_bytes()).await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    let mut stream = stream.take(LONGEST_ANSWER);
    while !answer.contains(&b'\n') && stream.read_buf(&mut answer).await? > 0 {}
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// One that closed the connection before it read the line seems to have read to its end. But the
/// line is then answered with a reset, which is noted on our side.
fn unless_reset(noted: io::Result<Option<io::Error>>, answer: String) -> Result<String, NotTaken> {
    match noted? {
        Some(error) if answer.is_empty() => Err(error.into()),
        _ => Ok(answer),
    }
}

/// What fails before the line is on its way.
fn certainly<T>(result: io::Result<T>) -> Result<T, NotTaken> {
    result.map_err(|error| NotTaken::certainly(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::{Address, PartInput};
    use crate::history::Phase;
    use crate::system::Values;
    use tokio::net::{TcpListener, UnixListener};

    fn at(port: u16, folder: &std::path::Path) -> Endpoint {
        Endpoint {
            name: "sender".into(),
            address: Address { host: "127.0.0.1".into(), port },
            values: Values::default().with("state", folder.display().to_string()),
            input: Some(PartInput::default()),
        }
    }

    /// Sends a line to a listener that reads it to its end and does `then` with the connection.
    async fn send_to(then: impl AsyncFnOnce(TcpStream)) -> Result<String, NotTaken> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sender = at(listener.local_addr().unwrap().port(), "/".as_ref());
        let listening = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut line = String::new();
            stream.read_to_string(&mut line).await.unwrap();
            assert_eq!(line, "event m-1\n");
            then(stream).await;
        };
        tokio::join!(send(&Channel::Tcp, &sender, "event m-1"), listening).0
    }

    #[tokio::test]
    async fn a_line_is_taken_when_its_connection_is_closed_or_answered() {
        assert_eq!(send_to(async |stream| drop(stream)).await, Ok(String::new()));
        let answered = send_to(async |mut stream| {
            stream.write_all(b"{\"id\": 5}\nmore").await.unwrap();
            // Held open: the first line is answer enough.
            std::mem::forget(stream);
        });
        assert!(answered.await.unwrap().starts_with("{\"id\": 5}\n"));
    }

    #[tokio::test]
    async fn a_reset_proves_nothing_and_a_refused_connection_everything() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sender = at(listener.local_addr().unwrap().port(), "/".as_ref());
        let resetting = async {
            // Closed with the line unread, or before it came.
            let (stream, _) = listener.accept().await.unwrap();
            drop(stream);
        };
        let (reset, ()) = tokio::join!(send(&Channel::Tcp, &sender, "event"), resetting);
        assert_eq!(reset.unwrap_err().phase, Phase::Indeterminate);
        drop(listener);
        let refused = send(&Channel::Tcp, &sender, "event").await;
        assert_eq!(refused.unwrap_err().phase, Phase::Fail);
    }

    #[tokio::test]
    async fn datagrams_and_unix_sockets_are_ways_in() {
        let folder = tempfile::tempdir().unwrap();
        let mut buffer = [0; 100];
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let sender = at(udp.local_addr().unwrap().port(), folder.path());
        send(&Channel::Udp, &sender, "by udp").await.unwrap();
        let length = udp.recv(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"by udp");

        let channel = Channel::UnixDatagram("{state}/datagrams".into());
        assert_eq!(send(&channel, &sender, "x").await.unwrap_err().phase, Phase::Fail);
        let unix = UnixDatagram::bind(folder.path().join("datagrams")).unwrap();
        send(&channel, &sender, "by datagram").await.unwrap();
        let length = unix.recv(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"by datagram");

        let unix = UnixListener::bind(folder.path().join("stream")).unwrap();
        let listening = async {
            let (mut stream, _) = unix.accept().await.unwrap();
            let mut line = String::new();
            stream.read_to_string(&mut line).await.unwrap();
            line
        };
        let channel = Channel::Unix("{state}/stream".into());
        let (sent, line) = tokio::join!(send(&channel, &sender, "by stream"), listening);
        assert_eq!((sent, line.as_str()), (Ok(String::new()), "by stream\n"));
    }

    #[tokio::test]
    async fn a_part_that_does_not_run_reads_no_line() {
        let sender = at(1, "/".as_ref());
        let refused = send(&Channel::StandardInput, &sender, "event").await;
        assert_eq!(refused.unwrap_err().phase, Phase::Fail);
    }
}
