//! What each statement of a migration costs and whom it blocks, by counters and not by guess.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sqlx::{PgConnection, Row};

use super::ReplayError;
use super::timings::spent_on;
use crate::migrations::sql::Statement;

/// What one statement cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatementCost {
    /// Its line in the file.
    pub line: usize,
    /// The locks that it took on tables that were there before, and that are held until the end.
    pub locks: Vec<LockHeld>,
    /// The tables whose files it wrote anew.
    pub rewrites: Vec<Rewrite>,
    /// The tables that it read row by row.
    pub scans: Vec<Scan>,
    /// What it wrote to the log.
    pub wal_bytes: i64,
}

/// A lock on a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LockHeld {
    /// The table, with its schema.
    pub table: String,
    /// As `AccessExclusiveLock`.
    pub mode: String,
}

/// A table whose file was written anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rewrite {
    /// The table, with its schema.
    pub table: String,
    /// What did it.
    pub by: RewriteCause,
}

/// What writes a table's file anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RewriteCause {
    /// `ALTER TABLE` and the like: every row is copied.
    Alter,
    /// `TRUNCATE`: nothing is copied.
    Truncate,
    /// `CLUSTER`, `VACUUM FULL`, `REFRESH MATERIALIZED VIEW`: that is what they are for.
    Maintenance,
}

/// A table that was read row by row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scan {
    /// The table, with its schema.
    pub table: String,
    /// How many rows were read.
    pub rows: i64,
}

/// Where the counters stand.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    wal: i64,
    tables: BTreeMap<i64, Table>,
    locks: BTreeSet<(i64, String)>,
}

#[derive(Clone, Debug)]
struct Table {
    name: String,
    file: i64,
    read: i64,
}

/// The log first; then tables, each with its file and the rows read of it; then locks.
const COUNTERS: &str = "
    SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::int8 AS id, NULL AS name,
           NULL::int8 AS file, NULL::int8 AS read
    UNION ALL
    SELECT c.oid::int8, n.nspname || '.' || c.relname, c.relfilenode::int8,
           pg_stat_get_xact_tuples_returned(c.oid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm', 'p') AND c.oid >= 16384 AND c.relpersistence <> 't'
      AND n.nspname <> 'information_schema'
    UNION ALL
    SELECT relation::int8, mode, NULL, NULL FROM pg_locks
    WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted AND relation >= 16384
      AND mode NOT IN ('AccessShareLock', 'RowShareLock')
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

impl Counters {
    /// Reads them, within the transaction whose statements are measured.
    ///
    /// # Errors
    /// The server is down, or the transaction has failed.
    pub async fn read(connection: &mut PgConnection) -> Result<Self, ReplayError> {
        let refused = ReplayError::server("read what a statement cost");
        spent_on("costs_ms", Self::ask(connection)).await.map_err(refused)
    }

    async fn ask(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let rows = sqlx::query(COUNTERS).fetch_all(connection).await?;
        let mut counters = Self::default();
        for row in rows {
            let id = row.try_get("id")?;
            let Some(name) = row.try_get("name")? else {
                counters.wal = id;
                continue;
            };
            let Some(file) = row.try_get("file")? else {
                counters.locks.insert((id, name));
                continue;
            };
            counters.tables.insert(id, Table { name, file, read: row.try_get("read")? });
        }
        Ok(counters)
    }

    /// What a statement cost that ran between an earlier reading and this.
    pub fn since(&self, earlier: &Self, statement: &Statement) -> StatementCost {
        let known = self.tables.iter().filter_map(|(id, now)| Some((now, earlier.tables.get(id)?)));
        let mut cost = StatementCost {
            line: statement.line,
            locks: Vec::new(),
            rewrites: Vec::new(),
            scans: Vec::new(),
            wal_bytes: self.wal - earlier.wal,
        };
        for (now, before) in known {
            if now.file != before.file && now.file != 0 {
                let rewrite = Rewrite { table: now.name.clone(), by: cause(statement) };
                cost.rewrites.push(rewrite);
            }
            if now.read > before.read {
                let scan = Scan { table: now.name.clone(), rows: now.read - before.read };
                cost.scans.push(scan);
            }
        }
        for (id, mode) in self.locks.difference(&earlier.locks) {
            if let Some(table) = earlier.tables.get(id) {
                cost.locks.push(LockHeld { table: table.name.clone(), mode: mode.clone() });
            }
        }
        cost
    }
}

impl StatementCost {
    /// The first table whose rows it copies as a side effect.
    pub fn rewritten(&self) -> Option<&str> {
        let altered = self.rewrites.iter().find(|rewrite| rewrite.by == RewriteCause::Alter);
        altered.map(|rewrite| rewrite.table.as_str())
    }
}

/// The file of a table changes for several reasons, and only the statement tells which.
fn cause(statement: &Statement) -> RewriteCause {
    let maintenance: [&[&str]; 4] = [&["CLUSTER"], &["VACUUM"], &["REFRESH"], &["REINDEX"]];
    if statement.begins(&["TRUNCATE"]) {
        RewriteCause::Truncate
    } else if maintenance.iter().any(|words| statement.begins(words)) {
        RewriteCause::Maintenance
    } else {
        RewriteCause::Alter
    }
}
