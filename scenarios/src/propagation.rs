//! Event propagation: each integration point of the event audit is triggered on the running
//! system, and its event followed from where it happens to where it is read.
//!
//! - [`stage`]: the system with folders of the scenario's own, which the triggers change
//! - [`agent_points`] and [`server_points`]: the triggers, each with what is seen of it from outside
//! - [`stream`]: the live stream, kept open
//! - [`hops`]: how far the event of each point came
//! - [`matrix`]: the table of points and hops, and the trials on it
//! - [`shown`]: the last hop, in a browser

pub mod agent_points;
pub mod hops;
pub mod matrix;
pub mod server_points;
pub mod shown;
pub mod stage;
pub mod stream;
