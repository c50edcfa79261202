//! The ways in for an event: one file each.

mod command;
mod http;
mod line;
mod way;

pub(super) use way::{NotTaken, give};
