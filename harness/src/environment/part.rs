//! One part of the environment: started, watched, killed, started again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Client;
use rustix::process::{Pid, Signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::EnvironmentError;
use super::runner::{Runner, Running};
use crate::history::{Action, NO_ANSWER, PartState, Recorder};

/// How often a part is asked whether it is ready.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long it may take to answer.
const POLL_TIMEOUT: Duration = Duration::from_secs(1);
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

#[derive(Debug)]
struct Shared {
    name: String,
    kind: String,
    url: String,
    runner: Runner,
    recorder: Recorder,
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
    signals: mpsc::UnboundedSender<Signal>,
    /// Says in the end how the program ended.
    owner: JoinHandle<String>,
}

impl Part {
    /// A part that is not started yet, by its name and the kind of part that it is. `url` is its address as the harness reaches it, `ready`
    /// the path that answers 200 when it is ready.
    pub(super) fn new(
        (name, kind): (String, String),
        url: String,
        ready: &str,
        runner: Runner,
        http: Client,
        recorder: Recorder,
    ) -> Self {
        let (status, _) =
            watch::channel(Status { life: 0, state: PartState::Killed, process_group: None });
        let ready_url = format!("{url}{ready}");
        let shared = Arc::new(Shared { name, kind, url, runner, recorder, status });
        let poller = tokio::spawn(poll_readiness(Arc::clone(&shared), http, ready_url));
        Self {
            shared,
            control: tokio::sync::Mutex::default(),
            retired: AtomicBool::new(false),
            poller,
        }
    }

    /// Its name, as `agent-1`.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The name of its description in the system file, as `agent`.
    pub fn kind(&self) -> &str {
        &self.shared.kind
    }

    /// Its address as the harness reaches it, without a proxy between.
    pub fn url(&self) -> &str {
        &self.shared.url
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
        if control.is_some() && self.state() != PartState::Exited {
            return Ok(());
        }
        let running = self.shared.runner.start().await?;
        let life = self.shared.begin_life(running.process_group());
        let (signals, inbox) = mpsc::unbounded_channel();
        let owner = tokio::spawn(own(Arc::clone(&self.shared), running, inbox, life));
        *control = Some(Control { signals, owner });
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
        let _ = control.signals.send(signal);
        let how = match tokio::time::timeout(TERMINATION_BOUND, &mut control.owner).await {
            Ok(how) => how,
            Err(_) => {
                let _ = control.signals.send(Signal::KILL);
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

    async fn signal(&self, signal: Signal) {
        if let Some(control) = self.control.lock().await.as_ref() {
            let _ = control.signals.send(signal);
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
        Err(EnvironmentError::NotReady { part: self.shared.name.clone(), what })
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
        let part = self.name.clone();
        self.recorder.note("harness", Action::Part { part, state, detail: detail.to_owned() });
    }
}

/// Owns a running program: passes signals on, notes its end and says how it ended.
async fn own(
    shared: Arc<Shared>,
    mut running: Running,
    mut signals: mpsc::UnboundedReceiver<Signal>,
    life: u64,
) -> String {
    let how = loop {
        tokio::select! {
            how = running.wait() => break how,
            Some(signal) = signals.recv() => running.signal(signal).await,
        }
    };
    shared.set(life, PartState::Exited, &how, |state| state != PartState::Killed);
    how
}

/// Asks a part again and again whether it is ready, and notes each change.
async fn poll_readiness(shared: Arc<Shared>, http: Client, url: String) {
    let mut ticks = tokio::time::interval(POLL_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let before = *shared.status.borrow();
        if matches!(before.state, PartState::Killed | PartState::Exited) {
            continue;
        }
        let answer = http.get(&url).timeout(POLL_TIMEOUT).send().await;
        let refusal = match answer {
            Ok(response) if response.status().is_success() => {
                shared.set(before.life, PartState::Ready, "", |state| {
                    matches!(state, PartState::Started | PartState::Unready)
                });
                continue;
            }
            Ok(response) => response.status().to_string(),
            Err(_) => NO_ANSWER.to_owned(),
        };
        shared.set(before.life, PartState::Unready, &refusal, |state| state == PartState::Ready);
    }
}

fn signal_name(signal: Signal) -> &'static str {
    if signal == Signal::KILL { "SIGKILL" } else { "SIGTERM" }
}
