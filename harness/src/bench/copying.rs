//! The limit of any ingest: `COPY` of rows that are ready, into the same table.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection};

use super::BenchError;
use super::table::Table;

/// Connections that copy at the same time.
const CONNECTIONS: usize = 2;
/// The head of PostgreSQL's binary format: a signature, flags, and no extension.
const HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What ends it.
const END: &[u8] = &[0xff, 0xff];

/// Copies rows in batches of `batch`, each committed, over two connections for so long; rows a
/// second. `first` is the number of the first row, and is moved behind the last; at most `most`
/// rows a second can be copied.
pub(super) async fn copy_rate(
    database: &PgConnectOptions,
    table: &Table,
    batch: usize,
    lasts: Duration,
    first: &mut u64,
    most: u64,
) -> Result<f64, BenchError> {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(database.connect().await?);
    }
    let share = (most as f64 * lasts.as_secs_f64()) as u64 / CONNECTIONS as u64;
    let mut shares = Vec::new();
    for connection in &mut connections {
        shares.push(batches(connection, &table.select_rows(*first, share), batch).await?);
        *first += share;
    }
    let start = Instant::now();
    let copying = connections.iter_mut().zip(&shares).map(|(connection, batches)| async move {
        let mut copied = 0;
        for batch in batches {
            if start.elapsed() >= lasts {
                break;
            }
            let mut copy = connection.copy_in_raw(&table.copy_in()).await?;
            copy.send(batch.as_slice()).await?;
            copied += copy.finish().await?;
        }
        Ok::<_, sqlx::Error>(copied)
    });
    let copied: u64 = try_join_all(copying).await?.iter().sum();
    Ok(copied as f64 / start.elapsed().as_secs_f64())
}

/// The rows of a query in PostgreSQL's binary format, so many together.
async fn batches(
    connection: &mut PgConnection,
    rows: &str,
    batch: usize,
) -> Result<Vec<Vec<u8>>, BenchError> {
    // Generated rows must not wait for a plan that knows nothing of them.
    connection.execute(AssertSqlSafe("SET jit = off")).await?;
    let statement = format!("COPY ({rows}) TO STDOUT (FORMAT binary)");
    let mut bytes = Vec::new();
    let mut stream = connection.copy_out_raw(&statement).await?;
    while let Some(part) = stream.try_next().await? {
        bytes.extend_from_slice(&part);
    }
    Ok(split(&bytes, batch))
}

/// Takes rows in the binary format apart and puts so many at a time together again.
fn split(bytes: &[u8], batch: usize) -> Vec<Vec<u8>> {
    let mut batches = Vec::new();
    let mut rest = &bytes[HEAD.len()..];
    while !rest.starts_with(END) {
        let mut whole = HEAD.to_vec();
        let mut rows = 0;
        while rows < batch && !rest.starts_with(END) {
            let (row, after) = rest.split_at(row_length(rest));
            whole.extend_from_slice(row);
            rest = after;
            rows += 1;
        }
        whole.extend_from_slice(END);
        batches.push(whole);
    }
    batches
}

/// A row is the number of its fields, and each field's length, -1 for NULL, and bytes.
fn row_length(bytes: &[u8]) -> usize {
    let fields = u16::from_be_bytes([bytes[0], bytes[1]]);
    let mut length = 2;
    for _ in 0..fields {
        let field = bytes[length..length + 4].try_into().expect("four bytes");
        length += 4 + usize::try_from(i32::from_be_bytes(field)).unwrap_or(0);
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fields: &[Option<&[u8]>]) -> Vec<u8> {
        let mut bytes = u16::try_from(fields.len()).unwrap().to_be_bytes().to_vec();
        for field in fields {
            let length = field.map_or(-1, |field| i32::try_from(field.len()).unwrap());
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(field.unwrap_or_default());
        }
        bytes
    }

    #[test]
    fn rows_are_split_and_each_batch_is_whole() {
        let rows = [row(&[Some(b"one"), None]), row(&[Some(b""), Some(b"\xff\xff")]), row(&[None])];
        let whole = |rows: &[Vec<u8>]| [HEAD, &rows.concat(), END].concat();
        assert_eq!(split(&whole(&rows), 2), [whole(&rows[..2]), whole(&rows[2..])]);
        assert_eq!(split(&whole(&rows), 3), [whole(&rows)]);
        assert!(split(&whole(&[]), 3).is_empty());
    }
}
