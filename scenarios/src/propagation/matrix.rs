//! The matrix of points and hops, for the repaired system, for the audited one, and with the
//! events of some points lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use harness::checkers::Outcome;
use harness::environment::BackendKind;
use harness::report::release::{Check, Row, Table};
use libtest_mimic::Failed;

use super::hops::{HOPS, Journey, Watch, journeys, settle};
use super::stage::{Folders, Stage};
use super::{agent_points, server_points};
use crate::Scenario;
use crate::both_ways::{asked_for, both_ways, caught};
use crate::expect;
use crate::ledger::{Layer, Ledger};
use crate::system_run::ReferenceSystem;

/// Every event of the repaired system arrives.
pub const EVERY_EVENT_ARRIVES: Scenario = Scenario {
    name: "propagation::every_event_of_the_repaired_system_arrives",
    show: show_repaired,
};

/// What the audit found: no event arrives.
pub const AUDITED_EVENTS_ARE_LOST: Scenario =
    Scenario { name: "propagation::every_event_of_the_audited_system_is_lost", show: show_audited };

/// With the events of the odd points lost, exactly they are missing.
pub const ODD_POINTS_ARE_MISSED: Scenario =
    Scenario { name: "propagation::lost_events_of_odd_points_are_missed", show: show_odd };

/// With the events of the even points lost, exactly they are missing.
pub const EVEN_POINTS_ARE_MISSED: Scenario =
    Scenario { name: "propagation::lost_events_of_even_points_are_missed", show: show_even };

/// What happens to the programs is an event, not just a line on standard output.
pub const NOTHING_ENDS_ON_STANDARD_OUTPUT: Scenario = Scenario {
    name: "propagation::no_event_ends_on_standard_output",
    show: |backend| both_ways(backend, "EV-STDOUT", "is only printed", judge_output),
};

fn outcome(arrives: bool) -> Outcome {
    if arrives { Outcome::Valid } else { Outcome::Invalid }
}

/// What was seen of each point, and how far its events came.
struct Matrix {
    seen: BTreeMap<&'static str, String>,
    journeys: BTreeMap<&'static str, Journey>,
}

fn show_repaired(backend: BackendKind) -> Result<(), Failed> {
    let matrix = Matrix::of(backend, &[])?;
    let points = points()?;
    expect::equal("the triggered points", &matrix.triggered(), &points)?;
    expect::equal("the points whose events are lost", &matrix.lost(), &BTreeSet::new())?;
    matrix.report()?;
    matrix.matches_snapshot("propagation_repaired");
    Ok(())
}

fn show_audited(backend: BackendKind) -> Result<(), Failed> {
    let matrix = Matrix::of(backend, &["audited"])?;
    expect::equal("the points whose events are lost", &matrix.lost(), &points()?)?;
    matrix.matches_snapshot("propagation_audited");
    Ok(())
}

fn show_odd(backend: BackendKind) -> Result<(), Failed> {
    show_some(backend, |number| number % 2 == 1)
}

fn show_even(backend: BackendKind) -> Result<(), Failed> {
    show_some(backend, |number| number % 2 == 0)
}

fn show_some(backend: BackendKind, chosen: fn(usize) -> bool) -> Result<(), Failed> {
    let all = points()?;
    let some = (1..).zip(&all).filter(|(number, _)| chosen(*number)).map(|(_, point)| point);
    let some: Vec<&str> = some.map(String::as_str).collect();
    if let Some(defects) = asked_for() {
        let defects: Vec<&str> = defects.iter().map(String::as_str).collect();
        return Matrix::of(backend, &defects)?.every_event_arrives();
    }
    let matrix = Matrix::of(backend, &some)?;
    let expected: BTreeSet<String> = some.iter().map(|&point| point.to_owned()).collect();
    expect::equal("the points whose events are lost", &matrix.lost(), &expected)
}

fn judge_output(reference: ReferenceSystem) -> Result<(), Failed> {
    let matrix = Matrix::on(reference)?;
    let printed = |journey: &Journey| journey.reached.iter().all(|reached| !reached);
    let printed = matrix.journeys.iter().filter(|(_, journey)| printed(journey));
    let printed: Vec<&str> = printed.map(|(point, _)| *point).collect();
    match printed.is_empty() {
        true => Ok(()),
        false => Err(format!("what happens at {} is only printed", printed.join(", ")).into()),
    }
}

