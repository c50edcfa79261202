//! The timed list of faults of one run.

use serde::{Deserialize, Serialize};

use super::Fault;

/// Faults with their times, in the order of their beginnings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    faults: Vec<ScheduledFault>,
}

/// A fault with its times, in milliseconds since the workload began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledFault {
    /// When it begins.
    pub at: u64,
    /// How long it lasts.
    pub lasts: u64,
    /// What it does.
    #[serde(flatten)]
    pub fault: Fault,
}

impl Schedule {
    /// A schedule of these faults, put in order.
    pub fn new(mut faults: Vec<ScheduledFault>) -> Self {
        faults.sort_by_key(|fault| fault.at);
        Self { faults }
    }

    /// The faults, in the order of their beginnings.
    pub fn faults(&self) -> &[ScheduledFault] {
        &self.faults
    }

    /// When the last fault has ended, in milliseconds.
    pub fn end(&self) -> u64 {
        self.faults.iter().map(|fault| fault.at + fault.lasts).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(at: u64, lasts: u64) -> ScheduledFault {
        ScheduledFault { at, lasts, fault: Fault::Cut { link: "a-to-b".into() } }
    }

    #[test]
    fn faults_are_put_in_order_and_the_longest_ends_it() {
        let schedule = Schedule::new(vec![cut(500, 10), cut(100, 1000)]);
        assert_eq!(schedule.faults()[0].at, 100);
        assert_eq!(schedule.end(), 1100);
        assert_eq!(Schedule::default().end(), 0);
    }

    #[test]
    fn a_schedule_is_written_as_a_person_would() {
        let text = serde_json::to_string(&Schedule::new(vec![cut(5, 10)])).unwrap();
        assert_eq!(text, r#"{"faults":[{"at":5,"lasts":10,"kind":"cut","link":"a-to-b"}]}"#);
        assert_eq!(
            serde_json::from_str::<Schedule>(&text).unwrap(),
            Schedule::new(vec![cut(5, 10)])
        );
    }
}
