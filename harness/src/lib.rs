//! Proves, before a release, that an event-driven service on PostgreSQL survives its migrations,
//! its network and its load, and that every event still arrives.
//!
//! A run goes this way:
//!
//! ```text
//! plan + seed → environment → (workload ∥ nemesis) → history → heal → drain → probe
//!             → checkers → verdicts → report
//! ```
//!
//! Begin reading at [`run::perform`], which passes through all of it. The modules, from the ones
//! that import nothing of ours to the ones that wire the others together:
//!
//! - [`seed`], [`finding`], [`exit_code`]: three small words that everybody uses;
//! - [`promises`]: what a system promises of itself;
//! - [`system`]: what is under test, as its system file describes it;
//! - [`history`]: everything that happened in a run, in its order;
//! - [`environment`]: PostgreSQL, programs or containers, and a proxy in every link;
//! - [`faults`]: what can be disturbed, when, and by whom;
//! - [`workload`]: events given in, and read back;
//! - [`checkers`]: pure functions from a history to a verdict;
//! - [`migrations`]: a project's migrations, replayed on every path, with data;
//! - [`sensitivity`]: whether detectors find the defects that are planted for them;
//! - [`run`]: the stages of one run;
//! - [`report`]: one model of a run, and what renders it;
//! - [`gate`]: everything that a release must pass, one command after the other;
//! - [`mod@bench`]: how fast, beside the limit measured in the same run;
//! - [`cli`]: the command line.

pub mod bench;
pub mod checkers;
pub mod cli;
pub mod environment;
pub mod exit_code;
pub mod faults;
pub mod finding;
pub mod gate;
pub mod history;
pub mod migrations;
pub mod promises;
pub mod report;
pub mod run;
pub mod seed;
pub mod sensitivity;
pub mod system;
pub mod workload;
