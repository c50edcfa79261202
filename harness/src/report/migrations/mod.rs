//! What a replay of migrations showed, one file a form.

pub mod json;
pub mod markdown;
pub mod sarif;
pub mod terminal;
