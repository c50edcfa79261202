//! What parts take of the machine does not grow slowly while nothing disturbs them.
//!
//! Looked at are the quiet stretches: no fault goes on, none has just ended, and the part has run
//! for a while. Their looks are put together in windows, and the trend is that of the windows'
//! medians within one life of the part: a restart hides no leak, and its end is no growth. What
//! surely grows by more in an hour than is promised, or would double within the time that was
//! looked at, is a leak; a step is none, and nor is what goes up and down. For systems that promise
//! something of their resources, and for runs of minutes.

use std::collections::BTreeMap;

use super::Verdict;
use super::facts::Facts;
use super::trend::Trend;
use crate::finding::{Finding, Severity};
use crate::history::{Action, Entries, Entry, PartState, Phase, Stage};
use crate::promises::ResourcePromise;

const CHECKER: &str = "leak";
const SECOND: u64 = 1_000_000_000;
/// How long what a fault has moved may take to settle.
const SETTLES: u64 = 5 * SECOND;
/// How long a part that has started fills its caches.
const WARMS: u64 = 20 * SECOND;
/// Looks are put together over so long at least.
const WINDOW: u64 = 5 * SECOND;
/// A run has so many windows at most, however long it is.
const MOST_WINDOWS: u64 = 400;
/// Looks that make a window.
const LOOKS: usize = 3;

/// What is looked at.
struct Quantity {
    /// The finding's name, after the checker's.
    id: &'static str,
    what: &'static str,
    advice: &'static str,
    /// Growth over the whole time that is too little to speak of.
    spared: f64,
    /// Growth in an hour that is promised.
    an_hour: fn(&ResourcePromise) -> u64,
}

const QUANTITIES: [Quantity; 3] = [
    Quantity {
        id: "leak.memory",
        what: "bytes of memory",
        advice: "find what is kept and never given up: maps that only grow, tasks that never end",
        spared: (4 << 20) as f64,
        an_hour: |promise| promise.memory_an_hour,
    },
    Quantity {
        id: "leak.disk",
        what: "bytes on its disk",
        advice: "bound what is kept on disk, and remove what was delivered",
        spared: (4 << 20) as f64,
        an_hour: |promise| promise.disk_an_hour,
    },
    Quantity {
        id: "leak.files",
        what: "open files and connections",
        advice: "close what is opened on every path, that of errors too",
        spared: 8.0,
        an_hour: |promise| promise.files_an_hour,
    },
];

/// Judges how what parts take grows.
pub fn check(history: &dyn Entries) -> Verdict {
    let Some(promise) = &history.header().promises.resources else {
        return Verdict::unknown(CHECKER, "the system promises nothing of its resources");
    };
    let facts = Facts::of(history);
    let caused = facts.faults().into_iter().filter(|fault| fault.phase != Phase::Fail);
    let loud = caused.map(|fault| {
        let ended = fault.ended.unwrap_or(u64::MAX);
        (fault.began, ended.saturating_add(SETTLES))
    });
    let mut looking = Looking {
        loud: loud.collect(),
        window: WINDOW.max(facts.ended / MOST_WINDOWS),
        disturbing: false,
        parts: BTreeMap::new(),
    };
    history.each(&mut |entry| looking.observe(entry));
    looking.verdict(promise)
}

/// What goes through the history: it knows when nothing was quiet.
struct Looking {
    loud: Vec<(u64, u64)>,
    window: u64,
    disturbing: bool,
    parts: BTreeMap<String, Seen>,
}

/// One part: its lives, and the looks of the window that goes on.
#[derive(Default)]
struct Seen {
    since: u64,
    lives: Vec<Life>,
    window: u64,
    looks: Vec<[u64; QUANTITIES.len()]>,
}

/// Where each window stands and the medians of its looks.
type Life = Vec<(u64, [u64; QUANTITIES.len()])>;

