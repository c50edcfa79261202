//! An event given in by a command.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::NotTaken;
use crate::environment::Endpoint;
use crate::environment::janitor::{Janitor, Leftover, start_time};
use crate::system::fill;
use crate::workload::Proposal;
use crate::workload::words::cut_short;

/// Runs a command with the body as its standard input, and returns what it prints. A command that
/// cannot be started proves that nothing happened; one that fails proves nothing. Dropped before
/// its end, it is killed.
pub(super) async fn run(
    command: &[String],
    producer: &Endpoint,
    proposal: &Proposal,
) -> Result<String, NotTaken> {
    let body = proposal.text();
    let values =
        producer.values.clone().with("body", body.as_str()).with("marker", &proposal.marker);
    let words = command.iter().map(|word| fill(word, &values)).collect::<Result<Vec<_>, _>>();
    let words = words.map_err(|error| NotTaken::certainly(error.to_string()))?;
    let mut child = Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| NotTaken::certainly(format!("cannot start `{}`: {error}", words[0])))?;
    let id = child.id().unwrap_or_default();
    let leftover = Leftover::ProcessGroup { id, start_time: start_time(id) };
    let _watch =
        Janitor::global().watch(&leftover).map_err(|error| NotTaken::perhaps(error.to_string()))?;
    if let Some(mut input) = child.stdin.take() {
        // A command that takes its words from its arguments need not read.
        let _ = input.write_all(format!("{body}\n").as_bytes()).await;
    }
    let output = child.wait_with_output().await?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(NotTaken::perhaps(format!("{}: {}", output.status, cut_short(&said))))
}
