//! The command line as people use it: whole processes, bad input, interruptions.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use harness::environment::janitor::start_time;
use rustix::process::{Pid, Signal, getegid, geteuid, kill_process};

mod program;
#[path = "command_line/replay.rs"]
mod replay;

const DEADLINE: Duration = Duration::from_secs(120);

fn root() -> PathBuf {
    std::path::absolute(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap()
}

fn harness(arguments: &[&str]) -> Command {
    let mut command = Command::new(program::program());
    command.args(arguments).current_dir(root()).stdin(Stdio::null()).env("NO_COLOR", "1");
    command
}

fn output(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (status.code().unwrap_or(-1), text(&stdout), text(&stderr))
}

/// Waits until something holds; what it looks at is told when it never does.
fn wait_until<T: std::fmt::Debug>(what: &str, look: impl Fn() -> T, holds: impl Fn(&T) -> bool) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let seen = look();
        if holds(&seen) {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: still {seen:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_wrong_flag_is_a_usage_error() {
    let (code, _, errors) = output(&mut harness(&["run", "--plam", "quick"]));
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("--plam") && errors.contains("--plan"), "{errors}");
}

#[test]
fn an_unknown_defect_is_a_usage_error_that_names_the_known_ones() {
    let (code, _, errors) = output(&mut harness(&["run", "--defect", "NO-SUCH"]));
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("NO-SUCH") && errors.contains("AL-FLUSH"), "{errors}");
}

#[test]
fn a_missing_system_file_is_a_usage_error() {
    let (code, _, errors) = output(&mut harness(&["run", "--system", "/nowhere/system.toml"]));
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("/nowhere/system.toml") && errors.contains("--system"), "{errors}");
}

#[test]
fn outside_the_repository_a_system_must_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, errors) = output(harness(&["run"]).current_dir(folder.path()));
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("--system FILE"), "{errors}");
}

#[test]
fn a_folder_that_cannot_be_written_is_a_usage_error() {
    let (code, _, errors) = output(&mut harness(&["run", "--out", "/proc/nowhere"]));
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("/proc/nowhere"), "{errors}");
}

#[test]
fn a_file_that_cannot_be_written_is_a_usage_error_before_anything_is_done() {
    let replay = ["migrations", "replay", "/nowhere", "--json", "/proc/1/found.json"];
    let (code, _, errors) = output(&mut harness(&replay));
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("--json") && errors.contains("/proc/1"), "{errors}");
}

#[test]
fn without_postgresql_the_environment_cannot_start() {
    let mut command = harness(&["run"]);
    let (code, _, errors) = output(command.env("HARNESS_POSTGRES_BIN", "/nowhere"));
    assert_eq!(code, 3, "{errors}");
    assert!(errors.contains("/nowhere") && errors.contains("HARNESS_POSTGRES_BIN"), "{errors}");
}

#[test]
fn without_docker_the_containers_backend_cannot_start() {
    let mut command = harness(&["run", "--backend", "containers"]);
    let (code, _, errors) = output(command.env("DOCKER_HOST", "unix:///nowhere/docker.sock"));
    assert_eq!(code, 3, "{errors}");
    assert!(errors.contains("nowhere/docker.sock"), "{errors}");
    assert!(errors.contains("apt-get install docker.io"), "{errors}");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, _, errors) = output(&mut harness(&["proxy", "serve", "--port", &port]));
    assert_eq!(code, 3, "{errors}");
    assert!(errors.contains(&port) && errors.contains("--port"), "{errors}");
}

/// A text without its line breaks.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn help_names_every_exit_code() {
    let (code, help, _) = output(&mut harness(&["--help"]));
    assert_eq!(code, 0);
    for exit in ["0 all good", "1 findings", "2 usage", "3 the environment", "4 an unknown", "130"]
    {
        assert!(words(&help).contains(exit), "{help}");
    }
}

#[test]
fn the_doctor_finds_postgresql_and_writes_json() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doctor.json");
    let (code, told, errors) = output(&mut harness(&["doctor", "--json", file.to_str().unwrap()]));
    assert_eq!(code, 0, "{told}{errors}");
    assert!(told.contains("PostgreSQL"), "{told}");
    let found: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert!(found[0]["found"].is_string(), "{found}");
}

#[test]
fn the_doctor_says_what_mends_a_missing_postgresql() {
    let mut command = harness(&["doctor"]);
    let (code, told, _) = output(command.env("HARNESS_POSTGRES_BIN", "/nowhere"));
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("unset HARNESS_POSTGRES_BIN"), "{told}");
}

