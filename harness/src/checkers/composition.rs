//! Runs checkers over one history, each for itself.

use std::any::Any;
use std::thread::{self, ScopedJoinHandle};

use super::Verdict;
use crate::history::Entries;

/// One judge of histories.
#[derive(Clone, Copy, Debug)]
pub struct Checker {
    /// What reports and command lines call it.
    pub name: &'static str,
    /// The judgement. Looks at nothing but the history.
    pub check: fn(&dyn Entries) -> Verdict,
}

/// Every checker's verdict, in the order of the checkers. They run side by side, and one that
/// panics says unknown.
pub fn judge(history: &dyn Entries, checkers: &[Checker]) -> Vec<Verdict> {
    thread::scope(|scope| {
        let running: Vec<(&str, ScopedJoinHandle<Verdict>)> = checkers
            .iter()
            .map(|checker| (checker.name, scope.spawn(|| (checker.check)(history))))
            .collect();
        running
            .into_iter()
            .map(|(name, thread)| {
                thread.join().unwrap_or_else(|panic| broken(name, panic.as_ref()))
            })
            .collect()
    })
}

fn broken(name: &str, panic: &(dyn Any + Send)) -> Verdict {
    let text = panic.downcast_ref::<&str>().copied();
    let reason = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Verdict::unknown(
        name,
        format!(
            "the checker itself broke ({}); this is a defect of the harness",
            reason.unwrap_or("no reason given")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkers::Outcome;
    use crate::history::build::HistoryBuilder;

    #[test]
    fn a_broken_checker_says_unknown_and_the_others_still_speak() {
        let breaking = Checker { name: "breaking", check: |_| panic!("out of ideas") };
        let content = Checker {
            name: "content",
            check: |_| Verdict::on("content", Vec::new(), "all is well".into()),
        };
        let verdicts = judge(&HistoryBuilder::new().finish(), &[breaking, content]);
        assert_eq!(verdicts[0].outcome, Outcome::Unknown);
        assert!(verdicts[0].summary.contains("out of ideas"));
        assert_eq!(verdicts[1].outcome, Outcome::Valid);
    }

    #[test]
    fn an_empty_history_is_never_valid() {
        for verdict in judge(&HistoryBuilder::new().finish(), &crate::checkers::ALL) {
            assert_eq!(verdict.outcome, Outcome::Unknown, "{}", verdict.checker);
        }
    }
}
