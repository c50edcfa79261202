//! One proxy: its listener, its toxics, its open connections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::connection::{Connection, direction_seed};
use crate::model::{NewToxic, ProxyUpdate, ProxyView, ToxicUpdate, ToxicView};
use crate::observer::Observer;
use crate::tally::{CutReport, Tally};
use crate::toxics::{Admission, Installed, after};
use crate::traffic::Traffic;
use crate::{Error, address, random};

/// After a failed accept (no file descriptors left, say) the next try waits so long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A proxy, enabled or not.
pub struct Proxy {
    name: String,
    seed: u64,
    /// Cancelled when the proxy is deleted; whatever it runs hangs on this.
    life: CancellationToken,
    /// Held while the proxy is opened or closed, so that these do not interleave.
    lifecycle: tokio::sync::Mutex<Lifecycle>,
    state: Mutex<State>,
    traffic: Arc<Traffic>,
    observer: Option<Observer>,
    /// For connections that wait to be let in.
    toxics_changed: Notify,
}

enum Lifecycle {
    Closed,
    Open(Session),
}

/// The time from enabled to disabled.
struct Session {
    stop: CancellationToken,
    acceptor: JoinHandle<()>,
}

struct State {
    listen: String,
    upstream: String,
    enabled: bool,
    toxics: Vec<Installed>,
    connections: HashMap<u64, Arc<Connection>>,
    accepted: u64,
}

