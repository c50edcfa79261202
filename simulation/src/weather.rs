//! What a schedule does to each link and part, at each time. Times are in microseconds.

use harness::environment::Direction;
use harness::faults::{Fault, Schedule, ScheduledFault};

/// How long a part takes from its start until it answers.
pub const STARTS: u64 = 150_000;
/// A hop without a fault.
const HOP: u64 = 200;

/// From when until when.
#[derive(Clone, Copy, Debug)]
struct Spell<'a> {
    from: u64,
    until: u64,
    fault: &'a Fault,
}

/// The faults of one schedule, by what they hit: so few targets are found soonest one by one.
#[derive(Clone, Debug, Default)]
pub struct Weather<'a> {
    spells: Vec<(&'a str, Vec<Spell<'a>>)>,
}

/// What becomes of bytes that are sent over a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// They arrive at this time.
    Arrives(u64),
    /// The connection breaks at this time, and they do not arrive.
    Breaks(u64),
}

impl<'a> Weather<'a> {
    /// What this schedule brings.
    pub fn of(schedule: &'a Schedule) -> Self {
        let mut weather = Self::default();
        for ScheduledFault { at, lasts, fault } in schedule.faults() {
            let spell = Spell { from: at * 1000, until: (at + lasts) * 1000, fault };
            match weather.spells.iter_mut().find(|(target, _)| *target == fault.target()) {
                Some((_, spells)) => spells.push(spell),
                None => weather.spells.push((fault.target(), vec![spell])),
            }
        }
        weather
    }

    fn of_target(&self, target: &str) -> impl Iterator<Item = &Spell<'a>> {
        let known = self.spells.iter().find(|(known, _)| *known == target);
        known.into_iter().flat_map(|(_, spells)| spells)
    }

    fn on(&self, target: &str, at: u64) -> impl Iterator<Item = &Spell<'a>> {
        self.of_target(target).filter(move |spell| (spell.from..spell.until).contains(&at))
    }

    fn endings(&self, part: &str) -> impl Iterator<Item = &Spell<'a>> {
        let ends = |fault: &Fault| matches!(fault, Fault::Kill { .. } | Fault::Terminate { .. });
        self.of_target(part).filter(move |spell| ends(spell.fault))
    }

    /// Until when a part is down, if it is: ended, or still starting.
    pub fn down_until(&self, part: &str, at: u64) -> Option<u64> {
        let down =
            self.endings(part).filter(|spell| (spell.from..spell.until + STARTS).contains(&at));
        down.map(|spell| spell.until + STARTS).max()
    }

    /// Until when a part stands still, if it does.
    pub fn paused_until(&self, part: &str, at: u64) -> Option<u64> {
        let paused = self.on(part, at).filter(|spell| matches!(spell.fault, Fault::Pause { .. }));
        paused.map(|spell| spell.until).max()
    }

    /// When a part is next ended.
    pub fn ended_after(&self, part: &str, at: u64) -> Option<u64> {
        self.endings(part).map(|spell| spell.from).filter(|from| *from >= at).min()
    }

    /// Whether a link takes no connection.
    pub fn is_cut(&self, link: &str, at: u64) -> bool {
        self.on(link, at).any(|spell| matches!(spell.fault, Fault::Cut { .. }))
    }

    /// When a link's open connections are next closed: by a cut or a reset that begins, or by what
    /// swallowed their bytes and heals.
    pub fn breaks_after(&self, link: &str, at: u64) -> Option<u64> {
        let breaks = self.of_target(link).filter_map(|spell| match spell.fault {
            Fault::Cut { .. } | Fault::Reset { .. } => Some(spell.from),
            Fault::Hold { .. } => Some(spell.until),
            _ => None,
        });
        breaks.filter(|time| *time >= at).min()
    }

    /// What becomes of so many bytes that are sent one way.
    pub fn pass(&self, link: &str, way: Direction, bytes: u64, at: u64) -> Passage {
        let mut arrives = at + HOP;
        for spell in self.on(link, at) {
            let one_way = spell.fault.direction().is_none_or(|direction| direction == way);
            match spell.fault {
                _ if !one_way => {}
                Fault::Cut { .. } | Fault::Reset { .. } => return Passage::Breaks(at + HOP),
                // The proxy delays answers only: its figure is a round trip's.
                Fault::Latency { latency, .. } if way == Direction::ToClient => {
                    arrives += latency * 1000;
                }
                Fault::Bandwidth { rate, .. } => arrives += bytes * 1000 / (*rate).max(1),
                Fault::Slicer { size, delay, .. } => arrives += bytes / (*size).max(1) * delay,
                Fault::Hold { .. } => return Passage::Breaks(spell.until),
                Fault::LimitData { bytes: most, .. } if bytes > *most => {
                    return Passage::Breaks(arrives);
                }
                _ => {}
            }
        }
        match self.breaks_after(link, at + 1).filter(|breaks| *breaks < arrives) {
            Some(breaks) => Passage::Breaks(breaks),
            None => Passage::Arrives(arrives),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "agent-1-to-server";

    fn schedule(at: u64, lasts: u64, fault: Fault) -> Schedule {
        Schedule::new(vec![ScheduledFault { at, lasts, fault }])
    }

    #[test]
    fn a_fault_acts_in_its_time_and_on_its_way() {
        let hold = Fault::Hold { link: LINK.into(), direction: Direction::ToServer };
        let schedule = schedule(1000, 500, hold);
        let weather = Weather::of(&schedule);
        let pass = |way, at| weather.pass(LINK, way, 100, at);
        assert_eq!(pass(Direction::ToServer, 0), Passage::Arrives(HOP));
        assert_eq!(pass(Direction::ToServer, 1_200_000), Passage::Breaks(1_500_000));
        assert_eq!(pass(Direction::ToClient, 1_200_000), Passage::Arrives(1_200_000 + HOP));
        assert_eq!(pass(Direction::ToServer, 1_500_000), Passage::Arrives(1_500_000 + HOP));
    }

    #[test]
    fn what_breaks_on_the_way_does_not_arrive() {
        let schedule = Schedule::new(vec![
            ScheduledFault {
                at: 0,
                lasts: 2000,
                fault: Fault::Latency { link: LINK.into(), latency: 300, jitter: 0 },
            },
            ScheduledFault { at: 100, lasts: 100, fault: Fault::Cut { link: LINK.into() } },
        ]);
        let weather = Weather::of(&schedule);
        assert_eq!(weather.pass(LINK, Direction::ToClient, 1, 0), Passage::Breaks(100_000));
        assert!(weather.is_cut(LINK, 150_000) && !weather.is_cut(LINK, 200_000));
    }

    #[test]
    fn a_part_is_down_until_it_has_started_again() {
        let schedule = schedule(1000, 500, Fault::Kill { part: "server".into() });
        let weather = Weather::of(&schedule);
        assert_eq!(weather.down_until("server", 999_999), None);
        assert_eq!(weather.down_until("server", 1_500_001), Some(1_500_000 + STARTS));
        assert_eq!(weather.ended_after("server", 0), Some(1_000_000));
    }
}
