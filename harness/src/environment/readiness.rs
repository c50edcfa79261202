//! Asks a part whether it is ready, the way its description says.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Client;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::net::TcpStream;

use super::place::Address;
use crate::history::NO_ANSWER;
use crate::system::Pattern;

/// How long an answer may take.
const BOUND: Duration = Duration::from_secs(1);

/// How a part is asked.
#[derive(Debug)]
pub(super) enum Readiness {
    /// By a GET, which is answered with success.
    Http {
        /// Who asks.
        client: Client,
        /// What is asked for.
        url: String,
    },
    /// By a connection to its port.
    Port(Address),
    /// Not at all: a program that runs is ready.
    Running,
    /// By what it writes to a file.
    Line(WrittenLine),
}

/// A line that a part writes to a file when it is ready.
#[derive(Debug)]
pub(super) struct WrittenLine {
    file: PathBuf,
    pattern: Pattern,
    /// How long the file was when the part was last started.
    written_before: AtomicU64,
}

impl WrittenLine {
    pub fn new(file: PathBuf, pattern: Pattern) -> Self {
        Self { file, pattern, written_before: AtomicU64::new(0) }
    }

    async fn is_there(&self) -> bool {
        let read = async {
            let mut file = tokio::fs::File::open(&self.file).await?;
            let before = self.written_before.load(Ordering::Relaxed);
            file.seek(std::io::SeekFrom::Start(before)).await?;
            let mut text = Vec::new();
            file.read_to_end(&mut text).await?;
            Ok::<_, std::io::Error>(text)
        };
        let text = read.await.unwrap_or_default();
        String::from_utf8_lossy(&text).lines().any(|line| self.pattern.is_match(line))
    }
}

impl Readiness {
    /// The part is about to be started: what it wrote in an earlier life counts no more.
    pub fn begin_life(&self) {
        if let Self::Line(line) = self {
            let length = std::fs::metadata(&line.file).map_or(0, |file| file.len());
            line.written_before.store(length, Ordering::Relaxed);
        }
    }

    /// # Errors
    /// It is not ready, for this reason.
    pub async fn ask(&self) -> Result<(), String> {
        let answer = async {
            match self {
                Self::Http { client, url } => match client.get(url).send().await {
                    Ok(response) if response.status().is_success() => Ok(()),
                    Ok(response) => Err(response.status().to_string()),
                    Err(_) => Err(NO_ANSWER.to_owned()),
                },
                Self::Port(address) => {
                    let connection = TcpStream::connect((address.host.as_str(), address.port));
                    connection.await.map(drop).map_err(|_| "no connection".to_owned())
                }
                Self::Running => Ok(()),
                Self::Line(line) if line.is_there().await => Ok(()),
                Self::Line(_) => Err("no such line".to_owned()),
            }
        };
        let answer = tokio::time::timeout(BOUND, answer).await;
        answer.unwrap_or_else(|_| Err(NO_ANSWER.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_is_ready_while_it_takes_connections() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let ready = Readiness::Port(Address { host: "127.0.0.1".into(), port });
        assert_eq!(ready.ask().await, Ok(()));
        drop(listener);
        assert_eq!(ready.ask().await, Err("no connection".into()));
    }

    #[tokio::test]
    async fn only_a_line_of_the_present_life_counts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        let pattern = Pattern::try_from("^listening on \\d+$".to_owned()).unwrap();
        let ready = Readiness::Line(WrittenLine::new(file.clone(), pattern));
        assert!(ready.ask().await.is_err(), "there is no file yet");
        std::fs::write(&file, "starting\nlistening on 80\n").unwrap();
        assert_eq!(ready.ask().await, Ok(()));
        ready.begin_life();
        assert!(ready.ask().await.is_err(), "the line is of an earlier life");
        std::fs::write(&file, "starting\nlistening on 80\nagain\nlistening on 81\n").unwrap();
        assert_eq!(ready.ask().await, Ok(()));
    }
}
