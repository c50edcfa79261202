//! Two catalogs differ exactly when what `pg_dump --schema-only` says differs, order aside.

use std::process::Command;
use std::sync::Arc;

use harness::migrations::catalog::{CatalogReader, Difference, Kind};

use super::cases::{CASES, Expected, SETUP};
use super::support::{Server, execute, lines, read_full, run};

/// The dump's lines in an order that does not depend on that of the objects or columns.
fn dump(server: &Server) -> Vec<String> {
    let cluster = &server.cluster;
    let output = Command::new(cluster.binaries().program("pg_dump"))
        .args(["--schema-only", "--dbname", &cluster.superuser_url()])
        .output()
        .expect("pg_dump starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).expect("a dump in UTF-8");
    let mut lines: Vec<String> = text
        .lines()
        // A random word that newer versions write against injection.
        .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
        .map(|line| line.trim_end_matches(',').to_owned())
        .collect();
    lines.sort_unstable();
    lines
}

fn first_difference(before: &[String], after: &[String]) -> String {
    let gone = before.iter().find(|line| !after.contains(line));
    let come = after.iter().find(|line| !before.contains(line));
    format!("{gone:?} → {come:?}")
}

#[tokio::test]
async fn a_catalog_differs_exactly_when_the_dump_does() {
    let server = Server::start().await;
    let mut connection = server.connect().await;
    let major = server.cluster.binaries().version().major;
    run(&mut connection, SETUP).await;
    let mut reader = CatalogReader::new();
    let mut before = (reader.read(&mut connection).await.unwrap(), dump(&server));
    let mut wrong = Vec::new();
    for case in CASES.iter().filter(|case| case.since <= major) {
        if let Err(error) = execute(&mut connection, case.sql).await {
            wrong.push(format!("{}\n  is refused: {error}", case.sql));
            continue;
        }
        let after = (reader.read(&mut connection).await.unwrap(), dump(&server));
        let difference = Difference::between(&before.0, &after.0);
        let (sees, dump_sees) = (before.0 != after.0, before.1 != after.1);
        let expected = match case.expected {
            Expected::AsTheDump => dump_sees,
            Expected::OnlyTheCatalog => !dump_sees,
        };
        if sees != expected || (case.expected == Expected::OnlyTheCatalog && dump_sees) {
            let dumped = first_difference(&before.1, &after.1);
            wrong.push(format!("{}\n  we: {:?}\n  dump: {dumped}", case.sql, lines(&difference)));
        }
        if case.changes != dump_sees && case.expected == Expected::AsTheDump {
            wrong.push(format!("{}\n  is expected to change: {}", case.sql, case.changes));
        }
        let full = read_full(&mut connection).await;
        if full != *after.0 {
            let missed = Difference::between(&after.0, &full);
            wrong.push(format!("{}\n  incremental is not full: {:?}", case.sql, lines(&missed)));
        }
        before = (Arc::clone(&after.0), after.1);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The table of cases forgets no kind.
#[tokio::test]
async fn the_cases_make_objects_of_every_kind() {
    let server = Server::start().await;
    let mut connection = server.connect().await;
    run(&mut connection, SETUP).await;
    let catalog = read_full(&mut connection).await;
    let missing: Vec<&str> = Kind::ALL
        .into_iter()
        .filter(|kind| !catalog.objects().iter().any(|object| object.key.kind == *kind))
        .map(Kind::words)
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
