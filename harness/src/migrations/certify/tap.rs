//! A tap in the link to the database: it understands as much of PostgreSQL's protocol as it takes
//! to stop the link at one statement, before the server sees it or after it has done it.
//!
//! What a client sends until it waits for an answer (a query, or everything up to a Sync) is a
//! *turn*. Turns are counted over all connections, from 1. Knows nothing of the rest of the
//! harness, so that it can become a toxic of the proxy.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::wire::{Answers, Turns};

/// When in a turn the link is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The server has seen nothing of it.
    Before,
    /// The server has done it, and the client has no answer.
    After,
}

/// Where the link is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// The number of the turn, from 1.
    pub turn: usize,
    /// When in it.
    pub moment: Moment,
}

/// A listener before the database. Dropping it closes it and every connection.
#[derive(Debug)]
pub struct Tap {
    shared: Arc<Shared>,
    _stop: DropGuard,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
    /// Whether connections are let through.
    open: watch::Sender<bool>,
    /// How many connections wait to be let through.
    waiting: watch::Sender<usize>,
    /// The turn at which the link stands still.
    stopped: watch::Sender<Option<String>>,
    /// Every connection in being has a child of this one.
    connections: Mutex<CancellationToken>,
}

#[derive(Debug, Default)]
struct State {
    turns: Vec<String>,
    point: Option<Point>,
}

/// What becomes of a turn.
enum Passage {
    Free,
    /// It is not sent.
    StopsBefore,
    /// It is sent, and its answer is kept back.
    StopsAfter,
}

impl Tap {
    /// Begins to listen on a port of 127.0.0.1 for connections to `upstream`.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn open(port: u16, upstream: SocketAddr) -> std::io::Result<Self> {
        Self::with_gate(port, upstream, true).await
    }

    /// The same; connections wait until [`Tap::let_through`].
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn closed(port: u16, upstream: SocketAddr) -> std::io::Result<Self> {
        Self::with_gate(port, upstream, false).await
    }

    async fn with_gate(port: u16, upstream: SocketAddr, open: bool) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            upstream,
            state: Mutex::default(),
            open: watch::channel(open).0,
            waiting: watch::channel(0).0,
            stopped: watch::channel(None).0,
            connections: Mutex::new(stop.child_token()),
        });
        tokio::spawn(accept(listener, Arc::clone(&shared), stop.clone()));
        Ok(Self { shared, _stop: stop.drop_guard() })
    }

    /// Stops the link at this point, once.
    pub fn stop_at(&self, point: Point) {
        self.shared.lock().point = Some(point);
    }

    /// Waits until the link stands still; returns the turn's words.
    pub async fn stopped(&self) -> String {
        let mut stopped = self.shared.stopped.subscribe();
        match stopped.wait_for(Option::is_some).await {
            Ok(turn) => turn.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    /// Closes every connection in being. New ones are let through.
    pub fn cut(&self) {
        let mut connections =
            self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.cancel();
        *connections = CancellationToken::new();
    }

    /// Waits until somebody waits to be let through.
    pub async fn awaited(&self) {
        let mut waiting = self.shared.waiting.subscribe();
        let _ = waiting.wait_for(|count| *count > 0).await;
    }

    /// Lets connections through from now on.
    pub fn let_through(&self) {
        self.shared.open.send_replace(true);
    }

    /// The words of every turn until now.
    pub fn turns(&self) -> Vec<String> {
        self.shared.lock().turns.clone()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self) -> CancellationToken {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).child_token()
    }

    /// Counts a turn, and says what becomes of it.
    fn passage(&self, words: &str) -> Passage {
        let mut state = self.lock();
        state.turns.push(words.to_owned());
        let number = state.turns.len();
        match state.point.take_if(|point| point.turn == number) {
            None => Passage::Free,
            Some(Point { moment: Moment::Before, .. }) => Passage::StopsBefore,
            Some(Point { moment: Moment::After, .. }) => Passage::StopsAfter,
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let Ok((client, _)) = accepted else { continue };
        let (shared, cut, stop) = (Arc::clone(&shared), shared.connection(), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                _ = connection(client, &shared) => {}
                () = cut.cancelled() => {}
                () = stop.cancelled() => {}
            }
        });
    }
}

