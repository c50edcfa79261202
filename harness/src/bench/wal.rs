//! How much PostgreSQL has logged, which no other program on the machine disturbs.

use sqlx::PgConnection;

use super::BenchError;

/// How many bytes of WAL there ever were.
pub(super) async fn wal_bytes(database: &mut PgConnection) -> Result<i64, BenchError> {
    let query = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint";
    Ok(sqlx::query_scalar(query).fetch_one(database).await?)
}