/// A command that is ended in mid-way.
struct Running {
    child: Child,
    /// What it has said on standard error until now.
    said: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
    folder: tempfile::TempDir,
}

/// A process that the command started, directly or not.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Descendant {
    id: u32,
    start_time: Option<u64>,
    command: String,
}

impl Running {
    /// Runs the quick plan.
    fn start(backend: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("harness-test-").tempdir().unwrap();
        let out = folder.path().join("out");
        let command = harness(&["run", "--backend", backend, "--out", out.to_str().unwrap()]);
        Self::of(command, folder)
    }

    /// Runs a command whose temporary files lie in this folder.
    fn of(mut command: Command, folder: tempfile::TempDir) -> Self {
        let temporary = folder.path().join("temporary");
        std::fs::create_dir(&temporary).unwrap();
        let mut child = command
            .env("TMPDIR", &temporary)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let errors = BufReader::new(child.stderr.take().unwrap());
        let hearer = Arc::clone(&said);
        let reader = std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                *hearer.lock().unwrap() += &(line + "\n");
            }
        });
        Self { child, said, reader, folder }
    }

    /// Waits until a fault of that kind begins.
    fn wait_for_a_fault(&mut self, kind: &str) {
        self.wait_for_words(&format!("fault {kind} on"));
    }

    /// Waits until the run has said these words.
    fn wait_for_words(&mut self, words: &str) {
        let look = || (self.said.lock().unwrap().clone(), self.reader.is_finished());
        wait_until(words, look, |(said, ended)| {
            assert!(!*ended || said.contains(words), "it ended before it said `{words}`: {said}");
            said.contains(words)
        });
    }

    /// Waits for its end: its exit code, and all that it said.
    fn end(&mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        wait_until("the end of its words", || self.reader.is_finished(), |ended| *ended);
        (code, self.said.lock().unwrap().clone())
    }

    /// Every process below the run's own.
    fn descendants(&self) -> Vec<Descendant> {
        let mut found = Vec::new();
        let mut parents = vec![self.child.id()];
        while let Some(parent) = parents.pop() {
            for id in children_of(parent) {
                let command = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
                let command = String::from_utf8_lossy(&command).replace('\0', " ");
                found.push(Descendant { id, start_time: start_time(id), command });
                parents.push(id);
            }
        }
        found
    }

    /// The folders that the run has made for its parts.
    fn state_folders(&self) -> Vec<PathBuf> {
        let temporary = self.folder.path().join("temporary");
        let entries = std::fs::read_dir(temporary).unwrap().map(|entry| entry.unwrap().path());
        let is_state = |path: &PathBuf| path.to_string_lossy().contains("harness-state-");
        entries.filter(is_state).collect()
    }

    fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.child.wait().unwrap();
    }

    /// Waits until nothing of the run is left.
    fn assert_nothing_is_left(&self, descendants: &[Descendant]) {
        let clusters: Vec<PathBuf> = descendants.iter().filter_map(data_folder).collect();
        let left = || {
            let alive = |one: &&Descendant| {
                one.start_time.is_some() && start_time(one.id) == one.start_time
            };
            let processes: Vec<Descendant> = descendants.iter().filter(alive).cloned().collect();
            let folders: Vec<PathBuf> = clusters
                .iter()
                .filter(|path| path.exists())
                .cloned()
                .chain(self.state_folders())
                .collect();
            (processes, folders)
        };
        wait_until("what the run leaves", left, |(processes, folders)| {
            processes.is_empty() && folders.is_empty()
        });
    }
}

/// The data folder in a PostgreSQL server's command line.
fn data_folder(process: &Descendant) -> Option<PathBuf> {
    let words: Vec<&str> = process.command.split(' ').collect();
    let flag = words.iter().position(|word| *word == "-D")?;
    words.get(flag + 1).map(PathBuf::from)
}

fn children_of(parent: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|ids| ids.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|id| id.parse().ok())
        .collect()
}

mod whole_run {
    use super::*;

    #[test]
    fn killed_it_leaves_nothing() {
        let mut plan = Running::start("embedded");
        plan.wait_for_a_fault("latency");
        let descendants = plan.descendants();
        assert!(!descendants.is_empty(), "a run has processes");
        plan.kill();
        plan.assert_nothing_is_left(&descendants);
    }

