//! How two catalogs differ, and which of it matters.

use std::cmp::Ordering;
use std::fmt;

use serde::Serialize;

use super::catalog::Catalog;
use super::cosmetic::Cosmetic;
use super::object::{Key, Object};

/// What must be done to the first catalog to get the second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What means something, ordered by the objects' keys.
    pub changes: Vec<Change>,
    /// What means nothing, but can be seen: the order of columns, white space in a body.
    pub cosmetic: Vec<Change>,
}

/// One object that differs, in one regard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The object.
    pub key: Key,
    /// What is different about it.
    #[serde(flatten)]
    pub alteration: Alteration,
}

/// What is different about an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "alteration", rename_all = "snake_case")]
pub enum Alteration {
    /// Only the second catalog has it.
    Added,
    /// Only the first catalog has it.
    Removed,
    /// Both have it, and this attribute differs; `None` where it has none.
    Altered {
        /// The attribute's name.
        attribute: String,
        /// Its value in the first catalog.
        before: Option<String>,
        /// Its value in the second catalog.
        after: Option<String>,
    },
}

impl Difference {
    /// Compares two catalogs. What both share by memory is not looked at.
    pub fn between(before: &Catalog, after: &Catalog) -> Self {
        let clocks = [before.read_at(), after.read_at()];
        let (before, after) = before.unshared(after);
        let cosmetic = Cosmetic::between(&before, &after, clocks);
        let mut difference = Self::default();
        let (mut before, mut after) = (before.into_iter().peekable(), after.into_iter().peekable());
        loop {
            let order = match (before.peek(), after.peek()) {
                (Some(one), Some(other)) => one.key.cmp(&other.key),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return difference,
            };
            match order {
                Ordering::Less => {
                    difference.add_lone(before.next(), Alteration::Removed, &cosmetic);
                }
                Ordering::Greater => {
                    difference.add_lone(after.next(), Alteration::Added, &cosmetic);
                }
                Ordering::Equal => {
                    if let (Some(before), Some(after)) = (before.next(), after.next()) {
                        difference.compare(before, after, &cosmetic);
                    }
                }
            }
        }
    }

    /// Whether nothing differs that means something.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    fn add_lone(&mut self, object: Option<&Object>, alteration: Alteration, cosmetic: &Cosmetic) {
        if let Some(object) = object {
            let change = Change { key: object.key.clone(), alteration };
            self.add(change, cosmetic.is_for_today(object));
        }
    }

    fn add(&mut self, change: Change, cosmetic: bool) {
        if cosmetic { &mut self.cosmetic } else { &mut self.changes }.push(change);
    }

    fn compare(&mut self, before: &Object, after: &Object, cosmetic: &Cosmetic) {
        if before.attributes == after.attributes {
            return;
        }
        let gone = before.attributes.iter().map(|(name, _)| name);
        let come = after.attributes.iter().map(|(name, _)| name);
        let come = come.filter(|name| before.attribute(name).is_none());
        for name in gone.chain(come) {
            let values = (before.attribute(name), after.attribute(name));
            if values.0 == values.1 || cosmetic.is_no_difference(name, values) {
                continue;
            }
            let alteration = Alteration::Altered {
                attribute: name.to_string(),
                before: values.0.map(str::to_owned),
                after: values.1.map(str::to_owned),
            };
            let change = Change { key: before.key.clone(), alteration };
            self.add(change, cosmetic.means_nothing(before, name, values));
        }
    }
}

impl fmt::Display for Change {
    /// One line: `column state of public.jobs: not_null is gone (was true)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.key)?;
        match &self.alteration {
            Alteration::Added => formatter.write_str(" was added"),
            Alteration::Removed => formatter.write_str(" is gone"),
            Alteration::Altered { attribute, before, after } => {
                write!(formatter, ": {}", attribute.replace('_', " "))?;
                match (before.as_deref(), after.as_deref()) {
                    (Some(before), Some(after)) => {
                        write!(formatter, " was {}, is {}", one_line(before), one_line(after))
                    }
                    (Some(before), None) => write!(formatter, " {} is gone", one_line(before)),
                    (None, Some(after)) => write!(formatter, " {} was added", one_line(after)),
                    (None, None) => Ok(()),
                }
            }
        }
    }
}

