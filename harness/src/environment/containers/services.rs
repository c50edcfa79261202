//! The containers that serve every system: PostgreSQL and the proxy.

use std::time::Duration;

use reqwest::Client;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use testcontainers::{ContainerRequest, GenericImage, ImageExt};

use crate::environment::EnvironmentError;
use crate::environment::backend::Owner;
use crate::environment::postgres::create_role_and_database;

/// Where PostgreSQL listens in its container.
pub(super) const POSTGRES_PORT: u16 = 5432;
/// Where Toxiproxy's control interface listens in its container.
pub(super) const PROXY_PORT: u16 = 8474;

const SUPERUSER: &str = "postgres";
/// How long an answer may take.
const ANSWER_BOUND: Duration = Duration::from_secs(2);

/// Toxiproxy, whichever: the flags are those of Shopify's. Its seeds have a sign.
pub(super) fn proxy(
    request: ContainerRequest<GenericImage>,
    seed: u64,
) -> ContainerRequest<GenericImage> {
    let seed = seed & i64::MAX.cast_unsigned();
    request.with_cmd(["--host=0.0.0.0".to_owned(), format!("--seed={seed}")])
}

/// Asks a Toxiproxy for its version.
pub(super) async fn ask_proxy(http: &Client, url: &str) -> Result<(), String> {
    let answer = http.get(format!("{url}/version")).timeout(ANSWER_BOUND).send().await;
    answer.and_then(reqwest::Response::error_for_status).map(drop).map_err(|e| e.to_string())
}

/// PostgreSQL, with the variables of the official image.
pub(super) fn postgres(
    request: ContainerRequest<GenericImage>,
    password: &str,
) -> ContainerRequest<GenericImage> {
    request.with_env_var("POSTGRES_USER", SUPERUSER).with_env_var("POSTGRES_PASSWORD", password)
}

/// How the harness reaches PostgreSQL as its superuser.
pub(super) fn superuser(host: &str, port: u16, password: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host(host)
        .port(port)
        .username(SUPERUSER)
        .password(password)
        .database("postgres")
}

/// Connects over TCP: the official image first runs a server that listens on a socket only.
pub(super) async fn ask_postgres(superuser: &PgConnectOptions) -> Result<(), String> {
    match tokio::time::timeout(ANSWER_BOUND, superuser.connect()).await {
        Ok(connected) => connected.map(drop).map_err(|error| error.to_string()),
        Err(_) => Err("no answer".to_owned()),
    }
}

/// Makes the role of the system and the database that it owns.
pub(super) async fn make_owner(
    superuser: &PgConnectOptions,
    owner: &Owner,
) -> Result<(), EnvironmentError> {
    Ok(create_role_and_database(superuser, &owner.role, &owner.password, &owner.database).await?)
}
