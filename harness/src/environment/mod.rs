//! The running parts: PostgreSQL, programs or containers, and the links between them.
//!
//! [`Environment::start`] brings a whole system up; what faults need to reach (parts, links, the
//! proxy) is found on it. [`postgres`] also serves tests that only need a database of their own.

mod attempts;
mod backend;
mod build;
mod clock;
mod containers;
mod disk;
mod embedded;
#[expect(clippy::module_inception, reason = "the module's one main type has the module's name")]
mod environment;
mod error;
mod http;
mod input;
pub mod janitor;
mod part;
mod passing_on;
mod place;
pub mod ports;
pub mod postgres;
mod process;
mod proxy_client;
mod readiness;
mod resources;
mod runner;
pub mod runtime_folder;
mod scarcity;
mod secrets;
mod services;
mod setup;
mod state_folder;
#[cfg(test)]
pub(crate) mod wait;

pub use backend::BackendKind;
pub use build::{Built, built_programs};
pub use containers::{ContainersError, Images};
pub use environment::{Environment, EnvironmentRequest, Link};
pub use error::EnvironmentError;
pub use http::http_client;
pub use input::PartInput;
pub use part::Part;
pub use place::{Address, Endpoint};
pub use ports::{PortError, PortLease, lease_port};
pub use process::{Process, ProcessError, Program};
pub use proxy_client::{Direction, ProxyClient, ProxyError, Toxic};
pub use resources::{resident_bytes, sample_resources};
pub use scarcity::Scarcity;
pub use secrets::Secrets;
pub use services::Disruption;
pub use setup::make_setup_call;
pub use state_folder::StateFolder;
