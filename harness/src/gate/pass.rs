//! Runs the steps and reads what they found.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio_util::sync::CancellationToken;

use super::step::{Call, Step};
use crate::checkers::Outcome;
use crate::environment::{Process, ProcessError, Program};
use crate::exit_code::Exit;
use crate::report::Artifact;
use crate::report::release::Check;
use crate::report::release::read::{self, Content};
use crate::report::text::shell_word;

/// How long a command that was told to end may take for it: it ends what it has started.
const GRACE: Duration = Duration::from_secs(30);

/// What came of a step.
#[derive(Debug)]
pub struct Passed {
    /// What it says of the release.
    pub check: Check,
    /// How its last command ended; nobody knows what an unknown code means.
    pub exit: Option<Exit>,
}

/// Why the steps could not be carried through.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// A command cannot be started.
    #[error(transparent)]
    Start(#[from] ProcessError),
    /// The operating system does not tell how a command ended.
    #[error("cannot wait for `{command}`: {source}")]
    Wait {
        /// The command.
        command: String,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody asked for an end.
    #[error("interrupted")]
    Interrupted,
}

/// Where the steps run, and for how long.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// This program.
    pub program: PathBuf,
    /// How somebody called it.
    pub called: String,
    /// The folder of the report; logs go into its `logs`.
    pub folder: PathBuf,
    /// How long one step may take.
    pub deadline: Duration,
}

/// Runs the steps: those that measure no time beside each other, then the others in their order.
/// The results are in the order of the steps. Each is told as soon as it is there.
///
/// # Errors
/// A command cannot be started, or somebody asked for an end; then nothing is left running.
pub async fn pass(
    steps: &[Step],
    bounds: &Bounds,
    interrupt: &CancellationToken,
    tell: &(dyn Fn(&str, Option<&Passed>) + Sync),
) -> Result<Vec<Passed>, GateError> {
    let one = async |step: &Step| {
        tell(step.name, None);
        let passed = carry_out(step, bounds, interrupt).await?;
        tell(step.name, Some(&passed));
        Ok::<_, GateError>(passed)
    };
    let (beside, alone): (Vec<&Step>, Vec<&Step>) = steps.iter().partition(|step| step.beside);
    let mut passed: Vec<(&str, Passed)> = Vec::new();
    let together = futures_util::future::try_join_all(beside.iter().map(|step| one(step)));
    passed.extend(beside.iter().map(|step| step.name).zip(together.await?));
    for step in alone {
        passed.push((step.name, one(step).await?));
    }
    let place = |name: &str| steps.iter().position(|step| step.name == name);
    passed.sort_by_key(|(name, _)| place(name));
    Ok(passed.into_iter().map(|(_, passed)| passed).collect())
}

async fn carry_out(
    step: &Step,
    bounds: &Bounds,
    interrupt: &CancellationToken,
) -> Result<Passed, GateError> {
    let begun = Instant::now();
    let log = bounds.folder.join("logs").join(format!("{}.log", step.name));
    // What an earlier run of the same command wrote must not be taken for this one's.
    for file in step.tables.iter().chain([&step.result]) {
        let _ = std::fs::remove_file(file);
    }
    let mut ended = Ended::Well;
    for call in &step.commands {
        ended = run(call, &log, bounds, begun, interrupt).await?;
        if !matches!(ended, Ended::Well) {
            break;
        }
    }
    let mut check = judged(step, ended, &log);
    for file in &step.tables {
        add_table(&mut check, file);
    }
    check.name = step.name.to_owned();
    check.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    check.again = Some(again(step, bounds));
    check.files = files(step, &log, &bounds.folder);
    Ok(Passed { check, exit: ended.exit() })
}

/// How the last command of a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Well,
    With(i32),
    BySignal,
    TooLate(Duration),
}

impl Ended {
    fn exit(self) -> Option<Exit> {
        match self {
            Self::Well => Some(Exit::Good),
            Self::With(1) => Some(Exit::Findings),
            Self::With(2) => Some(Exit::Usage),
            Self::With(3) => Some(Exit::Environment),
            Self::With(4) => Some(Exit::Unknown),
            _ => None,
        }
    }
}

