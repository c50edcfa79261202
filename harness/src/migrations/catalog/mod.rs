//! The schema as PostgreSQL holds it, and how two of them differ.
//!
//! ```text
//! versions of all catalog rows → what changed, and what depends on it → described → Catalog
//! ```
//!
//! [`CatalogReader`] reads a [`Catalog`] of [`Object`]s, after the first time only what changed;
//! [`Difference`] compares two of them.

#[expect(clippy::module_inception, reason = "the module's one main type has the module's name")]
pub mod catalog;
mod cosmetic;
mod dependents;
mod describe;
pub mod difference;
pub mod error;
pub mod object;
pub mod reader;
mod unit;
mod versions;
mod visit;
mod writes;

pub use catalog::Catalog;
pub use difference::{Alteration, Change, Difference};
pub use error::CatalogError;
pub use object::{Key, Kind, Object};
pub use reader::{CatalogReader, Mark};
