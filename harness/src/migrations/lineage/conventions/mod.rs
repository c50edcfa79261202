//! One file a convention: which files its tool runs, in which order, and in which transaction.

mod golang_migrate;
pub(super) mod names;
mod plain;
mod reading;
mod sorted_up;
mod sqlx;

pub(super) use names::versioned_name;
pub(super) use reading::{Context, Reading, read};
