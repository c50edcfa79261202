//! Which runs it takes to look at every row both ways. Rows that one detector finds are planted
//! together unless they exclude each other, and runs that would do the same are one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::ledger::{Detector, Ledger, Row};
use crate::system::{TemplateError, Values, fill};

/// What stands for a run's folder until it has one, so that runs can be compared.
pub(super) const FOLDER: &str = "{folder}";

/// Which system a run looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The sound one.
    Sound,
    /// The one with the defects.
    Planted,
}

/// Every run, and what each row takes from them.
#[derive(Debug)]
pub struct Plan {
    /// What makes detectors ready: a command by the kind.
    pub(super) prepare: BTreeMap<String, Vec<String>>,
    pub(super) runs: Vec<Run>,
    pub(super) rows: Vec<PlannedRow>,
}

/// A command that is run once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The kind and the name of the detector that it was first needed for.
    pub detector: String,
    pub kind: String,
    pub command: Vec<String>,
    pub environment: BTreeMap<String, String>,
    pub report: Option<std::path::PathBuf>,
    pub finds: i32,
    pub alone: bool,
    pub deadline: Duration,
}

/// A row and the runs that answer it.
#[derive(Debug)]
pub(super) struct PlannedRow {
    pub row: Row,
    /// None for a row that nothing finds yet.
    pub looks: Option<Looks>,
}

/// The two looks at one defect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Looks {
    /// Which run sees the sound system.
    pub sound: usize,
    /// Which run sees the defect.
    pub planted: usize,
    /// The words by which the row's finding is known.
    pub evidence: String,
}

impl Plan {
    /// The plan for all rows of a ledger; `harness` is this program.
    ///
    /// # Errors
    /// When a text of the ledger asks for something that nobody gives.
    pub fn of(ledger: &Ledger, harness: &Path) -> Result<Self, TemplateError> {
        let mut plan = Self { prepare: BTreeMap::new(), runs: Vec::new(), rows: Vec::new() };
        let groups = groups(&ledger.rows);
        for row in &ledger.rows {
            let looks = match row.detector_words() {
                None => None,
                Some((kind, name)) => {
                    let detector = &ledger.detectors[kind];
                    if let Some(command) = &detector.prepare {
                        plan.prepare.insert(kind.to_owned(), command.clone());
                    }
                    let group = &groups[&row.id];
                    let mut run = |side| {
                        let run = Run::of(row, detector, group, side, harness)?;
                        Ok::<usize, TemplateError>(plan.place(run))
                    };
                    let (sound, planted) = (run(Side::Sound)?, run(Side::Planted)?);
                    let words = Values::default().with("id", &row.id).with("name", name);
                    let evidence = row.evidence.as_ref().unwrap_or(&detector.evidence);
                    Some(Looks { sound, planted, evidence: fill(evidence, &words)? })
                }
            };
            plan.rows.push(PlannedRow { row: row.clone(), looks });
        }
        Ok(plan)
    }

    /// How many rows are looked at, how many are pending, and how many runs that takes.
    pub fn counts(&self) -> (usize, usize, usize) {
        let looked = self.rows.iter().filter(|row| row.looks.is_some()).count();
        (looked, self.rows.len() - looked, self.runs.len())
    }

    /// The place of a run, which is that of an equal one if there is one.
    fn place(&mut self, run: Run) -> usize {
        let same =
            |other: &Run| (&other.command, &other.environment) == (&run.command, &run.environment);
        self.runs.iter().position(same).unwrap_or_else(|| {
            self.runs.push(run);
            self.runs.len() - 1
        })
    }
}

impl Run {
    fn of(
        row: &Row,
        detector: &Detector,
        group: &[String],
        side: Side,
        harness: &Path,
    ) -> Result<Self, TemplateError> {
        let (kind, name) = row.detector_words().unwrap_or_default();
        let rows = group.join(",");
        let values = Values::default()
            .with("name", name)
            .with("rows", &rows)
            .with("defects", if side == Side::Planted { &rows } else { "" })
            .with("harness", harness.display().to_string())
            .with("folder", FOLDER);
        let added = match side {
            Side::Sound => &detector.sound,
            Side::Planted => &detector.planted,
        };
        let words = detector.command.iter().chain(added);
        let environment = detector.environment.iter();
        Ok(Self {
            detector: row.detector.clone().unwrap_or_default(),
            kind: kind.to_owned(),
            command: words.map(|word| fill(word, &values)).collect::<Result<_, _>>()?,
            environment: environment
                .map(|(variable, text)| Ok((variable.clone(), fill(text, &values)?)))
                .collect::<Result<_, _>>()?,
            report: detector.report.clone(),
            finds: detector.finds,
            alone: detector.alone.iter().any(|start| name.starts_with(start)),
            deadline: Duration::from_secs(detector.deadline_seconds),
        })
    }
}

