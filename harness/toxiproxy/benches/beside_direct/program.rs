//! The proxy as a program of its own, so that what it costs can be told from what the load costs.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::processor;
use super::upstreams::Upstreams;

pub struct Program {
    pub http: SocketAddr,
    pub echo: SocketAddr,
    /// The echo under a latency of 50 ms.
    pub delayed: SocketAddr,
    process: Child,
}

impl Program {
    pub fn start(upstreams: &Upstreams) -> Self {
        let config = tempfile::NamedTempFile::new().expect("a temporary file");
        let proxy = |name, upstream: SocketAddr, toxics| json!({ "name": name, "listen": "127.0.0.1:0", "upstream": upstream, "toxics": toxics });
        let latency = json!([{ "type": "latency", "attributes": { "latency": 50 } }]);
        let list = json!([
            proxy("http", upstreams.nginx, json!([])),
            proxy("echo", upstreams.echo, json!([])),
            proxy("delayed", upstreams.echo, latency),
        ]);
        fs::write(config.path(), list.to_string()).expect("the configuration is written");
        let mut process = Command::new(env!("CARGO_BIN_EXE_toxiproxy-server"))
            .args(["--host", "127.0.0.1", "--port", "0", "--seed", "1", "--config"])
            .arg(config.path())
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the proxy starts");
        let log = BufReader::new(process.stderr.take().expect("its log"));
        let mut words = log.lines().map_while(Result::ok).filter_map(|line| {
            let (_, rest) = line.split_once("address=")?;
            rest.split_whitespace().next().map(str::to_owned)
        });
        let proxies = get_json(&words.next().expect("it serves"), "/proxies");
        let at = |name: &str| {
            let listen = proxies[name]["listen"].as_str().expect("an address");
            listen.parse().expect("an address")
        };
        Self { http: at("http"), echo: at("echo"), delayed: at("delayed"), process }
    }

    /// What all its threads have used, in user mode and in the system's.
    pub fn processor_time(&self) -> Duration {
        processor::of_threads(self.process.id())
    }

    /// The memory it has at the moment.
    pub fn resident_bytes(&self) -> u64 {
        let text =
            fs::read_to_string(format!("/proc/{}/statm", self.process.id())).unwrap_or_default();
        let pages = text.split_whitespace().nth(1).and_then(|word| word.parse::<u64>().ok());
        pages.unwrap_or(0) * rustix::param::page_size() as u64
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn get_json(address: &str, path: &str) -> Value {
    let mut socket = TcpStream::connect(address).expect("the API answers");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("the API answers");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("the API answers");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    serde_json::from_str(body).expect("JSON")
}