/// Triggers every point on a system, and looks when nothing is under way any more.
///
/// # Errors
/// When a point cannot be triggered, or what was seen is wrong.
pub fn triggered(
    mut reference: ReferenceSystem,
    look: impl AsyncFnOnce(&Stage<'_>, &Watch) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let root = tempfile::tempdir()?;
    let folders = Folders::below(root.path(), &mut reference.system)?;
    reference.observe(async |environment| {
        let watch = Watch::open(environment).await?;
        let mut stage = Stage::new(&reference, environment, &folders);
        let pass = async {
            agent_points::trigger(&mut stage).await?;
            server_points::trigger(&mut stage).await?;
            settle(&stage, &watch).await
        };
        tokio::select! {
            passed = pass => passed?,
            never = watch.look(environment) => match never {},
        }
        look(&stage, &watch).await
    })
}

/// Every point that the ledger has.
///
/// # Errors
/// When the ledger cannot be read.
pub fn points() -> Result<BTreeSet<String>, Failed> {
    let rows = Ledger::read()?.rows.into_iter();
    let points = rows.filter(|row| row.layer == Layer::Events && row.id.starts_with("EP-"));
    Ok(points.map(|row| row.id).collect())
}

impl Matrix {
    /// Triggers every point on a system with these defects, and follows the events.
    fn of(backend: BackendKind, defects: &[&str]) -> Result<Self, Failed> {
        Self::on(ReferenceSystem::new(backend)?.with_defects(defects))
    }

    /// Triggers every point on a system, and follows the events.
    fn on(reference: ReferenceSystem) -> Result<Self, Failed> {
        let mut matrix = None;
        triggered(reference, async |stage, watch| {
            let journeys = journeys(stage, watch).await?;
            matrix = Some(Self { seen: stage.seen.clone(), journeys });
            Ok(())
        })?;
        matrix.ok_or_else(|| "the points were not triggered".into())
    }

    fn triggered(&self) -> BTreeSet<String> {
        self.seen.keys().map(|&point| point.to_owned()).collect()
    }

    /// The points without an event that went the whole way.
    fn lost(&self) -> BTreeSet<String> {
        let whole = |journey: &Journey| journey.reached.iter().all(|reached| *reached);
        let lost = self.journeys.iter().filter(|(_, journey)| !whole(journey));
        lost.map(|(point, _)| (*point).to_owned()).collect()
    }

    fn every_event_arrives(&self) -> Result<(), Failed> {
        let told = self.lost().into_iter().map(|point| {
            let seen = self.seen.get(point.as_str()).map_or("nothing", String::as_str);
            caught(&point, &format!("seen from outside is {seen}, and no event of it arrives"))
        });
        let told: Vec<String> = told.collect();
        match told.is_empty() {
            true => Ok(()),
            false => Err(told.join("\n").into()),
        }
    }

    /// Writes the matrix for the report on a release, with the milliseconds from when something
    /// happened to when its event was first seen at each hop.
    fn report(&self) -> Result<(), Failed> {
        let lost = self.lost();
        let rows = self.journeys.iter().map(|(point, journey)| {
            let hops = journey.reached.iter().zip(journey.times).map(|hop| match hop {
                (false, _) => "-".to_owned(),
                (true, None) => "yes".to_owned(),
                (true, Some(time)) => format!("{} ms", time.as_millis()),
            });
            let class = journey.classification.clone().unwrap_or_else(|| "no event".to_owned());
            let seen = self.seen.get(point).cloned().unwrap_or_else(|| "nothing".to_owned());
            let cells = [(*point).to_owned(), class, seen].into_iter().chain(hops).collect();
            Row { outcome: outcome(!lost.contains(*point)), cells }
        });
        let headings = ["point", "event", "seen from outside"].into_iter().chain(HOPS);
        let table = Table {
            title: "Event propagation, point by hop".to_owned(),
            headings: headings.map(str::to_owned).collect(),
            rows: rows.collect(),
        };
        let arrived = self.journeys.len() - lost.len();
        let why = format!("events of {arrived} of {} points arrive", self.journeys.len());
        let check = Check::new("event propagation", outcome(lost.is_empty()), why);
        let check = Check { tables: vec![table], ..check };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/generated");
        std::fs::create_dir_all(&folder)?;
        Ok(std::fs::write(folder.join("propagation.json"), serde_json::to_string_pretty(&check)?)?)
    }

    fn matches_snapshot(&self, name: &str) {
        insta::with_settings!({
            snapshot_path => concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/snapshots"),
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, { insta::assert_snapshot!(name, self.text()) });
    }

    fn text(&self) -> String {
        let mut text = format!("point  seen from outside  {}\n", HOPS.join("  "));
        for (point, journey) in &self.journeys {
            let seen = self.seen.get(point).map_or("nothing", String::as_str);
            let _ = write!(text, "{point}  {seen:<17}");
            for (hop, reached) in HOPS.iter().zip(journey.reached) {
                let _ = write!(
                    text,
                    "  {:<width$}",
                    if reached { "yes" } else { "-" },
                    width = hop.len()
                );
            }
            let _ = writeln!(text, "  {}", journey.classification.as_deref().unwrap_or("no event"));
        }
        text
    }
}
