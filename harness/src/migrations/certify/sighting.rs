//! What was seen of a server after one start, and what is wrong with it.

use serde::{Deserialize, Serialize};

use super::file::OnFailure;

/// How many differences a problem quotes.
const MOST_QUOTED: usize = 4;

/// What a server has to do after a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Complete its schema, and serve.
    Serves,
    /// Not serve, say so, and leave nothing of what failed.
    Refuses(OnFailure),
    /// Either of both, as long as it leaves the database as it was.
    ServesOrRefuses(OnFailure),
    /// Go on running and say that it is neither ready nor healthy.
    SaysThatItCannot,
}

/// What came of a start, as soon as that was clear.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "status")]
pub enum End {
    /// It was ready.
    Ready,
    /// It ended, with this exit status.
    Exited(String),
    /// It ran on and was not ready within the bound.
    #[default]
    Unready,
}

/// What was seen after one start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// What had been done.
    pub step: String,
    /// What came of it.
    pub end: End,
    /// Whether it ended as if all were well.
    pub exited_well: bool,
    /// The status that its health answered with, if it answered.
    pub health: Option<u16>,
    /// What its log says of success.
    pub claims: Vec<String>,
    /// How many records of applied migrations there are.
    pub recorded: usize,
    /// Records that an undisturbed run does not have.
    pub unexpected_records: Vec<String>,
    /// Records that it has, and that are not there.
    pub missing_records: Vec<String>,
    /// How the catalog differs from that of an undisturbed run.
    pub catalog: Vec<String>,
    /// How the data differ from those of an undisturbed run.
    pub data: Vec<String>,
    /// For how many milliseconds it was ready while its schema was incomplete; at least, if it
    /// was so when it was stopped.
    pub ready_while_incomplete_ms: u64,
    /// The last lines of its log, where something is wrong.
    pub log: Vec<String>,
    /// What is wrong.
    pub problems: Vec<String>,
}

impl Sighting {
    /// The problems, each with the step at which it was seen.
    pub fn told_problems(&self) -> impl Iterator<Item = String> {
        self.problems.iter().map(|problem| format!("{}: {problem}", self.step))
    }

    /// The sighting with what is wrong with it.
    #[must_use]
    pub fn judged(mut self, expected: Expected) -> Self {
        let mut problems = self.conduct(expected);
        if expected != Expected::SaysThatItCannot {
            problems.extend(self.traces());
        }
        self.problems.extend(problems);
        self
    }

    /// What is wrong with what the server did.
    fn conduct(&self, expected: Expected) -> Vec<String> {
        let refuses = match expected {
            Expected::SaysThatItCannot => return self.as_it_cannot(),
            Expected::Serves => None,
            Expected::Refuses(how) => Some(how),
            Expected::ServesOrRefuses(how) => (self.end != End::Ready).then_some(how),
        };
        refuses.map_or_else(|| self.as_it_serves(), |how| self.as_it_refuses(how))
    }

    fn as_it_serves(&self) -> Vec<String> {
        let mut problems = Vec::new();
        match &self.end {
            End::Ready => {}
            End::Exited(status) => problems.push(format!("it ended ({status}) and does not serve")),
            End::Unready => problems.push("it was not ready in time".to_owned()),
        }
        if self.ready_while_incomplete_ms > 0 {
            problems.push(format!(
                "it was ready for {} ms while its schema was incomplete",
                self.ready_while_incomplete_ms
            ));
        }
        if let Some(status) = self.health.filter(|status| self.end == End::Ready && !well(*status))
        {
            problems.push(format!("it is ready, and its health says {status}"));
        }
        problems
    }

    fn as_it_refuses(&self, how: OnFailure) -> Vec<String> {
        let mut problems = Vec::new();
        match (&self.end, how) {
            (End::Ready, _) if self.ready_while_incomplete_ms == 0 => {
                problems.push("it serves, as if nothing were wrong".to_owned());
            }
            (End::Ready, _) => problems.push(format!(
                "it serves with an incomplete schema: it was ready for at least {} ms",
                self.ready_while_incomplete_ms
            )),
            (End::Exited(status), OnFailure::Exits) if self.exited_well => {
                problems.push(format!("it ended as if all were well ({status})"));
            }
            (End::Exited(status), OnFailure::StaysUnready) => {
                problems.push(format!("it ended ({status}) and should have stayed, unready"));
            }
            (End::Unready, OnFailure::Exits) => {
                problems.push("it neither served nor ended in time".to_owned());
            }
            (End::Exited(_), OnFailure::Exits) | (End::Unready, OnFailure::StaysUnready) => {}
        }
        if let Some(status) = self.health.filter(|status| well(*status)) {
            problems.push(format!("its health says {status}"));
        }
        for claim in &self.claims {
            problems.push(format!("its log claims success: “{claim}”"));
        }
        problems
    }

