//! The running parts: PostgreSQL, programs, containers, and the links between them.

pub mod janitor;
pub mod ports;
pub mod postgres;
pub mod runtime_folder;
#[cfg(test)]
pub(crate) mod wait;
