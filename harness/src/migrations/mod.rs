//! Migrations: every version of a lineage, on every path, with data in it.
//!
//! ```text
//! lineage → catalog and seeded rows at every version → replay → findings
//! ```
//!
//! - [`sql`]: a lexer that knows where statements end, and what ends a transaction;
//! - [`lineage`]: a project's migrations, read and ordered as its own tool does;
//! - [`catalog`]: the schema as PostgreSQL holds it, and how two of them differ;
//! - [`seeding`]: rows for every table, generated from the catalog;
//! - [`replay`]: what running a lineage shows;
//! - [`rules`]: one file each, what a lineage must not do;
//! - [`certify`]: a server's own runner, as a black box;
//! - [`finding`]: what all of these report.

pub mod catalog;
pub mod certify;
pub mod finding;
pub mod lineage;
pub mod replay;
pub mod rules;
pub mod seeding;
pub mod sql;