/// Without line breaks, and cut where it becomes too long to be read.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 120;
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::postgres::{IsolatedDatabase, Template};
    use crate::migrations::catalog::{CatalogReader, Kind};
    use sqlx::{AssertSqlSafe, ConnectOptions};

    const SCHEMA: &str = "CREATE TABLE jobs (id int PRIMARY KEY, state varchar(9) NOT NULL,
            noted timestamptz DEFAULT now(), CHECK (state IN ('new', 'old')));
        CREATE TABLE events (at date) PARTITION BY RANGE (at);
        CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
        DO $$ BEGIN EXECUTE format('CREATE TABLE events_%s PARTITION OF events
            FOR VALUES FROM (%L) TO (%L)', to_char(now(), 'YYYY_MM_DD'), now(), now() + '1 day');
        END $$";

    /// What a statement makes different: changes, then what is cosmetic, a line each.
    async fn made(statement: &str) -> (Vec<String>, Vec<String>) {
        let database = IsolatedDatabase::create(&Template::empty()).await.unwrap();
        let mut connection = database.options().connect().await.unwrap();
        let mut reader = CatalogReader::new();
        let mut catalogs = Vec::new();
        for sql in [SCHEMA, statement] {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
            catalogs.push(reader.read(&mut connection).await.unwrap());
        }
        database.close().await.unwrap();
        let Difference { changes, cosmetic } = Difference::between(&catalogs[0], &catalogs[1]);
        let lines = |changes: &[Change]| changes.iter().map(ToString::to_string).collect();
        (lines(&changes), lines(&cosmetic))
    }

    #[tokio::test]
    async fn what_means_something_is_a_change() {
        for (statement, expected) in [
            (
                "ALTER TABLE jobs ALTER state DROP NOT NULL",
                &["column state of public.jobs: not null true is gone"][..],
            ),
            (
                "ALTER TABLE jobs ADD CHECK (state IN ('new', 'old'))",
                &["constraint jobs_state_check1 of public.jobs was added"],
            ),
            (
                "ALTER TABLE jobs DROP CONSTRAINT jobs_state_check, ADD CHECK (state IN ('new'))",
                &["constraint jobs_state_check of public.jobs: definition was \
                   CHECK (((state)::text = ANY ((ARRAY['new'::character varying, \
                   'old'::character varying])::text[]))), is CHECK (((state)::text = 'new'::text))"],
            ),
            (
                "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'",
                &["function public.f(): body was SELECT 1, is SELECT 2"],
            ),
            (
                "ALTER TABLE jobs ALTER noted SET DEFAULT '2020-01-01'",
                &["column noted of public.jobs: default was now(), \
                   is '2020-01-01 00:00:00+00'::timestamp with time zone"],
            ),
            (
                "CREATE TABLE events_2020_01_01 PARTITION OF events
                    FOR VALUES FROM ('2020-01-01') TO ('2020-01-02')",
                &[
                    "table public.events_2020_01_01 was added",
                    "column at of public.events_2020_01_01 was added",
                ],
            ),
        ] {
            let (changes, cosmetic) = made(statement).await;
            assert_eq!(changes, expected, "{statement}");
            assert_eq!(cosmetic, [""; 0], "{statement}");
        }
    }

    #[tokio::test]
    async fn what_means_nothing_is_shown_apart() {
        for (statement, expected) in [
            (
                "ALTER TABLE jobs DROP noted, DROP state, ADD noted timestamptz DEFAULT now(),
                    ADD state varchar(9) NOT NULL, ADD CHECK (state IN ('new', 'old'))",
                1,
            ),
            (
                "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql
                    AS ' SELECT  1 '",
                1,
            ),
            (
                "ALTER TABLE jobs DROP CONSTRAINT jobs_state_check, ADD CHECK (((state)::text =
                    ANY (ARRAY[('new'::character varying)::text, ('old'::character varying)::text])))",
                1,
            ),
            (
                "DO $$ BEGIN EXECUTE format('DROP TABLE events_%s; CREATE TABLE events_%s
                    PARTITION OF events FOR VALUES FROM (%L) TO (%L)',
                    to_char(now(), 'YYYY_MM_DD'), to_char(now() + '1 day', 'YYYY_MM_DD'),
                    now() + '1 day', now() + '2 days'); END $$",
                4,
            ),
        ] {
            let (changes, cosmetic) = made(statement).await;
            assert_eq!(changes, [""; 0], "{statement}");
            assert_eq!(cosmetic.len(), expected, "{statement}: {cosmetic:?}");
        }
    }

    #[test]
    fn a_change_is_one_line() {
        let key = Key { kind: Kind::View, of: "".into(), name: "v".into() };
        let alteration = Alteration::Altered {
            attribute: "definition".to_owned(),
            before: Some("SELECT 1\n  AS a".to_owned()),
            after: Some("x".repeat(500)),
        };
        let line = Change { key, alteration }.to_string();
        assert!(line.starts_with("view v: definition was SELECT 1 AS a, is xxx"), "{line}");
        assert!(line.ends_with('…') && line.chars().count() < 200, "{line}");
    }
}
