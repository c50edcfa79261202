//! Makes a failing schedule small: fewer faults, shorter, milder, then simpler in its times.
//!
//! Fewer faults by binary search for one needed fault after the other, which takes some
//! `k log n` runs for `k` needed ones among `n` (as the algorithms of Junker, "QuickXplain", 2004);
//! the other steps try one fault at a time. What is left is run again; if it does not fail every
//! time, it failed by chance, and the search goes on beside it.

use super::{Fault, Schedule, ScheduledFault};

/// A schedule that was made small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The smallest one that was seen to fail whenever it was tried for confirmation, or else the
    /// one that failed most surely.
    pub schedule: Schedule,
    /// How many runs it took, confirmation included.
    pub runs: usize,
    /// How often it failed when it was tried again.
    pub failed: usize,
    /// How often it was tried again.
    pub confirmations: usize,
}

/// How often the result is run again to see that it fails every time: one that fails less often than
/// three times of four does not come through nineteen times of twenty.
const CONFIRMATIONS: usize = 10;
/// No fault is made shorter than this, in milliseconds.
const SHORTEST: u64 = 100;
/// Times are rounded to this, in milliseconds.
const ROUND: u64 = 500;

/// Makes a schedule that fails small, in at most `budget` runs. `fails` runs one and says whether
/// it still fails in the same way.
///
/// # Errors
/// The first error of `fails`.
pub async fn shrink<E>(
    schedule: Schedule,
    budget: usize,
    fails: impl AsyncFnMut(&Schedule) -> Result<bool, E>,
) -> Result<Shrunk, E> {
    let mut search = Search { smallest: schedule, seen: Vec::new(), runs: 0, budget, fails };
    let whole = search.smallest.clone();
    let mut best: Option<Shrunk> = None;
    loop {
        search.budget = budget.saturating_sub(CONFIRMATIONS);
        search.fewer().await?;
        search.each(shorter).await?;
        search.each(milder).await?;
        search.simpler_times().await?;
        search.budget = budget;
        let found = search.confirm().await?;
        let done = found.failed == found.confirmations || found.schedule == whole;
        if best.as_ref().is_none_or(|best| found.certainty() > best.certainty()) {
            best = Some(found.clone());
        }
        if done || search.runs >= budget {
            break;
        }
        // It failed once by chance: what else is smaller, beside it?
        search.forget(&found.schedule);
        search.smallest.clone_from(&whole);
    }
    let best = best.expect("something was confirmed");
    Ok(Shrunk { runs: search.runs, ..best })
}

impl Shrunk {
    /// How surely it fails: a few runs say less than many.
    fn certainty(&self) -> f64 {
        self.failed as f64 / (self.confirmations + 1) as f64
    }
}

/// The search for the smallest schedule.
struct Search<F> {
    /// The smallest that was seen to fail.
    smallest: Schedule,
    /// What was run, and whether it failed: nothing is explored twice.
    seen: Vec<(Schedule, bool)>,
    runs: usize,
    budget: usize,
    fails: F,
}

impl<F> Search<F> {
    fn current(&self) -> Vec<ScheduledFault> {
        self.smallest.faults().to_vec()
    }

    /// Counts a schedule that failed as one that does not.
    fn forget(&mut self, schedule: &Schedule) {
        for (_, failed) in self.seen.iter_mut().filter(|(seen, _)| seen == schedule) {
            *failed = false;
        }
    }

    /// Runs a smaller schedule, and keeps it if it fails. Nothing is run beyond the budget.
    async fn keep_if_failing<E>(&mut self, faults: Vec<ScheduledFault>) -> Result<bool, E>
    where
        F: AsyncFnMut(&Schedule) -> Result<bool, E>,
    {
        let schedule = Schedule::new(faults);
        let seen = self.seen.iter().find(|(seen, _)| *seen == schedule);
        let failing = match seen {
            Some((_, failed)) => *failed,
            None if self.runs >= self.budget => return Ok(false),
            None => {
                self.runs += 1;
                let failed = (self.fails)(&schedule).await?;
                self.seen.push((schedule.clone(), failed));
                failed
            }
        };
        if failing {
            self.smallest = schedule;
        }
        Ok(failing)
    }

    /// Finds the faults that are needed, the last one first: the shortest beginning of the
    /// schedule that still fails, together with those found before, ends with one of them.
    async fn fewer<E>(&mut self) -> Result<(), E>
    where
        F: AsyncFnMut(&Schedule) -> Result<bool, E>,
    {
        let mut needed = Vec::new();
        let mut rest = self.current();
        while !self.keep_if_failing(needed.clone()).await? && !rest.is_empty() {
            let (mut passes, mut fails) = (0, rest.len());
            while fails - passes > 1 {
                let middle = passes.midpoint(fails);
                match self.keep_if_failing([&needed[..], &rest[..middle]].concat()).await? {
                    true => fails = middle,
                    false => passes = middle,
                }
            }
            rest.truncate(fails);
            needed.extend(rest.pop());
        }
        Ok(())
    }

