//! What grows with the fleet or with refused calls shows in the exponents of `bench --only growth`:
//! by counts of statements and bytes at small sizes, never by time.

use std::time::Duration;

use harness::bench::growth::{GrowthRequest, measure};
use harness::bench::{Growth, Subject};
use harness::environment::{BackendKind, Built};
use harness::seed::Seed;
use harness::system::System;
use libtest_mimic::Failed;
use tokio::runtime::Runtime;

use crate::Scenario;
use crate::system_run::system_file;

/// Of each number that is counted the exponent is 0, and about 1 with the defect that makes it grow.
pub const EXPONENTS_TELL_WHAT_GROWS: Scenario =
    Scenario { name: "exponents_tell_what_grows", show };

const COUNTED: [(&str, &str); 3] = [
    ("growth.fleet.statistics.statements", "F-B1-6"),
    ("growth.fleet.agents.repeats", "F-B1-8"),
    ("growth.refusals.log", "V2"),
];
/// The exponent of what grows with the size, beside a part that does not.
const GROWS: f64 = 0.7;

fn show(_: BackendKind) -> Result<(), Failed> {
    let sound = growth(&[])?;
    let defects = COUNTED.map(|(_, defect)| defect);
    let audited = growth(&defects)?;
    for (name, defect) in COUNTED {
        let (sound, audited) = (find(&sound, name)?, find(&audited, name)?);
        if sound.met != Some(true) {
            return Err(format!("{name} grows although nothing is planted: {sound:?}").into());
        }
        if !audited.exponent.is_some_and(|exponent| exponent > GROWS) {
            return Err(format!("{name} does not grow with {defect}: {audited:?}").into());
        }
    }
    Ok(())
}

fn find<'a>(growth: &'a [Growth], name: &str) -> Result<&'a Growth, Failed> {
    let found = growth.iter().find(|one| one.name == name);
    found.ok_or_else(|| format!("{name} was not measured").into())
}

fn growth(defects: &[&str]) -> Result<Vec<Growth>, Failed> {
    let system = System::read(&system_file())?;
    let runtime = Runtime::new()?;
    let built = runtime.block_on(Built::of(&system, BackendKind::Embedded))?;
    let defects = defects.iter().map(|&id| id.to_owned()).collect();
    let request = GrowthRequest {
        subject: Subject { system, built, seed: Seed(1), defects },
        rounds: 1,
        lasts: Duration::from_millis(200),
        agents: vec![10, 50, 250],
        rows: Vec::new(),
        refusals: vec![200, 1_000, 5_000],
    };
    let grown = runtime.block_on(measure(&request, &|line: &str| eprintln!("{line}")))?;
    Ok(grown.growth)
}
