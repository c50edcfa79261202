//! What two looks at a defect come to.

use std::time::Duration;

use serde::Serialize;

use super::ledger::Row;
use super::plan::{Looks, PlannedRow};

/// What became of a run.
#[derive(Clone, Debug)]
pub(super) struct Ran {
    pub ending: Ending,
    /// Everything that it printed and reported.
    pub output: String,
    pub duration: Duration,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It found nothing.
    Silent,
    /// It found something.
    Found,
    /// It could not look, and why.
    Broken(String),
}

/// What is known of a detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It finds the defect by its own words, and nothing without it.
    Caught,
    /// The defect is planted, and it finds nothing, or something else.
    Missed,
    /// It finds something although nothing is planted.
    NotSilent,
    /// It could not look.
    Broken,
    /// There is none yet.
    Pending,
}

impl Outcome {
    /// The outcome in one word or two.
    pub fn word(self) -> &'static str {
        match self {
            Self::Caught => "caught",
            Self::Missed => "missed",
            Self::NotSilent => "not silent",
            Self::Broken => "broken",
            Self::Pending => "pending",
        }
    }
}

/// A row, looked at both ways.
#[derive(Clone, Debug, Serialize)]
pub struct ExaminedRow {
    /// Its id.
    pub id: String,
    /// What is wrong.
    pub defect: String,
    /// Which part of the project's checks it belongs to.
    pub layer: String,
    /// What finds it: a kind of detector and a name.
    pub detector: Option<String>,
    /// What the two looks come to.
    pub outcome: Outcome,
    /// Nothing finds it yet.
    pub pending: bool,
    /// Whether it is found where it is planted; null if nobody could look.
    pub caught: Option<bool>,
    /// Whether nothing is found where it is not; null if nobody could look.
    pub silent_without: Option<bool>,
    /// The finding's own words, or why there are none.
    pub evidence: String,
    /// How long both looks took; a run that several rows share counts for each of them.
    pub seconds: f64,
}

/// What one look shows of a row.
enum Sight {
    Nothing,
    Finding(String),
    SomethingElse(String),
    Blind(String),
}

/// The row once both its runs have ended, or at once if it is pending.
pub(super) fn judge(planned: &PlannedRow, ran: &[Option<Ran>]) -> Option<ExaminedRow> {
    let Some(Looks { sound, planted, evidence }) = &planned.looks else {
        return Some(examined(&planned.row, Outcome::Pending, None, None, String::new()));
    };
    let (sound, planted) = (ran[*sound].as_ref()?, ran[*planted].as_ref()?);
    let silent_without = silence(&sight(sound, evidence));
    let (caught, words) = catch(&sight(planted, evidence));
    let (outcome, words) = match (&silent_without, caught) {
        (Err(Trouble::Blind(why)), _) => (Outcome::Broken, why.clone()),
        (_, None) => (Outcome::Broken, words),
        (Err(Trouble::Loud(what)), _) => (Outcome::NotSilent, what.clone()),
        (Ok(()), Some(true)) => (Outcome::Caught, words),
        (Ok(()), Some(false)) => (Outcome::Missed, words),
    };
    let silent = match silent_without {
        Ok(()) => Some(true),
        Err(Trouble::Loud(_)) => Some(false),
        Err(Trouble::Blind(_)) => None,
    };
    let mut row = examined(&planned.row, outcome, caught, silent, words);
    row.seconds = (sound.duration + planted.duration).as_secs_f64();
    Some(row)
}

/// Why a look at the sound system was not silent.
enum Trouble {
    Loud(String),
    Blind(String),
}

fn silence(sight: &Sight) -> Result<(), Trouble> {
    match sight {
        Sight::Nothing => Ok(()),
        Sight::Finding(words) | Sight::SomethingElse(words) => {
            Err(Trouble::Loud(format!("found where nothing is planted: {words}")))
        }
        Sight::Blind(why) => Err(Trouble::Blind(why.clone())),
    }
}

