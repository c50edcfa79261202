//! Addresses as Go programs write them: a host may be absent, `:5432`.

use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::task::yield_now;
use tokio::time::timeout;

/// Names are looked up, and peers must answer, within this time.
const DEADLINE: Duration = Duration::from_secs(10);

/// Binds a listener. The port can be bound again at once after the listener is closed.
///
/// # Errors
/// What the system says, or that the name could not be looked up in time.
pub async fn listen(address: &str) -> io::Result<TcpListener> {
    let Some(port) = without_host(address) else {
        return in_time(TcpListener::bind(address)).await;
    };
    // The first takes IPv4 too, but a machine may have no IPv6.
    match TcpListener::bind(format!("[::]:{port}")).await {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind(format!("0.0.0.0:{port}")).await
        }
        bound => bound,
    }
}

/// Connects to an address.
///
/// # Errors
/// What the system says, or that nobody answered in time.
pub async fn connect(address: &str) -> io::Result<TcpStream> {
    let local = without_host(address).map(|port| format!("localhost:{port}"));
    in_time(TcpStream::connect(local.as_deref().unwrap_or(address))).await
}

/// Whether `proposed` stands for the address that `bound` is.
pub async fn same(bound: &str, proposed: &str) -> bool {
    if bound == proposed {
        return true;
    }
    let Ok(bound) = bound.parse::<std::net::SocketAddr>() else {
        return false;
    };
    if let Some(port) = without_host(proposed) {
        return bound.ip().is_unspecified() && port == bound.port().to_string();
    }
    in_time(lookup_host(proposed)).await.is_ok_and(|mut found| found.next() == Some(bound))
}

/// The port of an address without a host.
fn without_host(address: &str) -> Option<&str> {
    if address.is_empty() { Some("0") } else { address.strip_prefix(':') }
}

async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let mut work = pin!(work);
    // A peer on this machine has answered after one turn of the runtime: for it no timer is set.
    tokio::select! {
        biased;
        done = &mut work => return done,
        () = yield_now() => {}
    }
    timeout(DEADLINE, work).await.unwrap_or_else(|_| {
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {DEADLINE:?}")))
    })
}
