//! One file a convention: which files its tool runs, in which order, and in which transaction.

mod annotated;
mod dbmate;
mod diesel;
mod drizzle;
mod flyway;
mod go_pg;
mod golang_migrate;
mod goose;
pub(super) mod names;
mod pairs;
mod plain;
mod reading;
mod refinery;
mod sorted_up;
mod sql_migrate;
mod sqlx;

pub(super) use drizzle::JOURNAL;
pub(super) use go_pg::IN_TRANSACTION;
pub(super) use names::versioned_name;
pub(super) use reading::{Context, Reading, read};