fn catch(sight: &Sight) -> (Option<bool>, String) {
    match sight {
        Sight::Finding(words) => (Some(true), words.clone()),
        Sight::Nothing => (Some(false), "it is planted, and nothing was found".to_owned()),
        Sight::SomethingElse(words) => (Some(false), format!("something else was found: {words}")),
        Sight::Blind(why) => (None, why.clone()),
    }
}

fn sight(ran: &Ran, evidence: &str) -> Sight {
    let lines = || ran.output.lines().map(str::trim).filter(|line| !line.is_empty());
    match &ran.ending {
        Ending::Silent => Sight::Nothing,
        Ending::Broken(why) => Sight::Blind(why.clone()),
        Ending::Found => match lines().find(|line| line.contains(evidence)) {
            Some(line) => Sight::Finding(line.to_owned()),
            None => Sight::SomethingElse(lines().last().unwrap_or("(not a word)").to_owned()),
        },
    }
}

fn examined(
    row: &Row,
    outcome: Outcome,
    caught: Option<bool>,
    silent_without: Option<bool>,
    evidence: String,
) -> ExaminedRow {
    ExaminedRow {
        id: row.id.clone(),
        defect: row.title.clone(),
        layer: row.layer.clone(),
        detector: row.detector.clone(),
        outcome,
        pending: outcome == Outcome::Pending,
        caught,
        silent_without,
        evidence,
        seconds: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(ending: Ending, output: &str) -> Option<Ran> {
        Some(Ran { ending, output: output.to_owned(), duration: Duration::from_secs(1) })
    }

    /// What comes of a look at the sound system and one at the defect, known by "leak".
    fn judged(sound: Option<Ran>, planted: Option<Ran>) -> Option<ExaminedRow> {
        let row = Row {
            id: "A".to_owned(),
            title: "it leaks".to_owned(),
            layer: "L".to_owned(),
            detector: Some("check a".to_owned()),
            evidence: None,
            pending: false,
            excludes: Default::default(),
        };
        let looks = Some(Looks { sound: 0, planted: 1, evidence: "leak".to_owned() });
        judge(&PlannedRow { row, looks }, &[sound, planted])
    }

    #[test]
    fn each_way_that_two_looks_can_end_has_its_outcome() {
        let silent = || ran(Ending::Silent, "");
        let leak = || ran(Ending::Found, "looked\n  a leak of 3\nfailed");
        let other = || ran(Ending::Found, "a hole");
        let blind = || ran(Ending::Broken("no compiler".to_owned()), "");
        for (sound, planted, outcome, caught, quiet, evidence) in [
            (silent(), leak(), Outcome::Caught, Some(true), Some(true), "a leak of 3"),
            (silent(), silent(), Outcome::Missed, Some(false), Some(true), "nothing was found"),
            (silent(), other(), Outcome::Missed, Some(false), Some(true), "else was found: a hole"),
            (
                leak(),
                leak(),
                Outcome::NotSilent,
                Some(true),
                Some(false),
                "nothing is planted: a leak",
            ),
            (other(), leak(), Outcome::NotSilent, Some(true), Some(false), "planted: a hole"),
            (blind(), leak(), Outcome::Broken, Some(true), None, "no compiler"),
            (silent(), blind(), Outcome::Broken, None, Some(true), "no compiler"),
            (leak(), blind(), Outcome::Broken, None, Some(false), "no compiler"),
        ] {
            let row = judged(sound, planted).unwrap();
            assert_eq!((row.outcome, row.caught, row.silent_without), (outcome, caught, quiet));
            assert!(row.evidence.contains(evidence), "{}", row.evidence);
            assert_eq!(row.seconds, 2.0);
        }
    }

    #[test]
    fn a_row_waits_for_both_its_runs() {
        assert!(judged(ran(Ending::Silent, ""), None).is_none());
        assert!(judged(None, ran(Ending::Silent, "")).is_none());
    }
}
