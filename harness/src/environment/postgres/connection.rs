//! Connecting as the superuser through a cluster's Unix socket, and quoting for SQL.

use std::fmt::Write;
use std::path::Path;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use super::PostgresError;
use super::data_directory::SUPERUSER;

/// The longest path of a Unix socket that Linux takes, without its final zero byte.
const LONGEST_SOCKET_PATH: usize = 107;

pub(super) fn socket_options(folder: &Path, port: u16, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(folder)
        .port(port)
        .username(SUPERUSER)
        .database(database)
}

/// In the form that both libpq and sqlx read.
pub(super) fn socket_url(folder: &Path, port: u16, database: &str) -> String {
    let folder = percent_encode(&folder.display().to_string());
    format!("postgres://{SUPERUSER}@localhost:{port}/{database}?host={folder}")
}

pub(super) fn check_socket_path(folder: &Path, port: u16) -> Result<(), PostgresError> {
    let path = folder.join(format!(".s.PGSQL.{port}.lock"));
    let length = path.as_os_str().len();
    if length > LONGEST_SOCKET_PATH {
        return Err(PostgresError::SocketPath { path, length });
    }
    Ok(())
}

pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, PostgresError> {
    options.connect().await.map_err(PostgresError::database("connect"))
}

pub(super) async fn execute(
    connection: &mut PgConnection,
    action: &str,
    statement: String,
) -> Result<(), PostgresError> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await
        .map_err(PostgresError::database(action))?;
    Ok(())
}

/// Makes a role that may log in with this password, and a database that it owns.
pub(in crate::environment) async fn create_role_and_database(
    superuser: &PgConnectOptions,
    role: &str,
    password: &str,
    database: &str,
) -> Result<(), PostgresError> {
    let (owner, name) = (quote_identifier(role), quote_identifier(database));
    let password = quote_literal(password);
    let mut connection = connect(superuser).await?;
    execute(
        &mut connection,
        &format!("create the role {role}"),
        format!("CREATE ROLE {owner} LOGIN PASSWORD {password}"),
    )
    .await?;
    execute(
        &mut connection,
        &format!("create the database {database}"),
        format!("CREATE DATABASE {name} OWNER {owner}"),
    )
    .await?;
    // The server notices a connection that is just closed as well.
    let _ = connection.close().await;
    Ok(())
}

/// Ends every connection of a role and refuses new ones, as a server does when there are too many,
/// or allows them again.
pub(in crate::environment) async fn limit_connections(
    superuser: &PgConnectOptions,
    role: &str,
    refuse: bool,
) -> Result<(), PostgresError> {
    let limit = if refuse { 0 } else { -1 };
    let (name, text) = (quote_identifier(role), quote_literal(role));
    let mut connection = connect(superuser).await?;
    let what = format!("limit the connections of {role}");
    execute(&mut connection, &what, format!("ALTER ROLE {name} CONNECTION LIMIT {limit}")).await?;
    if refuse {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ";
        execute(&mut connection, &what, format!("{end}{text}")).await?;
    }
    // The server notices a connection that is just closed as well.
    let _ = connection.close().await;
    Ok(())
}

pub(crate) fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `E''` where there are backslashes, so that the setting standard_conforming_strings is no matter.
pub(crate) fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a String takes everything");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_stay_inside() {
        assert_eq!(quote_identifier(r#"a"b"#), r#""a""b""#);
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal(r"a\'b"), r"E'a\\''b'");
    }

    #[test]
    fn a_url_leads_to_the_socket() {
        let folder = Path::new("/dev/shm/a folder");
        let url = socket_url(folder, 20001, "events");
        assert_eq!(url, "postgres://postgres@localhost:20001/events?host=/dev/shm/a%20folder");
        let options: PgConnectOptions = url.parse().unwrap();
        assert_eq!(options.get_socket().map(AsRef::as_ref), Some(folder));
        assert_eq!(options.get_port(), 20001);
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_refused() {
        check_socket_path(Path::new("/dev/shm/short"), 20000).unwrap();
        let folder = format!("/{}", "long".repeat(25));
        let message = check_socket_path(Path::new(&folder), 20000).unwrap_err().to_string();
        assert!(message.contains("at most 107"), "{message}");
    }
}