async fn run(
    call: &Call,
    log: &Path,
    bounds: &Bounds,
    begun: Instant,
    interrupt: &CancellationToken,
) -> Result<Ended, GateError> {
    let program = match &call.program {
        Some(program) => program.clone(),
        None => bounds.program.to_string_lossy().into_owned(),
    };
    let words = [&call.arguments, &call.results].into_iter().flatten().cloned();
    let command: Vec<String> = std::iter::once(program.clone()).chain(words).collect();
    let mut process = Process::start(&Program {
        command,
        environment: environment(),
        folder: std::env::current_dir().unwrap_or_default(),
        log: log.to_owned(),
    })?;
    let left = bounds.deadline.saturating_sub(begun.elapsed());
    tokio::select! {
        status = process.wait() => {
            let status = status.map_err(|source| GateError::Wait { command: program, source })?;
            Ok(match status.code() {
                Some(0) => Ended::Well,
                Some(code) => Ended::With(code),
                None => Ended::BySignal,
            })
        }
        () = tokio::time::sleep(left) => {
            end(&mut process).await;
            Ok(Ended::TooLate(bounds.deadline))
        }
        () = interrupt.cancelled() => {
            end(&mut process).await;
            Err(GateError::Interrupted)
        }
    }
}

/// What a command inherits: all that this process has and that is text.
fn environment() -> BTreeMap<String, String> {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// Asks a command to end what it has started, and itself; dropping it kills it.
async fn end(process: &mut Process) {
    process.signal(Signal::TERM);
    let _ = tokio::time::timeout(GRACE, process.wait()).await;
}

/// What the step says: by its exit code whether it held, by its file why.
fn judged(step: &Step, ended: Ended, log: &Path) -> Check {
    let unknown = |why: String| Check::new(step.name, Outcome::Unknown, why);
    let outcome = match ended {
        Ended::Well => Outcome::Valid,
        Ended::With(1) => Outcome::Invalid,
        Ended::With(4) => Outcome::Unknown,
        // A test runner's other codes still leave a report of what failed.
        Ended::With(_) if step.commands.iter().all(|call| call.program.is_some()) => {
            Outcome::Invalid
        }
        Ended::With(code) => return unknown(last_word(log, &format!("it ended with {code}"))),
        Ended::BySignal => return unknown(last_word(log, "it was killed")),
        Ended::TooLate(deadline) => {
            return unknown(format!("not finished after {} minutes", deadline.as_secs() / 60));
        }
    };
    let text = match std::fs::read_to_string(&step.result) {
        Ok(text) => text,
        Err(_) if outcome == Outcome::Valid => {
            return unknown(format!("it wrote no {}", step.result.display()));
        }
        Err(_) => return Check { outcome, ..unknown(last_word(log, "it failed")) },
    };
    match read::read(&text) {
        Ok(Content::Check(check)) => with_outcome(*check, outcome, log),
        Ok(Content::Release(_)) => unknown("it wrote the report of a release".to_owned()),
        Err(error) => unknown(format!("{}: {error}", step.result.display())),
    }
}

/// Adds what is in the file to the check. What is missing there is unknown.
fn add_table(check: &mut Check, file: &Path) {
    let read = std::fs::read_to_string(file).map_err(|error| error.to_string());
    let read = read.and_then(|text| read::read(&text).map_err(|error| error.to_string()));
    let (outcome, why) = match read {
        Ok(Content::Check(table)) => {
            check.tables.extend(table.tables);
            check.findings.extend(table.findings);
            (table.outcome, format!("{}: {}", table.name, table.why))
        }
        Ok(Content::Release(_)) => {
            (Outcome::Unknown, format!("{} is the report of a release", file.display()))
        }
        Err(error) => (Outcome::Unknown, format!("{}: {error}", file.display())),
    };
    let worst = Outcome::worst([check.outcome, outcome]);
    if worst != check.outcome {
        (check.outcome, check.why) = (worst, why);
    }
}

/// The exit code knows thresholds that the file does not; it has the last word. Of two that
/// differ, the reason is what the command said at its end.
fn with_outcome(check: Check, outcome: Outcome, log: &Path) -> Check {
    if check.outcome == outcome {
        return check;
    }
    let why = match (outcome, check.findings.first()) {
        (Outcome::Valid, _) => check.why.clone(),
        (_, Some(first)) => format!("{} at {}", first.id, first.place),
        (_, None) => last_word(log, &check.why),
    };
    Check { outcome, why, ..check }
}

/// What a command's log gives as the error; else these words.
fn last_word(log: &Path, otherwise: &str) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let error = text.lines().rev().find_map(|line| line.strip_prefix("error: "));
    error.unwrap_or(otherwise).to_owned()
}

