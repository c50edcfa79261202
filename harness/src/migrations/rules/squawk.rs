//! What the field's linter for PostgreSQL, squawk, finds and no replay shows: what a statement does
//! to readers and writers of a table that is big, to the release before, or years later.
//!
//! Its other rules are left out: what they say of rewrites, locks, second runs and rows that do not
//! go through, the replay proves by doing it.

use std::collections::BTreeMap;
use std::panic::catch_unwind;

use squawk_linter::Linter;
use squawk_syntax::SourceFile;

use super::{Example, Rule};
use crate::finding::Severity;
use crate::migrations::finding::MigrationFinding;
use crate::migrations::lineage::{Convention, Lineage, Script, Step, Wrapping};

const PREFIX: &str = "squawk.";

/// A rule of squawk's under our name, with what is bad and what is good on one small table.
macro_rules! adopted {
    ($name:literal, $severity:ident, $summary:literal, $reason:literal, $advice:literal,
     $bad:literal, $good:literal) => {
        Rule {
            id: concat!("squawk.", $name),
            severity: Severity::$severity,
            summary: $summary,
            reason: $reason,
            advice: $advice,
            bad: adopted!(@example $bad),
            good: adopted!(@example $good),
            check,
        }
    };
    (@example $sql:literal) => {
        Example {
            convention: Convention::GolangMigrate,
            files: &[
                (
                    "1_people.up.sql",
                    "CREATE TABLE people (id bigint PRIMARY KEY, name text, born date);\n\
                     CREATE INDEX people_born ON people (born);\n",
                ),
                ("2_change.up.sql", concat!($sql, "\n")),
            ],
            refused: None,
        }
    };
}

/// The rules, in the order of their names.
pub(super) const ADOPTED: [Rule; 16] = [
    adopted!(
        "adding-foreign-key-constraint",
        Info,
        "A foreign key is added and checked in one statement.",
        "All rows of both tables are read, and nobody writes to either meanwhile.",
        "add it NOT VALID, and VALIDATE it in a later migration",
        "ALTER TABLE people ADD CONSTRAINT people_self FOREIGN KEY (id) REFERENCES people (id);",
        "ALTER TABLE people ADD CONSTRAINT people_self FOREIGN KEY (id) REFERENCES people (id) NOT VALID;"
    ),
    adopted!(
        "ban-char-field",
        Info,
        "A column is of the type char.",
        "Its values are filled up with blanks, which some comparisons see and others do not.",
        "use text, with a CHECK on its length where that matters",
        "ALTER TABLE people ADD COLUMN code char(4);",
        "ALTER TABLE people ADD COLUMN code text;"
    ),
    adopted!(
        "ban-create-domain-with-constraint",
        Info,
        "A domain is made with a constraint.",
        "It cannot be changed later without reading every table that uses the domain, locked.",
        "put the constraint on the table, where it can be added NOT VALID",
        "CREATE DOMAIN age AS bigint CHECK (VALUE > 0);",
        "CREATE DOMAIN age AS bigint;"
    ),
    adopted!(
        "ban-drop-column",
        Info,
        "A column is dropped.",
        "The release before, which still runs while the migration does, may name it.",
        "drop it one release after the last that names it",
        "ALTER TABLE people DROP COLUMN born;",
        "COMMENT ON COLUMN people.born IS 'not read any more';"
    ),
    adopted!(
        "ban-drop-table",
        Info,
        "A table is dropped.",
        "The release before, which still runs while the migration does, may name it.",
        "drop it one release after the last that names it",
        "DROP TABLE people;",
        "COMMENT ON TABLE people IS 'not read any more';"
    ),
    adopted!(
        "ban-truncate-cascade",
        Warning,
        "TRUNCATE … CASCADE empties more tables than it names.",
        "Every table with a foreign key to it is emptied too, and those with one to these.",
        "name all tables that are to be emptied",
        "TRUNCATE people CASCADE;",
        "TRUNCATE people;"
    ),
    adopted!(
        "ban-uncommitted-transaction",
        Warning,
        "A file begins a transaction and does not end it.",
        "Whether its work stays depends on who runs it: psql takes it back, some drivers refuse to \
         go on, others commit it.",
        "write the COMMIT, or leave out the BEGIN",
        "BEGIN;\nALTER TABLE people ADD COLUMN code text;",
        "BEGIN;\nALTER TABLE people ADD COLUMN code text;\nCOMMIT;"
    ),
    adopted!(
        "constraint-missing-not-valid",
        Info,
        "A constraint is added and checked in one statement.",
        "All rows are read while nobody reads or writes them.",
        "add it NOT VALID, and VALIDATE it in a later migration",
        "ALTER TABLE people ADD CONSTRAINT people_named CHECK (name <> '');",
        "ALTER TABLE people ADD CONSTRAINT people_named CHECK (name <> '') NOT VALID;"
    ),
    adopted!(
        "disallowed-unique-constraint",
        Info,
        "A unique constraint is added together with its index.",
        "The index is made while nobody reads or writes the table.",
        "make the index CONCURRENTLY, and the constraint USING INDEX",
        "ALTER TABLE people ADD CONSTRAINT people_name UNIQUE (name);",
        "CREATE UNIQUE INDEX CONCURRENTLY people_name ON people (name);"
    ),
    adopted!(
        "identifier-too-long",
        Warning,
        "A name is longer than PostgreSQL keeps.",
        "What is behind the 63rd byte is cut off without a word, and who looks for the name later \
         does not find it.",
        "choose a shorter name",
        "CREATE TABLE a_name_of_more_than_sixty_three_bytes_which_postgresql_cuts_off_silently (id bigint PRIMARY KEY);",
        "CREATE TABLE a_short_name (id bigint PRIMARY KEY);"
    ),
    adopted!(
        "prefer-bigint-over-int",
        Info,
        "A column is an int.",
        "A number that counts something ends at 2,147,483,647, and making the column bigger then \
         rewrites the table.",
        "use bigint",
        "CREATE TABLE notes (id int PRIMARY KEY);",
        "CREATE TABLE notes (id bigint PRIMARY KEY);"
    ),
    adopted!(
        "prefer-timestamp-tz",
        Info,
        "A column holds a time without its zone.",
        "What moment it means depends on who writes and who reads it.",
        "use timestamptz",
        "ALTER TABLE people ADD COLUMN seen timestamp;",
        "ALTER TABLE people ADD COLUMN seen timestamptz;"
    ),
    adopted!(
        "renaming-column",
        Info,
        "A column is renamed.",
        "The release before, which still runs while the migration does, finds it no more.",
        "add a column of the new name, and drop the old one a release later",
        "ALTER TABLE people RENAME COLUMN name TO label;",
        "ALTER TABLE people ADD COLUMN label text;"
    ),
    adopted!(
        "renaming-table",
        Info,
        "A table is renamed.",
        "The release before, which still runs while the migration does, finds it no more.",
        "leave a view of the old name for a release",
        "ALTER TABLE people RENAME TO persons;",
        "CREATE VIEW persons AS SELECT * FROM people;"
    ),
    adopted!(
        "require-concurrent-index-creation",
        Info,
        "An index is made on a table that was there before.",
        "Nobody writes to the table until it is ready.",
        "make it CONCURRENTLY, outside a transaction",
        "CREATE INDEX people_name ON people (name);",
        "CREATE INDEX CONCURRENTLY people_name ON people (name);"
    ),
    adopted!(
        "require-concurrent-index-deletion",
        Info,
        "An index is dropped under a lock.",
        "Nobody reads or writes the table until all who hold it have let go.",
        "drop it CONCURRENTLY, outside a transaction",
        "DROP INDEX people_born;",
        "DROP INDEX CONCURRENTLY people_born;"
    ),
];

