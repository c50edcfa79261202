//! A container's output, written to a file through all of its lives.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;
use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::LogsOptionsBuilder;

/// How much of a log is told when a container fails.
const LAST_LINES: usize = 15;

/// The log of one container.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    /// The engine keeps a container's output until it is removed: this much of it is in the file.
    written: AtomicU64,
}

impl Log {
    /// A log that is empty yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, written: AtomicU64::new(0) }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what the container says until it ends. One at a time.
    pub async fn follow(&self, docker: &Docker, container: &str) {
        if let Err(error) = self.copy(docker, container).await {
            tracing::warn!(%error, %container, "its log is not complete");
        }
    }

    async fn copy(
        &self,
        docker: &Docker,
        container: &str,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut file = File::options().create(true).append(true).open(&self.path)?;
        let options = LogsOptionsBuilder::new().follow(true).stdout(true).stderr(true).build();
        let mut output = docker.logs(container, Some(options));
        let mut known = self.written.load(Ordering::Relaxed);
        while let Some(message) = output.next().await {
            let message = message?.into_bytes();
            let skipped = usize::try_from(known).unwrap_or(usize::MAX).min(message.len());
            let news = &message[skipped..];
            known -= skipped as u64;
            file.write_all(news)?;
            self.written.fetch_add(news.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    /// How it ends.
    pub fn last_lines(&self) -> String {
        let text = std::fs::read(&self.path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }
}
