//! Shows a run while it goes on: stages, faults as they begin and end, counts. On a terminal the
//! counts stand in one line that is kept up to date; elsewhere plain lines are written.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use owo_colors::OwoColorize;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::history::{Action, Entry, PartState, Phase, Recorder, Stage};
use crate::report::text::on_one_line;

/// The display of one run.
#[derive(Debug)]
pub struct Progress {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

/// How much is said of a run while it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// A line for every stage, fault and part.
    Changes,
    /// The counts alone, where there is a terminal: the run is one of many.
    Counts,
    /// Nothing: others go on at the same time.
    Nothing,
}

/// What has been counted so far.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    taken: u64,
    refused: u64,
    unsure: u64,
    faults: u64,
}

impl Progress {
    /// Shows what a recorder records, on standard error, until [`Progress::finish`].
    pub fn show(recorder: &Recorder, telling: Telling) -> Self {
        let entries = recorder.subscribe();
        let terminal = std::io::stderr().is_terminal();
        let stop = CancellationToken::new();
        Self { task: tokio::spawn(display(entries, telling, terminal, stop.clone())), stop }
    }

    /// Ends the display, once everything recorded until now has been shown.
    pub async fn finish(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}

async fn display(
    mut entries: broadcast::Receiver<Arc<Entry>>,
    telling: Telling,
    terminal: bool,
    stop: CancellationToken,
) {
    let bar = ProgressBar::new_spinner();
    if terminal && telling != Telling::Nothing {
        let style = ProgressStyle::with_template("{spinner} {elapsed:>4} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(100));
    } else {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let mut counts = Counts::default();
    loop {
        let received = tokio::select! {
            biased;
            received = entries.recv() => received,
            () = stop.cancelled() => break,
        };
        match received {
            Ok(entry) => {
                counts.add(&entry);
                if telling == Telling::Changes
                    && let Some(line) = line(&entry, &counts)
                {
                    match terminal {
                        true => bar.println(painted(&line)),
                        false => anstream::eprintln!("{line}"),
                    }
                }
                bar.set_message(counts.line());
            }
            // Counts may then be too low; the report's are not.
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => break,
        }
    }
    bar.finish_and_clear();
}

/// The line, without its colours where they are not wanted: a bar prints what it is given.
fn painted(line: &str) -> String {
    match AutoStream::choice(&std::io::stderr()) {
        ColorChoice::Never => strip_str(line).to_string(),
        _ => line.to_owned(),
    }
}

impl Counts {
    fn add(&mut self, entry: &Entry) {
        match (&entry.action, entry.phase) {
            (Action::Emit(_), Phase::Ok) => self.taken += 1,
            (Action::Emit(_), Phase::Fail) => self.refused += 1,
            (Action::Emit(_), Phase::Indeterminate) => self.unsure += 1,
            (Action::Fault(_), Phase::Invoke) => self.faults += 1,
            (Action::Fault(_), _) => self.faults = self.faults.saturating_sub(1),
            _ => {}
        }
    }

    fn line(&self) -> String {
        let Self { taken, refused, unsure, faults } = self;
        format!("{taken} events taken, {refused} refused, {unsure} unsure; {faults} faults now")
    }
}

/// What is said of an entry, if it is worth a line.
fn line(entry: &Entry, counts: &Counts) -> Option<String> {
    let at = Duration::from_nanos(entry.at).as_secs_f64();
    let text = match (&entry.action, entry.phase) {
        (Action::Stage { stage }, _) => {
            format!("{} ({})", stage_line(*stage).bold(), counts.line())
        }
        (Action::Fault(fault), Phase::Invoke) => {
            format!("{} {} on {}: {}", "fault".yellow(), fault.kind, fault.target, fault.detail)
        }
        (Action::Fault(fault), Phase::Ok) => {
            format!("{} {} on {}", "healed".green(), fault.kind, fault.target)
        }
        (Action::Fault(fault), _) => {
            format!("{} {} on {}", "not carried out".red(), fault.kind, fault.target)
        }
        (Action::Part { part, state: PartState::Exited, detail }, _) => {
            format!("{} {part} ended by itself: {}", "part".red(), on_one_line(detail))
        }
        (Action::Part { part, state, .. }, _) => format!("part {part} {}", state_word(*state)),
        _ => return None,
    };
    Some(format!("{at:7.2} s  {text}"))
}

fn stage_line(stage: Stage) -> &'static str {
    match stage {
        Stage::Start => "starting the environment",
        Stage::Disturb => "disturbing it under load",
        Stage::Heal => "healing every fault",
        Stage::Drain => "draining",
        Stage::Probe => "probing",
        Stage::Judge => "ending the environment, judging",
    }
}

fn state_word(state: PartState) -> &'static str {
    match state {
        PartState::Started => "started",
        PartState::Ready => "is ready",
        PartState::Killed => "was ended",
        PartState::Exited => "ended by itself",
        PartState::Unready => "is not ready",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Emit, Fault};

    fn entry(phase: Phase, action: Action) -> Entry {
        Entry { at: 1_500_000_000, process: "p".into(), operation: 1, phase, action }
    }

    fn emit() -> Action {
        Action::Emit(Emit {
            producer: "agent-1".into(),
            marker: "m".into(),
            kind: "k".into(),
            urgent: false,
            probe: false,
            receipt: None,
            error: None,
        })
    }

    fn cut() -> Action {
        Action::Fault(Fault {
            kind: "cut".into(),
            target: "a-to-b".into(),
            detail: "closed".into(),
            parts: Vec::new(),
        })
    }

    #[test]
    fn events_are_counted_and_faults_are_told() {
        let mut counts = Counts::default();
        for entry in [
            entry(Phase::Invoke, emit()),
            entry(Phase::Ok, emit()),
            entry(Phase::Indeterminate, emit()),
            entry(Phase::Invoke, cut()),
        ] {
            counts.add(&entry);
        }
        assert_eq!(counts, Counts { taken: 1, refused: 0, unsure: 1, faults: 1 });
        let told = line(&entry(Phase::Invoke, cut()), &counts).unwrap();
        assert!(told.contains("1.50 s") && told.contains("cut on a-to-b: closed"), "{told}");
        assert_eq!(line(&entry(Phase::Ok, emit()), &counts), None);
    }

    #[test]
    fn what_a_part_says_stays_on_its_line() {
        let exited = Action::Part {
            part: "server".into(),
            state: PartState::Exited,
            detail: "gone\u{1b}[2J\nfault".into(),
        };
        let told = line(&entry(Phase::Ok, exited), &Counts::default()).unwrap();
        assert!(told.ends_with("gone\\u{1b}[2J fault"), "{told}");
    }
}
