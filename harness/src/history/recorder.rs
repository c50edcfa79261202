//! Takes down what happens while it happens, from many tasks, in one order.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::broadcast;

use super::{Action, Entry, Header, History, HistoryError, Phase};

/// How many entries a subscriber may lag behind before it loses the oldest.
const SUBSCRIPTION_CAPACITY: usize = 4096;

/// The history's writer. Clones write to the same history.
///
/// Every entry goes to the file before the call returns, so a run that is killed leaves all that
/// it had recorded. When the file cannot be written, recording goes on in memory and
/// [`Recorder::finish`] says what failed.
#[derive(Clone, Debug)]
pub struct Recorder {
    shared: Arc<Shared>,
}

/// An operation that has begun. It is used up by its end: no operation ends twice.
#[derive(Debug)]
#[must_use = "an operation that is never completed counts as indeterminate"]
pub struct OperationId {
    number: u64,
    process: String,
}

#[derive(Debug)]
struct Shared {
    header: Header,
    path: PathBuf,
    began: Instant,
    log: Mutex<Log>,
    live: broadcast::Sender<Arc<Entry>>,
}

#[derive(Debug)]
struct Log {
    entries: Vec<Arc<Entry>>,
    next_operation: u64,
    file: BufWriter<File>,
    failure: Option<std::io::Error>,
}

impl Recorder {
    /// Begins a history in a new file. Its clock starts now.
    pub fn create(path: &Path, header: Header) -> Result<Self, HistoryError> {
        let file = File::create_new(path)
            .map_err(|source| HistoryError::Io { path: path.into(), source })?;
        let mut log = Log {
            entries: Vec::new(),
            next_operation: 0,
            file: BufWriter::new(file),
            failure: None,
        };
        log.write(&header);
        Ok(Self {
            shared: Arc::new(Shared {
                header,
                path: path.into(),
                began: Instant::now(),
                log: Mutex::new(log),
                live: broadcast::Sender::new(SUBSCRIPTION_CAPACITY),
            }),
        })
    }

    /// Records that an operation begins.
    pub fn invoke(&self, process: &str, action: Action) -> OperationId {
        let number = self.append(process, None, Phase::Invoke, action);
        OperationId { number, process: process.into() }
    }

    /// Records how an operation ended, with its action completed (a receipt, an error, what was
    /// read). `phase` is one of the ends.
    pub fn complete(&self, operation: OperationId, phase: Phase, action: Action) {
        debug_assert_ne!(phase, Phase::Invoke, "an end is not a beginning");
        let OperationId { number, process } = operation;
        self.append(&process, Some(number), phase, action);
    }

    /// Records something that has no duration: a stage, a part's state, a sample.
    pub fn note(&self, process: &str, action: Action) {
        self.append(process, None, Phase::Ok, action);
    }

    /// Time since the run began, on the clock that entries use.
    pub fn elapsed(&self) -> Duration {
        self.shared.began.elapsed()
    }

    /// Every entry from now on, as it is recorded. A subscriber that lags far behind is told how
    /// many it lost; the history itself loses none.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Entry>> {
        self.shared.live.subscribe()
    }

    /// What was recorded until now.
    pub fn history(&self) -> History {
        let entries = self.log().entries.clone();
        History::of_parts(self.shared.header.clone(), entries, None)
    }

    /// What was recorded until now, if all of it also reached the file.
    pub fn finish(&self) -> Result<History, HistoryError> {
        self.check()?;
        Ok(self.history())
    }

    /// Whether everything recorded until now also reached the file.
    pub fn check(&self) -> Result<(), HistoryError> {
        match &self.log().failure {
            None => Ok(()),
            Some(failure) => Err(HistoryError::Io {
                path: self.shared.path.clone(),
                source: std::io::Error::new(failure.kind(), failure.to_string()),
            }),
        }
    }

    /// Appends an entry, of a new operation if none is given, and returns the operation's number.
    /// The clock is read behind the lock: the order of entries is the order of their times.
    fn append(&self, process: &str, operation: Option<u64>, phase: Phase, action: Action) -> u64 {
        let mut log = self.log();
        let operation = operation.unwrap_or_else(|| {
            log.next_operation += 1;
            log.next_operation - 1
        });
        let entry = Arc::new(Entry {
            at: u64::try_from(self.elapsed().as_nanos()).unwrap_or(u64::MAX),
            process: process.into(),
            operation,
            phase,
            action,
        });
        log.write(entry.as_ref());
        log.entries.push(entry.clone());
        // Fails only when nobody listens.
        let _ = self.shared.live.send(entry);
        operation
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    /// Writes a line through to the file. After a failure no more is written: a line after a
    /// half-written one would make the whole file unreadable.
    fn write(&mut self, line: &impl serde::Serialize) {
        if self.failure.is_some() {
            return;
        }
        let written = serde_json::to_writer(&mut self.file, line)
            .map_err(std::io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"))
            .and_then(|()| self.file.flush());
        self.failure = written.err();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Stage, build};
    use crate::seed::Seed;

    fn header() -> Header {
        Header::new(Seed(7), "quick", "embedded", "sample")
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn many_tasks_make_one_order_in_memory_and_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let recorder = Recorder::create(&path, header()).unwrap();
        let tasks = (0..8).map(|task| {
            let recorder = recorder.clone();
            tokio::spawn(async move {
                for number in 0..50 {
                    let action = build::emit("agent-1", &format!("{task}-{number}"), None);
                    let operation = recorder.invoke("worker", action.clone());
                    recorder.complete(operation, Phase::Ok, action);
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }

        let history = recorder.finish().unwrap();
        let times: Vec<u64> = history.entries().map(|entry| entry.at).collect();
        assert_eq!(times.len(), 800);
        assert!(times.is_sorted());
        assert_eq!(history.emits().len(), 400);
        assert!(history.emits().iter().all(|emit| emit.phase == Phase::Ok));
        assert_eq!(History::read(&path).unwrap(), history);
    }

    #[tokio::test]
    async fn a_subscriber_sees_entries_live() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::create(&folder.path().join("h"), header()).unwrap();
        let mut live = recorder.subscribe();
        recorder.note("harness", Action::Stage { stage: Stage::Heal });
        let seen = live.recv().await.unwrap();
        assert_eq!(seen.action, Action::Stage { stage: Stage::Heal });
    }

    #[test]
    fn an_existing_history_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        Recorder::create(&path, header()).unwrap();
        assert!(matches!(Recorder::create(&path, header()), Err(HistoryError::Io { .. })));
    }

    #[test]
    fn a_full_disk_is_said_at_the_end_and_nothing_is_lost_in_memory() {
        let Ok(full) = File::options().write(true).open("/dev/full") else {
            panic!("this test needs /dev/full, which every Linux has");
        };
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::create(&folder.path().join("h"), header()).unwrap();
        recorder.log().file = BufWriter::new(full);
        recorder.note("harness", Action::Stage { stage: Stage::Heal });
        assert!(recorder.finish().unwrap_err().to_string().contains("the disk has room"));
        assert_eq!(recorder.history().entries().count(), 1);
    }
}
