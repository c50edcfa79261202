//! One case for each row of Toxiproxy's API, for each rule beside the table, and for each known
//! fault of Toxiproxy where this proxy differs.

mod support;

#[path = "conformance/api.rs"]
mod api;
#[path = "conformance/differences.rs"]
mod differences;
#[path = "conformance/extensions.rs"]
mod extensions;
#[path = "conformance/toxics.rs"]
mod toxics;
