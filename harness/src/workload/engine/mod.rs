//! High volume from one thread: HTTP/1.1 requests that fall due by a plan, on many connections.
//!
//! [`drive`] sends what [`Arrivals`] plan, or as much as the server takes ([`Loop::Closed`]), and
//! gives a [`Measured`]: latencies from when a request was *due*, so that a request that had to
//! wait for a slow server counts with its wait (no coordinated omission), and how late the engine
//! itself was. [`highest_rate`] searches the highest rate that keeps a bound.
//!
//! It speaks HTTP itself, over non-blocking sockets and one poll: what a request costs it is what
//! its system calls cost, and requests that are due together share one.

mod arrivals;
mod connection;
mod drive;
mod measured;
mod search;

pub use arrivals::Arrivals;
pub use drive::{Load, Loop, drive};
pub use measured::{Measured, empty_histogram, quantile};
pub use search::highest_rate;
