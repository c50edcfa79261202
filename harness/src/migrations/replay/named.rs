//! Which tables a migration may be about: those whose name stands anywhere in its text.

use std::collections::BTreeSet;

use crate::migrations::lineage::Script;

/// Every word of a script, in small letters, to be compared with the names of tables.
pub fn words(script: &Script) -> Vec<String> {
    let texts = script.statements.iter().map(|statement| statement.text.as_ref());
    let words: BTreeSet<String> = texts
        .flat_map(|text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .map(str::to_lowercase)
        .collect();
    words.into_iter().collect()
}
