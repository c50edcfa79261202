//! Failures planted in a model of store and forward, in virtual time: the checker finds each behind
//! twenty faults and more, and the search makes it small.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use super::GENERATED_WINDOW;
use crate::checkers::{DELIVERY, Outcome, judge};
use crate::faults::{Coverage, Schedule, ScheduleGenerator, ScheduledFault, Targets, shrink};
use crate::history::{Action, Emit, Entry, Header, History, Phase, Receipt, StoredEvent};
use crate::seed::Seed;

/// Between two events of a producer, in milliseconds.
const EMITS: u64 = 25;
/// Between two attempts to hand on what a producer holds, in milliseconds.
const HANDS_ON: u64 = 100;
/// How long events flow after the last fault, in milliseconds.
const SETTLES: u64 = 1000;
const PLANTS: usize = 3;

/// What must go on at the same time for the producers to forget what they hold: kinds of faults
/// with their targets. Nothing stands for a sound system.
type Plant = BTreeSet<(&'static str, String)>;

/// Producers that hold what they take until the server has it, and a server that stores it.
struct Model<'a> {
    plant: &'a Plant,
    schedule: &'a Schedule,
    entries: Vec<Entry>,
    held: BTreeMap<String, Vec<StoredEvent>>,
    stored: Vec<StoredEvent>,
}

impl<'a> Model<'a> {
    fn run(plant: &'a Plant, schedule: &'a Schedule) -> History {
        let (held, stored) = (BTreeMap::new(), Vec::new());
        let mut model = Self { plant, schedule, entries: Vec::new(), held, stored };
        let end = schedule.end() + SETTLES;
        for now in (0..end).step_by(EMITS as usize) {
            model.pass(now);
        }
        for held in std::mem::take(&mut model.held).into_values() {
            model.stored.extend(held);
        }
        let read = |events| Action::Read { events, error: None };
        let events = std::mem::take(&mut model.stored);
        model.note(end, "harness", read(Vec::new()), Phase::Ok, read(events));
        History::new(Header::new(Seed(1), "model", "none", "model"), model.entries)
    }

    fn pass(&mut self, now: u64) {
        let active = active(self.schedule, now);
        if !self.plant.is_empty() && self.plant.is_subset(&active) {
            self.held.clear();
        }
        let is = |kinds: &[&'static str], target: &str| {
            kinds.iter().any(|&kind| active.contains(&(kind, target.to_owned())))
        };
        let down = |part: &str| is(&["kill", "terminate", "pause"], part);
        let severed = |link: &str| is(&["cut", "hold", "reset"], link);
        for producer in Targets::sample().producers.iter().filter(|producer| !down(producer)) {
            self.emit(now, producer);
            let blocked = severed(&format!("{producer}-to-server"))
                || down("server")
                || down("database")
                || severed("server-to-database");
            if now.is_multiple_of(HANDS_ON) && !blocked {
                self.stored.append(self.held.entry(producer.clone()).or_default());
            }
        }
    }

    fn emit(&mut self, now: u64, producer: &str) {
        let marker = format!("{producer}-{now}");
        let id = format!("id-{marker}");
        let emit = |receipt| {
            Action::Emit(Emit {
                producer: producer.into(),
                marker: marker.clone(),
                kind: "plain".into(),
                urgent: false,
                probe: false,
                receipt,
                error: None,
            })
        };
        let receipt = Receipt { id: Some(id.clone()), lane: None, sequence: None };
        let (begin, end) = (emit(None), emit(Some(receipt)));
        self.note(now, "worker", begin, Phase::Ok, end);
        self.held.entry(producer.to_owned()).or_default().push(StoredEvent {
            id,
            producer: Some(producer.into()),
            lane: None,
            sequence: None,
            marker: Some(marker),
            dropped: None,
        });
    }

    /// An operation that takes no time.
    fn note(&mut self, now: u64, process: &str, begin: Action, phase: Phase, end: Action) {
        let operation = self.entries.len() as u64;
        for (phase, action) in [(Phase::Invoke, begin), (phase, end)] {
            let (at, process) = (now * 1_000_000, process.to_owned());
            self.entries.push(Entry { at, process, operation, phase, action });
        }
    }
}

fn active(schedule: &Schedule, now: u64) -> Plant {
    let goes_on = |fault: &&ScheduledFault| (fault.at..fault.at + fault.lasts).contains(&now);
    schedule.faults().iter().filter(goes_on).map(named).collect()
}

fn named(scheduled: &ScheduledFault) -> (&'static str, String) {
    (scheduled.fault.kind(), scheduled.fault.target().to_owned())
}

fn fails(plant: &Plant, schedule: &Schedule) -> bool {
    judge(&Model::run(plant, schedule), &[DELIVERY])[0].outcome == Outcome::Invalid
}

/// Schedules of at least twenty faults, and of each up to three faults that go on at the same time.
fn planted() -> impl Iterator<Item = (Schedule, Plant)> {
    let draw = |seed| {
        let (targets, unseen) = (Targets::sample(), Coverage::default());
        ScheduleGenerator::new(&targets, &unseen, Seed(seed)).draw(20..=30, GENERATED_WINDOW)
    };
    let plant = |schedule: &Schedule| -> Plant {
        let moments = schedule.faults().iter().map(|fault| fault.at.next_multiple_of(EMITS));
        let busiest = moments.map(|now| active(schedule, now)).max_by_key(Plant::len);
        busiest.unwrap_or_default().into_iter().take(3).collect()
    };
    let schedules = (1..).map(draw).filter(|schedule| schedule.faults().len() >= 20);
    schedules.map(move |schedule| (schedule.clone(), plant(&schedule))).take(PLANTS)
}

#[tokio::test]
async fn a_failure_behind_twenty_faults_is_made_small_within_sixty_runs() {
    for (schedule, plant) in planted() {
        assert_eq!(plant.len(), 3, "{schedule:?}");
        let tried = async |tried: &Schedule| Ok::<_, Infallible>(fails(&plant, tried));
        let shrunk = shrink(schedule, 60, tried).await.unwrap();
        let left: Plant = shrunk.schedule.faults().iter().map(named).collect();
        assert_eq!((left, shrunk.schedule.faults().len()), (plant, 3));
        assert!(shrunk.runs <= 60, "{} runs", shrunk.runs);
        assert_eq!(shrunk.failed, shrunk.confirmations);
    }
}

#[test]
fn a_sound_model_holds_under_the_same_schedules() {
    for (schedule, _) in planted() {
        assert!(!fails(&Plant::new(), &schedule), "{schedule:?}");
    }
}
