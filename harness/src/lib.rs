//! Proves, before a release, that an event-driven service on PostgreSQL survives its migrations,
//! its network and its load, and that every event still arrives.

pub mod environment;
pub mod finding;
pub mod history;
pub mod seed;
pub mod system;