/// What one rule of squawk's finds.
fn check(rule: &Rule, lineage: &Lineage) -> Vec<MigrationFinding> {
    check_with(&[rule], lineage)
}

/// What all of them find, with each file read once.
pub(super) fn check_all(lineage: &Lineage) -> Vec<MigrationFinding> {
    let rules: Vec<&Rule> = ADOPTED.iter().collect();
    check_with(&rules, lineage)
}

/// One finding for each rule and file, where it first is so.
fn check_with(rules: &[&Rule], lineage: &Lineage) -> Vec<MigrationFinding> {
    let mut found = Vec::new();
    for migration in &lineage.migrations {
        let Step::Script(script) = &migration.up else { continue };
        let places = lint(rules, script);
        for rule in rules {
            let Some(places) = places.get(rule.id) else { continue };
            let Some((offset, message)) = places.first() else { continue };
            let more = match places.len() - 1 {
                0 => String::new(),
                more => format!(" ({more} more in this file)"),
            };
            let evidence = format!("{message}{more}");
            let mut statements = script.statements.iter().rev();
            found.push(match statements.find(|statement| statement.offset <= *offset) {
                Some(statement) => rule.of_statement((migration, script), statement, evidence),
                None => rule.of_migration(migration, evidence),
            });
        }
    }
    found
}

fn is_one_transaction(script: &Script) -> bool {
    match script.wrapping {
        Wrapping::Transaction => true,
        Wrapping::Together => script.statements.len() > 1,
        Wrapping::EachStatement => false,
    }
}

/// Where in a script each of these rules is broken, and squawk's words. A text that squawk cannot
/// take yields nothing: what PostgreSQL says of it counts.
fn lint(rules: &[&Rule], script: &Script) -> BTreeMap<String, Vec<(usize, String)>> {
    let names = rules.iter().filter_map(|rule| rule.id.strip_prefix(PREFIX));
    let own: Vec<_> = names.filter_map(|name| squawk_linter::Rule::try_from(name).ok()).collect();
    let violations = catch_unwind(|| {
        let mut linter = Linter::from(own);
        linter.settings.assume_in_transaction = is_one_transaction(script);
        linter.lint(&SourceFile::parse(&script.text), &script.text)
    });
    let mut places: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
    for violation in violations.unwrap_or_default() {
        let offset = usize::from(violation.text_range.start());
        let place = (offset, violation.message);
        places.entry(format!("{PREFIX}{}", violation.code)).or_default().push(place);
    }
    places
}