    #[test]
    fn interrupted_while_a_part_is_down_it_leaves_nothing_and_says_so() {
        let mut plan = Running::start("embedded");
        plan.wait_for_a_fault("kill");
        let descendants = plan.descendants();
        plan.signal(Signal::INT);
        assert_eq!(plan.child.wait().unwrap().code(), Some(130));
        plan.assert_nothing_is_left(&descendants);
    }

    #[test]
    fn a_database_that_dies_ends_it_and_is_named() {
        let mut plan = Running::start("embedded");
        plan.wait_for_a_fault("latency");
        let descendants = plan.descendants();
        let server = descendants.iter().find(|process| data_folder(process).is_some());
        let server = server.expect("a run has a PostgreSQL").id;
        kill_process(Pid::from_raw(server.cast_signed()).unwrap(), Signal::KILL).unwrap();
        let (code, words) = plan.end();
        assert_eq!(code, Some(3), "{words}");
        assert!(words.contains("PostgreSQL at"), "{words}");
        plan.assert_nothing_is_left(&descendants);
    }

    /// On a disk of 256 KiB: a mount in a namespace of its own. Who is not root becomes it in a
    /// user namespace to mount, and is itself again in another one, for PostgreSQL refuses root.
    #[test]
    fn a_full_disk_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (user, group) = (geteuid(), getegid());
        let mount = r#"mount -t tmpfs -o size=256k,mode=777 tmpfs "$1""#;
        let run = r#""$0" run --out "$1""#;
        let mut command = Command::new("unshare");
        if user.is_root() {
            command.args(["--mount", "sh", "-c", &format!("{mount} && exec {run}")]);
        } else {
            let again = r#"unshare --user --map-user="$2" --map-group="$3""#;
            let script = format!("{mount} && exec {again} {run}");
            command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
        }
        command.arg(program::program()).arg(folder.path());
        command.args([user.to_string(), group.to_string()]).current_dir(root());
        let (code, _, errors) = output(&mut command);
        assert_eq!(code, 3, "{errors}");
        assert!(errors.contains("No space left") && errors.contains("history"), "{errors}");
    }
}

/// Runs on the containers backend; by its name, nextest's default profile leaves it out.
mod containers {
    use super::*;

    /// Containers and networks on the engine whose label says that a process owns them.
    fn owned_by(process: u32) -> Vec<String> {
        let label = format!("label=redflag-harness.owner={process}");
        let list = |arguments: &[&str]| {
            let (code, found, errors) =
                output(Command::new("docker").args(arguments).args(["--filter", &label]));
            assert_eq!(code, 0, "{errors}; start an engine with .ci/docker");
            found.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let mut found = list(&["ps", "--all", "--format", "container {{.Names}}"]);
        found.extend(list(&["network", "ls", "--format", "network {{.Name}}"]));
        found
    }

    fn wait_until_gone(process: u32) {
        wait_until("what is on the engine", || owned_by(process), Vec::is_empty);
    }

    #[test]
    fn killed_the_run_leaves_nothing() {
        let mut plan = Running::start("containers");
        plan.wait_for_a_fault("latency");
        let descendants = plan.descendants();
        // PostgreSQL, the proxy, a server, three agents and their network.
        assert_eq!(owned_by(plan.child.id()).len(), 7);
        plan.kill();
        plan.assert_nothing_is_left(&descendants);
        wait_until_gone(plan.child.id());
    }

    #[test]
    fn killed_while_it_starts_the_run_leaves_nothing() {
        let mut plan = Running::start("containers");
        plan.wait_for_words("part server started");
        let descendants = plan.descendants();
        plan.kill();
        plan.assert_nothing_is_left(&descendants);
        wait_until_gone(plan.child.id());
    }

    #[test]
    fn interrupted_while_it_starts_the_run_leaves_nothing_and_says_so() {
        let mut plan = Running::start("containers");
        plan.wait_for_words("part server started");
        plan.signal(Signal::INT);
        assert_eq!(plan.child.wait().unwrap().code(), Some(130));
        assert_eq!(owned_by(plan.child.id()), Vec::<String>::new());
    }

    #[test]
    fn what_a_dead_run_left_is_removed_by_the_next() {
        let mut plan = Running::start("containers");
        plan.wait_for_words("part server started");
        let descendants = plan.descendants();
        let janitor = descendants.iter().find(|one| one.command.contains("harness-janitor"));
        let janitor = i32::try_from(janitor.expect("a run has a janitor").id).unwrap();
        kill_process(Pid::from_raw(janitor).unwrap(), Signal::KILL).unwrap();
        plan.kill();
        assert_ne!(owned_by(plan.child.id()), Vec::<String>::new());

        let mut next = Running::start("containers");
        next.wait_for_words("part server started");
        wait_until_gone(plan.child.id());
        next.signal(Signal::INT);
        next.child.wait().unwrap();
    }
}

#[test]
fn the_bench_writes_figures_that_can_be_compared() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("figures.json");
    let file = file.to_str().unwrap();
    let arguments =
        ["bench", "--only", "engine", "--seconds", "1", "--rounds", "1", "--json", file];
    let (code, told, errors) = output(&mut harness(&arguments));
    assert_eq!(code, 0, "{errors}");
    assert!(told.contains("engine.rate"), "{told}");
    let text = std::fs::read_to_string(file).unwrap();
    let results: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(results["machine"]["cores"].as_u64() > Some(0), "{results}");
    for figure in results["figures"].as_array().unwrap() {
        assert!(figure["name"].is_string() && figure["unit"].is_string(), "{figure}");
        assert!(figure["value"].is_number() && figure["samples"].is_array(), "{figure}");
        for key in ["limit", "ratio", "target", "met"] {
            assert!(figure.get(key).is_some(), "{key} in {figure}");
        }
    }
    // One round tells nothing from noise.
    let (code, told, errors) = output(&mut harness(&["bench", "compare", file, file]));
    assert_eq!(code, 4, "{told}{errors}");
    assert!(told.contains("unknown"), "{told}");
}

