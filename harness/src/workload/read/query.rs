//! Events as rows of a query.

use std::time::Duration;

use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tokio::time::timeout;

use super::{Found, ReadError};

/// How long the query may take.
const BOUND: Duration = Duration::from_secs(30);

/// The rows of a query, in its order; the columns are fields. The query may end with a semicolon.
///
/// # Errors
/// The database does not answer in time, or refuses.
pub(in crate::workload) async fn rows(
    database: &PgConnectOptions,
    query: &str,
) -> Result<Vec<Found>, ReadError> {
    let query = query.trim().trim_end_matches(';');
    let wrapped = format!("SELECT to_jsonb(event) FROM (\n{query}\n) AS event");
    let reading = async {
        let mut connection = database.connect().await?;
        let rows: Vec<Json<Value>> =
            sqlx::query_scalar(AssertSqlSafe(wrapped)).fetch_all(&mut connection).await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>(rows)
    };
    let refused = |why| ReadError::Refused { what: "the query of events.read".to_owned(), why };
    let rows = timeout(BOUND, reading).await;
    let rows = rows.map_err(|_| refused(format!("no answer within {} s", BOUND.as_secs())))?;
    let rows = rows.map_err(|error| refused(error.to_string()))?;
    let place = |row: usize| format!("row {} of the query", row + 1);
    let found = |(row, Json(event)): (usize, Json<Value>)| Found { place: place(row), event };
    Ok(rows.into_iter().enumerate().map(found).collect())
}
