//! A number is missing where all others follow each other.

use super::numbers::numbered;
use super::{Example, Rule};
use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Convention, Lineage};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "numbering.gap",
    severity: Severity::Info,
    summary: "A number is missing where all others follow each other.",
    reason: "Either a migration was lost, or it was never committed and lives in somebody's \
             database. Whoever fills the gap later has a migration that databases which are past \
             the number will run late, or never.",
    advice: "find out what became of it; if it never was released, say so in lineage.toml",
    bad: Example {
        convention: Convention::GolangMigrate,
        files: &[
            ("1_people.up.sql", "CREATE TABLE people (id bigint PRIMARY KEY);\n"),
            ("2_notes.up.sql", "CREATE TABLE notes (id bigint PRIMARY KEY);\n"),
            ("3_tags.up.sql", "CREATE TABLE tags (id bigint PRIMARY KEY);\n"),
            ("4_links.up.sql", "CREATE TABLE links (id bigint PRIMARY KEY);\n"),
            ("6_votes.up.sql", "CREATE TABLE votes (id bigint PRIMARY KEY);\n"),
        ],
        refused: None,
    },
    good: Example {
        convention: Convention::GolangMigrate,
        files: &[
            ("10_people.up.sql", "CREATE TABLE people (id bigint PRIMARY KEY);\n"),
            ("20_notes.up.sql", "CREATE TABLE notes (id bigint PRIMARY KEY);\n"),
        ],
        refused: None,
    },
    check,
};

fn check(rule: &Rule, lineage: &Lineage) -> Vec<MigrationFinding> {
    let mut files = numbered(lineage);
    files.sort_by_key(|one| one.value);
    files.dedup_by_key(|one| one.value);
    let pairs: Vec<_> = files.windows(2).collect();
    let follow = pairs.iter().filter(|pair| pair[1].value == pair[0].value + 1).count();
    // Times and steps of ten have gaps by their nature.
    if follow * 4 < pairs.len() * 3 {
        return Vec::new();
    }
    let gaps = pairs.iter().filter(|pair| pair[1].value > pair[0].value + 1);
    gaps.map(|pair| {
        let (first, last) = (pair[0].value + 1, pair[1].value - 1);
        let missing =
            if first == last { format!("{first} is") } else { format!("{first} to {last} are") };
        let evidence = format!("{missing} missing between {} and {}", pair[0].file, pair[1].file);
        rule.of_file(&pair[1].file, evidence)
    })
    .collect()
}
