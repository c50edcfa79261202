//! Work that is carried to its end even if nobody waits for it any more, and that the end of the
//! run waits for.
//!
//! What the engine was asked to make, and has not answered for, could come into being after
//! everything was removed. So no such request is given up, and the removal waits for them.

use std::future::Future;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Counts what is not finished.
#[derive(Clone, Debug, Default)]
pub(super) struct Unfinished(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    number: Mutex<usize>,
    changed: Condvar,
}

/// One piece of work; it is finished when this is dropped.
#[derive(Debug)]
pub(super) struct Piece(Arc<Count>);

impl Unfinished {
    /// Carries work out to its end.
    pub async fn carry_out<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let piece = self.begin();
        let task = tokio::spawn(async move {
            let result = work.await;
            drop(piece);
            result
        });
        task.await.expect("nobody ends the task, and it does not panic")
    }

    /// Begins a piece of work.
    pub fn begin(&self) -> Piece {
        *self.0.number.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Piece(Arc::clone(&self.0))
    }

    /// Blocks until nothing is unfinished, but no longer than the bound.
    pub fn wait(&self, bound: Duration) {
        let number = self.0.number.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.0.changed.wait_timeout_while(number, bound, |number| *number > 0);
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        *self.0.number.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[tokio::test(flavor = "multi_thread")]
    async fn work_goes_on_when_nobody_waits_for_it_and_is_waited_for_in_the_end() {
        let unfinished = Unfinished::default();
        let done = Arc::new(AtomicBool::new(false));
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let work = {
            let done = Arc::clone(&done);
            async move {
                let _ = gone.await;
                done.store(true, Ordering::SeqCst);
            }
        };
        // Polled once, which begins it, and given up.
        tokio::select! {
            biased;
            () = unfinished.carry_out(work) => panic!("it waits to be let go"),
            () = std::future::ready(()) => {}
        }
        unfinished.wait(Duration::ZERO);
        assert!(!done.load(Ordering::SeqCst));
        go.send(()).unwrap();
        unfinished.wait(Duration::MAX);
        assert!(done.load(Ordering::SeqCst));
    }
}
