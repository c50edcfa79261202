//! Toxiproxy's HTTP API.

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::collection::{PopulateError, Proxies};
use crate::error::Error;
use crate::metrics::{self, Metrics};
use crate::model::{NewProxy, NewToxic, ProxyUpdate, ProxyView, ToxicUpdate, ToxicView};
use crate::toxics::EXTENSIONS;

/// The release of Toxiproxy whose API this is; clients choose what they may call by it.
pub const API_VERSION: &str = "2.12.0";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-toxiproxy-request-id");

/// Calls under way at shutdown may take so long to finish.
const GRACE: Duration = Duration::from_secs(2);

/// Serves the API on `listener` until `shutdown` is ready, then deletes every proxy.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(
    listener: TcpListener,
    proxies: Proxies,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_with_metrics(listener, proxies, Metrics::default(), shutdown).await
}

/// As [`serve`], with metrics under `/metrics`.
///
/// # Errors
/// When the listener breaks.
pub async fn serve_with_metrics(
    listener: TcpListener,
    proxies: Proxies,
    metrics: Metrics,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let server = axum::serve(listener, router(proxies.clone(), metrics))
        .with_graceful_shutdown(async move { stopping.cancelled_owned().await });
    let mut server = pin!(server.into_future());
    let result = tokio::select! {
        result = &mut server => result,
        () = shutdown => {
            stop.cancel();
            tokio::time::timeout(GRACE, server).await.unwrap_or(Ok(()))
        }
    };
    proxies.clear().await;
    result
}

/// The API as an axum router, to be put into a server of one's own.
pub fn router(proxies: Proxies, metrics: Metrics) -> Router {
    let show_metrics =
        move |State(proxies): State<Proxies>| async move { render(metrics, &proxies) };
    Router::new()
        .route("/proxies", get(list_proxies).post(create_proxy))
        .route("/populate", post(populate))
        .route(
            "/proxies/{proxy}",
            get(show_proxy).post(update_proxy).patch(update_proxy).delete(delete_proxy),
        )
        .route("/proxies/{proxy}/toxics", get(list_toxics).post(add_toxic))
        .route(
            "/proxies/{proxy}/toxics/{toxic}",
            get(show_toxic).post(update_toxic).patch(update_toxic).delete(remove_toxic),
        )
        .route("/reset", post(reset))
        .route("/version", get(version))
        .route("/metrics", get(show_metrics))
        .route("/extensions", get(async || Json(EXTENSIONS)))
        .fallback(async || not_found())
        .layer(middleware::from_fn(guard))
        .with_state(proxies)
}

/// Refuses browsers, and marks every answer.
async fn guard(headers: HeaderMap, request: Request, next: Next) -> Response {
    let browser = headers
        .get(header::USER_AGENT)
        .is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
    let mut response = if browser {
        (StatusCode::FORBIDDEN, "User agent not allowed\n").into_response()
    } else {
        next.run(request).await
    };
    let id = Uuid::now_v7().simple().to_string();
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn list_proxies(State(proxies): State<Proxies>) -> Response {
    Json(proxies.list()).into_response()
}

async fn create_proxy(
    State(proxies): State<Proxies>,
    body: Bytes,
) -> Result<(StatusCode, Json<ProxyView>), Error> {
    let view = proxies.create(parse::<NewProxy>(&body)?).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

async fn populate(State(proxies): State<Proxies>, body: Bytes) -> Response {
    let result = match parse::<Option<Vec<NewProxy>>>(&body) {
        Ok(list) => proxies.populate(list.unwrap_or_default()).await,
        Err(error) => Err(PopulateError { error, made: Vec::new() }),
    };
    match result {
        Ok(made) => {
            (StatusCode::CREATED, Json(json!({ "proxies": null_if_empty(&made) }))).into_response()
        }
        Err(PopulateError { error, made }) => failure(&error, &PopulateFailure::new(&error, &made)),
    }
}

async fn show_proxy(
    State(proxies): State<Proxies>,
    Path(name): Path<String>,
) -> Result<Json<ProxyView>, Error> {
    proxies.get(&name).map(Json)
}

async fn update_proxy(
    State(proxies): State<Proxies>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<ProxyView>, Error> {
    proxies.get(&name)?; // an unknown proxy comes before a bad body
    proxies.update(&name, parse::<ProxyUpdate>(&body)?).await.map(Json)
}

async fn delete_proxy(
    State(proxies): State<Proxies>,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    proxies.delete(&name).await.map(|()| StatusCode::NO_CONTENT)
}

async fn list_toxics(
    State(proxies): State<Proxies>,
    Path(name): Path<String>,
) -> Result<Json<Vec<ToxicView>>, Error> {
    proxies.toxics(&name).map(Json)
}

async fn add_toxic(
    State(proxies): State<Proxies>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<ToxicView>, Error> {
    proxies.get(&name)?;
    proxies.add_toxic(&name, parse::<NewToxic>(&body)?).map(Json)
}

async fn show_toxic(
    State(proxies): State<Proxies>,
    Path((proxy, toxic)): Path<(String, String)>,
) -> Result<Json<ToxicView>, Error> {
    proxies.toxic(&proxy, &toxic).map(Json)
}

async fn update_toxic(
    State(proxies): State<Proxies>,
    Path((proxy, toxic)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<ToxicView>, Error> {
    proxies.toxic(&proxy, &toxic)?;
    proxies.update_toxic(&proxy, &toxic, &parse::<ToxicUpdate>(&body)?).map(Json)
}

async fn remove_toxic(
    State(proxies): State<Proxies>,
    Path((proxy, toxic)): Path<(String, String)>,
) -> Result<StatusCode, Error> {
    proxies.remove_toxic(&proxy, &toxic).map(|()| StatusCode::NO_CONTENT)
}

async fn reset(State(proxies): State<Proxies>) -> Result<StatusCode, Error> {
    proxies.reset().await.map(|()| StatusCode::NO_CONTENT)
}

async fn version() -> Response {
    let content_type = [(header::CONTENT_TYPE, "application/json;charset=utf-8")];
    (content_type, format!("{{\"version\": \"{API_VERSION}\"}}\n")).into_response()
}

fn render(metrics: Metrics, proxies: &Proxies) -> Response {
    let Some(text) = metrics.render(proxies) else {
        return not_found();
    };
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "404 page not found\n").into_response()
}

/// Reads the first JSON value of a body, whatever its content type says. Through a [`Value`], so
/// that of a key given twice the last counts, as in Go.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    Value::deserialize(&mut reader)
        .and_then(T::deserialize)
        .map_err(|error| Error::BadRequestBody(error.to_string()))
}

#[derive(Serialize)]
struct Failure {
    error: String,
    status: u16,
}

#[derive(Serialize)]
struct PopulateFailure<'a> {
    #[serde(flatten)]
    failure: Failure,
    proxies: Option<&'a [ProxyView]>,
}

impl<'a> PopulateFailure<'a> {
    fn new(error: &Error, made: &'a [ProxyView]) -> Self {
        Self { failure: error.into(), proxies: null_if_empty(made) }
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self { error: error.to_string(), status: error.status() }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        failure(&self, &Failure::from(&self))
    }
}

/// Toxiproxy's empty list of proxies is `null`.
fn null_if_empty(made: &[ProxyView]) -> Option<&[ProxyView]> {
    (!made.is_empty()).then_some(made)
}

fn failure(error: &Error, body: &impl Serialize) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_string(body).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}
