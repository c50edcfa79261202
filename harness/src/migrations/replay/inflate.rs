//! Many rows of few: so that what a statement costs on a big table can be seen, the rows that are
//! there are copied again and again, with other keys. Only the tables that the migration names are
//! filled: a lineage has many, and a million rows in each would take longer than anybody waits.

use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::named::words;
use super::{ReplayError, Session};
use crate::migrations::lineage::Script;

/// A table and how its rows are copied.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Table {
    name: String,
    columns: String,
    values: String,
    /// Which rows it would take again.
    taken: String,
}

/// The tables of these names that hold rows and the columns that may be written; a partition is
/// filled through its root. Of each unique index, of partitions too, one column gets a value of its
/// own in every copy, that of the type which bears it best: a time far from the others would end in
/// another partition, a word might be none of those that a check lets in. Where none is of such a
/// type, a copy is refused and the table stays as it is. Rows that are older than a check, and
/// would not pass it, are not copied.
const TABLES: &str = "
    SELECT format('%I.%I', n.nspname, c.relname) AS name,
           string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns,
           string_agg(CASE
             WHEN NOT EXISTS (SELECT FROM pg_index i WHERE i.indisunique
               AND i.indrelid IN (SELECT c.oid UNION SELECT relid::oid FROM pg_partition_tree(c.oid))
               AND a.attname = (
                 SELECT k.attname FROM pg_attribute k JOIN pg_type kt ON kt.oid = k.atttypid
                 WHERE k.attrelid = i.indrelid AND k.attnum = ANY (i.indkey::int2[])
                 ORDER BY array_position('{uuid,int8,numeric,text,varchar,int4,int2,timestamptz,
                   timestamp,date}', kt.typname::text), k.attnum LIMIT 1))
               THEN quote_ident(a.attname)
             WHEN t.typname IN ('int2', 'int4', 'int8', 'numeric')
               THEN format('%I + copy * 1000003', a.attname)
             WHEN t.typname = 'uuid' THEN 'gen_random_uuid()'
             WHEN t.typname IN ('date', 'timestamp', 'timestamptz')
               THEN format('%I + copy * interval ''1 day''', a.attname)
             WHEN t.typname IN ('text', 'varchar') THEN format('left(%I, 8) || copy', a.attname)
             ELSE quote_ident(a.attname)
           END, ', ' ORDER BY a.attnum) AS values,
           coalesce((SELECT string_agg(format('(%s) IS NOT FALSE', pg_get_expr(conbin, conrelid)),
                                       ' AND ')
                     FROM pg_constraint
                     WHERE conrelid = c.oid AND contype = 'c' AND NOT convalidated), 'true') AS taken
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attgenerated = ''
    JOIN pg_type t ON t.oid = a.atttypid
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.oid >= 16384
      AND n.nspname <> 'information_schema' AND lower(c.relname) = ANY ($1)
    GROUP BY c.oid, n.nspname, c.relname";

/// Copies the rows of every table that a script names until it holds about this many, with no
/// trigger fired and no foreign key asked. A table that refuses its copies stays as it is.
///
/// # Errors
/// The server is down.
pub async fn inflate(
    session: &mut Session<'_>,
    script: &Script,
    rows: u32,
) -> Result<(), ReplayError> {
    session.command("fill tables", "SET session_replication_role = replica").await?;
    for table in tables(session.connection(), script).await? {
        let Table { name, columns, values, taken } = table;
        let text = format!(
            "INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values} \
             FROM {name}, generate_series(1, (SELECT {rows} / greatest(count(*), 1) FROM {name} \
             WHERE {taken})) AS copy WHERE {taken}"
        );
        let filled = sqlx::raw_sql(AssertSqlSafe(text)).execute(session.connection()).await;
        if let Err(error) = filled {
            tracing::info!("{name} keeps its few rows: {error}");
        }
    }
    session.reset().await
}

async fn tables(connection: &mut PgConnection, script: &Script) -> Result<Vec<Table>, ReplayError> {
    let refused = ReplayError::server("read which tables can be filled");
    let query = sqlx::query(TABLES).bind(words(script));
    let rows = query.fetch_all(connection).await.map_err(refused)?;
    let table = |row: &sqlx::postgres::PgRow| Table {
        name: row.get("name"),
        columns: row.get("columns"),
        values: row.get("values"),
        taken: row.get("taken"),
    };
    Ok(rows.iter().map(table).collect())
}