impl Proxy {
    /// A proxy that is not enabled yet. `seed` is that of the whole collection; cancelling `root`
    /// stops everything that the proxy runs. `observer` sees its connections.
    pub fn new(
        name: &str,
        listen: &str,
        upstream: &str,
        seed: u64,
        root: &CancellationToken,
        observer: Option<Observer>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            seed: random::derive(seed, name.as_bytes()),
            life: root.child_token(),
            lifecycle: tokio::sync::Mutex::new(Lifecycle::Closed),
            state: Mutex::new(State {
                listen: listen.to_owned(),
                upstream: upstream.to_owned(),
                enabled: false,
                toxics: Vec::new(),
                connections: HashMap::new(),
                accepted: 0,
            }),
            traffic: Arc::default(),
            observer,
            toxics_changed: Notify::new(),
        }
    }

    /// The proxy as the API shows it.
    pub fn view(&self) -> ProxyView {
        let state = self.lock();
        ProxyView {
            name: self.name.clone(),
            listen: state.listen.clone(),
            upstream: state.upstream.clone(),
            enabled: state.enabled,
            toxics: state.toxic_views(),
        }
    }

    /// What it took in and gave out.
    pub fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.traffic)
    }

    /// Starts to listen; nothing when it does already.
    ///
    /// # Errors
    /// [`Error::Listen`]; [`Error::ProxyNotFound`] when it was deleted meanwhile.
    pub async fn enable(self: &Arc<Self>) -> Result<(), Error> {
        let mut lifecycle = self.lifecycle.lock().await;
        self.open(&mut lifecycle).await
    }

    /// Stops to listen and closes every connection; nothing passes any more when this returns.
    pub async fn disable(&self) {
        let mut lifecycle = self.lifecycle.lock().await;
        self.close(&mut lifecycle).await;
    }

    /// Stops everything for good. Waits for nothing, so a caller that goes away cannot leave it half
    /// done; [`Proxy::disable`] afterwards waits until the port is free.
    pub fn retire(&self) {
        self.life.cancel();
    }

    /// Whether the proxy listens, or would, at `listen`, with `upstream` behind it.
    pub async fn stands_for(&self, listen: &str, upstream: &str) -> bool {
        let (own_listen, own_upstream) = {
            let state = self.lock();
            (state.listen.clone(), state.upstream.clone())
        };
        own_upstream == upstream && address::same(&own_listen, listen).await
    }

    /// Changes addresses and state. A new address drops the connections, the toxics stay.
    ///
    /// # Errors
    /// As [`Proxy::enable`]; the proxy then is disabled.
    pub async fn update(self: &Arc<Self>, update: ProxyUpdate) -> Result<ProxyView, Error> {
        let mut lifecycle = self.lifecycle.lock().await;
        self.check_alive()?;
        let now = self.view();
        let listen = update.listen.unwrap_or_else(|| now.listen.clone());
        let upstream = update.upstream.unwrap_or_else(|| now.upstream.clone());
        if !self.stands_for(&listen, &upstream).await {
            self.close(&mut lifecycle).await;
            let mut state = self.lock();
            state.listen = listen;
            state.upstream = upstream;
        }
        if update.enabled.unwrap_or(now.enabled) {
            self.open(&mut lifecycle).await?;
        } else {
            self.close(&mut lifecycle).await;
        }
        Ok(self.view())
    }

    async fn open(self: &Arc<Self>, lifecycle: &mut Lifecycle) -> Result<(), Error> {
        self.check_alive()?;
        if let Lifecycle::Open(session) = lifecycle {
            if !session.stop.is_cancelled() {
                return Ok(());
            }
            // Whoever was closing it went away before the end.
            self.close(lifecycle).await;
        }
        let address = self.lock().listen.clone();
        let (listener, bound) = match address::listen(&address).await {
            Ok(listener) => listener.local_addr().map(|bound| (listener, bound)),
            Err(error) => Err(error),
        }
        .map_err(|source| Error::Listen { address, source })?;
        {
            let mut state = self.lock();
            state.listen = bound.to_string();
            state.enabled = true;
            info!(proxy = self.name, listen = state.listen, upstream = state.upstream, "enabled");
        }
        let stop = self.life.child_token();
        let acceptor = tokio::spawn(Arc::clone(self).accept(listener, stop.clone()));
        *lifecycle = Lifecycle::Open(Session { stop, acceptor });
        Ok(())
    }

    fn check_alive(&self) -> Result<(), Error> {
        if self.life.is_cancelled() { Err(Error::ProxyNotFound) } else { Ok(()) }
    }

    async fn close(&self, lifecycle: &mut Lifecycle) {
        let Lifecycle::Open(session) = lifecycle else {
            return;
        };
        session.stop.cancel();
        let connections: Vec<_> = {
            let mut state = self.lock();
            state.enabled = false;
            state.connections.drain().map(|(_, connection)| connection).collect()
        };
        for connection in &connections {
            connection.close();
        }
        // It only returns from a select, so this takes no longer than the scheduler; then the
        // listener is closed and its port free.
        if let Err(error) = (&mut session.acceptor).await {
            warn!(proxy = self.name, %error, "the accepting task broke");
        }
        *lifecycle = Lifecycle::Closed;
        info!(proxy = self.name, connections = connections.len(), "disabled");
    }

    async fn accept(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((client, _)) => {
                    let number = self.count_connection();
                    tokio::spawn(Arc::clone(&self).connect(number, client, stop.clone()));
                }
                Err(error) => {
                    warn!(proxy = self.name, %error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn count_connection(&self) -> u64 {
        let mut state = self.lock();
        state.accepted += 1;
        state.accepted
    }

    /// Connects an accepted client to the upstream, beside the accepting of others.
    async fn connect(self: Arc<Self>, number: u64, client: TcpStream, stop: CancellationToken) {
        if !self.admit(number, &client, &stop).await {
            return;
        }
        let upstream = self.lock().upstream.clone();
        let server = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            server = address::connect(&upstream) => server,
        };
        let server = match server.and_then(|server| without_delay(&client, server)) {
            Ok(server) => server,
            Err(error) => {
                warn!(proxy = self.name, number, upstream, %error, "cannot connect to the upstream");
                return;
            }
        };
        let Some(connection) = self.register(number, &stop) else {
            return;
        };
        debug!(proxy = self.name, number, "connected");
        connection.run(client, server, &stop).await;
        self.lock().connections.remove(&number);
        debug!(proxy = self.name, number, "closed");
    }

    /// Lets an accepted client wait for as long as the toxics want. Says whether it may go on then.
    async fn admit(&self, number: u64, client: &TcpStream, stop: &CancellationToken) -> bool {
        let came = Instant::now();
        loop {
            let changed = self.toxics_changed.notified();
            let wait = match self.lock().admission(self.connection_seed(number)) {
                Admission::Now => return true,
                Admission::Refused => {
                    debug!(proxy = self.name, number, "refused");
                    drop(client.set_zero_linger()); // fails when the client has gone already
                    return false;
                }
                Admission::After(delay) => sleep_until(after(came, delay)),
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return false,
                () = wait => return true,
                () = changed => {}
            }
        }
    }

    fn connection_seed(&self, number: u64) -> u64 {
        random::derive(self.seed, &number.to_le_bytes())
    }

    /// Enters a connection with the toxics of this moment; none when the proxy was closed while the
    /// upstream was dialled.
    fn register(&self, number: u64, stop: &CancellationToken) -> Option<Arc<Connection>> {
        let mut state = self.lock();
        if stop.is_cancelled() {
            return None;
        }
        let watch = self.observer.as_ref().map(|observer| observer.of(&self.name, number));
        let seed = self.connection_seed(number);
        let connection = Arc::new(Connection::new(seed, &state.toxics, &self.traffic, watch));
        state.connections.insert(number, Arc::clone(&connection));
        Some(connection)
    }

    /// The toxics as the API shows them.
    pub fn toxics(&self) -> Vec<ToxicView> {
        self.lock().toxic_views()
    }

    /// One toxic.
    ///
    /// # Errors
    /// [`Error::ToxicNotFound`]
    pub fn toxic(&self, name: &str) -> Result<ToxicView, Error> {
        let state = self.lock();
        Ok(state.toxics[state.position(name)?].view())
    }

    /// What a cut has counted.
    ///
    /// # Errors
    /// [`Error::ToxicNotFound`]; [`Error::InvalidToxicType`] for another toxic.
    pub fn watch_cut(&self, name: &str) -> Result<watch::Receiver<CutReport>, Error> {
        let state = self.lock();
        let toxic = &state.toxics[state.position(name)?].toxic;
        toxic.tally().map(Tally::watch).ok_or(Error::InvalidToxicType)
    }

    /// Adds a toxic, for open connections too.
    ///
    /// # Errors
    /// What is wrong with it, or [`Error::ToxicAlreadyExists`].
    pub fn add_toxic(&self, new: NewToxic) -> Result<ToxicView, Error> {
        let toxic = Installed::new(new)?;
        let mut state = self.lock();
        if state.position(&toxic.name).is_ok() {
            return Err(Error::ToxicAlreadyExists);
        }
        for connection in state.connections.values() {
            connection.add(&toxic);
        }
        let view = toxic.view();
        info!(proxy = self.name, toxic = toxic.name, "toxic added");
        state.toxics.push(toxic);
        self.toxics_changed.notify_waiters();
        Ok(view)
    }

    /// Changes a toxic, for open connections too.
    ///
    /// # Errors
    /// What is wrong with the change, or [`Error::ToxicNotFound`].
    pub fn update_toxic(&self, name: &str, update: &ToxicUpdate) -> Result<ToxicView, Error> {
        let mut state = self.lock();
        let position = state.position(name)?;
        let toxic = state.toxics[position].updated(update)?;
        for connection in state.connections.values() {
            connection.update(&toxic);
        }
        let view = toxic.view();
        info!(proxy = self.name, toxic = name, "toxic changed");
        state.toxics[position] = toxic;
        self.toxics_changed.notify_waiters();
        Ok(view)
    }

    /// Removes a toxic, from open connections too.
    ///
    /// # Errors
    /// [`Error::ToxicNotFound`]
    pub fn remove_toxic(&self, name: &str) -> Result<(), Error> {
        let mut state = self.lock();
        let position = state.position(name)?;
        let toxic = state.toxics.remove(position);
        state.withdraw(&toxic);
        self.toxics_changed.notify_waiters();
        info!(proxy = self.name, toxic = name, "toxic removed");
        Ok(())
    }

    /// Removes every toxic.
    pub fn remove_all_toxics(&self) {
        let mut state = self.lock();
        for toxic in std::mem::take(&mut state.toxics) {
            state.withdraw(&toxic);
        }
        self.toxics_changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn position(&self, name: &str) -> Result<usize, Error> {
        let found = self.toxics.iter().position(|toxic| toxic.name == name);
        found.ok_or(Error::ToxicNotFound)
    }

    fn toxic_views(&self) -> Vec<ToxicView> {
        let mut views: Vec<_> = self.toxics.iter().map(Installed::view).collect();
        views.sort_by_key(|view| view.direction);
        views
    }

    /// What the toxics do to a connection that comes in: the first that refuses it does, or it waits
    /// for the longest.
    fn admission(&self, seed: u64) -> Admission {
        let admissions = self.toxics.iter().map(|toxic| {
            let seed = direction_seed(seed, toxic.direction);
            toxic.admit(seed)
        });
        admissions.max().unwrap_or(Admission::Now)
    }

    fn withdraw(&self, toxic: &Installed) {
        for connection in self.connections.values() {
            connection.remove(toxic);
        }
    }
}

fn without_delay(client: &TcpStream, server: TcpStream) -> std::io::Result<TcpStream> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok(server)
}
