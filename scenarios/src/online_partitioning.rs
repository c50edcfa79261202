//! The migrations that brought the months of events keep nobody waiting while they read.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use harness::finding::Severity;
use harness::migrations::lineage::{ReadOptions, read};
use harness::migrations::replay::{
    MigrationCost, ReplayOptions, ReplayOutcome, TrafficOptions, replay,
};
use harness::seed::Seed;
use libtest_mimic::Failed;
use tokio::runtime::Runtime;

use crate::{Scenario, expect};

/// The migrations that partition the events read and copy nothing while others wait.
pub const EVENTS_ARE_PARTITIONED_ONLINE: Scenario =
    Scenario { name: "events_are_partitioned_while_they_are_used", show: |_| show_online(20_000) };

/// The same with a million events.
pub const A_MILLION_EVENTS_ARE_PARTITIONED_ONLINE: Scenario = Scenario {
    name: "a_million_events_are_partitioned_while_they_are_used",
    show: |_| show_online(1_000_000),
};

/// The migrations that index the events anew and make the months.
const NEW: [&str; 5] = ["041", "042", "043", "044", "045"];
const EVENTS: &str = "public.system_events";
/// The strongest lock that keeps neither readers nor writers waiting.
const HARMLESS: &str = "ShareUpdateExclusiveLock";
/// As many rows may be read while others wait: events of agents with wrong clocks.
const HANDFUL: i64 = 1_000;

fn show_online(rows: u32) -> Result<(), Failed> {
    let outcome = measured(rows)?;
    for stalls in &outcome.stalls {
        for stall in stalls.tables.iter().filter(|stall| stall.table == EVENTS) {
            eprintln!("{}: {stall:?}", stalls.version);
            if stall.rows < i64::from(rows) * 9 / 10 {
                return Err(format!("only {} rows in {EVENTS}", stall.rows).into());
            }
        }
    }
    let told: BTreeSet<&str> = outcome.stalls.iter().map(|one| one.version.as_str()).collect();
    expect::equal("migrations with traffic", &told, &BTreeSet::from(NEW))?;
    let found = outcome.findings.iter().filter(|finding| {
        let version = finding.version.as_deref().unwrap_or_default();
        NEW.contains(&version) && finding.severity >= Severity::Warning
    });
    let found: Vec<String> = found.map(|one| format!("{}: {}", one.id, one.evidence)).collect();
    expect::equal("findings", &found, &Vec::<String>::new())?;
    let mut costs = outcome.cost.iter().filter(|cost| NEW.contains(&cost.version.as_str()));
    costs.try_for_each(excludes_nobody_for_long)
}

/// From the statement on that keeps others waiting, no rows are read or written anew.
fn excludes_nobody_for_long(cost: &MigrationCost) -> Result<(), Failed> {
    let mut excludes = false;
    for statement in &cost.statements {
        let own = statement.locks.iter().filter(|lock| lock.table == EVENTS);
        excludes |=
            own.clone().any(|lock| lock.mode != HARMLESS && lock.mode != "RowExclusiveLock");
        let read: i64 = statement.scans.iter().map(|scan| scan.rows).sum();
        if excludes && (read > HANDFUL || !statement.rewrites.is_empty()) {
            return Err(format!("others wait in {}: {statement:?}", cost.file).into());
        }
    }
    Ok(())
}

fn measured(rows: u32) -> Result<ReplayOutcome, Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations-under-test/repaired");
    let lineage = read(&folder, &ReadOptions::default())?;
    let new = lineage.migrations.iter().filter(|one| NEW.contains(&one.version.as_str()));
    let seed = Seed::fresh();
    eprintln!("seed {seed}");
    let options = ReplayOptions {
        seed,
        rows: Some(rows),
        measured: Some(new.map(|one| one.file().to_owned()).collect()),
        traffic: Some(TrafficOptions::default()),
        statement_deadline: Duration::from_secs(30 * 60),
        with_trials: false,
        with_drill: false,
        paths: 0,
        ..ReplayOptions::default()
    };
    Ok(Runtime::new()?.block_on(replay(&lineage, &options, &|_, _| ()))?)
}
