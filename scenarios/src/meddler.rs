//! Somebody between an agent and the server, who passes everything on and puts commands of his own
//! into the answers to check-ins.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use harness::environment::Environment;
use libtest_mimic::Failed;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::calls::{call, part};

/// The largest body that is passed on, in bytes.
const BODY_MAX_BYTES: usize = 16 * 1024 * 1024;

/// The one in the middle, until it is dropped.
#[derive(Debug)]
pub struct Meddler {
    shared: Arc<Shared>,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    http: reqwest::Client,
    server: String,
    commands: Mutex<Commands>,
}

#[derive(Debug, Default)]
struct Commands {
    seen: Vec<Value>,
    to_add: Vec<Value>,
}

impl Meddler {
    /// Stands between `part` and the server.
    ///
    /// # Errors
    /// When it cannot listen, or the link cannot be led to it.
    pub async fn between(environment: &Environment, agent: &str) -> Result<Self, Failed> {
        let server = part(environment, "server")?.url().to_owned();
        let shared = Arc::new(Shared {
            http: environment.http().clone(),
            server,
            commands: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(pass_on).with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let meddler = Self { shared, address, serving };
        let link = format!("{}/proxies/{agent}-to-server", environment.proxy().url());
        let body = json!({"upstream": meddler.address.to_string()});
        call(environment.http().post(link).json(&body)).await?.with_status("the link", 200)?;
        Ok(meddler)
    }

    /// Commands that went by.
    pub fn seen(&self) -> Vec<Value> {
        lock(&self.shared).seen.clone()
    }

    /// Puts these into the next answer to a check-in.
    pub fn add(&self, commands: impl IntoIterator<Item = Value>) {
        lock(&self.shared).to_add.extend(commands);
    }

    /// Whether all of them were handed out.
    pub fn is_done(&self) -> bool {
        lock(&self.shared).to_add.is_empty()
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, Commands> {
    shared.commands.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn pass_on(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    match try_pass_on(&shared, request).await {
        Ok(response) => response,
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

async fn try_pass_on(shared: &Shared, request: Request) -> Result<Response, Failed> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let is_check_in = parts.uri.path().ends_with("/commands");
    let body = to_bytes(body, BODY_MAX_BYTES).await?;
    let mut headers = parts.headers;
    headers.remove("host");
    let passed = shared.http.request(parts.method, format!("{}{path}", shared.server));
    let answer = passed.headers(headers).body(body).send().await?;
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let mut body = answer.bytes().await?;
    if is_check_in && status.is_success() {
        body = meddle(shared, &body)?;
        headers.remove("content-length");
    }
    let mut response = Response::new(Body::from(body));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Ok(response)
}

fn meddle(shared: &Shared, answer: &[u8]) -> Result<Bytes, Failed> {
    let mut answer: Value = serde_json::from_slice(answer)?;
    let commands = answer["commands"].as_array_mut().ok_or("an answer without commands")?;
    let mut state = lock(shared);
    state.seen.extend(commands.iter().cloned());
    commands.append(&mut state.to_add);
    Ok(Bytes::from(answer.to_string()))
}
