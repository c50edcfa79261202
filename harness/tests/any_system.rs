//! Systems of all kinds, made of a shell: each way in for events, each way to read them back, and
//! what a program can be made short of.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::checkers::Outcome;
use harness::environment::{BackendKind, Built, Environment, EnvironmentRequest, Secrets};
use harness::faults::{Fault, Schedule, ScheduledFault};
use harness::history::{Header, PartState, Phase, Recorder};
use harness::run::{Plan, Planner, Run, RunFolder, RunRequest, checkers_of, perform};
use harness::seed::Seed;
use harness::system::{System, fill};
use harness::workload::{Asked, Pace, Reader};
use sqlx::ConnectOptions;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(60);

/// A program that keeps each line that it reads, with the time: in a shell of its own, since one
/// that can open no pipe ends.
const KEEPER: &str = r#"
    name = "keeper"
    [[parts]]
    name = "keeper"
    command = ["sh", "-c", "while read -r line; do (echo \"$(date +%s) $line\" >>kept); done"]
    ready = "running"
    clock_faults = true
    disk = 1
    slow_disk = true
    [events]
    quiet = 300
    [events.emit]
    to = "keeper"
    line = "standard_input"
    kinds = [{ name = "plain", body = "event {marker}" }]
    [events.read]
    from = "keeper"
    file = "{state}/kept"
    line = "^(?<time>[0-9]+) event (?<marker>.+)$"
    marker = "/marker"
"#;

/// A program that does nothing, and a command that keeps events in its folder.
const COMMAND: &str = r#"
    name = "command"
    [[parts]]
    name = "sleeper"
    command = ["sh", "-c", "cat greeting >>started; exec sleep 1000"]
    ready = { file = "{state}/started", line = "^ready, sleeper$" }
    files = { greeting = "ready, {name}\n" }
    [events]
    quiet = 300
    promised = "at-most-once"
    [events.emit]
    to = "sleeper"
    command = ["sh", "-c", "read -r event && echo \"$event\" >>{state}/kept && echo \"$event\""]
    marker = "/deep/marker"
    id = "/number"
    kinds = [{ name = "plain", body = { number = 7 } }]
    [events.read]
    from = "sleeper"
    file = "{state}/kept"
    marker = "/deep/marker"
"#;

async fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn system(text: &str) -> (TempDir, System) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("system.toml");
    std::fs::write(&file, text).unwrap();
    let system = System::read(&file).unwrap();
    (folder, system)
}

/// Some events while nothing or little is disturbed.
async fn run(text: &str, faults: Vec<ScheduledFault>) -> Run {
    let (folder, system) = system(text);
    let plan = Plan {
        name: "small".to_owned(),
        pace: Pace { rate: 50, lasts: 1000 },
        schedule: Schedule::new(faults),
        drain_bound: 20_000,
    };
    let request = RunRequest {
        planner: Planner::fixed(plan),
        built: Built::Programs(Default::default()),
        seed: Seed(1),
        defects: Vec::new(),
        secrets: Secrets::default(),
    };
    let header = Header::new(Seed(1), "small", "embedded", &system.name);
    let run_folder = RunFolder::create(folder.path(), "run", 1).unwrap();
    let recorder = Recorder::create(&run_folder.history(), header).unwrap();
    let interrupt = CancellationToken::new();
    let checkers = checkers_of(&system, BackendKind::Embedded);
    perform(&system, &request, &run_folder, &checkers, &recorder, &interrupt).await.unwrap()
}

