//! The table that events are stored in, and rows for it.

use sqlx::{AssertSqlSafe, Column, ConnectOptions, Executor, PgConnection, SqlSafeStr, Statement};

use super::BenchError;
use super::ground::superuser;
use crate::environment::Environment;
use crate::environment::postgres::quote_identifier;
use crate::system::{BenchContract, Values, fill};

/// Rows that are inserted together when a table is filled.
const FILLED_TOGETHER: u64 = 1_000_000;

/// The table, and the query of the system file that makes rows for it.
#[derive(Clone, Debug)]
pub(super) struct Table {
    name: String,
    columns: String,
    rows: String,
}

impl Table {
    /// The table of a running system, and a superuser's connection to its database.
    pub async fn open(
        contract: &BenchContract,
        environment: &Environment,
    ) -> Result<(Self, PgConnection), BenchError> {
        Self::open_for(&contract.table, &contract.rows, environment).await
    }

    /// As [`Self::open`], with so many rows; `tell` is given a line before they are made.
    pub async fn open_filled(
        (contract, rows): (&BenchContract, u64),
        environment: &Environment,
        tell: &(dyn Fn(&str) + Sync),
    ) -> Result<(Self, PgConnection), BenchError> {
        let (table, mut database) = Self::open(contract, environment).await?;
        tell(&format!("filling {} with {rows} rows", contract.table));
        table.fill(rows, &mut database).await?;
        Ok((table, database))
    }

    /// As [`Self::open`], with a query of one's own for its rows.
    pub async fn open_for(
        name: &str,
        rows: &str,
        environment: &Environment,
    ) -> Result<(Self, PgConnection), BenchError> {
        let options = superuser(environment)?.clone().disable_statement_logging();
        let mut database = options.connect().await?;
        Ok((Self::of(name, rows, &mut database).await?, database))
    }

    /// Learns from the database which columns the query gives.
    async fn of(name: &str, rows: &str, database: &mut PgConnection) -> Result<Self, BenchError> {
        let no_columns = Self {
            name: quote_identifier(name),
            columns: String::new(),
            rows: rows.trim().trim_end_matches(';').to_owned(),
        };
        // A template that asks for more than its numbers is found out here.
        let query = fill(&no_columns.rows, &numbers(1, 1))?;
        let described = database.prepare(AssertSqlSafe(query).into_sql_str()).await?;
        let columns: Vec<String> =
            described.columns().iter().map(|column| quote_identifier(column.name())).collect();
        Ok(Self { columns: columns.join(", "), ..no_columns })
    }

    /// A query for so many rows.
    pub fn select_rows(&self, first: u64, count: u64) -> String {
        fill(&self.rows, &numbers(first, first + count - 1)).expect("it was filled before")
    }

    /// The statement that copies rows in binary format.
    pub fn copy_in(&self) -> String {
        format!("COPY {} ({}) FROM STDIN (FORMAT binary)", self.name, self.columns)
    }

    /// How many rows there are.
    pub async fn count(&self, database: &mut PgConnection) -> Result<u64, BenchError> {
        let query = AssertSqlSafe(format!("SELECT count(*) FROM {}", self.name));
        let count: i64 = sqlx::query_scalar(query).fetch_one(database).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// What it and its indexes take on the disk, in bytes; of a partitioned one, all partitions.
    pub async fn bytes(&self, database: &mut PgConnection) -> Result<u64, BenchError> {
        let query = "SELECT coalesce((SELECT sum(pg_total_relation_size(relid)) \
                     FROM pg_partition_tree($1::regclass)), \
                     pg_total_relation_size($1::regclass))::bigint";
        let bytes: i64 = sqlx::query_scalar(query).bind(&self.name).fetch_one(database).await?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    /// How many rows of it sequential scans have read until now, as far as those who read them have
    /// told.
    pub async fn rows_read_sequentially(
        &self,
        database: &mut PgConnection,
    ) -> Result<u64, BenchError> {
        let query = "SELECT coalesce(sum(seq_tup_read), 0)::bigint FROM pg_stat_user_tables \
                     WHERE relid IN (SELECT relid FROM pg_partition_tree($1::regclass))";
        let rows: i64 = sqlx::query_scalar(query).bind(&self.name).fetch_one(database).await?;
        Ok(u64::try_from(rows).unwrap_or(0))
    }

    /// Inserts so many rows, and leaves the table as an old one is:
    /// vacuumed and analysed. Its indexes are made anew afterwards, which is faster.
    pub async fn fill(&self, count: u64, database: &mut PgConnection) -> Result<(), BenchError> {
        self.grow(1, count, database).await
    }

    /// As [`Self::fill`], with rows from another number on.
    pub async fn grow(
        &self,
        first: u64,
        count: u64,
        database: &mut PgConnection,
    ) -> Result<(), BenchError> {
        if count > 0 {
            let indexes: Vec<(String, String)> = sqlx::query_as(
                "SELECT format('DROP INDEX %s', indexrelid::regclass), \
                     replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') \
                 FROM pg_index WHERE indrelid = $1::regclass AND NOT EXISTS \
                 (SELECT FROM pg_constraint WHERE conindid = indexrelid)",
            )
            .bind(&self.name)
            .fetch_all(&mut *database)
            .await?;
            for (drop, _) in &indexes {
                database.execute(AssertSqlSafe(drop.clone())).await?;
            }
            let (mut first, last) = (first, first + count - 1);
            while first <= last {
                let together = FILLED_TOGETHER.min(last + 1 - first);
                let rows = self.select_rows(first, together);
                let insert = format!("INSERT INTO {} ({}) {rows}", self.name, self.columns);
                database.execute(AssertSqlSafe(insert)).await?;
                first += together;
            }
            database.execute("SET maintenance_work_mem = '512MB'").await?;
            for (_, make) in &indexes {
                database.execute(AssertSqlSafe(make.clone())).await?;
            }
        }
        database.execute(AssertSqlSafe(format!("VACUUM ANALYZE {}", self.name))).await?;
        database.execute("CHECKPOINT").await?;
        Ok(())
    }
}

fn numbers(first: u64, last: u64) -> Values {
    Values::default().with("first", first.to_string()).with("last", last.to_string())
}
