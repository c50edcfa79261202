//! The system's own database, for scenarios that look at what is in it and what is asked of it.

use harness::environment::Environment;
use libtest_mimic::Failed;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use crate::calls::{call, text_at, value};

/// The link whose other end is the database.
pub const DATABASE_LINK: &str = "server-to-database";

/// How the superuser reaches the system's database.
///
/// # Errors
/// When the system has none.
pub fn superuser(environment: &Environment) -> Result<&PgConnectOptions, Failed> {
    environment.superuser_options().ok_or_else(|| "the system has no database".into())
}

/// A connection of the scenario's own, past the proxy, as the system's role.
///
/// # Errors
/// When the database cannot be reached.
pub async fn connect(environment: &Environment) -> Result<PgConnection, Failed> {
    let proxy = format!("{}/proxies/{DATABASE_LINK}", environment.proxy().url());
    let proxy = call(environment.http().get(proxy)).await?.with_status("the link", 200)?;
    let upstream = text_at(&proxy, "/upstream")?;
    let (host, port) = upstream.rsplit_once(':').ok_or("the link leads nowhere")?;
    let options = PgConnectOptions::new_without_pgpass()
        .host(host)
        .port(port.parse()?)
        .username(&value(environment, "database.role")?)
        .password(&value(environment, "database.password")?)
        .database(&value(environment, "database.name")?);
    Ok(options.connect().await?)
}