fn every_verdict_is_valid(run: &Run) {
    for verdict in &run.verdicts {
        assert_eq!(verdict.outcome, Outcome::Valid, "{verdict:#?}");
    }
    assert!(run.history.final_read().unwrap().events.len() > 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_go_to_standard_input_and_are_read_back_by_a_pattern() {
    let kill = Fault::Kill { part: "keeper".into() };
    let run = run(KEEPER, vec![ScheduledFault { at: 300, lasts: 200, fault: kill }]).await;
    let emits = run.history.emits();
    assert!(emits.iter().any(|emit| emit.phase == Phase::Fail), "none reaches a dead program");
    // What is in the pipe of a program that is killed is lost, but whatever is stored was given in.
    let recovery = run.verdicts.iter().find(|verdict| verdict.checker == "recovery").unwrap();
    assert_eq!(recovery.outcome, Outcome::Valid, "{recovery:#?}");
    assert!(run.history.final_read().unwrap().events.len() > 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_gives_events_in_and_answers() {
    let run = run(COMMAND, Vec::new()).await;
    every_verdict_is_valid(&run);
    let emits = run.history.emits();
    assert_eq!(emits[0].receipt().unwrap().id.as_deref(), Some("7"), "{:#?}", emits[0]);
}

/// A system that runs, its logs in a folder.
async fn start(text: &str) -> (TempDir, System, Environment) {
    let (folder, system) = system(text);
    let header = Header::new(Seed(1), "none", "embedded", &system.name);
    let recorder = Recorder::create(&folder.path().join("history.jsonl"), header).unwrap();
    let request = EnvironmentRequest {
        built: Built::Programs(Default::default()),
        logs: folder.path().to_owned(),
        defects: Vec::new(),
        seed: Seed(1),
        secrets: Secrets::default(),
    };
    let environment = Environment::start(&system, &request, &recorder).await.unwrap();
    (folder, system, environment)
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_query_are_read_back_in_their_order() {
    let (head, _) = COMMAND.split_once("[events.read]").unwrap();
    let database = "[database]\nrole = \"owner\"\nname = \"events\"\nmigrations = \".\"";
    let read = "query = \"SELECT number, text FROM kept ORDER BY number DESC;\"\n\
                from = \"database\"\nid = \"/number\"\nsequence = \"/number\"\nmarker = \"/text\"";
    let text = format!("{head}[events.read]\n{read}\n{database}");
    let (_folder, system, environment) = start(&text).await;
    let options = environment.superuser_options().unwrap();
    let asked = Asked::Database(Box::new(options.clone()));
    let reader = Reader::new(environment.http().clone(), asked, &system.events, Vec::new());
    let why = reader.read().await.unwrap_err().to_string();
    assert!(why.contains("\"kept\" does not exist"), "{why}");
    let mut database = options.connect().await.unwrap();
    for statement in [
        "CREATE TABLE kept (number bigint, text text)",
        "INSERT INTO kept VALUES (1, 'm-1'), (2, NULL)",
    ] {
        sqlx::query(statement).execute(&mut database).await.unwrap();
    }
    let read = reader.read().await.unwrap();
    let read: Vec<_> = read
        .iter()
        .map(|event| (event.id.as_str(), event.sequence, event.marker.as_deref()))
        .collect();
    assert_eq!(read, [("2", Some(2), None), ("1", Some(1), Some("m-1"))]);
    environment.stop().await.unwrap();
}

/// A keeper that runs, and its file.
struct Keeper {
    environment: Arc<Environment>,
    kept: PathBuf,
    folder: TempDir,
}

impl Keeper {
    async fn start() -> Self {
        let (folder, _, environment) = start(KEEPER).await;
        let state = environment.endpoint(&environment.parts()[0]).values;
        let kept = fill("{state}/kept", &state).unwrap().into();
        Self { environment: Arc::new(environment), kept, folder }
    }

    async fn give(&self, line: &str) {
        let input = self.environment.endpoint(&self.environment.parts()[0]).input.unwrap();
        input.write_line(line).await.unwrap();
    }

    /// The time that the keeper noted beside this line, once it has.
    async fn time_of(&self, line: &str) -> u64 {
        let mut noted = None;
        wait_until(line, || {
            let kept = std::fs::read_to_string(&self.kept).unwrap_or_default();
            noted = kept.lines().find_map(|kept| kept.strip_suffix(line)?.trim().parse().ok());
            noted.is_some()
        })
        .await;
        noted.unwrap()
    }

    fn part(&self) -> String {
        "keeper".to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_is_wrong_until_it_is_healed() {
    let keeper = Keeper::start().await;
    keeper.give("before").await;
    let before = keeper.time_of("before").await;
    let clock = Fault::Clock { part: keeper.part(), ahead: -7200 };
    let active = clock.inject(&keeper.environment).await.unwrap();
    keeper.give("meanwhile").await;
    assert!(keeper.time_of("meanwhile").await < before - 3600);
    active.heal().await.unwrap();
    keeper.give("after").await;
    assert!(keeper.time_of("after").await >= before);
    let group = keeper.environment.part("keeper").unwrap().process_group().unwrap();
    let shared = PathBuf::from(format!("/dev/shm/faketime_shm_{group}"));
    assert!(shared.exists());
    keeper.environment.stop().await.unwrap();
    assert!(!shared.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_short_of_files_keeps_nothing_until_it_is_healed() {
    keeps_nothing_during(|part| Fault::NoFiles { part }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_takes_nothing_until_it_is_healed() {
    keeps_nothing_during(|part| Fault::DiskFull { part }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_disk_is_waited_for_until_it_is_healed() {
    let keeper = Keeper::start().await;
    keeper.give("before").await;
    keeper.time_of("before").await;
    let slow = Fault::SlowDisk { part: keeper.part(), delay: 3_600_000 };
    let active = slow.inject(&keeper.environment).await.unwrap();
    keeper.give("meanwhile").await;
    // What is written is there, but the keeper is not told.
    keeper.time_of("meanwhile").await;
    keeper.give("after").await;
    active.heal().await.unwrap();
    keeper.time_of("after").await;
    keeper.environment.stop().await.unwrap();
}

/// What the keeper cannot keep it complains about in its log.
async fn keeps_nothing_during(fault: fn(String) -> Fault) {
    let keeper = Keeper::start().await;
    keeper.give("before").await;
    keeper.time_of("before").await;
    let active = fault(keeper.part()).inject(&keeper.environment).await.unwrap();
    // More than what is left of the last page of a file.
    let meanwhile = "meanwhile ".repeat(400);
    for _ in 0..3 {
        keeper.give(&meanwhile).await;
    }
    let log = keeper.folder.path().join("keeper.log");
    wait_until("it complains", || std::fs::read(&log).is_ok_and(|log| !log.is_empty())).await;
    active.heal().await.unwrap();
    keeper.give("").await;
    keeper.give("after").await;
    keeper.time_of("after").await;
    let kept = std::fs::read_to_string(&keeper.kept).unwrap();
    assert!(kept.matches("meanwhile").count() < 3 * 400, "{kept}");
    keeper.environment.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_containers_can_be_short_of_is_refused_for_processes() {
    let keeper = Keeper::start().await;
    let (limit, off) = (
        Fault::CpuLimit { part: keeper.part(), percent: 5 },
        Fault::Disconnect { part: keeper.part() },
    );
    for fault in [limit, off] {
        let refused = fault.inject(&keeper.environment).await.unwrap_err();
        assert!(refused.to_string().contains("--backend containers"), "{refused}");
    }
    keeper.give("after").await;
    keeper.time_of("after").await;
    keeper.environment.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_ends_for_want_of_memory_counts_as_killed_and_is_started_again() {
    let keeper = Keeper::start().await;
    let fault = Fault::NoMemory { part: keeper.part(), spare: 0 };
    let active = fault.inject(&keeper.environment).await.unwrap();
    // It ends in the midst of so long a line, and the pipe with it.
    let input = keeper.environment.endpoint(&keeper.environment.parts()[0]).input.unwrap();
    input.write_line(&"long".repeat(1 << 20)).await.unwrap_err();
    let state = || keeper.environment.parts()[0].state();
    wait_until("it ends", || state() == PartState::Killed).await;
    active.heal().await.unwrap();
    keeper.give("after").await;
    keeper.time_of("after").await;
    keeper.environment.stop().await.unwrap();
}
