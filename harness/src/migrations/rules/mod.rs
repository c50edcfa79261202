//! What a lineage must not do, one file each.
//!
//! A rule reads a [`Lineage`](super::lineage::Lineage) and runs nothing; what running shows is
//! [`replay`](super::replay)'s to say. To add one, write its file and name it in [`registry`].

mod concurrently_wrapped;
mod down_missing;
mod example;
mod journal_skipped;
mod never_run;
mod number_gap;
mod number_letter;
mod number_order;
mod number_twice;
mod numbers;
mod own_transaction;
pub mod page;
pub mod registry;
pub mod rule;
mod self_recorded;
mod squawk;
mod tracking_touched;
mod unknown_role;
mod unstated_delete;
mod uuids_mixed;

pub use example::Example;
pub use registry::{check, rules};
pub use rule::Rule;
