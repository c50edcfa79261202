//! What runs before any part does, proxy and PostgreSQL, and whether it still runs.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

use super::EnvironmentError;
use super::place::Address;

/// How often a service is looked at, and how long it may take to take a connection.
const INTERVAL: Duration = Duration::from_millis(500);
/// How many looks in a row must fail, so that a busy moment is not taken for an end.
const FAILURES: u32 = 4;

/// What can be done to PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disruption {
    /// All of its processes are killed at once, as in a crash.
    Kill,
    /// It is ended with a checkpoint, and its connections with it.
    Terminate,
    /// All of its processes are stopped in their tracks.
    Pause,
}

/// What a backend has started before any part.
#[derive(Clone, Debug)]
pub(super) struct Services {
    /// The URL of the proxy's control interface.
    pub proxy_url: String,
    /// PostgreSQL, if the system needs it.
    pub database: Option<DatabaseService>,
}

/// Where PostgreSQL is found.
#[derive(Clone, Debug)]
pub(super) struct DatabaseService {
    /// Where the proxy reaches it.
    pub address: Address,
    /// Where the harness itself reaches it, without a proxy between.
    pub here: Address,
    /// How the harness gets in there: as the superuser.
    pub superuser: PgConnectOptions,
    /// The system's role.
    pub role: String,
}

/// Waits until a service no longer takes connections although nobody disrupts it: without it the
/// system under test cannot be judged.
pub(super) async fn until_lost(
    name: &str,
    address: &Address,
    is_disrupted: impl Fn() -> bool,
) -> EnvironmentError {
    let mut ticks = interval(INTERVAL);
    let mut failures = 0;
    while failures < FAILURES {
        ticks.tick().await;
        let connection = TcpStream::connect((address.host.as_str(), address.port));
        match timeout(INTERVAL, connection).await {
            Ok(Ok(_)) => failures = 0,
            _ if is_disrupted() => failures = 0,
            _ => failures += 1,
        }
    }
    EnvironmentError::Lost { service: name.to_owned(), address: address.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_service_is_lost_when_it_takes_no_more_connections() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = Address { host: "127.0.0.1".into(), port };
        let mut lost = Box::pin(until_lost("PostgreSQL", &address, || false));
        tokio::select! {
            lost = &mut lost => panic!("a service that takes connections is lost: {lost}"),
            accepted = listener.accept() => drop(accepted.unwrap()),
        }
        drop(listener);
        let message = lost.await.to_string();
        assert!(message.contains("PostgreSQL") && message.contains(&port.to_string()), "{message}");
    }
}
