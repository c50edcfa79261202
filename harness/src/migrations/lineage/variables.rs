//! Template variables in migrations, and what they stand for.

use std::collections::{BTreeMap, BTreeSet};

use super::LineageError;
use crate::migrations::sql::{TokenKind, tokens};

/// What template variables stand for. A key that is a plain name, as `schema`, is written
/// `${schema}` in the files; any other, as `{{.Schema}}` or `:owner`, is written as it is.
pub type Variables = BTreeMap<String, String>;

/// A text with its variables filled in.
pub(super) fn fill(text: String, variables: &Variables) -> String {
    variables.iter().fold(text, |text, (name, value)| {
        let written = if is_plain(name) { format!("${{{name}}}") } else { name.clone() };
        if text.contains(&written) { text.replace(&written, value) } else { text }
    })
}

fn is_plain(name: &str) -> bool {
    name.chars().all(|c| c.is_alphanumeric() || "_-.:".contains(c)) && !name.starts_with(':')
}

/// The templates, as `{{.Schema}}`, that stand in a text where SQL has no braces: not in a string,
/// which may hold an array or JSON, and not in a comment.
pub(super) fn templates(text: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    if !text.contains("{{") {
        return found;
    }
    for token in tokens(text).filter(|token| !token.is_blank()) {
        let open = match token.kind {
            TokenKind::Symbol => text[token.offset..].starts_with("{{").then_some(token.offset),
            TokenKind::QuotedName => token.text.find("{{").map(|at| token.offset + at),
            _ => None,
        };
        let Some(open) = open else { continue };
        if let Some(length) = text[open..].find("}}") {
            found.insert(&text[open..open + length + 2]);
        }
    }
    found
}

/// What a template stands for that nobody gives a value, if its name says that it is a schema.
pub(super) fn usual_value(template: &str) -> Option<&'static str> {
    let name = template.to_lowercase();
    ["schema", "namespace"].iter().any(|word| name.contains(word)).then_some("public")
}

/// Refuses a text in which a variable is left; in a comment it does no harm.
pub(super) fn refuse_unfilled(file: &str, text: &str) -> Result<(), LineageError> {
    for token in tokens(text).filter(|token| !token.is_blank()) {
        let Some(at) = token.text.find("${").map(|at| token.offset + at).or_else(|| {
            (token.text == "$" && text[token.offset..].starts_with("${")).then_some(token.offset)
        }) else {
            continue;
        };
        let Some(end) = text[at..].find('}') else { continue };
        let name = &text[at + 2..at + end];
        if name.is_empty() || !is_plain(name) {
            continue;
        }
        return Err(LineageError::Malformed {
            file: file.to_owned(),
            line: 1 + text[..at].matches('\n').count(),
            message: format!(
                "nothing says what ${{{name}}} stands for; give it in lineage.toml, as \
                 `{name} = \"…\"` under [variables]"
            ),
        });
    }
    Ok(())
}

/// Fills in `${NAME}`, `${NAME:-otherwise}` and `$NAME` as a shell would, which is what goose does
/// between its marks `ENVSUBST ON` and `OFF`. What is not known stays.
pub(super) fn fill_shell(text: &str, variables: &Variables) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        let (length, value) = shell_variable(rest, variables).unwrap_or((1, "$".to_owned()));
        filled.push_str(&value);
        rest = &rest[length..];
    }
    filled.push_str(rest);
    filled
}

/// How long the variable is that a text begins with, and what it stands for.
fn shell_variable(text: &str, variables: &Variables) -> Option<(usize, String)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if let Some(braced) = text.strip_prefix("${") {
        let end = braced.find('}')?;
        let (name, otherwise) = match braced[..end].split_once(":-") {
            Some((name, otherwise)) => (name, Some(otherwise)),
            None => (&braced[..end], None),
        };
        let value = variables.get(name).map(String::as_str).or(otherwise)?;
        return Some((end + 3, value.to_owned()));
    }
    let name = &text[1..];
    let name = &name[..name.find(|c| !is_name(c)).unwrap_or(name.len())];
    Some((1 + name.len(), variables.get(name)?.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        [("schema", "app"), ("{{.Prefix}}", "p_"), (":owner", "me")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn variables_are_filled_in_as_they_are_written() {
        let filled = fill("${schema}.{{.Prefix}}t :owner $schema".to_owned(), &variables());
        assert_eq!(filled, "app.p_t me $schema");
        let shell = fill_shell("$schema.${schema} ${x:-y} $$ $1 ${z} $z", &variables());
        assert_eq!(shell, "app.app y $$ $1 ${z} $z");
    }

    #[test]
    fn a_template_is_one_where_sql_has_no_braces() {
        let text = "CREATE TABLE {{ .Schema }}.a (b text DEFAULT '{{no}}'); -- {{no}}\n\
                    CREATE INDEX ON \"{{index .Options \"Namespace\" }}\".a (b); SELECT $${{no}}$$";
        let found: Vec<_> = templates(text).into_iter().collect();
        assert_eq!(found, ["{{ .Schema }}", "{{index .Options \"Namespace\" }}"]);
        assert!(found.iter().all(|template| usual_value(template) == Some("public")));
        assert_eq!(usual_value("{{ .Owner }}"), None);
    }

    #[test]
    fn what_stays_unfilled_is_refused_outside_comments() {
        let refused = |text: &str| refuse_unfilled("V1__x.sql", text).map_err(|e| e.to_string());
        let message = refused("SELECT 1;\nSELECT ${a.b};").unwrap_err();
        assert!(
            message.starts_with("V1__x.sql, line 2: nothing says what ${a.b} stands"),
            "{message}"
        );
        assert!(refused("SELECT 'x${a}'").is_err());
        assert!(refused("CREATE SCHEMA \"${a}\"").is_err());
        assert!(refused("-- ${a}\n/* ${b} */ SELECT '$', $1, $$x$$, '${'").is_ok());
    }
}