impl Looking {
    fn observe(&mut self, entry: &Entry) {
        match &entry.action {
            Action::Stage { stage } => self.disturbing = *stage == Stage::Disturb,
            Action::Part { part, state: PartState::Started, .. } => {
                let seen = self.parts.entry(part.clone()).or_default();
                seen.end_window();
                (seen.since, seen.window) = (entry.at, 0);
                seen.lives.push(Vec::new());
            }
            Action::Resources { part, resident_bytes, disk_bytes, open_files, .. }
                if self.disturbing && self.is_quiet(entry.at) =>
            {
                let seen = match self.parts.get_mut(part) {
                    Some(seen) => seen,
                    None => self.parts.entry(part.clone()).or_default(),
                };
                if entry.at >= seen.since + WARMS {
                    let look = [*resident_bytes, *disk_bytes, *open_files];
                    seen.look(entry.at / self.window * self.window, look);
                }
            }
            _ => {}
        }
    }

    fn is_quiet(&self, at: u64) -> bool {
        !self.loud.iter().any(|(from, to)| (*from..*to).contains(&at))
    }

    fn verdict(mut self, promise: &ResourcePromise) -> Verdict {
        self.parts.values_mut().for_each(Seen::end_window);
        self.parts.retain(|_, seen| seen.lives.iter().any(|life| !life.is_empty()));
        if self.parts.is_empty() {
            return Verdict::unknown(CHECKER, "nobody looked at what parts take in quiet times");
        }
        let (mut findings, mut windows) = (Vec::new(), 0);
        for (part, seen) in &self.parts {
            windows += seen.lives.iter().map(Vec::len).sum::<usize>() as u64;
            for (index, quantity) in QUANTITIES.iter().enumerate() {
                let Some(growth) = seen.growth(index) else {
                    let why = format!("{part} had too few quiet times to tell growth from none");
                    return Verdict::unknown(CHECKER, why);
                };
                findings.extend(growth.finding(part, quantity, promise));
            }
        }
        let summary = match findings.first() {
            Some(Finding { place, evidence, .. }) => format!("{place}: {evidence}"),
            None => format!("nothing that {} parts take grows slowly", self.parts.len()),
        };
        Verdict::on(CHECKER, findings, summary)
            .counting([("parts", self.parts.len() as u64), ("windows", windows)])
    }
}

impl Seen {
    fn look(&mut self, window: u64, look: [u64; QUANTITIES.len()]) {
        if window != self.window {
            self.end_window();
            self.window = window;
        }
        self.looks.push(look);
    }

    fn end_window(&mut self) {
        let looks = std::mem::take(&mut self.looks);
        if looks.len() < LOOKS {
            return;
        }
        let median = |index: usize| {
            let mut values: Vec<u64> = looks.iter().map(|look| look[index]).collect();
            values.sort_unstable();
            values[values.len() / 2]
        };
        let medians = std::array::from_fn(median);
        match self.lives.last_mut() {
            Some(life) => life.push((self.window, medians)),
            None => self.lives.push(vec![(self.window, medians)]),
        }
    }

    /// How one of the quantities grew; none if there is too little to tell.
    fn growth(&self, index: usize) -> Option<Growth> {
        let seconds = |at: u64| at as f64 / SECOND as f64;
        let point = |(at, medians): &(u64, [u64; 3])| (seconds(*at), medians[index] as f64);
        let lives: Vec<Vec<(f64, f64)>> =
            self.lives.iter().map(|life| life.iter().map(point).collect()).collect();
        let trend = Trend::of(&lives)?;
        let points = || lives.iter().flatten();
        let lasted = points().next_back()?.0 - points().next()?.0;
        let level = points().map(|(_, value)| *value).fold(f64::INFINITY, f64::min);
        Some(Growth { trend, level, lasted })
    }
}

/// A trend by the second, the level that it began at, and how long it was looked at, in seconds.
struct Growth {
    trend: Trend,
    level: f64,
    lasted: f64,
}