async fn connection(client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    shared.waiting.send_modify(|count| *count += 1);
    let mut open = shared.open.subscribe();
    let _ = open.wait_for(|open| *open).await;
    shared.waiting.send_modify(|count| *count -= 1);
    let server = TcpStream::connect(shared.upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    relay(client, server, shared).await
}

/// Moves bytes both ways, turn by turn, until one side closes.
async fn relay(client: TcpStream, server: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut turns, mut answers) = (Turns::default(), Answers::default());
    let mut asked = vec![0; 16 * 1024];
    let mut answered = vec![0; 16 * 1024];
    // The words of a turn whose answer is kept back.
    let mut kept_back: Option<String> = None;
    loop {
        tokio::select! {
            read = from_client.read(&mut asked) => {
                let bytes = &asked[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                turns.take(bytes);
                while let Some(turn) = turns.next() {
                    answers.expect(&turn);
                    let words = turn.words.clone().unwrap_or_default();
                    let passage = match turn.words {
                        Some(_) => shared.passage(&words),
                        None => Passage::Free,
                    };
                    match passage {
                        Passage::Free => {}
                        Passage::StopsBefore => stand_still(shared, words).await,
                        Passage::StopsAfter => kept_back = Some(words),
                    }
                    to_server.write_all(&turn.bytes).await?;
                }
            }
            read = from_server.read(&mut answered) => {
                let bytes = &answered[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                let done = answers.take(bytes);
                match kept_back.take() {
                    Some(words) if done => stand_still(shared, words).await,
                    Some(words) => kept_back = Some(words),
                    None => to_client.write_all(bytes).await?,
                }
            }
        }
    }
}

/// Nothing moves any more, until the connection is cut.
async fn stand_still(shared: &Shared, words: String) {
    shared.stopped.send_replace(Some(words));
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::lease_port;
    use crate::environment::postgres::{ClusterOptions, PrivateCluster};
    use sqlx::postgres::PgConnectOptions;
    use sqlx::{ConnectOptions, raw_sql};

    struct Server {
        cluster: PrivateCluster,
        _logs: tempfile::TempDir,
    }

    impl Server {
        async fn start() -> Self {
            let logs = tempfile::tempdir().unwrap();
            let options = ClusterOptions::new(logs.path().join("postgres.log"));
            let cluster = PrivateCluster::start(options).await.unwrap();
            cluster.create_role_and_database("service", "secret", "things").await.unwrap();
            let server = Self { cluster, _logs: logs };
            let mut direct = server.options(server.cluster.port()).connect().await.unwrap();
            raw_sql("CREATE TABLE things (id integer)").execute(&mut direct).await.unwrap();
            server
        }

        fn options(&self, port: u16) -> PgConnectOptions {
            PgConnectOptions::new_without_pgpass()
                .host("127.0.0.1")
                .port(port)
                .username("service")
                .password("secret")
                .database("things")
        }

        async fn things(&self) -> i64 {
            let mut direct = self.options(self.cluster.port()).connect().await.unwrap();
            let query = sqlx::query_scalar("SELECT count(*) FROM things");
            query.fetch_one(&mut direct).await.unwrap()
        }
    }

    /// Inserts through the link.
    async fn insert(options: PgConnectOptions) -> sqlx::Result<()> {
        let mut connection = options.connect().await?;
        sqlx::query("INSERT INTO things VALUES ($1)").bind(7).execute(&mut connection).await?;
        Ok(())
    }

    #[tokio::test]
    async fn the_link_stops_before_a_statement_is_done_or_after() {
        let server = Server::start().await;
        let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, server.cluster.port()));
        for (moment, things) in [(Moment::Before, 0), (Moment::After, 1)] {
            let port = lease_port().unwrap();
            let tap = Tap::closed(port.port(), upstream).await.unwrap();
            // What the client does by itself when it connects comes first.
            let words = {
                tap.let_through();
                server.options(port.port()).connect().await.unwrap();
                tap.turns().len()
            };
            tap.stop_at(Point { turn: 2 * words + 1, moment });
            let client = tokio::spawn(insert(server.options(port.port())));
            assert_eq!(tap.stopped().await, "INSERT INTO things VALUES ($1)");
            assert_eq!(server.things().await, things, "{moment:?}");
            tap.cut();
            client.await.unwrap().expect_err("its answer never came");
            insert(server.options(port.port())).await.expect("the link is open again");
            let mut direct = server.options(server.cluster.port()).connect().await.unwrap();
            raw_sql("DELETE FROM things").execute(&mut direct).await.unwrap();
        }
    }

    #[tokio::test]
    async fn connections_wait_until_they_are_let_through() {
        let server = Server::start().await;
        let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, server.cluster.port()));
        let port = lease_port().unwrap();
        let tap = Tap::closed(port.port(), upstream).await.unwrap();
        let client = tokio::spawn(insert(server.options(port.port())));
        tap.awaited().await;
        assert_eq!(server.things().await, 0);
        assert!(!client.is_finished());
        tap.let_through();
        client.await.unwrap().unwrap();
        assert_eq!(server.things().await, 1);
        assert!(tap.turns().contains(&"INSERT INTO things VALUES ($1)".to_owned()));
    }
}
