//! A server's own runner, as a black box: started in every situation that a release meets, and
//! judged by what it says, what it leaves in its database, and whether it was ready too early.
//!
//! Begin at [`certify()`]. A [`Blueprint`] is what all cases share, a [`ground`] the PostgreSQL that
//! they stand on with the states that undisturbed runs lead to, an [`instance`] one start of the
//! server behind a [`tap`] in its link to the database. [`plan`] lists the cases, [`cases`] plays
//! them; each gives [`sighting`]s, which are compared with a [`goal`] and become the rows of the
//! [`verdict`].

mod blueprint;
mod cases;
mod certification;
mod data;
mod database;
mod error;
mod file;
mod goal;
mod ground;
mod instance;
mod plan;
mod release;
mod scene;
mod sighting;
mod state;
mod tap;
mod traffic;
mod verdict;
mod wire;

pub use blueprint::Blueprint;
pub use certification::certify;
pub use error::CertifyError;
pub use file::{CertifyFile, FileError, OnFailure};
pub use sighting::{End, Sighting};
pub use verdict::{Certification, NotTried, Row};
