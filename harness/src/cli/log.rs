//! Where the harness's own log goes: to standard error, until a run has a folder for it.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

static FILE: OnceLock<File> = OnceLock::new();

/// Begins to log. `RUST_LOG` chooses what; warnings and errors if it says nothing.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(Destination)
        .with_env_filter(filter)
        .init();
}

/// Sends what is logged from now on to a file. The embedded proxy logs every connection that it
/// could not make, which belongs into the run's folder and not between the lines that people read.
///
/// # Errors
/// When the file cannot be made.
pub fn send_to(path: &Path) -> io::Result<()> {
    let _ = FILE.set(File::create(path)?);
    Ok(())
}

struct Destination;

impl MakeWriter<'_> for Destination {
    type Writer = Box<dyn Write>;

    fn make_writer(&self) -> Self::Writer {
        match FILE.get() {
            Some(file) => Box::new(file),
            None => Box::new(io::stderr()),
        }
    }
}