    fn as_it_cannot(&self) -> Vec<String> {
        let mut problems = Vec::new();
        match &self.end {
            End::Ready => problems.push("its readiness says that it is ready".to_owned()),
            End::Exited(status) => problems.push(format!("it ended ({status})")),
            End::Unready => {}
        }
        if let Some(status) = self.health.filter(|status| well(*status)) {
            problems.push(format!("its health says {status}"));
        }
        problems
    }

    /// What is wrong with what it left in the database.
    pub fn traces(&self) -> Vec<String> {
        let quoted = [
            ("recorded, though an undisturbed run does not record it", &self.unexpected_records),
            ("not recorded, though an undisturbed run records it", &self.missing_records),
            ("the catalog differs from that of an undisturbed run", &self.catalog),
            ("the data differ from those of an undisturbed run", &self.data),
        ];
        let told = quoted.into_iter().filter(|(_, what)| !what.is_empty());
        told.map(|(words, what)| format!("{words}: {}", quote(what))).collect()
    }
}

fn well(status: u16) -> bool {
    (200..300).contains(&status)
}

fn quote(differences: &[String]) -> String {
    let shown: Vec<&str> = differences.iter().take(MOST_QUOTED).map(String::as_str).collect();
    let more = differences.len().saturating_sub(MOST_QUOTED);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::certify::file::OnFailure::{Exits, StaysUnready};

    fn exited(status: &str, exited_well: bool) -> Sighting {
        Sighting { end: End::Exited(status.to_owned()), exited_well, ..Sighting::default() }
    }

    fn ready() -> Sighting {
        Sighting { end: End::Ready, health: Some(200), ..Sighting::default() }
    }

    fn check(sighting: Sighting, expected: Expected, problem: Option<&str>) {
        let problems = sighting.judged(expected).problems;
        match problem {
            None => assert_eq!(problems, Vec::<String>::new(), "{expected:?}"),
            Some(words) => assert!(
                problems.len() == 1 && problems[0].contains(words),
                "{expected:?}: {problems:?} should say {words}"
            ),
        }
    }

    #[test]
    fn a_server_that_serves() {
        use Expected::Serves;
        check(ready(), Serves, None);
        check(exited("exit status: 1", false), Serves, Some("it ended (exit status: 1)"));
        check(Sighting::default(), Serves, Some("not ready in time"));
        check(Sighting { health: Some(503), ..ready() }, Serves, Some("its health says 503"));
        let early = Sighting { ready_while_incomplete_ms: 12, ..ready() };
        check(early, Serves, Some("ready for 12 ms while its schema was incomplete"));
    }

    #[test]
    fn a_server_that_refuses() {
        let refuses = Expected::Refuses(Exits);
        check(exited("exit status: 1", false), refuses, None);
        check(exited("exit status: 0", true), refuses, Some("as if all were well"));
        check(Sighting::default(), refuses, Some("neither served nor ended"));
        let unhealthy = Sighting { health: None, ..ready() };
        check(unhealthy.clone(), refuses, Some("serves, as if nothing were wrong"));
        let early = Sighting { ready_while_incomplete_ms: 12, ..unhealthy };
        check(early, refuses, Some("with an incomplete schema: it was ready for at least 12 ms"));
        let claims = vec!["[OK]".to_owned()];
        check(Sighting { claims, ..exited("1", false) }, refuses, Some("“[OK]”"));
    }

    #[test]
    fn a_server_that_stays_unready() {
        let refuses = Expected::Refuses(StaysUnready);
        check(Sighting { health: Some(503), ..Sighting::default() }, refuses, None);
        check(
            Sighting { health: Some(200), ..Sighting::default() },
            refuses,
            Some("health says 200"),
        );
        check(exited("exit status: 1", false), refuses, Some("should have stayed"));
    }

    #[test]
    fn a_server_that_may_do_either() {
        let either = Expected::ServesOrRefuses(Exits);
        check(ready(), either, None);
        check(exited("exit status: 1", false), either, None);
        check(exited("exit status: 0", true), either, Some("as if all were well"));
    }

    #[test]
    fn a_server_whose_database_is_gone() {
        let says = Expected::SaysThatItCannot;
        check(Sighting { health: Some(503), ..Sighting::default() }, says, None);
        check(Sighting { health: Some(200), ..Sighting::default() }, says, Some("health says 200"));
        check(Sighting { health: None, ..ready() }, says, Some("says that it is ready"));
        check(exited("exit status: 1", false), says, Some("it ended"));
    }

    #[test]
    fn what_is_left_in_the_database() {
        let one = || vec!["1".to_owned()];
        let many: Vec<String> = (1..=6).map(|number| number.to_string()).collect();
        let cases = [
            (Sighting { unexpected_records: one(), ..ready() }, "does not record it: 1"),
            (Sighting { missing_records: one(), ..ready() }, "not recorded"),
            (Sighting { catalog: many, ..ready() }, "1; 2; 3; 4; and 2 more"),
            (Sighting { data: one(), ..ready() }, "the data differ"),
        ];
        for (sighting, words) in cases {
            check(sighting, Expected::Serves, Some(words));
        }
    }
}
