//! Many rows of few: so that what a statement costs on a big table can be seen, the rows that are
//! there are copied again and again, with other keys.

use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::{ReplayError, Session};

/// A table and how its rows are copied.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Table {
    name: String,
    columns: String,
    values: String,
}

/// The tables that hold rows and the columns that may be written. A column of a unique index gets
/// a value of its own in every copy; where its type is none of these, a copy is refused and the
/// table stays as it is.
const TABLES: &str = "
    SELECT format('%I.%I', n.nspname, c.relname) AS name,
           string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns,
           string_agg(CASE
             WHEN NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique
                              AND a.attnum = ANY (i.indkey::int2[])) THEN quote_ident(a.attname)
             WHEN t.typname IN ('int2', 'int4', 'int8', 'numeric')
               THEN format('%I + copy * 1000003', a.attname)
             WHEN t.typname = 'uuid' THEN 'gen_random_uuid()'
             WHEN t.typname IN ('date', 'timestamp', 'timestamptz')
               THEN format('%I + copy * interval ''1 day''', a.attname)
             WHEN t.typname IN ('text', 'varchar') THEN format('left(%I, 8) || copy', a.attname)
             ELSE quote_ident(a.attname)
           END, ', ' ORDER BY a.attnum) AS values
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attgenerated = ''
    JOIN pg_type t ON t.oid = a.atttypid
    WHERE c.relkind = 'r' AND c.oid >= 16384 AND n.nspname <> 'information_schema'
    GROUP BY c.oid, n.nspname, c.relname";

/// Copies the rows of every table until it holds about this many, with no trigger fired and no
/// foreign key asked. A table that refuses its copies stays as it is.
///
/// # Errors
/// The server is down.
pub async fn inflate(session: &mut Session<'_>, rows: u32) -> Result<(), ReplayError> {
    session.command("fill tables", "SET session_replication_role = replica").await?;
    for table in tables(session.connection()).await? {
        let Table { name, columns, values } = table;
        let text = format!(
            "INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values} \
             FROM {name}, generate_series(1, (SELECT {rows} / greatest(count(*), 1) FROM {name})) \
             AS copy"
        );
        let filled = sqlx::raw_sql(AssertSqlSafe(text)).execute(session.connection()).await;
        if let Err(error) = filled {
            tracing::info!("{name} keeps its few rows: {error}");
        }
    }
    session.reset().await
}

async fn tables(connection: &mut PgConnection) -> Result<Vec<Table>, ReplayError> {
    let refused = ReplayError::server("read which tables can be filled");
    let rows = sqlx::query(TABLES).fetch_all(connection).await.map_err(refused)?;
    let table = |row: &sqlx::postgres::PgRow| Table {
        name: row.get("name"),
        columns: row.get("columns"),
        values: row.get("values"),
    };
    Ok(rows.iter().map(table).collect())
}
