//! The command line as people use it: whole processes, bad input, interruptions.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(120);

fn root() -> PathBuf {
    std::path::absolute(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap()
}

fn harness(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
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
    assert!(errors.to_lowercase().contains("docker"), "{errors}");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, _, errors) = output(&mut harness(&["proxy", "serve", "--port", &port]));
    assert_eq!(code, 3, "{errors}");
    assert!(errors.contains(&port) && errors.contains("--port"), "{errors}");
}

#[test]
fn help_names_every_exit_code() {
    let (code, help, _) = output(&mut harness(&["--help"]));
    assert_eq!(code, 0);
    for exit in ["0 all good", "1 findings", "2 usage", "3 the environment", "4 an unknown", "130"] {
        assert!(help.contains(exit), "{help}");
    }
}

#[test]
fn the_doctor_finds_postgresql_and_writes_json() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doctor.json");
    let (code, told, errors) =
        output(&mut harness(&["doctor", "--json", file.to_str().unwrap()]));
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
    assert!(told.contains("apt-get install postgresql"), "{told}");
}

/// A run that has got as far as its faults, in a folder of its own.
struct RunningPlan {
    child: Child,
    mark: String,
    _folder: tempfile::TempDir,
}

impl RunningPlan {
    /// Every process of the run carries the mark in its environment, so that what is left of it
    /// can be told from what others run.
    fn start(backend: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mark = format!("mark-{}", folder.path().display());
        let temporary = folder.path().join("temporary");
        std::fs::create_dir(&temporary).unwrap();
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let out = folder.path().join("out");
        let mut command = harness(&["run", "--backend", backend, "--out", out.to_str().unwrap()]);
        let child = command.env("HARNESS_TEST_MARK", &mark).stderr(Stdio::piped()).spawn().unwrap();
        Self { child, mark, _folder: folder }
    }

    /// Reads the run's own words until the first fault.
    fn wait_for_a_fault(&mut self) {
        use std::io::{BufRead, BufReader};
        let errors = BufReader::new(self.child.stderr.take().unwrap());
        let mut told = Vec::new();
        for line in errors.lines() {
            let line = line.unwrap();
            if line.contains("fault") && line.contains("on agent-") {
                return;
            }
            told.push(line);
        }
        panic!("the run ended before its first fault: {told:#?}");
    }
}
