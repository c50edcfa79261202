//! What parts take of the machine comes back to its level: nothing grows without bound.
//!
//! The level of a part is the most that it had before the first fault, or at its first looks if
//! there were too few before. In the end, over its last looks, it must have had no more than the
//! promise grants on top. Open files are connections too. For systems that promise it, and for
//! parts that are looked at: those that are processes of this machine.

use std::collections::{BTreeMap, VecDeque};

use super::Verdict;
use super::evidence::moment;
use super::facts::Facts;
use crate::finding::{Finding, Severity};
use crate::history::{Action, Entries, Entry, Phase, Stage};
use crate::promises::ResourcePromise;

const CHECKER: &str = "resources";
/// Looks that make a level, at least, and looks at the end of which the least counts: what is
/// taken for a moment is no growth.
const LOOKS: usize = 3;

/// Judges what parts take.
pub fn check(history: &dyn Entries) -> Verdict {
    let Some(promise) = &history.header().promises.resources else {
        return Verdict::unknown(CHECKER, "the system promises nothing of its resources");
    };
    let facts = Facts::of(history);
    let caused = facts.faults().into_iter().filter(|fault| fault.phase != Phase::Fail);
    let disturbed = caused.map(|fault| fault.began).min().unwrap_or(0);
    let mut judgement =
        Judgement { promise, disturbed, ready: false, over: false, parts: BTreeMap::new() };
    history.each(&mut |entry| judgement.observe(entry));
    judgement.verdict()
}

#[derive(Clone, Copy)]
struct Look {
    at: u64,
    memory: u64,
    files: u64,
}

#[derive(Default)]
struct Seen {
    looks: usize,
    memory: u64,
    files: u64,
    last: VecDeque<Look>,
    peak: (u64, u64),
}

struct Judgement<'a> {
    promise: &'a ResourcePromise,
    disturbed: u64,
    /// Parts that are still starting take less than they will.
    ready: bool,
    over: bool,
    parts: BTreeMap<String, Seen>,
}

impl Judgement<'_> {
    fn observe(&mut self, entry: &Entry) {
        match &entry.action {
            Action::Stage { stage } => {
                self.ready |= *stage == Stage::Disturb;
                self.over |= *stage == Stage::Judge;
            }
            Action::Resources { part, resident_bytes, peak_resident_bytes, open_files, .. }
                if self.ready && !self.over =>
            {
                let seen = match self.parts.get_mut(part) {
                    Some(seen) => seen,
                    None => self.parts.entry(part.clone()).or_default(),
                };
                let look = Look { at: entry.at, memory: *resident_bytes, files: *open_files };
                seen.look(look, look.at <= self.disturbed);
                seen.peak = seen.peak.max((*peak_resident_bytes, entry.at));
            }
            _ => {}
        }
    }

    fn verdict(&self) -> Verdict {
        if self.parts.is_empty() {
            return Verdict::unknown(CHECKER, "nobody looked at what parts take");
        }
        let short = self.parts.iter().find(|(_, seen)| seen.looks <= LOOKS);
        if let Some((part, seen)) = short {
            let looks = seen.looks;
            return Verdict::unknown(CHECKER, format!("{part} was looked at only {looks} times"));
        }
        let findings: Vec<Finding> =
            self.parts.iter().flat_map(|(part, seen)| self.findings(part, seen)).collect();
        let peak = self.parts.values().map(|seen| seen.peak.0).max().unwrap_or(0);
        let files = self.parts.values().map(|seen| seen.least().files).max().unwrap_or(0);
        let summary = match findings.first() {
            Some(finding) => format!("{}: {}", finding.place, finding.evidence),
            None => format!(
                "{} parts came back to their level, with {} MB at most",
                self.parts.len(),
                peak / 1_000_000
            ),
        };
        Verdict::on(CHECKER, findings, summary).counting([
            ("parts", self.parts.len() as u64),
            ("peak_bytes", peak),
            ("open_files_in_the_end", files),
        ])
    }

    fn findings(&self, part: &str, seen: &Seen) -> Vec<Finding> {
        let wrong = |id: &str, evidence: String, advice: &str| Finding {
            id: id.into(),
            severity: Severity::Error,
            place: part.into(),
            evidence,
            advice: advice.into(),
        };
        let (promise, end) = (self.promise, seen.least());
        let mut findings = Vec::new();
        let memory = (seen.memory + seen.memory * u64::from(promise.memory) / 100)
            .max(promise.memory_spared);
        if end.memory > memory {
            let evidence = format!(
                "it had {} bytes of memory before the first fault, and {} from {} on",
                seen.memory,
                end.memory,
                moment(end.at)
            );
            let advice = "bound what is kept in memory: queues, caches, what waits for an answer";
            findings.push(wrong("resources.memory", evidence, advice));
        }
        if end.files > seen.files + promise.files {
            let evidence = format!(
                "it had {} files and connections open before the first fault, and {} from {} on",
                seen.files,
                end.files,
                moment(end.at)
            );
            let advice = "close what a failed call leaves open, and bound how many are open";
            findings.push(wrong("resources.files", evidence, advice));
        }
        let of_part = promise.most.iter().find(|(name, _)| is_of(part, name));
        if let Some((_, most)) = of_part.filter(|(_, most)| seen.peak.0 > **most) {
            let (peak, at) = (seen.peak.0, moment(seen.peak.1));
            let evidence =
                format!("it had {peak} bytes of memory by {at}, where {most} are its most");
            findings.push(wrong("resources.most", evidence, "find what takes the memory"));
        }
        findings
    }
}

