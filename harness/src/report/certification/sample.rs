//! A certification that the renderers' tests show.

use crate::checkers::Outcome;
use crate::migrations::certify::{Certification, End, NotTried, Row, Sighting};

/// One case that holds, one that does not, one that nobody can tell of.
pub fn red() -> Certification {
    let serves = Sighting {
        step: "it starts".to_owned(),
        end: End::Ready,
        health: Some(200),
        recorded: 1,
        unexpected_records: vec!["041_last.up.sql".to_owned()],
        ready_while_incomplete_ms: 304,
        log: vec!["WARN migration failed".to_owned(), "[OK] migrations completed".to_owned()],
        problems: vec![
            "it serves with an incomplete schema: it was ready for at least 304 ms".to_owned(),
            "its log claims success: “[OK]”".to_owned(),
        ],
        ..Sighting::default()
    };
    let row = |case: &str, what: &str, outcome, seen: Vec<Sighting>| Row {
        case: case.to_owned(),
        group: case.split('-').next().unwrap_or_default().to_owned(),
        what: what.to_owned(),
        expected: "it ends with an exit status that is not 0".to_owned(),
        outcome,
        problems: seen.iter().flat_map(Sighting::told_problems).collect(),
        ready_while_incomplete_ms: seen.iter().map(|it| it.ready_while_incomplete_ms).sum(),
        seen,
        duration_ms: 1234,
    };
    let failing = row(
        "failing-last-existing-table",
        "the last migration makes a table that exists (42P07)",
        Outcome::Invalid,
        vec![serves],
    );
    let mut unknown = row("cut-after-commit", "the link is cut", Outcome::Unknown, Vec::new());
    unknown.problems = vec!["the server does not come up undisturbed".to_owned()];
    Certification {
        version: 1,
        server: "small-server".to_owned(),
        postgresql: "15.14".to_owned(),
        defects: vec!["F-B1-11".to_owned()],
        migrations: 41,
        outcome: Outcome::Invalid,
        rows: vec![
            failing,
            row("empty-database", "it starts on an empty database", Outcome::Valid, Vec::new()),
            unknown,
        ],
        left_out: vec![NotTried {
            what: "previous".to_owned(),
            why: "the file names no previous release: add [previous]".to_owned(),
        }],
        duration_ms: 48_210,
    }
}