/// The results of a bench with one figure, of these rounds.
fn results(samples: [f64; 4]) -> String {
    serde_json::json!({
        "machine": {"os": "any", "cores": 2, "memory_bytes": 1, "versions": {}},
        "figures": [{
            "name": "rate", "value": samples[0], "unit": "requests/s", "better": "higher",
            "limit": null, "ratio": null, "target": null, "target_of": "value", "met": null,
            "samples": samples
        }]
    })
    .to_string()
}

#[test]
fn what_became_slower_between_two_benches_is_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let fast = write("fast", &results([100.0, 101.0, 99.0, 100.0]));
    let slow = write("slow", &results([50.0, 51.0, 49.0, 50.0]));
    for (before, after, expected, word) in
        [(&fast, &slow, 1, "slower"), (&slow, &fast, 0, "faster"), (&fast, &fast, 0, "noise")]
    {
        let (code, told, errors) = output(&mut harness(&["bench", "compare", before, after]));
        assert_eq!(code, expected, "{told}{errors}");
        assert!(told.contains(word), "{told}");
    }
    let broken = write("broken", "{}");
    let (code, _, errors) = output(&mut harness(&["bench", "compare", &fast, &broken]));
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("broken") && errors.contains("--json"), "{errors}");
}

/// A program that does nothing, whatever is done to it, and a command that keeps events.
const UNSHAKEN: &str = r#"
    name = "unshaken"
    [[parts]]
    name = "sleeper"
    command = ["sleep", "1000"]
    ready = "running"
    [events]
    quiet = 300
    [events.emit]
    to = "sleeper"
    command = ["sh", "-c", "read -r event && echo \"$event\" >>{state}/kept"]
    kinds = [{ name = "plain", body = { marker = "{marker}" } }]
    [events.read]
    from = "sleeper"
    file = "{state}/kept"
    marker = "/marker"
"#;

#[test]
fn schedules_are_tried_side_by_side_and_each_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("system.toml"), UNSHAKEN).unwrap();
    let options = ["--runs", "3", "--side-by-side", "3", "--seed", "1", "--most-faults", "5"];
    let [system, out, json] = ["system.toml", "out", "chaos.json"].map(path);
    let files = ["--system", &system, "--out", &out, "--json", &json];
    let (code, told, why) = output(harness(&["chaos"]).args(options).args(files));
    assert_eq!(code, 0, "{told}{why}");
    let numbers =
        ["run 1 of 3, seed 1: held", "run 2 of 3, seed 2: held", "run 3 of 3, seed 3: held"];
    assert!(numbers.iter().all(|line| why.contains(line)), "{why}");
    let summary: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    let counts = [&summary["runs"], &summary["valid"]].map(serde_json::Value::as_u64);
    assert_eq!(counts, [Some(3), Some(3)], "{summary}");
}
