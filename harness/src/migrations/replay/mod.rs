//! What running a lineage shows.
//!
//! ```text
//! lineage → fresh pass → trials: twice, down, up; walk down   → findings
//!                      → upgrade pass: rows of every version  ↗
//! ```
//!
//! Begin reading at [`replay()`]. From below to above:
//!
//! - [`server`], [`session`]: a PostgreSQL of the replay's own, and the connection to it;
//! - [`refusal`]: what PostgreSQL says, and where in a file that is;
//! - [`runner`], `at_once`: run a script as its tool would;
//! - [`trial`], [`clone`]: one migration up, twice, down and up again, in one transaction or in a
//!   copy of the database; [`twice`] and [`round_trip`] say what that came to;
//! - [`fresh`]: the pass on an empty database; [`stretches`]: every migration of it tried;
//! - [`upgrade`]: the walk with rows of every version; [`data_trial`] tries one migration on them,
//!   [`refused`] finds those to blame; [`single_path`] checks it by rows of one version alone;
//! - [`cost`]: what a statement reads, writes and locks; [`cut`]: what a migration leaves that is
//!   cut between two of its statements, and [`concurrently`] within one;
//! - [`inflate`]: many rows of few; [`traffic`]: readers and writers during a migration; both for
//!   the tables that are `named`;
//! - [`drift`]: the head against a recorded schema or a live database; [`drill`]: a backup,
//!   restored; [`starting_point`]: a dump to begin with; all through [`dump`] and
//!   [`client_program`];
//! - [`outcome`], [`summary`], [`findings`]: what all of it comes to, with what `deployment` knows
//!   to be missing; `timings`: what the time goes to.

mod at_once;
pub mod client_program;
pub mod clone;
pub mod concurrently;
pub mod cost;
pub mod cut;
pub mod data_trial;
mod deployment;
pub mod drift;
pub mod drill;
pub mod dump;
mod error;
mod explained;
pub mod findings;
pub mod fresh;
pub mod inflate;
mod named;
pub mod outcome;
pub mod refusal;
pub mod refused;
#[expect(clippy::module_inception, reason = "the module's one main function has its name")]
pub mod replay;
pub mod round_trip;
pub mod runner;
pub mod sequences;
pub mod server;
pub mod session;
pub mod single_path;
pub mod standing;
pub mod starting_point;
pub mod stretches;
pub mod summary;
#[cfg(test)]
mod tests;
mod timings;
mod tool;
mod touched;
pub mod traffic;
pub mod trial;
pub mod twice;
pub mod upgrade;

pub use error::ReplayError;
pub use fresh::{Course, FreshPass};
pub use outcome::{
    Assumption, BrokenPath, Changed, CutSummary, FailedMigration, Fresh, JudgedPart,
    LineageSummary, MigrationCost, MigrationStalls, MigrationSummary, Reason, ReplayOutcome,
    RoundTrips, Seeding, Trials, TwiceSummary, Unseeded, Upgrade,
};
pub use refusal::{Failure, Object, Refusal};
pub use replay::{Progress, ReplayOptions, Stage, replay};
pub use round_trip::{NotRestored, RoundTrip};
pub use runner::Runner;
pub use sequences::Sequences;
pub use server::Server;
pub use session::Session;
pub use single_path::{Passage, PathDifference, SinglePath};
pub use standing::Standing;
use tool::Tool;
pub use traffic::TrafficOptions;
pub use twice::Twice;
pub use upgrade::UpgradePass;
