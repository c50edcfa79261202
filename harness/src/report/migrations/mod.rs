//! What a replay of migrations showed, one file a form.

pub mod json;
pub mod markdown;
pub mod sarif;
#[cfg(test)]
mod schema_test;
pub mod terminal;
