//! Carries the runs of a plan through, several at once, and judges each row as soon as it can be.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::judge::{Ending, ExaminedRow, Ran, judge};
use super::plan::{FOLDER, Plan, Run};
use crate::environment::{Process, ProcessError, Program};

/// How long a command may take to end once it is asked to.
const GRACE: Duration = Duration::from_secs(10);

/// Why the ledger cannot be examined.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// Somebody asked for an end.
    #[error("interrupted")]
    Interrupted,
    /// A run's files cannot be written or read.
    #[error("cannot use {path}: {source}")]
    Files {
        /// The file or folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A run was given up by the harness itself.
    #[error("a run was not carried through: {0}")]
    Task(#[from] JoinError),
}

/// Where runs take place.
#[derive(Clone, Debug)]
pub struct Examination {
    /// The folder that commands run in.
    pub folder: std::path::PathBuf,
    /// The folder that each run has a folder and a log in.
    pub files: std::path::PathBuf,
    /// How many runs there may be at once.
    pub at_once: u32,
    /// Ends all of them.
    pub interrupt: CancellationToken,
}

/// Carries all runs through and tells each row as soon as it is known. The rows come back in the
/// ledger's order.
///
/// # Errors
/// When it is interrupted, or the runs' files cannot be written.
pub async fn examine(
    plan: &Plan,
    examination: &Examination,
    mut tell: impl FnMut(&ExaminedRow),
) -> Result<Vec<ExaminedRow>, ExamineError> {
    // When one run cannot go on, the others are asked to end, and waited for.
    let stop = examination.interrupt.child_token();
    let examination = &Examination { interrupt: stop.clone(), ..examination.clone() };
    let unprepared = prepare(plan, examination).await?;
    let mut ran: Vec<Option<Ran>> = vec![None; plan.runs.len()];
    let mut rows: Vec<Option<ExaminedRow>> = plan.rows.iter().map(|_| None).collect();
    let mut running = JoinSet::new();
    let mut failure = None;
    let permits = Arc::new(Semaphore::new(examination.at_once as usize));
    for (index, run) in plan.runs.iter().enumerate() {
        if let Some(why) = unprepared.get(&run.kind) {
            ran[index] = Some(broken(why.clone()));
            continue;
        }
        let (run, examination, permits) = (run.clone(), examination.clone(), permits.clone());
        running.spawn(async move {
            let wanted = if run.alone { examination.at_once } else { 1 };
            let _permit = permits.acquire_many_owned(wanted).await;
            (index, carry_through(index, &run, &examination).await)
        });
    }
    loop {
        for (row, planned) in rows.iter_mut().zip(&plan.rows).filter(|(row, _)| row.is_none()) {
            *row = judge(planned, &ran);
            row.iter().filter(|row| !row.pending).for_each(&mut tell);
        }
        let Some(ended) = running.join_next().await else { break };
        match ended.map_err(ExamineError::from) {
            Ok((index, Ok(outcome))) => ran[index] = Some(outcome),
            Ok((_, Err(error))) | Err(error) => {
                stop.cancel();
                failure.get_or_insert(error);
            }
        }
    }
    match failure {
        None => Ok(rows.into_iter().flatten().collect()),
        Some(failure) => Err(failure),
    }
}

/// Makes every kind of detector ready; gives the kinds that could not be, and why.
async fn prepare(
    plan: &Plan,
    examination: &Examination,
) -> Result<BTreeMap<String, String>, ExamineError> {
    let mut unprepared = BTreeMap::new();
    for (kind, command) in &plan.prepare {
        let program = program(command, &BTreeMap::new(), examination, &format!("prepare-{kind}"));
        let why = match ended(&program, Duration::MAX, &examination.interrupt).await? {
            Ok(Some(0)) => continue,
            Ok(_) => format!("it could not be made ready: {}", last_line(&output(&program.log)?)),
            Err(why) => why,
        };
        unprepared.insert(kind.clone(), why);
    }
    Ok(unprepared)
}

async fn carry_through(
    index: usize,
    run: &Run,
    examination: &Examination,
) -> Result<Ran, ExamineError> {
    let name = format!("{:03}-{}", index + 1, file_name(&run.detector));
    let folder = examination.files.join(&name);
    std::fs::create_dir_all(&folder).map_err(|source| files(&folder, source))?;
    let at = |text: &String| text.replace(FOLDER, &folder.display().to_string());
    let command: Vec<String> = run.command.iter().map(at).collect();
    let environment = run.environment.iter().map(|(name, text)| (name.clone(), at(text))).collect();
    let program = program(&command, &environment, examination, &name);
    let started = Instant::now();
    let ended = ended(&program, run.deadline, &examination.interrupt).await?;
    let duration = started.elapsed();
    let mut output = output(&program.log)?;
    if let Some(report) = &run.report {
        output.push_str(&self::output(&folder.join(report)).unwrap_or_default());
    }
    let ending = match ended {
        Ok(Some(0)) => Ending::Silent,
        Ok(Some(code)) if code == run.finds => Ending::Found,
        Ok(Some(code)) => Ending::Broken(format!("it ended with {code}: {}", last_line(&output))),
        Ok(None) => Ending::Broken("it was killed".to_owned()),
        Err(why) => Ending::Broken(why),
    };
    Ok(Ran { ending, output, duration })
}

/// The code that a program ended with, none if a signal ended it; or why there is no end.
async fn ended(
    program: &Program,
    deadline: Duration,
    interrupt: &CancellationToken,
) -> Result<Result<Option<i32>, String>, ExamineError> {
    if interrupt.is_cancelled() {
        return Err(ExamineError::Interrupted);
    }
    let mut process = match Process::start(program) {
        Ok(process) => process,
        Err(ProcessError::Log { path, source }) => return Err(files(&path, source)),
        Err(error) => return Ok(Err(error.to_string())),
    };
    let outcome = tokio::select! {
        ended = timeout(deadline, process.wait()) => ended,
        () = interrupt.cancelled() => {
            end(&mut process).await;
            return Err(ExamineError::Interrupted);
        }
    };
    match outcome {
        Ok(Ok(status)) => Ok(Ok(status.code())),
        Ok(Err(error)) => Ok(Err(error.to_string())),
        Err(_) => {
            end(&mut process).await;
            Ok(Err(format!("it had not ended after {} s", deadline.as_secs())))
        }
    }
}

/// Asks a program to end; what does not is killed when it is dropped.
async fn end(process: &mut Process) {
    process.signal(Signal::TERM);
    let _ = timeout(GRACE, process.wait()).await;
}

fn program(
    command: &[String],
    environment: &BTreeMap<String, String>,
    examination: &Examination,
    name: &str,
) -> Program {
    // A detector is the user's own command, and may need whatever the user's shell has.
    let own = std::env::vars_os()
        .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
    let mut whole: BTreeMap<String, String> = own.collect();
    whole.extend(environment.clone());
    Program {
        command: command.to_vec(),
        environment: whole,
        folder: examination.folder.clone(),
        log: examination.files.join(format!("{name}.log")),
    }
}

fn output(path: &Path) -> Result<String, ExamineError> {
    let bytes = std::fs::read(path).map_err(|source| files(path, source))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn last_line(output: &str) -> &str {
    output.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("(not a word)")
}

fn broken(why: String) -> Ran {
    Ran { ending: Ending::Broken(why), output: String::new(), duration: Duration::ZERO }
}

/// A detector as part of a file's name.
fn file_name(detector: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    detector.chars().map(plain).take(80).collect()
}

fn files(path: &Path, source: std::io::Error) -> ExamineError {
    ExamineError::Files { path: path.display().to_string(), source }
}
