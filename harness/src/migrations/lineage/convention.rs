//! How the files of a lineage are named and run.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How the files of a lineage are named and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
    /// `N_name.up.sql` and `N_name.down.sql`, as golang-migrate runs them
    GolangMigrate,
    /// The same names, with `.tx.` in those that run in a transaction, as go-pg/migrations runs them
    GoPg,
    /// sqlx, simple or reversible
    Sqlx,
    /// A folder a migration with `up.sql` and `down.sql`
    Diesel,
    /// One annotated file with `-- +goose Up` and `-- +goose Down`
    Goose,
    /// One annotated file with `-- +migrate Up` and `-- +migrate Down`
    SqlMigrate,
    /// `V1.2__name.sql`, `R__name.sql`, `U1.2__name.sql`
    Flyway,
    /// One annotated file with `-- migrate:up` and `-- migrate:down`
    Dbmate,
    /// `V1__name.sql` and `U1__name.sql`, as refinery runs them
    Refinery,
    /// The files that `meta/_journal.json` names, as drizzle runs them
    Drizzle,
    /// The names that end in `.up.sql`, sorted and recorded whole
    SortedUp,
    /// Every `.sql` file, sorted
    Plain,
}

impl Convention {
    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::GolangMigrate => "golang-migrate",
            Self::GoPg => "go-pg",
            Self::Sqlx => "sqlx",
            Self::Diesel => "diesel",
            Self::Goose => "goose",
            Self::SqlMigrate => "sql-migrate",
            Self::Flyway => "flyway",
            Self::Dbmate => "dbmate",
            Self::Refinery => "refinery",
            Self::Drizzle => "drizzle",
            Self::SortedUp => "sorted-up",
            Self::Plain => "plain",
        }
    }
}
