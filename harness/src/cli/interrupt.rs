//! Ctrl-C and SIGTERM end a command in good order; a second one ends it at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit_code::Exit;

/// A token that is cancelled by the first Ctrl-C or SIGTERM. The second ends this process, and
/// the janitor removes what it leaves.
///
/// # Errors
/// When the operating system lets no signal be caught.
pub fn interrupt_token() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    let (mut interrupts, mut terminations) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupts.recv() => {}
                _ = terminations.recv() => {}
            }
            if cancelled.is_cancelled() {
                std::process::exit(Exit::Interrupted.code().into());
            }
            anstream::eprintln!("interrupted: ending what runs (once more: end at once)");
            cancelled.cancel();
        }
    });
    Ok(token)
}
