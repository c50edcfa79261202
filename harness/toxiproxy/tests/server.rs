//! The program as people run it: options, signals, exit codes.

mod support;

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use support::{connect, echo, expect, listen_of, send, soon};

/// Where nextest has unpacked it, when the tests come in an archive; else where cargo has put it.
fn program() -> String {
    let unpacked = std::env::var("NEXTEST_BIN_EXE_toxiproxy_server");
    unpacked.unwrap_or_else(|_| env!("CARGO_BIN_EXE_toxiproxy-server").to_owned())
}

struct Program {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(["--host", "127.0.0.1"])
            .args(arguments)
            .env_remove("RUST_LOG")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, log }
    }

    /// What the log says after `key=` on the first line that has it.
    async fn logged(&mut self, key: &str) -> String {
        let key = format!("{key}=");
        loop {
            let line = soon(&key, self.log.next_line()).await.unwrap().expect("the log goes on");
            if let Some((_, rest)) = line.split_once(&key) {
                return rest.split_whitespace().next().unwrap_or_default().to_owned();
            }
        }
    }

    /// The exit code and the rest of the log.
    async fn end(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        while let Some(line) = soon("the log", self.log.next_line()).await.unwrap() {
            log.push_str(&line);
            log.push('\n');
        }
        (soon("the end", self.child.wait()).await.unwrap().code(), log)
    }
}

fn config(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[tokio::test]
async fn it_serves_the_proxies_of_its_config_until_a_signal_comes() {
    let upstream = echo().await;
    let list = json!([{ "name": "p", "listen": "127.0.0.1:0", "upstream": upstream }]);
    let file = config(&list.to_string());
    for signal in [Signal::TERM, Signal::INT] {
        let path = file.path().to_str().unwrap();
        let mut program = Program::start(&["--port", "0", "--seed", "5", "--config", path]);
        let address = program.logged("address").await;
        let body = reqwest::get(format!("http://{address}/proxies")).await.unwrap();
        let proxies: Value = body.json().await.unwrap();
        let mut client = connect(&listen_of(&proxies["p"])).await;
        send(&mut client, b"hello").await;
        expect(&mut client, b"hello").await;
        let id = program.child.id().and_then(|id| Pid::from_raw(id.cast_signed())).unwrap();
        kill_process(id, signal).unwrap();
        assert_eq!(program.end().await.0, Some(0), "{signal:?}");
    }
}

#[tokio::test]
async fn it_takes_toxiproxys_own_options_with_one_dash() {
    let mut program = Program::start(&["-port", "0", "-proxy-metrics"]);
    let address = program.logged("address").await;
    let answer = reqwest::get(format!("http://{address}/metrics")).await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn what_it_cannot_do_it_says_and_exits_2() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let no_json = config("no json");
    let no_upstream = config(r#"[{ "name": "p" }]"#);
    let text = |file: &tempfile::NamedTempFile| file.path().to_str().unwrap().to_owned();
    for (arguments, what) in [
        (["--port", &port], format!("cannot listen on 127.0.0.1:{port}")),
        (["--config", "/nowhere.json"], "cannot read /nowhere.json".to_owned()),
        (["--config", &text(&no_json)], "is not a JSON array of proxies".to_owned()),
        (["--config", &text(&no_upstream)], "missing required field: upstream".to_owned()),
        (["--port", "many"], "invalid value 'many'".to_owned()),
    ] {
        let port_of_its_own = if arguments[0] == "--port" { &[][..] } else { &["--port", "0"] };
        let program = Program::start(&[port_of_its_own, &arguments].concat());
        let (code, log) = program.end().await;
        assert_eq!(code, Some(2), "{log}");
        assert!(log.contains(&what), "{log}");
    }
}
