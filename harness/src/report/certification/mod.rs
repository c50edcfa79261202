//! What a certification says, for a screen, for a pull request, and for programs.

pub mod json;
pub mod markdown;
mod redacted;
#[cfg(test)]
pub(super) mod sample;
pub mod terminal;

pub use redacted::redacted;
