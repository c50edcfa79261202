//! What `migrations replay --json` writes: the findings, and every migration on every path.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::checkers::Outcome;
use crate::finding::{Finding, Severity};
use crate::migrations::replay::findings::DRILL_UNKNOWN;
use crate::report::release::{Check, Row, Table};
use crate::report::text::counted;

/// The part of the file that a release's report needs.
#[derive(Debug, Deserialize)]
pub(super) struct Replay {
    lineage: Lineage,
    fresh: Fresh,
    upgrade: Upgrade,
    round_trip: RoundTrip,
    twice: Twice,
    #[serde(default)]
    cost: Vec<Cost>,
    #[serde(default)]
    stalls: Vec<Stalls>,
    #[serde(default)]
    judged: Option<Judged>,
    findings: Vec<Found>,
    #[serde(default)]
    timings: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
struct Judged {
    since: String,
    migrations: usize,
}

#[derive(Debug, Deserialize)]
struct Lineage {
    path: String,
    migrations: Vec<Migration>,
}

#[derive(Debug, Deserialize)]
struct Migration {
    version: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct Fresh {
    failed: Vec<Failed>,
}

#[derive(Debug, Deserialize)]
struct Failed {
    version: String,
    message: String,
}

#[derive(Debug, Deserialize)]
struct Upgrade {
    broken: Vec<At>,
    assumptions: Vec<At>,
}

#[derive(Debug, Deserialize)]
struct At {
    at: String,
    table: String,
}

#[derive(Debug, Deserialize)]
struct RoundTrip {
    not_restored: Vec<Reason>,
    walk_failed: Vec<Reason>,
}

#[derive(Debug, Deserialize)]
struct Reason {
    version: String,
}

#[derive(Debug, Deserialize)]
struct Twice {
    refused: BTreeSet<String>,
    no_op: BTreeSet<String>,
    changed: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Cost {
    version: String,
    statements: Vec<Statement>,
}

#[derive(Debug, Deserialize)]
struct Statement {
    rewrites: Vec<serde_json::Value>,
    scans: Vec<serde_json::Value>,
    wal_bytes: i64,
}

#[derive(Debug, Deserialize)]
struct Stalls {
    version: String,
    tables: Vec<Stall>,
}

#[derive(Debug, Deserialize)]
struct Stall {
    reader_ms: u64,
    writer_ms: u64,
}

#[derive(Debug, Deserialize)]
struct Found {
    id: String,
    severity: Severity,
    version: Option<String>,
    file: Option<String>,
    line: Option<usize>,
    #[serde(default)]
    statement: Option<String>,
    evidence: String,
    advice: String,
}

/// So much of a statement is shown, in characters: some hold a table's rows.
const MOST_OF_A_STATEMENT: usize = 1_000;

/// The check that the replay of a lineage is.
pub(super) fn check(replay: Replay) -> Check {
    let matrix = matrix(&replay);
    // Its parts are told as well, and overlap.
    let duration_ms = replay.timings.get("total_ms").copied().unwrap_or(0);
    let name = format!("migrations of {}", replay.lineage.path);
    let mut findings: Vec<Finding> = replay.findings.into_iter().map(finding).collect();
    // The gravest first; else in the order of the lineage.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let count = replay.lineage.migrations.len();
    let unknown = findings.iter().find(|found| found.id == DRILL_UNKNOWN);
    let (outcome, why) = match findings.iter().find(|found| found.severity == Severity::Error) {
        None if unknown.is_some() => {
            let why = unknown.map_or("", |found| &found.evidence);
            (Outcome::Unknown, format!("nobody could look: {why}"))
        }
        None => {
            let holds = |count| if count == 1 { "migration holds" } else { "migrations hold" };
            let why = match &replay.judged {
                None => format!("{count} {} on every path", holds(count)),
                Some(Judged { since, migrations: new }) => format!(
                    "{new} {} on every path; the other {} are not newer than {since}, and not judged",
                    holds(*new),
                    count - new
                ),
            };
            (Outcome::Valid, why)
        }
        Some(first) => {
            let more =
                if errors > 1 { format!(", and {} more", errors - 1) } else { String::new() };
            (Outcome::Invalid, format!("{} at {}{more}", first.id, first.place))
        }
    };
    Check { findings, tables: vec![matrix], duration_ms, ..Check::new(name, outcome, why) }
}

fn finding(found: Found) -> Finding {
    let place = match (found.file, found.line, found.version) {
        (Some(file), Some(line), _) => format!("{file}:{line}"),
        (Some(file), None, _) => file,
        (None, _, Some(version)) => format!("version {version}"),
        (None, ..) => "the lineage".to_owned(),
    };
    let Found { id, severity, statement, evidence, advice, .. } = found;
    let evidence = match statement {
        None => evidence,
        Some(statement) => {
            let shown: String = statement.trim().chars().take(MOST_OF_A_STATEMENT).collect();
            let rest = if shown.len() < statement.trim().len() { " …" } else { "" };
            format!("{evidence}\n\nstatement:\n{shown}{rest}")
        }
    };
    Finding { id, severity, place, evidence, advice }
}

/// Version by check.
fn matrix(replay: &Replay) -> Table {
    let traffic = !replay.stalls.is_empty();
    let mut headings = vec![
        "migration",
        "fresh",
        "upgrade with data",
        "down and up",
        "twice",
        "walk down",
        "cost",
    ];
    if traffic {
        headings.push("longest stall");
    }
    let grave: BTreeSet<&str> = replay
        .findings
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .filter_map(|found| found.version.as_deref())
        .collect();
    let rows = replay.lineage.migrations.iter().map(|migration| {
        let outcome = match grave.contains(migration.version.as_str()) {
            true => Outcome::Invalid,
            false => Outcome::Valid,
        };
        let mut cells = cells(replay, migration);
        if traffic {
            cells.push(stall(replay, &migration.version));
        }
        Row { outcome, cells }
    });
    Table {
        title: "Every migration on every path".to_owned(),
        headings: headings.into_iter().map(str::to_owned).collect(),
        rows: rows.collect(),
    }
}

fn cells(replay: &Replay, migration: &Migration) -> Vec<String> {
    let version = &migration.version;
    let listed = |list: &[Reason]| list.iter().any(|reason| reason.version == *version);
    let failed = replay.fresh.failed.iter().find(|failed| failed.version == *version);
    let fresh = failed.map_or_else(|| "applies".to_owned(), |failed| failed.message.clone());
    let broken = tables_at(&replay.upgrade.broken, version);
    let assumed = tables_at(&replay.upgrade.assumptions, version);
    let upgrade = match (broken.is_empty(), assumed.is_empty()) {
        (false, _) => format!("breaks rows of {broken}"),
        (true, false) => format!("assumes something of {assumed}"),
        (true, true) => "passes".to_owned(),
    };
    let trip = if listed(&replay.round_trip.not_restored) { "not restored" } else { "restored" };
    let walk = if listed(&replay.round_trip.walk_failed) { "fails" } else { "passes" };
    let twice = &replay.twice;
    let second = match () {
        () if twice.changed.contains(version) => "changes something",
        () if twice.refused.contains(version) => "refused",
        () if twice.no_op.contains(version) => "no-op",
        () => "not tried",
    };
    let name = if migration.name.is_empty() {
        version.clone()
    } else {
        format!("{version} {}", migration.name)
    };
    // What did not apply has no way back and no second run.
    let (trip, walk) = if failed.is_some() { ("not tried", "not tried") } else { (trip, walk) };
    [name, fresh, upgrade, trip.into(), second.into(), walk.into(), cost(replay, version)].into()
}

/// The tables that are named at a version, each once.
fn tables_at(list: &[At], version: &str) -> String {
    let here = list.iter().filter(|at| at.at == version);
    let tables: BTreeSet<&str> = here.map(|at| at.table.as_str()).collect();
    tables.into_iter().collect::<Vec<_>>().join(", ")
}

/// What the statements of a migration cost in all.
fn cost(replay: &Replay, version: &str) -> String {
    let costs = replay.cost.iter().filter(|cost| cost.version == version);
    let statements: Vec<&Statement> = costs.flat_map(|cost| &cost.statements).collect();
    if statements.is_empty() {
        return "not measured".to_owned();
    }
    let rewrites: usize = statements.iter().map(|one| one.rewrites.len()).sum();
    let scans: usize = statements.iter().map(|one| one.scans.len()).sum();
    let written: i64 = statements.iter().map(|one| one.wal_bytes).sum();
    let mut parts = Vec::new();
    if rewrites > 0 {
        parts.push(counted(rewrites, "rewrite"));
    }
    if scans > 0 {
        parts.push(counted(scans, "full scan"));
    }
    parts.push(format!("{} kB of WAL", written.max(0) / 1024));
    parts.join(", ")
}

fn stall(replay: &Replay, version: &str) -> String {
    let of_it = replay.stalls.iter().filter(|stalls| stalls.version == version);
    let waits = of_it.flat_map(|stalls| &stalls.tables).map(|one| one.reader_ms.max(one.writer_ms));
    waits.max().map_or_else(|| "none".to_owned(), |longest| format!("{longest} ms"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn replay() -> Replay {
        let finding = |id: &str, severity: &str, version: &str, line: Option<usize>| {
            json!({ "id": id, "severity": severity, "version": version, "line": line,
                    "file": format!("{version}.sql"), "evidence": "e", "advice": "a",
                    "statement": line.map(|_| "x".repeat(MOST_OF_A_STATEMENT + 1)) })
        };
        let value = json!({
            "lineage": { "path": "m", "migrations": [
                { "version": "1", "name": "one" }, { "version": "2", "name": "" },
            ] },
            "fresh": { "applied": 1, "failed": [{ "version": "2", "message": "no such table" }] },
            "upgrade": { "broken": [], "assumptions": [{ "at": "1", "table": "a" }] },
            "round_trip": { "not_restored": [{ "version": "1" }], "walk_failed": [] },
            "twice": { "refused": [], "no_op": ["1"], "changed": [] },
            "cost": [{ "version": "1", "statements": [
                { "rewrites": [{}], "scans": [], "wal_bytes": 4096 },
            ] }],
            "stalls": [{ "version": "1", "tables": [{ "reader_ms": 3, "writer_ms": 9 }] }],
            "findings": [
                finding("round-trip.not-restored", "warning", "1", None),
                finding("fresh.failed", "error", "2", Some(3)),
            ],
            "timings": { "fresh_ms": 20, "walks_ms": 30, "total_ms": 51 },
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn an_error_makes_it_invalid_and_is_quoted_with_its_place() {
        let check = check(replay());
        assert_eq!(check.outcome, Outcome::Invalid);
        assert_eq!(check.why, "fresh.failed at 2.sql:3");
        assert_eq!(check.findings[1].place, "1.sql");
        assert_eq!(check.findings[1].evidence, "e");
        let shown = check.findings[0].evidence.strip_prefix("e\n\nstatement:\n").unwrap();
        assert_eq!(shown, format!("{} …", "x".repeat(MOST_OF_A_STATEMENT)));
        assert_eq!(check.duration_ms, 51);
    }

    #[test]
    fn what_was_not_judged_is_said_not_to_be() {
        let mut replay = replay();
        replay.findings.pop();
        replay.judged = Some(Judged { since: "v1".to_owned(), migrations: 1 });
        let expected =
            "1 migration holds on every path; the other 1 are not newer than v1, and not judged";
        assert_eq!(check(replay).why, expected);
    }

    #[test]
    fn without_errors_it_holds() {
        let mut replay = replay();
        replay.findings.pop();
        let check = check(replay);
        assert_eq!(check.outcome, Outcome::Valid);
        assert_eq!(check.why, "2 migrations hold on every path");
    }

    #[test]
    fn a_drill_that_nobody_could_hold_makes_it_unknown() {
        let mut replay = replay();
        let drill = json!({ "id": DRILL_UNKNOWN, "severity": "warning", "version": null,
            "file": null, "line": null, "evidence": "too old", "advice": "a" });
        replay.findings.push(serde_json::from_value(drill).unwrap());
        assert_eq!(replay.findings.remove(1).id, "fresh.failed");
        let check = check(replay);
        let expected = (Outcome::Unknown, "nobody could look: too old");
        assert_eq!((check.outcome, check.why.as_str()), expected);
    }

    #[test]
    fn every_migration_has_a_row() {
        let matrix = matrix(&replay());
        let [one, two] = matrix.rows.as_slice() else { panic!("{matrix:?}") };
        let told =
            ["1 one", "applies", "assumes something of a", "not restored", "no-op", "passes"];
        assert_eq!(one.cells[..6], told);
        assert_eq!(one.cells[6..], ["1 rewrite, 4 kB of WAL", "9 ms"]);
        assert_eq!((one.outcome, two.outcome), (Outcome::Valid, Outcome::Invalid));
        assert_eq!(two.cells[..2], ["2", "no such table"]);
        assert_eq!(two.cells.len(), matrix.headings.len());
    }
}
