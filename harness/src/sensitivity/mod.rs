//! Sensitivity: whether a project's detectors detect.
//!
//! A [`Ledger`] lists defects that can be planted, and says for each what finds it and how that is
//! run. [`Plan::of`] works out which runs that takes, each of them once however many rows it
//! answers; [`examine`] carries them through and judges every row: found where it is planted, by
//! the words that are its own, and not a word where it is not.

mod execute;
mod judge;
mod ledger;
mod plan;

pub use execute::{Examination, ExamineError, examine};
pub use judge::{ExaminedRow, Outcome};
pub use ledger::{Detector, Ledger, LedgerError, Row};
pub use plan::{Plan, Side};
