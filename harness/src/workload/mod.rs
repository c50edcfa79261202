//! Gives events to producers while the nemesis is at work, and reads back what was stored.

pub mod engine;
mod generator;
mod give;
mod open_loop;
mod read;
mod reader;
#[cfg(test)]
pub(crate) mod test_server;
mod words;
mod worker;

pub use generator::{Generator, Proposal};
pub use open_loop::{Pace, emit_for};
pub use read::ReadError;
pub use reader::{Asked, ProducerState, Reader};
pub use worker::Worker;
