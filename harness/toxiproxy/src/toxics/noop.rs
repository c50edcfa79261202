//! Does nothing.

use serde::{Deserialize, Serialize};

use super::toxic::Toxic;

/// Passes everything on.
#[derive(Default, Serialize, Deserialize)]
pub struct Noop {}

impl Toxic for Noop {
    const TYPE: &'static str = "noop";
    type Memory = ();
}
