//! A served collection of proxies, upstreams to put behind them, and clients to go through them.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use toxiproxy::{Metrics, Proxies, serve_with_metrics};

/// The seed of every test that does not choose its own.
pub const SEED: u64 = 7;

/// A wait for something that must happen ends here.
const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for what must happen.
pub async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(done) => done,
        Err(_) => panic!("{what} did not happen within {DEADLINE:?}"),
    }
}

/// A server of the control API.
pub struct Control {
    /// The collection served.
    pub proxies: Proxies,
    base: String,
    http: Client,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Control {
    pub async fn start() -> Self {
        Self::with_seed(SEED).await
    }

    pub async fn with_seed(seed: u64) -> Self {
        Self::with(seed, Metrics::default()).await
    }

    pub async fn with(seed: u64, metrics: Metrics) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let proxies = Proxies::new(seed);
        let stopped = async { drop(stopped.await) };
        let server = tokio::spawn(serve_with_metrics(listener, proxies.clone(), metrics, stopped));
        Self { proxies, base, http: Client::new(), stop: Some(stop), server }
    }

    /// Ends the server in order.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        soon("the end of the server", self.server).await.unwrap().unwrap();
    }

    /// A raw call; `body` is sent as it stands.
    pub async fn raw(&self, method: &str, path: &str, body: impl Into<String>) -> Response {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}{path}", self.base)).body(body.into());
        soon(path, request.send()).await.unwrap()
    }

    /// A raw call of a program that calls itself `agent`.
    pub async fn as_agent(&self, agent: &str, path: &str) -> Response {
        let request = self.http.get(format!("{}{path}", self.base)).header("User-Agent", agent);
        soon(path, request.send()).await.unwrap()
    }

    /// A call; the status and the JSON that came back (null when there was no body).
    pub async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response = self.raw(method, path, body).await;
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        let json = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        (status, json)
    }

    /// A call that must succeed.
    pub async fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, json) = self.call(method, path, body).await;
        assert!(StatusCode::from_u16(status).unwrap().is_success(), "{method} {path}: {json}");
        json
    }

    pub async fn get(&self, path: &str) -> Value {
        self.ok("GET", path, Value::Null).await
    }

    /// A call that must fail in the way Toxiproxy words it.
    pub async fn fails(&self, method: &str, path: &str, body: Value, status: u16, error: &str) {
        let response = self.raw(method, path, body.to_string()).await;
        assert_eq!(response.status().as_u16(), status, "{method} {path}");
        let text = response.text().await.unwrap();
        assert_eq!(text, format!("{{\"error\":\"{error}\",\"status\":{status}}}\n"));
    }

    /// Makes the proxy `p` before an upstream; returns its address.
    pub async fn proxy(&self, upstream: &str) -> String {
        let new = json!({ "name": "p", "listen": "127.0.0.1:0", "upstream": upstream });
        listen_of(&self.ok("POST", "/proxies", new).await)
    }

    /// Adds a toxic named `t` to the proxy `p`.
    pub async fn toxic(&self, kind: &str, stream: &str, attributes: Value) {
        let new = json!({ "name": "t", "type": kind, "stream": stream, "attributes": attributes });
        self.ok("POST", "/proxies/p/toxics", new).await;
    }
}

/// Where a proxy listens.
pub fn listen_of(proxy: &Value) -> String {
    proxy["listen"].as_str().unwrap().to_owned()
}

/// An upstream whose side of each connection the test plays.
pub struct Upstream {
    listener: TcpListener,
    pub address: String,
}

impl Upstream {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        Self { listener, address }
    }

    /// A client's connection through the proxy at `proxy`, both ends.
    pub async fn pair(&self, proxy: &str) -> (TcpStream, TcpStream) {
        let client = connect(proxy).await;
        (client, self.accept().await)
    }

    /// The next connection that comes in.
    pub async fn accept(&self) -> TcpStream {
        soon("a connection to the upstream", self.listener.accept()).await.unwrap().0
    }
}

/// An upstream that sends back what it gets, and ends when the client does. It lives as long as the
/// runtime of the test.
pub async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = socket.split();
                drop(tokio::io::copy(&mut read, &mut write).await);
            });
        }
    });
    address
}

pub async fn connect(address: &str) -> TcpStream {
    soon("a connection to the proxy", TcpStream::connect(address)).await.unwrap()
}

pub async fn send(socket: &mut TcpStream, bytes: &[u8]) {
    soon("sending", socket.write_all(bytes)).await.unwrap();
}

/// Asserts that exactly these bytes come next.
pub async fn expect(socket: &mut TcpStream, bytes: &[u8]) {
    let mut got = vec![0; bytes.len()];
    soon("receiving", socket.read_exact(&mut got)).await.unwrap();
    assert_eq!(got, bytes);
}

/// Everything up to the end of the stream.
pub async fn rest(socket: &mut TcpStream) -> Vec<u8> {
    let mut got = Vec::new();
    soon("the end of the stream", socket.read_to_end(&mut got)).await.unwrap();
    got
}

/// Asserts that the connection ends now, in order or not.
pub async fn expect_gone(socket: &mut TcpStream) {
    let mut byte = [0];
    let read = soon("the end of the connection", socket.read(&mut byte)).await;
    assert!(matches!(read, Ok(0) | Err(_)), "a byte came: {read:?}");
}

/// Asserts that the connection is reset.
pub async fn expect_reset(socket: &mut TcpStream) {
    let mut byte = [0];
    let error = soon("the reset", socket.read(&mut byte)).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}
