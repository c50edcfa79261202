//! The standard input of a part, for lines.

use std::io;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::Mutex;

/// The standard input of a part, over all of its lives. Clones write to the same.
#[derive(Clone, Debug, Default)]
pub struct PartInput(Arc<Mutex<Option<ChildStdin>>>);

impl PartInput {
    /// The input of a life that begins, or of none.
    pub(super) async fn set(&self, pipe: Option<ChildStdin>) {
        *self.0.lock().await = pipe;
    }

    /// Writes a line; a line feed is put after it. Up to 4 KiB go in whole or not at all.
    ///
    /// # Errors
    /// `NotConnected` when the part does not run, or what its pipe says.
    pub async fn write_line(&self, line: &str) -> io::Result<()> {
        let mut held = self.0.lock().await;
        let pipe = held.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        pipe.write_all(format!("{line}\n").as_bytes()).await?;
        pipe.flush().await
    }
}