/// What somebody would type to make the same check.
fn again(step: &Step, bounds: &Bounds) -> String {
    let typed = |call: &Call| {
        let program = call.program.as_ref().unwrap_or(&bounds.called).as_str();
        let words = std::iter::once(program).chain(call.arguments.iter().map(String::as_str));
        words.map(shell_word).collect::<Vec<_>>().join(" ")
    };
    step.commands.iter().map(typed).collect::<Vec<_>>().join(" && ")
}

/// The log, the result and its page, and the pages of what lies below the step's own folder.
fn files(step: &Step, log: &Path, folder: &Path) -> Vec<Artifact> {
    let mut pages: Vec<PathBuf> = std::fs::read_dir(folder.join(step.name))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("report.html"))
        .filter(|page| page.exists())
        .collect();
    pages.sort();
    let named = |name: &str, path: &Path| {
        let file = path.strip_prefix(folder).ok()?.to_string_lossy().into_owned();
        path.exists().then(|| Artifact { name: name.to_owned(), file })
    };
    let mut files: Vec<Artifact> =
        [named("log", log), named("result", &step.result)].into_iter().flatten().collect();
    files.extend(named("page", &step.result.with_extension("html")));
    files.extend(pages.iter().filter_map(|page| named("report", page)));
    files
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::report::release::{ReleaseReport, Source, json};

    /// A step whose commands are the shell's, and whose result is a JUnit file.
    fn step(folder: &Path, name: &'static str, script: &str, beside: bool) -> Step {
        let call = Call {
            program: Some("/bin/sh".into()),
            arguments: vec!["-c".into(), script.into()],
            results: Vec::new(),
        };
        let result = folder.join(format!("{name}.xml"));
        Step { name, commands: vec![call], result, tables: Vec::new(), beside }
    }

    fn bounds(folder: &Path) -> Bounds {
        std::fs::create_dir_all(folder.join("logs")).unwrap();
        Bounds {
            program: "/bin/false".into(),
            called: "harness".into(),
            folder: folder.to_owned(),
            deadline: Duration::from_secs(60),
        }
    }

    fn junit(case: &str) -> String {
        format!("<testsuites name=\"t\"><testsuite name=\"s\">{case}</testsuite></testsuites>")
    }

    fn writes(folder: &Path, name: &str, text: &str, code: i32) -> String {
        let path = folder.join(format!("{name}.xml"));
        format!("cat > {} <<'END'\n{text}\nEND\nexit {code}", path.display())
    }

    #[tokio::test]
    async fn each_step_is_judged_by_its_exit_and_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let good = writes(folder, "good", &junit("<testcase name=\"a\"/>"), 0);
        let bad = junit("<testcase name=\"b\"><failure message=\"broken\"/></testcase>");
        let steps = [
            step(folder, "bad", &writes(folder, "bad", &bad, 100), true),
            step(folder, "silent", "exit 0", false),
            step(folder, "good", &good, true),
            step(folder, "refused", "echo 'error: no such thing'; exit 1", false),
        ];
        let told = Mutex::new(Vec::new());
        let tell = |name: &str, passed: Option<&Passed>| {
            told.lock().unwrap().push((name.to_owned(), passed.is_some()));
        };
        let token = CancellationToken::new();
        let passed = pass(&steps, &bounds(folder), &token, &tell).await.unwrap();
        let seen: Vec<(&str, Outcome)> =
            passed.iter().map(|one| (one.check.name.as_str(), one.check.outcome)).collect();
        assert_eq!(
            seen,
            [
                ("bad", Outcome::Invalid),
                ("silent", Outcome::Unknown),
                ("good", Outcome::Valid),
                ("refused", Outcome::Invalid),
            ]
        );
        assert_eq!(passed[0].check.why, "1 tests failed, first s b");
        assert!(passed[1].check.why.starts_with("it wrote no "), "{}", passed[1].check.why);
        assert_eq!(passed[3].check.why, "no such thing");
        assert_eq!(passed[3].exit, Some(Exit::Findings));
        assert_eq!(told.into_inner().unwrap().len(), 8);
    }

    #[tokio::test]
    async fn a_step_that_does_not_end_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let endless = step(folder.path(), "endless", "sleep 600", false);
        let bounds = Bounds { deadline: Duration::ZERO, ..bounds(folder.path()) };
        let token = CancellationToken::new();
        let passed = pass(&[endless], &bounds, &token, &|_, _| ()).await.unwrap();
        assert_eq!(passed[0].check.outcome, Outcome::Unknown);
        assert_eq!(passed[0].check.why, "not finished after 0 minutes");
    }

    #[tokio::test]
    async fn an_interrupt_ends_what_runs() {
        let folder = tempfile::tempdir().unwrap();
        let endless = step(folder.path(), "endless", "sleep 600", true);
        let token = CancellationToken::new();
        token.cancel();
        let ended = pass(&[endless], &bounds(folder.path()), &token, &|_, _| ()).await;
        assert!(matches!(ended, Err(GateError::Interrupted)), "{ended:?}");
    }

    #[test]
    fn a_threshold_that_only_the_command_knows_decides() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        std::fs::write(&log, "slower than its base\nerror: the rate fell\n").unwrap();
        let check = Check::new("bench", Outcome::Valid, "3 figures");
        let judged = with_outcome(check.clone(), Outcome::Invalid, &log);
        assert_eq!((judged.outcome, judged.why.as_str()), (Outcome::Invalid, "the rate fell"));
        assert_eq!(with_outcome(check.clone(), Outcome::Valid, &log), check);
    }

    #[test]
    fn tables_of_a_test_go_into_its_check_and_none_may_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("matrix.json");
        let text = r#"{ "name": "matrix", "outcome": "valid", "why": "all arrive", "tables": [
            { "title": "Points", "headings": ["point"], "rows": [] }] }"#;
        std::fs::write(&file, text).unwrap();
        let mut check = Check::new("tests", Outcome::Valid, "3 tests passed");
        add_table(&mut check, &file);
        assert_eq!((check.tables.len(), check.why.as_str()), (1, "3 tests passed"));

        std::fs::write(&file, text.replace("\"valid\"", "\"invalid\"")).unwrap();
        add_table(&mut check, &file);
        assert_eq!((check.outcome, check.why.as_str()), (Outcome::Invalid, "matrix: all arrive"));

        let mut check = Check::new("tests", Outcome::Valid, "3 tests passed");
        add_table(&mut check, &folder.path().join("absent.json"));
        assert_eq!(check.outcome, Outcome::Unknown);
        assert!(check.why.contains("absent.json"), "{}", check.why);
    }

    #[test]
    fn the_report_of_another_release_is_no_result_of_a_step() {
        let folder = tempfile::tempdir().unwrap();
        let step = step(folder.path(), "tests", "", false);
        let report = ReleaseReport::new(Source::default(), Vec::new(), Vec::new(), Vec::new());
        std::fs::write(&step.result, json::render(&report)).unwrap();
        let judged = judged(&step, Ended::Well, Path::new("/nonexistent"));
        assert_eq!(judged.outcome, Outcome::Unknown);
    }
}
