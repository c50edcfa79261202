//! One part of the environment: started, watched, killed, started again.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::input::PartInput;
use super::place::Address;
use super::readiness::Readiness;
use super::runner::{Imposed, Runner, Running};
use super::scarcity::Scarcity;
use super::{Endpoint, EnvironmentError};
use crate::history::{Action, PartState, Recorder};
use crate::system::{Values, fill};

/// How often a part is asked whether it is ready.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long a part may take to end after a polite request before it is killed.
const TERMINATION_BOUND: Duration = Duration::from_secs(5);

/// A part of the environment.
#[derive(Debug)]
pub struct Part {
    shared: Arc<Shared>,
    control: tokio::sync::Mutex<Option<Control>>,
    retired: AtomicBool,
    poller: JoinHandle<()>,
}

/// What a part is, before it is started.
#[derive(Debug)]
pub(super) struct PartSetup {
    /// As `agent-1`.
    pub name: String,
    /// The name of its description, as `agent`.
    pub kind: String,
    /// Its address as the harness reaches it.
    pub here: Address,
    /// What the texts of its description were filled from.
    pub values: Values,
    /// How it is seen to be ready.
    pub ready: Readiness,
    /// Its standard input, if lines are to be written to it.
    pub input: Option<PartInput>,
    /// What starts it.
    pub runner: Runner,
    /// Where its changes of state are noted.
    pub recorder: Recorder,
}

#[derive(Debug)]
struct Shared {
    setup: PartSetup,
    url: String,
    status: watch::Sender<Status>,
}

/// What a part is doing, and in which of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Status {
    life: u64,
    state: PartState,
    process_group: Option<Pid>,
}

/// The way to the task that owns the running program.
#[derive(Debug)]
struct Control {
    orders: mpsc::UnboundedSender<Order>,
    /// Says in the end how the program ended.
    owner: JoinHandle<String>,
}

/// What the task that owns a running program does for others.
#[derive(Debug)]
enum Order {
    Signal(Signal),
    /// The answer says what could not be done.
    Limit(Scarcity, oneshot::Sender<io::Result<()>>),
    /// The answer says that it is done.
    Relieve(Scarcity, oneshot::Sender<()>),
}

impl Part {
    /// A part that is not started yet.
    pub(super) fn new(setup: PartSetup) -> Self {
        let status = Status { life: 0, state: PartState::Killed, process_group: None };
        let (status, _) = watch::channel(status);
        let url = format!("http://{}", setup.here);
        let shared = Arc::new(Shared { setup, url, status });
        let poller = tokio::spawn(poll_readiness(Arc::clone(&shared)));
        Self {
            shared,
            control: tokio::sync::Mutex::default(),
            retired: AtomicBool::new(false),
            poller,
        }
    }

    /// Its name, as `agent-1`.
    pub fn name(&self) -> &str {
        &self.shared.setup.name
    }

    /// The name of its description in the system file, as `agent`.
    pub fn kind(&self) -> &str {
        &self.shared.setup.kind
    }

    /// Its address as the harness reaches it, without a proxy between.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// Where it is found, by a text that may ask for its own values and those of `others`.
    pub(super) fn endpoint(&self, others: &Values) -> Endpoint {
        let setup = &self.shared.setup;
        Endpoint {
            name: setup.name.clone(),
            address: setup.here.clone(),
            values: others.clone().and(&setup.values),
            input: setup.input.clone(),
        }
    }

