//! The server's limiter and event store, as models, behind a database that a schedule disturbs.
//!
//! A batch is committed as a whole, and an event that is there already is not stored again: the
//! agent's identity for it is the key. Positions follow the order of commits.

use std::collections::HashSet;
use std::rc::Rc;

use harness::environment::Direction;
use harness::history::StoredEvent;

use crate::weather::{Passage, Weather};

/// The server, as schedules name it.
pub const SERVER: &str = "server";
const DATABASE: &str = "database";
const DATABASE_LINK: &str = "server-to-database";
/// Round trips to the database that a batch takes.
const ROUND_TRIPS: u64 = 4;
/// What a commit takes.
const COMMIT: u64 = 2000;
/// After this time the server says that its database does not answer.
const PATIENCE: u64 = 3_000_000;
/// How many batches an agent may send at once, and in how many microseconds as many more.
const BUDGET: (u64, u64) = (600, 10_000_000);

/// An event on its way.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Its place in the history's list of emits: what makes it the same event.
    pub number: u64,
    /// As it will be read back.
    pub event: Rc<StoredEvent>,
}

/// What becomes of a batch that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// It is committed at this time, and then answered.
    Commits(u64),
    /// It is committed at the first time, and at the second the server says that it cannot serve:
    /// the database's word was lost.
    CommitsUnheard(u64, u64),
    /// At this time the server says that it cannot serve.
    Unavailable(u64),
    /// The agent is to come back after this many microseconds.
    Limited(u64),
}

/// The limiter of one agent: a bucket that is filled again evenly.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    /// When it is full again.
    full_at: u64,
}

impl Bucket {
    /// Takes a call out, or says how long until one is there.
    ///
    /// # Errors
    /// The time to wait.
    pub fn take(&mut self, at: u64) -> Result<(), u64> {
        let (calls, period) = BUDGET;
        let share = period / calls;
        let full_at = self.full_at.max(at) + share;
        if full_at > at + period {
            return Err(full_at - at - period);
        }
        self.full_at = full_at;
        Ok(())
    }
}

/// What the server has stored, in the order of commits.
#[derive(Debug, Default)]
pub struct Store {
    events: Vec<Rc<StoredEvent>>,
    known: HashSet<u64>,
}

impl Store {
    /// Stores what is not there yet.
    pub fn commit(&mut self, batch: &[Parcel]) {
        for parcel in batch {
            if self.known.insert(parcel.number) {
                self.events.push(Rc::clone(&parcel.event));
            }
        }
    }

    /// Everything, in order.
    pub fn into_events(self) -> Vec<StoredEvent> {
        self.events.into_iter().map(Rc::unwrap_or_clone).collect()
    }
}

/// What becomes of a batch of so many bytes that arrives now.
pub fn receive(weather: &Weather<'_>, bucket: &mut Bucket, bytes: u64, at: u64) -> Reception {
    if let Err(wait) = bucket.take(at) {
        return Reception::Limited(wait);
    }
    let gives_up = at + PATIENCE;
    let mut now = at;
    for trip in 0..ROUND_TRIPS {
        if weather.down_until(DATABASE, now).is_some() {
            return Reception::Unavailable(now + 1000);
        }
        let sent = if trip == 1 { bytes } else { 100 };
        now = match weather.pass(DATABASE_LINK, Direction::ToServer, sent, now) {
            Passage::Arrives(then) => then,
            Passage::Breaks(then) => return Reception::Unavailable(then.min(gives_up)),
        };
        now = weather.paused_until(DATABASE, now).unwrap_or(now);
        let commits = trip + 1 == ROUND_TRIPS;
        if commits {
            now += COMMIT;
        }
        if weather.ended_after(DATABASE, at).is_some_and(|ended| ended <= now) {
            return Reception::Unavailable(now.min(gives_up));
        }
        let committed = now;
        now = match weather.pass(DATABASE_LINK, Direction::ToClient, 100, now) {
            Passage::Arrives(then) => then,
            Passage::Breaks(then) if commits => {
                return Reception::CommitsUnheard(committed, then.min(gives_up.max(committed)));
            }
            Passage::Breaks(then) => return Reception::Unavailable(then.min(gives_up)),
        };
        if now > gives_up {
            return match commits {
                true => Reception::CommitsUnheard(committed, gives_up.max(committed)),
                false => Reception::Unavailable(gives_up),
            };
        }
    }
    Reception::Commits(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::faults::{Fault, Schedule, ScheduledFault};

    #[test]
    fn a_bucket_gives_its_budget_and_one_share_at_a_time() {
        let mut bucket = Bucket::default();
        let (calls, period) = BUDGET;
        assert_eq!((0..calls).filter(|_| bucket.take(0).is_ok()).count() as u64, calls);
        let wait = bucket.take(0).unwrap_err();
        assert!(wait <= period / calls, "{wait}");
        assert_eq!(bucket.take(wait), Ok(()));
    }

    #[test]
    fn a_batch_commits_is_refused_or_commits_unheard() {
        let with = |fault: Option<Fault>| {
            let faults = fault.into_iter().map(|fault| ScheduledFault { at: 0, lasts: 900, fault });
            let schedule = Schedule::new(faults.collect());
            receive(&Weather::of(&schedule), &mut Bucket::default(), 500, 1000)
        };
        assert!(matches!(with(None), Reception::Commits(_)));
        let cut = Fault::Cut { link: DATABASE_LINK.into() };
        assert!(matches!(with(Some(cut)), Reception::Unavailable(_)));
        let kill = Fault::Kill { part: DATABASE.into() };
        assert!(matches!(with(Some(kill)), Reception::Unavailable(_)));
        let pause = Fault::Pause { part: DATABASE.into() };
        assert!(matches!(with(Some(pause)), Reception::Commits(900_000..)));
    }
}
