//! Faults on a real environment: PostgreSQL, and as its only part the harness's own proxy, which
//! nothing has to build first.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::environment::{Built, Environment, EnvironmentRequest, Secrets};
use harness::faults::{Fault, FaultError, Nemesis, Schedule, ScheduledFault};
use harness::history::{Header, PartState, Phase, Recorder};
use harness::seed::Seed;
use harness::system::{System, fill};
use serde_json::Value;
use sqlx::{ConnectOptions, Connection};

mod program;

const LINK: &str = "service-to-database";
const DEADLINE: Duration = Duration::from_secs(60);

const SYSTEM: &str = r#"
    name = "small"
    [database]
    role = "owner"
    name = "events"
    migrations = "."
    [[parts]]
    name = "service"
    command = ["PROGRAM", "proxy", "serve", "--host", "{listen.host}", "--port", "{listen.port}"]
    port = 80
    reaches = ["database"]
    ready = "/version"
    [events.emit]
    to = "service"
    path = "/events"
    marker = "/marker"
    kinds = [{ name = "plain", body = {} }]
    [events.backlog]
    path = "/health"
    events = "/backlog"
    [events.read]
    from = "service"
    path = "/events"
    next_path = "/events"
    items = "/events"
    next = "/next"
    id = "/id"
    marker = "/marker"
"#;

/// A running environment, and what it records.
struct Running {
    environment: Arc<Environment>,
    recorder: Recorder,
    _folder: tempfile::TempDir,
}

impl Running {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("system.toml");
        std::fs::write(&file, SYSTEM.replace("PROGRAM", &program::program())).unwrap();
        let recorder = Self::recorder(folder.path());
        let request = EnvironmentRequest {
            built: Built::Programs(Default::default()),
            logs: folder.path().to_owned(),
            defects: Vec::new(),
            seed: Seed(1),
            secrets: Secrets::default(),
        };
        let system = System::read(&file).unwrap();
        let environment = Environment::start(&system, &request, &recorder).await.unwrap();
        Self { environment: Arc::new(environment), recorder, _folder: folder }
    }

    fn recorder(folder: &Path) -> Recorder {
        let header = Header::new(Seed(1), "none", "embedded", "small");
        Recorder::create(&folder.join("history.jsonl"), header).unwrap()
    }

    /// What the link's proxy says of itself.
    async fn link(&self) -> Value {
        let url = format!("{}/proxies/{LINK}", self.environment.proxy().url());
        let answer = self.environment.http().get(url).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// What every link's proxy says of itself.
    async fn links(&self) -> Value {
        let url = format!("{}/proxies", self.environment.proxy().url());
        let answer = self.environment.http().get(url).send().await.unwrap();
        answer.json().await.unwrap()
    }

    async fn enabled(&self) -> bool {
        self.link().await["enabled"] == true
    }

    async fn toxics(&self) -> Vec<Value> {
        self.link().await["toxics"].as_array().unwrap().clone()
    }

    fn state(&self) -> PartState {
        self.environment.part("service").unwrap().state()
    }

    async fn carry_out(&self, faults: Vec<ScheduledFault>) -> Result<(), FaultError> {
        let nemesis = Nemesis::new(Arc::clone(&self.environment), self.recorder.clone());
        nemesis.carry_out(&Schedule::new(faults), tokio::time::Instant::now()).await
    }

    /// Every recorded fault: its kind, and how it ended.
    fn recorded(&self) -> Vec<(String, Phase)> {
        let history = self.recorder.history();
        let faults = history.faults();
        faults.iter().map(|fault| (fault.fault.kind.clone(), fault.phase)).collect()
    }

    async fn stop(self) {
        self.environment.stop().await.unwrap();
    }
}