impl Seen {
    fn look(&mut self, look: Look, before: bool) {
        self.looks += 1;
        if before || self.looks <= LOOKS {
            self.memory = self.memory.max(look.memory);
            self.files = self.files.max(look.files);
        }
        self.last.push_back(look);
        if self.last.len() > LOOKS {
            self.last.pop_front();
        }
    }

    /// The least of each over the last looks, from the first of them on.
    fn least(&self) -> Look {
        let least = |one: Look, other: &Look| Look {
            at: one.at,
            memory: one.memory.min(other.memory),
            files: one.files.min(other.files),
        };
        let first = self.last.front().copied();
        first.map_or(Look { at: 0, memory: 0, files: 0 }, |first| {
            self.last.iter().fold(first, least)
        })
    }
}

/// Whether a part is the one of this name, or one of several.
fn is_of(part: &str, name: &str) -> bool {
    let number = part.strip_prefix(name).map(|rest| rest.strip_prefix('-').unwrap_or(rest));
    number.is_some_and(|number| number.chars().all(|digit| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkers::Outcome;
    use crate::checkers::expect::{invalid, valid};
    use crate::history::build::HistoryBuilder;
    use crate::promises::Promises;

    const MB: u64 = 1_000_000;

    /// A part with 100 MB and 20 files until a fault, and with these at its looks afterwards.
    fn looks(after: &[(u64, u64)]) -> Verdict {
        let most = [("server".to_owned(), 400 * MB)].into();
        let resources = ResourcePromise { most, ..ResourcePromise::default() };
        let promises = Promises { resources: Some(resources), ..Promises::default() };
        let mut history = HistoryBuilder::new().promising(promises).stage(Stage::Disturb);
        for _ in 0..4 {
            history = history.resources("server", 100 * MB, 20);
        }
        history = history.fault("cut", "server-to-database", 1000, &["server"]);
        for (memory, files) in after {
            history = history.resources("server", memory * MB, *files);
        }
        // What is taken while the environment is being ended does not count.
        check(&history.stage(Stage::Judge).resources("server", 900 * MB, 900).finish())
    }

    #[test]
    fn accepts_what_comes_back_to_its_level() {
        let verdict = looks(&[(300, 400), (140, 40), (120, 30), (120, 30)]);
        valid(&verdict);
        assert_eq!(verdict.counts["peak_bytes"], 300 * MB);
    }

    #[test]
    fn accepts_what_is_taken_for_a_moment() {
        let verdict = looks(&[(120, 30), (300, 400), (120, 30)]);
        valid(&verdict);
    }

    #[test]
    fn rejects_memory_that_stays() {
        invalid(&looks(&[(200, 20); 3]), "resources.memory", "and 200000000 from 1.070 s on");
    }

    #[test]
    fn rejects_files_and_connections_that_stay_open() {
        invalid(&looks(&[(100, 90); 3]), "resources.files", "it had 20 files and connections");
    }

    #[test]
    fn rejects_more_than_the_most() {
        let verdict = looks(&[(450, 20), (100, 20), (100, 20)]);
        invalid(&verdict, "resources.most", "it had 450000000 bytes of memory by 1.070 s");
    }

    #[test]
    fn cannot_tell_with_too_few_looks() {
        let promises =
            Promises { resources: Some(ResourcePromise::default()), ..Promises::default() };
        let history = || HistoryBuilder::new().promising(promises.clone()).stage(Stage::Disturb);
        let seldom = history().resources("server", MB, 20);
        for (history, why) in [(seldom, "only 1 times"), (history(), "nobody looked")] {
            let verdict = check(&history.finish());
            assert_eq!(verdict.outcome, Outcome::Unknown);
            assert!(verdict.summary.contains(why), "{}", verdict.summary);
        }
    }

    #[test]
    fn a_part_is_known_with_its_number() {
        assert!(is_of("agent-12", "agent") && is_of("server", "server"));
        assert!(!is_of("agent-broker", "agent"));
    }
}
