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
        Channel::Tcp => exchange(TcpStream::connect(address).await.map_err(certainly)?, line).await,
        Channel::Unix(socket) => {
            exchange(UnixStream::connect(path(socket)?).await.map_err(certainly)?, line).await
        }
        Channel::Udp => {
            let socket = UdpSocket::bind("127.0.0.1:0").await.map_err(certainly)?;
            socket.connect(address).await.map_err(certainly)?;
            socket.send(line.as_bytes()).await.map_err(certainly)?;
            Ok(String::new())
        }
        Channel::UnixDatagram(socket) => {
            let (own, socket) = (UnixDatagram::unbound().map_err(certainly)?, path(socket)?);
            own.send_to(line.as_bytes(), socket).await.map_err(certainly)?;
            Ok(String::new())
        }
    }
}

async fn to_standard_input(producer: &Endpoint, line: &str) -> Result<String, NotTaken> {
    let Some(input) = &producer.input else {
        return Err(NotTaken::certainly("nobody holds its standard input"));
    };
    match input.write_line(line).await {
        Ok(()) => Ok(String::new()),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(certainly(error)),
        Err(error) => Err(perhaps(error)),
    }
}

/// Sends a line, says that no more is to come, and waits for an answer of a line or for the end of
/// the connection, whichever is first. An end with a reset says that something was not read.
async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    line: &str,
) -> Result<String, NotTaken> {
    stream.write_all(format!("{line}\n").as_bytes()).await.map_err(perhaps)?;
    stream.shutdown().await.map_err(perhaps)?;
    let mut answer = Vec::new();
    let mut stream = stream.take(LONGEST_ANSWER);
    while !answer.contains(&b'\n') && stream.read_buf(&mut answer).await.map_err(perhaps)? > 0 {}
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn certainly(error: io::Error) -> NotTaken {
    NotTaken::certainly(error.to_string())
}

fn perhaps(error: io::Error) -> NotTaken {
    NotTaken::perhaps(error.to_string())
}
