//! Gives events to producers while the nemesis is at work, and reads back what was stored.

pub mod engine;
mod generator;
mod open_loop;
mod reader;
#[cfg(test)]
pub(crate) mod test_server;
mod worker;

pub use generator::{Generator, Proposal};
pub use open_loop::{Pace, emit_for};
pub use reader::{ProducerState, ReadError, Reader};
pub use worker::Worker;