impl Growth {
    fn finding(
        &self,
        part: &str,
        quantity: &Quantity,
        promise: &ResourcePromise,
    ) -> Option<Finding> {
        let Self { trend, level, lasted } = self;
        let (surely, an_hour) = (trend.least * lasted, trend.least * 3600.0);
        let promised = (quantity.an_hour)(promise) as f64;
        if surely <= quantity.spared || (an_hour <= promised && surely < *level) {
            return None;
        }
        let evidence = format!(
            "in quiet times it grew by {:.0} {} an hour, surely by {an_hour:.0}, from {level:.0}, \
             over {lasted:.0} s; promised is no more than {promised:.0}",
            trend.slope * 3600.0,
            quantity.what,
        );
        Some(Finding {
            id: quantity.id.into(),
            severity: Severity::Error,
            place: part.into(),
            evidence,
            advice: quantity.advice.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkers::Outcome;
    use crate::checkers::expect::{invalid, valid};
    use crate::history::build::HistoryBuilder;
    use crate::promises::Promises;

    const MB: u64 = 1_000_000;

    /// A server that is looked at every second for so many, with a fault of a second at 70 s, and
    /// killed and started again at these seconds. What it takes, in memory, on disk and of files,
    /// comes from the second and from the seconds of its life.
    fn server(seconds: u64, kills: &[u64], takes: impl Fn(u64, u64) -> [u64; 3]) -> Verdict {
        let resources = Some(ResourcePromise::default());
        let promises = Promises { resources, ..Promises::default() };
        let mut history =
            HistoryBuilder::new().promising(promises).stage(Stage::Disturb).ready("server");
        let mut life = 0;
        for second in 0..seconds {
            history = history.after(980);
            if second == 70 {
                history = history.fault("cut", "server-to-database", 900, &["server"]);
            }
            if kills.contains(&second) {
                history = history.killed_and_started("server");
                life = 0;
            }
            let [memory, disk, files] = takes(second, life);
            history = history.takes("server", memory, disk, files);
            life += 1;
        }
        check(&history.stage(Stage::Judge).finish())
    }

    fn memory(bytes: impl Fn(u64) -> u64) -> Verdict {
        server(600, &[], |second, _| [bytes(second), 0, 20])
    }

    #[test]
    fn accepts_a_level_with_noise_or_without() {
        valid(&memory(|_| 50 * MB));
        valid(&memory(|second| 50 * MB + second * 7919 % 9 * MB));
    }

    #[test]
    fn accepts_a_step_that_a_fault_has_left() {
        valid(&memory(|second| if second < 71 { 50 * MB } else { 90 * MB }));
        valid(&memory(|second| if second < 300 { 50 * MB } else { 90 * MB }));
    }

    #[test]
    fn accepts_what_goes_up_and_down() {
        valid(&memory(|second| 50 * MB + second % 60 * MB));
    }

    #[test]
    fn accepts_what_a_part_takes_while_it_starts() {
        valid(&server(600, &[200, 400], |_, life| [30 * MB + life.min(15) * 2 * MB, 0, 20]));
    }

    #[test]
    fn accepts_growth_that_is_promised() {
        // 36 MB an hour.
        valid(&memory(|second| 50 * MB + second * 10_000));
    }

    #[test]
    fn rejects_memory_that_grows() {
        let verdict = memory(|second| 50 * MB + second * 50_000 + second * 7919 % 9 * 10_000);
        invalid(&verdict, "leak.memory", "in quiet times it grew by 18");
        assert_eq!(verdict.findings[0].place, "server");
    }

    #[test]
    fn rejects_growth_between_restarts() {
        let verdict = server(600, &[150, 300, 450], |_, life| [50 * MB + life * 50_000, 0, 20]);
        invalid(&verdict, "leak.memory", "180000000 bytes of memory an hour");
    }

    #[test]
    fn rejects_what_would_double_although_it_is_promised() {
        // 45 MB an hour, from 6 MB.
        let verdict = memory(|second| 6 * MB + second * 12_500);
        invalid(&verdict, "leak.memory", "from 62");
    }

    #[test]
    fn rejects_files_and_disk_that_grow() {
        let files = server(600, &[], |second, _| [50 * MB, 0, 20 + second / 20]);
        invalid(&files, "leak.files", "open files and connections an hour");
        let disk = server(600, &[], |second, _| [50 * MB, second * 50_000, 20]);
        invalid(&disk, "leak.disk", "bytes on its disk an hour");
    }

    #[test]
    fn cannot_tell_without_enough_quiet_times() {
        let short = server(40, &[], |_, _| [50 * MB, 0, 20]);
        assert_eq!(short.outcome, Outcome::Unknown);
        assert!(short.summary.contains("too few quiet times"), "{}", short.summary);
        let always_new: Vec<u64> = (0..60).map(|kill| kill * 10).collect();
        let unseen = server(600, &always_new, |_, _| [50 * MB, 0, 20]);
        assert_eq!(unseen.outcome, Outcome::Unknown);
        assert!(unseen.summary.contains("nobody looked"), "{}", unseen.summary);
    }
}
