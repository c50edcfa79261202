//! PostgreSQL as local processes, without Docker.
//!
//! [`binaries`] finds the server, [`storage`] a place for its files, [`data_directory`] makes a
//! data directory once for each version, and [`server`] runs one process on it. On these stand
//! - [`cluster`]: a private cluster, for who kills, pauses or cuts off the database;
//! - [`shared`]: one cluster for everybody who only needs a database of their own:
//!   [`isolated_database`], cloned from a [`template`].

pub mod binaries;
pub mod cluster;
mod connection;
pub mod data_directory;
mod error;
mod found_before;
pub mod isolated_database;
mod maintenance;
mod server;
pub mod server_user;
pub mod shared;
pub mod storage;
pub mod template;

pub(super) use connection::{create_role_and_database, limit_connections};
pub(crate) use connection::{quote_identifier, quote_literal};
pub(crate) use maintenance::copying_files;

pub use binaries::Version;
pub use cluster::{ClusterOptions, PrivateCluster};
pub use error::PostgresError;
pub use isolated_database::IsolatedDatabase;
pub use template::Template;