    /// The folder of its own files, as this process sees it.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        fill("{state}", &self.shared.setup.values).ok().map(PathBuf::from)
    }

    /// What it is doing now.
    pub fn state(&self) -> PartState {
        self.shared.status.borrow().state
    }

    /// The group of its processes, while it runs as processes of this machine.
    pub fn process_group(&self) -> Option<Pid> {
        let status = *self.shared.status.borrow();
        match status.state {
            PartState::Killed | PartState::Exited => None,
            PartState::Started | PartState::Ready | PartState::Unready => status.process_group,
        }
    }

    /// Starts it. A part that runs already, or is retired, is left as it is.
    ///
    /// # Errors
    /// When its program cannot be executed.
    pub async fn start(&self) -> Result<(), EnvironmentError> {
        let mut control = self.control.lock().await;
        if self.retired.load(Ordering::Relaxed) {
            return Ok(());
        }
        // Its end is noted a moment before its owner is done.
        let ended = matches!(self.state(), PartState::Exited | PartState::Killed);
        if control.is_some() && !ended {
            return Ok(());
        }
        let setup = &self.shared.setup;
        setup.ready.begin_life();
        let running = setup.runner.start(setup.input.as_ref()).await?;
        let life = self.shared.begin_life(running.process_group());
        let (orders, inbox) = mpsc::unbounded_channel();
        let owner = tokio::spawn(own(Arc::clone(&self.shared), running, inbox, life));
        *control = Some(Control { orders, owner });
        Ok(())
    }

    /// Ends it with SIGKILL and returns when it is gone.
    pub async fn kill(&self) {
        self.end(Signal::KILL).await;
    }

    /// Asks it with SIGTERM to end, kills it if it takes longer than 5 s, and returns when it is
    /// gone: how it ended, in the words of the system that ran it (an exit status, a signal), or
    /// nothing when it did not run.
    pub async fn terminate(&self) -> Option<String> {
        self.end(Signal::TERM).await
    }

    /// Ends it like [`Part::terminate`], and for good: a fault that heals later starts it no more.
    pub async fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
        self.terminate().await;
    }

    async fn end(&self, signal: Signal) -> Option<String> {
        // Held until the part is gone, so that nobody starts a second one meanwhile.
        let mut held = self.control.lock().await;
        let control = held.as_mut()?;
        let life = self.shared.status.borrow().life;
        self.shared
            .set(life, PartState::Killed, signal_name(signal), |state| state != PartState::Exited);
        let _ = control.orders.send(Order::Signal(signal));
        let how = match tokio::time::timeout(TERMINATION_BOUND, &mut control.owner).await {
            Ok(how) => how,
            Err(_) => {
                let _ = control.orders.send(Order::Signal(Signal::KILL));
                (&mut control.owner).await
            }
        };
        *held = None;
        how.ok()
    }

    /// Stops its program in its tracks (SIGSTOP) until [`Part::resume`].
    pub async fn pause(&self) {
        self.signal(Signal::STOP).await;
    }

    /// Lets a paused program go on.
    pub async fn resume(&self) {
        self.signal(Signal::CONT).await;
    }

    /// Makes its program short of something until [`Part::relieve`]. If it ends for want of memory
    /// meanwhile, that counts as a kill. A part that does not run is left as it is.
    ///
    /// # Errors
    /// When its limits cannot be set.
    pub async fn limit(&self, scarcity: Scarcity) -> Result<(), EnvironmentError> {
        let (answer, answered) = oneshot::channel();
        self.order(Order::Limit(scarcity, answer)).await;
        let limited = answered.await.unwrap_or(Ok(()));
        limited.map_err(|source| EnvironmentError::Limit { part: self.name().to_owned(), source })
    }

    /// Ends a scarcity; a part that it has ended is started again.
    ///
    /// # Errors
    /// As [`Part::start`].
    pub async fn relieve(&self, scarcity: Scarcity) -> Result<(), EnvironmentError> {
        let (lifted, is_lifted) = oneshot::channel();
        self.order(Order::Relieve(scarcity, lifted)).await;
        // One that does not run any more has no limit to lift.
        let _ = is_lifted.await;
        self.start().await
    }

    async fn signal(&self, signal: Signal) {
        self.order(Order::Signal(signal)).await;
    }

    async fn order(&self, order: Order) {
        if let Some(control) = self.control.lock().await.as_ref() {
            let _ = control.orders.send(order);
        }
    }

    /// Waits until it says that it is ready.
    ///
    /// # Errors
    /// When it ended, or is not ready within the bound.
    pub async fn wait_ready(&self, bound: Duration) -> Result<(), EnvironmentError> {
        let mut status = self.shared.status.subscribe();
        let settled =
            status.wait_for(|status| matches!(status.state, PartState::Ready | PartState::Exited));
        let state = match tokio::time::timeout(bound, settled).await {
            Ok(Ok(status)) => status.state,
            _ => PartState::Unready,
        };
        if state == PartState::Ready {
            return Ok(());
        }
        let what = match state {
            PartState::Exited => "ended".to_owned(),
            _ => format!("was not ready within {} s", bound.as_secs()),
        };
        Err(EnvironmentError::NotReady { part: self.name().to_owned(), what })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.poller.abort();
        if let Some(control) = self.control.get_mut() {
            control.owner.abort();
        }
    }
}

