//! A project's migrations, read and ordered as its own tool does.

pub mod convention;
#[expect(clippy::module_inception, reason = "the module's one main type has the module's name")]
pub mod lineage;
pub mod migration;

pub use convention::Convention;
pub use lineage::Lineage;
pub use migration::{Migration, Script, Step, Wrapping};
