use std::fmt;

use serde::{Deserialize, Serialize};

pub(super) use crate::environment::postgres::{quote_identifier, quote_literal};

/// A table's schema and name, as the catalog has them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// The schema.
    pub schema: String,
    /// The table within it.
    pub table: String,
}

impl TableName {
    /// The table of this name in this schema.
    pub fn new(schema: impl Into<String>, table: impl Into<String>) -> Self {
        Self { schema: schema.into(), table: table.into() }
    }

    /// As SQL names it, whatever the search path.
    pub fn quoted(&self) -> String {
        format!("{}.{}", quote_identifier(&self.schema), quote_identifier(&self.table))
    }
}

/// Text as PostgreSQL reads it without looking at each letter: nothing in it is escaped, however
/// often it is quoted.
pub(super) fn dollar_quoted(text: &str) -> String {
    let mut tag = "$text$".to_owned();
    // What ends with the tag's beginning would end too early.
    while text.contains(&tag) || text.ends_with(&tag[..tag.len() - 1]) {
        tag.insert(tag.len() - 1, 'x');
    }
    format!("{tag}{text}{tag}")
}

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.schema, self.table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_quoted_by_what_it_does_not_hold() {
        for (text, quoted) in [
            ("it's \\", "$text$it's \\$text$"),
            ("$text$1$text$", "$textx$$text$1$text$$textx$"),
            ("1 $text", "$textx$1 $text$textx$"),
        ] {
            assert_eq!(dollar_quoted(text), quoted);
        }
    }
}
