//! The plan of a generated run: enough load around whatever faults were drawn.

use super::Plan;
use super::plan::{CALM_AFTER_FAULTS, DRAIN_BOUND};
use crate::faults::Schedule;
use crate::workload::Pace;

/// Events a second, over all producers.
const RATE: u32 = 88;
/// How long the load lasts at least, in milliseconds: a thousand events and some.
const LASTS: u64 = 13_000;
/// How long the load goes on after the last fault of a schedule that is being made small, in
/// milliseconds.
const SETTLES: u64 = 3000;
/// Within what time the faults of a generated schedule begin, in milliseconds.
pub const GENERATED_WINDOW: u64 = 9_000;

/// The plan around a schedule.
pub fn generated_plan(schedule: Schedule) -> Plan {
    let lasts = LASTS.max(schedule.end() + CALM_AFTER_FAULTS);
    let pace = Pace { rate: RATE, lasts };
    Plan { name: "chaos".to_owned(), pace, schedule, drain_bound: DRAIN_BOUND }
}

impl Plan {
    /// The same plan around a smaller schedule: its load ends soon after the last fault, so that
    /// looking for the smallest takes no longer than it must. Without any fault it is the whole
    /// load that must do no harm.
    #[must_use]
    pub fn around(&self, schedule: Schedule) -> Self {
        let lasts = match schedule.faults() {
            [] => self.pace.lasts,
            _ => self.pace.lasts.min(schedule.end() + SETTLES),
        };
        Self { pace: Pace { lasts, ..self.pace }, schedule, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{Fault, ScheduledFault};

    #[test]
    fn load_goes_on_after_the_last_fault_and_comes_to_a_thousand_events() {
        let none = generated_plan(Schedule::default());
        assert!(u64::from(none.pace.rate) * none.pace.lasts >= 1_000_000);
        let fault = Fault::Kill { part: "agent-1".into() };
        let long = Schedule::new(vec![ScheduledFault { at: 500, lasts: 60_000, fault }]);
        assert!(generated_plan(long.clone()).pace.lasts > long.end());
    }

    #[test]
    fn load_ends_sooner_around_a_smaller_schedule_but_not_without_one() {
        let kill =
            |at| ScheduledFault { at, lasts: 500, fault: Fault::Kill { part: "agent-1".into() } };
        let whole = generated_plan(Schedule::new(vec![kill(500), kill(9000)]));
        let small = whole.around(Schedule::new(vec![kill(500)]));
        assert_eq!(small.pace.lasts, 1000 + SETTLES);
        assert_eq!(whole.around(whole.schedule.clone()).pace.lasts, 9500 + SETTLES);
        assert_eq!(whole.around(Schedule::default()).pace, whole.pace);
    }
}