impl Shared {
    fn begin_life(&self, process_group: Option<Pid>) -> u64 {
        self.status.send_modify(|status| {
            let life = status.life + 1;
            *status = Status { life, state: PartState::Started, process_group };
            self.note(PartState::Started, "");
        });
        self.status.borrow().life
    }

    /// Changes the state and notes it, if the part is still in the life that the news is about
    /// and its present state allows it.
    fn set(&self, life: u64, state: PartState, detail: &str, allowed: fn(PartState) -> bool) {
        self.status.send_if_modified(|status| {
            let changes = status.life == life && status.state != state && allowed(status.state);
            if changes {
                status.state = state;
                self.note(state, detail);
            }
            changes
        });
    }

    fn note(&self, state: PartState, detail: &str) {
        let part = self.setup.name.clone();
        self.setup
            .recorder
            .note("harness", Action::Part { part, state, detail: detail.to_owned() });
    }
}

/// Owns a running program: does what is ordered, notes its end and says how it ended.
async fn own(
    shared: Arc<Shared>,
    mut running: Running,
    mut orders: mpsc::UnboundedReceiver<Order>,
    life: u64,
) -> String {
    let mut limits: Vec<Imposed> = Vec::new();
    let check = |lifted: io::Result<()>| {
        if let Err(error) = lifted {
            let part = &shared.setup.name;
            tracing::error!(%error, part, "a limit could not be lifted");
        }
    };
    let how = loop {
        let order = tokio::select! {
            how = running.wait() => break how,
            Some(order) = orders.recv() => order,
        };
        match order {
            Order::Signal(signal) => running.signal(signal).await,
            Order::Limit(scarcity, answer) => {
                let limited = running.limit(scarcity).await;
                let _ = answer.send(limited.map(|imposed| limits.push(imposed)));
            }
            Order::Relieve(scarcity, lifted) => {
                for imposed in limits.extract_if(.., |imposed| imposed.scarcity == scarcity) {
                    check(running.relieve(&imposed).await);
                }
                let _ = lifted.send(());
            }
        }
    };
    if let Some(input) = &shared.setup.input {
        input.set(None).await;
    }
    let of_memory = |imposed: &Imposed| matches!(imposed.scarcity, Scarcity::Memory { .. });
    let starved = limits.iter().any(of_memory);
    // Before its end is noted: whoever hears of that may start it again.
    for imposed in &limits {
        check(running.relieve_ended(imposed).await);
    }
    let state = if starved { PartState::Killed } else { PartState::Exited };
    shared.set(life, state, &how, |state| state != PartState::Killed);
    how
}

/// Asks a part again and again whether it is ready, and notes each change.
async fn poll_readiness(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(POLL_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let before = *shared.status.borrow();
        if matches!(before.state, PartState::Killed | PartState::Exited) {
            continue;
        }
        match shared.setup.ready.ask().await {
            Ok(()) => shared.set(before.life, PartState::Ready, "", |state| {
                matches!(state, PartState::Started | PartState::Unready)
            }),
            Err(why) => {
                let was_ready = |state| state == PartState::Ready;
                shared.set(before.life, PartState::Unready, &why, was_ready);
            }
        }
    }
}

fn signal_name(signal: Signal) -> &'static str {
    if signal == Signal::KILL { "SIGKILL" } else { "SIGTERM" }
}