async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds().await {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn latency() -> Fault {
    Fault::Latency { link: LINK.into(), latency: 20, jitter: 5 }
}

fn cut() -> Fault {
    Fault::Cut { link: LINK.into() }
}

fn kill() -> Fault {
    Fault::Kill { part: "service".into() }
}

fn scheduled(at: u64, lasts: u64, fault: Fault) -> ScheduledFault {
    ScheduledFault { at, lasts, fault }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_disturbs_until_it_is_healed() {
    let running = Running::start().await;

    let active = latency().inject(&running.environment).await.unwrap();
    let toxics = running.toxics().await;
    assert_eq!(toxics.len(), 1);
    assert_eq!(toxics[0]["type"], "latency");
    assert_eq!(toxics[0]["attributes"]["latency"], 20);
    active.heal().await.unwrap();
    assert_eq!(running.toxics().await.len(), 0);

    let active = cut().inject(&running.environment).await.unwrap();
    assert!(!running.enabled().await);
    active.heal().await.unwrap();
    assert!(running.enabled().await);

    let active = kill().inject(&running.environment).await.unwrap();
    assert_eq!(running.state(), PartState::Killed);
    active.heal().await.unwrap();
    wait_until("the service is ready again", async || running.state() == PartState::Ready).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disrupted_database_comes_back() {
    let running = Running::start().await;
    let database = running.environment.superuser_options().unwrap();
    let part = || "database".to_owned();
    for fault in [Fault::Kill { part: part() }, Fault::Terminate { part: part() }] {
        let active = fault.inject(&running.environment).await.unwrap();
        assert!(database.connect().await.is_err(), "it was ended");
        active.heal().await.unwrap();
        database.connect().await.unwrap().close().await.unwrap();
    }
    running.carry_out(vec![scheduled(0, 50, Fault::Pause { part: part() })]).await.unwrap();
    database.connect().await.unwrap().close().await.unwrap();
    let history = running.recorder.history();
    assert_eq!(history.faults()[0].fault.parts, ["service"], "who must come back after it");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_is_dropped_heals() {
    let running = Running::start().await;
    for fault in [latency(), cut(), kill()] {
        drop(fault.inject(&running.environment).await.unwrap());
    }
    wait_until("every fault has healed", async || {
        running.enabled().await
            && running.toxics().await.is_empty()
            && running.state() == PartState::Ready
    })
    .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_cannot_be_disturbed() {
    let running = Running::start().await;
    let no_link = Fault::Cut { link: "nowhere".into() }.inject(&running.environment).await;
    assert!(matches!(no_link, Err(FaultError::NoLink(name)) if name == "nowhere"));
    let no_part = Fault::Kill { part: "nobody".into() }.inject(&running.environment).await;
    assert!(matches!(no_part, Err(FaultError::NoPart(name)) if name == "nobody"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nemesis_records_overlapping_faults_and_heals_them() {
    let running = Running::start().await;
    let faults = vec![scheduled(0, 100, latency()), scheduled(10, 20, kill())];
    running.carry_out(faults).await.unwrap();
    let ok = |kind: &str| (kind.to_owned(), Phase::Ok);
    assert_eq!(running.recorded(), [ok("latency"), ok("kill")]);
    let history = running.recorder.history();
    let parts: Vec<&[String]> =
        history.faults().iter().map(|fault| fault.fault.parts.as_slice()).collect();
    assert_eq!(parts, [["service"], ["service"]], "whom each must not keep down");
    assert_eq!(running.toxics().await.len(), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_cannot_be_injected_is_recorded_and_the_others_are_carried_out() {
    let running = Running::start().await;
    let nowhere = Fault::Cut { link: "nowhere".into() };
    let outcome =
        running.carry_out(vec![scheduled(0, 10, nowhere), scheduled(20, 10, cut())]).await;
    assert!(matches!(outcome, Err(FaultError::NoLink(_))), "{outcome:?}");
    let recorded = [("cut".to_owned(), Phase::Fail), ("cut".to_owned(), Phase::Ok)];
    assert_eq!(running.recorded(), recorded);
    assert!(running.enabled().await);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nemesis_that_is_dropped_leaves_no_fault_in_place() {
    let running = Running::start().await;
    let hour = 3_600_000;
    tokio::select! {
        outcome = running.carry_out(vec![scheduled(0, hour, cut())]) => panic!("{outcome:?}"),
        () = wait_until("the link is cut", async || !running.enabled().await) => {}
    }
    wait_until("the link is whole again", async || running.enabled().await).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_part_is_not_started_by_a_fault_that_heals_late() {
    let running = Running::start().await;
    let active = kill().inject(&running.environment).await.unwrap();
    running.environment.stop().await.unwrap();
    active.heal().await.unwrap();
    assert_eq!(running.state(), PartState::Killed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_was_killed_comes_back_with_its_links() {
    let running = Running::start().await;
    let links = running.links().await;
    // Twice, since who controls the proxy keeps connections to it.
    for _ in 0..2 {
        let active = Fault::KillProxy {}.inject(&running.environment).await.unwrap();
        let version = format!("{}/version", running.environment.proxy().url());
        assert!(running.environment.http().get(&version).send().await.is_err(), "it is gone");
        active.heal().await.unwrap();
        assert_eq!(running.links().await, links);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_gets_no_connection_until_it_is_healed() {
    let running = Running::start().await;
    let database = running.environment.superuser_options().unwrap();
    let value = |text: &str| fill(text, running.environment.values()).unwrap();
    let role = database
        .clone()
        .username(&value("{database.role}"))
        .password(&value("{database.password}"));
    let mut held = role.connect().await.unwrap();
    let active = Fault::NoConnections {}.inject(&running.environment).await.unwrap();
    let refusal = role.connect().await.unwrap_err();
    let code = refusal.as_database_error().and_then(|error| error.code().map(String::from));
    assert_eq!(code.as_deref(), Some("53300"), "{refusal}");
    wait_until("the connection that was held is ended", async || held.ping().await.is_err()).await;
    active.heal().await.unwrap();
    role.connect().await.unwrap().close().await.unwrap();
    running.stop().await;
}