    /// Makes one fault after the other smaller, as long as the whole still fails.
    async fn each<E>(
        &mut self,
        smaller: fn(&ScheduledFault) -> Option<ScheduledFault>,
    ) -> Result<(), E>
    where
        F: AsyncFnMut(&Schedule) -> Result<bool, E>,
    {
        for number in 0..self.current().len() {
            loop {
                let mut faults = self.current();
                let Some(fault) = smaller(&faults[number]) else { break };
                faults[number] = fault;
                if !self.keep_if_failing(faults).await? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The first fault soon after the beginning, and round numbers.
    async fn simpler_times<E>(&mut self) -> Result<(), E>
    where
        F: AsyncFnMut(&Schedule) -> Result<bool, E>,
    {
        let faults = self.current();
        let first = faults.iter().map(|fault| fault.at).min().unwrap_or(0);
        let sooner = first.saturating_sub(ROUND);
        let moved =
            |fault: &ScheduledFault| ScheduledFault { at: fault.at - sooner, ..fault.clone() };
        if sooner > 0 {
            self.keep_if_failing(faults.iter().map(moved).collect()).await?;
        }
        let rounded = |fault: &ScheduledFault| ScheduledFault {
            at: fault.at.div_ceil(ROUND) * ROUND,
            ..fault.clone()
        };
        let faults = self.current();
        let round: Vec<ScheduledFault> = faults.iter().map(rounded).collect();
        if round != faults {
            self.keep_if_failing(round).await?;
        }
        Ok(())
    }

    /// Runs the smallest again and again, until it does not fail.
    async fn confirm<E>(&mut self) -> Result<Shrunk, E>
    where
        F: AsyncFnMut(&Schedule) -> Result<bool, E>,
    {
        let schedule = self.smallest.clone();
        let runs = CONFIRMATIONS.min(self.budget.saturating_sub(self.runs)).max(1);
        let (mut failed, mut confirmations) = (0, 0);
        while confirmations < runs && failed == confirmations {
            self.runs += 1;
            confirmations += 1;
            failed += usize::from((self.fails)(&schedule).await?);
        }
        Ok(Shrunk { schedule, runs: self.runs, failed, confirmations })
    }
}

/// A quarter as long.
fn shorter(scheduled: &ScheduledFault) -> Option<ScheduledFault> {
    let lasts = (scheduled.lasts / 4).max(SHORTEST);
    (lasts < scheduled.lasts).then(|| ScheduledFault { lasts, ..scheduled.clone() })
}

/// A quarter as bad, where a fault has a measure.
fn milder(scheduled: &ScheduledFault) -> Option<ScheduledFault> {
    let mut fault = scheduled.fault.clone();
    match &mut fault {
        Fault::Latency { latency, jitter, .. } => {
            (*latency, *jitter) = ((*latency / 4).max(1), 0);
        }
        Fault::Bandwidth { rate, .. } => *rate = (*rate * 4).min(1000),
        Fault::Slicer { delay, .. } => *delay /= 4,
        Fault::SlowClose { delay, .. } | Fault::SlowDisk { delay, .. } => {
            *delay = (*delay / 4).max(1);
        }
        Fault::LimitData { bytes, .. } => *bytes = (*bytes * 4).min(100_000),
        Fault::NoMemory { spare, .. } => *spare = (*spare * 4).min(64 << 20),
        Fault::CpuLimit { percent, .. } => *percent = (*percent * 4).min(100),
        Fault::Clock { ahead, .. } => *ahead = if ahead.abs() < 4 { *ahead } else { *ahead / 4 },
        Fault::Hold { .. }
        | Fault::Reset { .. }
        | Fault::Cut { .. }
        | Fault::Kill { .. }
        | Fault::Terminate { .. }
        | Fault::Pause { .. }
        | Fault::NoFiles { .. }
        | Fault::Disconnect { .. }
        | Fault::DiskFull { .. }
        | Fault::NoConnections {}
        | Fault::KillProxy {} => {}
    }
    (fault != scheduled.fault).then(|| ScheduledFault { fault, ..scheduled.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    use crate::seed::Seed;
    use rand::RngExt;

    fn kill(at: u64, part: usize) -> ScheduledFault {
        ScheduledFault { at, lasts: 2000, fault: Fault::Kill { part: part.to_string() } }
    }

    fn twenty_four() -> Schedule {
        Schedule::new((0..24).map(|number| kill(700 + 310 * number as u64, number)).collect())
    }

    fn has(schedule: &Schedule, part: usize) -> bool {
        schedule.faults().iter().any(|fault| fault.fault.target() == part.to_string())
    }

    async fn shrink_to(
        budget: usize,
        mut fails: impl FnMut(&Schedule) -> bool,
    ) -> (Shrunk, Vec<String>) {
        let outcome =
            shrink(twenty_four(), budget, async |tried| Ok::<_, Infallible>(fails(tried))).await;
        let shrunk = outcome.unwrap();
        let parts = shrunk.schedule.faults().iter();
        let parts = parts.map(|fault| fault.fault.target().to_owned()).collect();
        (shrunk, parts)
    }

    #[tokio::test]
    async fn one_culprit_among_many_is_found_and_made_short_and_early() {
        for culprit in 0..24 {
            let (shrunk, parts) = shrink_to(60, |tried| has(tried, culprit)).await;
            assert_eq!(parts, [culprit.to_string()]);
            let fault = &shrunk.schedule.faults()[0];
            assert_eq!((fault.at, fault.lasts), (500, SHORTEST));
            assert_eq!((shrunk.failed, shrunk.confirmations), (10, 10));
            assert!(shrunk.runs <= 60, "{} runs", shrunk.runs);
        }
    }

    #[tokio::test]
    async fn three_faults_that_only_fail_together_are_found_within_sixty_runs() {
        let mut random = Seed(1).stream("culprits");
        for _ in 0..200 {
            let culprits: [usize; 3] = std::array::from_fn(|_| random.random_range(0..24));
            let (shrunk, parts) =
                shrink_to(60, |tried| culprits.iter().all(|&part| has(tried, part))).await;
            assert!(parts.len() <= 3, "{culprits:?}: {parts:?}");
            assert!(shrunk.runs <= 60, "{culprits:?}: {} runs", shrunk.runs);
        }
    }

    #[tokio::test]
    async fn what_fails_only_sometimes_gives_way_to_what_fails_every_time() {
        // Alone, the culprit fails once and then no more; together with the first it always does.
        let mut alone = 0;
        let (shrunk, parts) = shrink_to(60, |tried| {
            let small = tried.faults().len() == 1;
            alone += usize::from(small);
            has(tried, 7) && (!small || alone == 1)
        })
        .await;
        assert!(parts.contains(&"7".to_owned()) && parts.len() > 1, "{parts:?}");
        assert_eq!(shrunk.failed, shrunk.confirmations);
    }

    #[tokio::test]
    async fn the_search_goes_on_beside_whatever_failed_by_chance() {
        // Whatever is smaller than four faults fails when it is first tried, and then no more.
        let mut tried_before = Vec::new();
        let (shrunk, parts) = shrink_to(60, |tried| {
            let again = tried_before.contains(tried);
            tried_before.push(tried.clone());
            has(tried, 7) && (tried.faults().len() >= 4 || !again)
        })
        .await;
        assert!((4..24).contains(&parts.len()), "{parts:?}");
        assert_eq!(shrunk.failed, shrunk.confirmations);
        assert!(shrunk.confirmations > 2, "{shrunk:?}");
    }

    #[tokio::test]
    async fn no_fault_at_all_that_fails_by_chance_hides_no_culprit() {
        let mut tries = 0;
        let (shrunk, parts) = shrink_to(60, |tried| {
            tries += 1;
            has(tried, 7) || (tried.faults().is_empty() && tries == 1)
        })
        .await;
        assert_eq!(parts, ["7"]);
        assert_eq!((shrunk.failed, shrunk.confirmations), (10, 10));
    }

    #[tokio::test]
    async fn without_one_that_fails_every_time_the_one_that_fails_most_often_is_left() {
        let mut tries = 0;
        let (shrunk, _) = shrink_to(60, |tried| {
            tries += 1;
            has(tried, 7) && (tries < 20 || tries % 3 > 0)
        })
        .await;
        assert!(shrunk.failed > 0 && shrunk.failed < shrunk.confirmations, "{shrunk:?}");
        assert!(shrunk.runs <= 60, "{} runs", shrunk.runs);
    }

    #[tokio::test]
    async fn a_fault_is_made_as_mild_as_still_fails() {
        let slow = |latency| ScheduledFault {
            at: 500,
            lasts: SHORTEST,
            fault: Fault::Latency { link: "a-to-b".into(), latency, jitter: 0 },
        };
        let schedule = Schedule::new(vec![slow(800)]);
        let bad_enough = async |tried: &Schedule| {
            let slow = |fault: &ScheduledFault| matches!(fault.fault, Fault::Latency { latency, .. } if latency >= 150);
            Ok::<_, Infallible>(tried.faults().iter().any(slow))
        };
        let shrunk = shrink(schedule, 60, bad_enough).await.unwrap();
        assert_eq!(shrunk.schedule.faults(), [slow(200)]);
    }

    #[tokio::test]
    async fn an_error_ends_the_search() {
        let outcome = shrink(twenty_four(), 60, async |_| Err::<bool, _>("no environment")).await;
        assert_eq!(outcome.unwrap_err(), "no environment");
    }
}
