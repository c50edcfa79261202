//! Wakes a task at a time, to the microsecond where the system can: tokio's own timers count in
//! whole milliseconds.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// One time to wake at, which may be changed.
#[derive(Default)]
pub struct Timer {
    precise: Option<precise::Timer>,
    coarse: Option<Pin<Box<Sleep>>>,
    due: Option<Instant>,
}

impl Timer {
    /// Ready once the time has come; until then the task is woken when it has.
    pub fn poll(&mut self, due: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= due {
            return Poll::Ready(());
        }
        if self.due != Some(due) {
            self.set(due);
        }
        match (&mut self.precise, &mut self.coarse) {
            (Some(timer), _) => timer.poll(cx),
            (None, Some(sleep)) => sleep.as_mut().poll(cx),
            (None, None) => Poll::Ready(()),
        }
    }

    fn set(&mut self, due: Instant) {
        self.due = Some(due);
        if self.precise.is_none() {
            self.precise = precise::Timer::new().ok();
        }
        // Without a file to spare, late by up to a millisecond is better than not at all.
        if self.precise.as_ref().is_none_or(|timer| timer.set(due).is_err()) {
            self.precise = None;
            self.coarse = Some(Box::pin(sleep_until(due)));
        }
    }
}

#[cfg(target_os = "linux")]
mod precise {
    use std::io;
    use std::task::{Context, Poll, ready};

    use rustix::fd::OwnedFd;
    use rustix::io::read;
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;
    use tokio::time::Instant;

    /// A timer of the kernel's.
    pub struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        pub fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let file = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            #[expect(
                deprecated,
                reason = "its fault is with files that change; an OwnedFd stays the same"
            )]
            let file = AsyncFd::with_interest(file, Interest::READABLE)?;
            Ok(Self(file))
        }

        /// Sets the time, in place of the one before.
        pub fn set(&self, due: Instant) -> io::Result<()> {
            let wait = due.saturating_duration_since(Instant::now());
            let it_value = Timespec {
                tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
                // Of no time at all it would make never.
                tv_nsec: i64::from(wait.subsec_nanos()).max(1),
            };
            let once = Itimerspec { it_interval: Timespec::default(), it_value };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
            Ok(())
        }

        /// Ready when the time has come, or an earlier one that was set before.
        pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            loop {
                let Ok(mut ready) = ready!(self.0.poll_read_ready(cx)) else {
                    return Poll::Pending; // the runtime is coming to its end
                };
                let mut expirations = [0; 8];
                let rung = ready.try_io(|file| Ok(read(file, &mut expirations)?));
                if rung.is_ok() {
                    return Poll::Ready(());
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod precise {
    use std::io;
    use std::task::{Context, Poll};

    use tokio::time::Instant;

    /// There is no such timer on this system.
    pub enum Timer {}

    impl Timer {
        pub fn new() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub fn set(&self, _due: Instant) -> io::Result<()> {
            match *self {}
        }

        pub fn poll(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
            match *self {}
        }
    }
}
