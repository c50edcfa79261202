//! A project's migrations, read and ordered as its own tool does.
//!
//! Begin at [`read()`]: it lists the [`folder`], finds out whose it is ([`detect`]), and lets that
//! tool's file in [`conventions`] make migrations of it.

pub mod acceptance;
mod checksum;
pub mod convention;
mod conventions;
mod detect;
pub mod error;
mod folder;
#[expect(clippy::module_inception, reason = "the module's one main type has the module's name")]
pub mod lineage;
pub mod machine;
pub mod migration;
pub mod read;
mod recorded;
pub mod settings;
pub mod tracking;
pub mod variables;

pub use acceptance::Accepted;
pub use convention::Convention;
pub use error::LineageError;
pub use lineage::{Ignored, Lineage};
pub use machine::refuse_reaching;
pub use migration::{Migration, Script, Step, Wrapping};
pub use read::{ReadOptions, read};
pub use recorded::RecordedError;
pub use settings::{Acceptance, Release, Settings};
pub use tracking::{Lock, Record, Tracking};
pub use variables::Variables;