/// The rows that are planted together with each, itself among them, by its id.
fn groups(rows: &[Row]) -> BTreeMap<String, Vec<String>> {
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    for row in rows.iter().filter(|row| row.detector.is_some()) {
        let goes_with = |other: &&Row| {
            other.detector == row.detector
                && !other.excludes.contains(&row.id)
                && !row.excludes.contains(&other.id)
        };
        match groups.iter_mut().find(|group| group.iter().all(goes_with)) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    let ids = |group: &Vec<&Row>| -> BTreeSet<String> {
        group.iter().map(|row| row.id.clone()).collect()
    };
    let members = |group: &Vec<&Row>| {
        let ids: Vec<String> = ids(group).into_iter().collect();
        group.iter().map(|row| (row.id.clone(), ids.clone())).collect::<Vec<_>>()
    };
    groups.iter().flat_map(members).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(rows: &[(&str, &str, &[&str])]) -> Ledger {
        let kinds = r#"
            rows = []
            [detectors.shared]
            command = ["look"]
            sound = ["sound"]
            planted = ["audited"]
            evidence = "{name}"
            [detectors.own]
            command = ["look", "{name}"]
            planted = ["--defect", "{defects}"]
            alone = ["whole"]
            evidence = "caught {id}"
        "#;
        let mut ledger: Ledger = toml::from_str(kinds).unwrap();
        let row = |(id, detector, excludes): &(&str, &str, &[&str])| Row {
            id: (*id).to_owned(),
            title: "t".to_owned(),
            layer: "L".to_owned(),
            detector: Some((*detector).to_owned()),
            evidence: None,
            pending: false,
            excludes: excludes.iter().map(|&id| id.to_owned()).collect(),
        };
        ledger.rows = rows.iter().map(row).collect();
        ledger
    }

    fn plan(rows: &[(&str, &str, &[&str])]) -> Plan {
        Plan::of(&ledger(rows), Path::new("harness")).unwrap()
    }

    #[test]
    fn one_run_answers_all_rows_that_it_can() {
        let plan = plan(&[("A", "shared a", &[]), ("B", "shared b", &[])]);
        let commands: Vec<String> = plan.runs.iter().map(|run| run.command.join(" ")).collect();
        assert_eq!(commands, ["look sound", "look audited"]);
        let looks = plan.rows[1].looks.as_ref().unwrap();
        assert_eq!((looks.sound, looks.planted, looks.evidence.as_str()), (0, 1, "b"));
        assert_eq!(plan.counts(), (2, 0, 2));
    }

    #[test]
    fn rows_of_one_detector_are_planted_together_unless_they_exclude_each_other() {
        let plan = plan(&[("A", "own x", &[]), ("B", "own x", &["A"]), ("C", "own x", &[])]);
        let commands: Vec<String> = plan.runs.iter().map(|run| run.command.join(" ")).collect();
        assert_eq!(commands, ["look x", "look x --defect A,C", "look x --defect B"]);
    }

    #[test]
    fn who_wants_the_machine_gets_it() {
        let plan = plan(&[("A", "own whole::run", &[]), ("B", "own part", &[])]);
        let alone: Vec<bool> = plan.runs.iter().map(|run| run.alone).collect();
        assert_eq!(alone, [true, true, false, false]);
    }

    #[test]
    fn a_text_that_asks_for_what_nobody_gives_is_refused() {
        let mut ledger = ledger(&[("A", "own a", &[])]);
        ledger.detectors.get_mut("own").unwrap().command.push("{nobody}".to_owned());
        let error = Plan::of(&ledger, Path::new("harness")).unwrap_err();
        assert!(error.to_string().contains("{nobody}"), "{error}");
    }
}
