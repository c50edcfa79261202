//! The page that documents the rules, made from them.

use std::fmt::Write as _;

use super::{Example, Rule, rules};

/// The page, as Markdown.
pub fn render() -> String {
    let mut page = String::from(
        "# Rules for lineages\n\n\
         What `harness migrations replay` finds without running anything. Each example is run by \
         the rule's own test.\nThis page is made from the rules: \
         `harness migrations rules --markdown docs/rules.md`.\n\n\
         | rule | severity | what it finds |\n|---|---|---|\n",
    );
    for rule in rules() {
        let (id, severity) = (rule.id, rule.severity.word());
        let _ = writeln!(page, "| [`{id}`](#{}) | {severity} | {} |", anchor(id), rule.summary);
    }
    for rule in rules() {
        page.push_str(&section(rule));
    }
    page
}

fn section(rule: &Rule) -> String {
    let mut text = format!("\n## {}\n\n{} {}\n\n", rule.id, rule.summary, rule.reason);
    let _ = write!(text, "Instead: {}.\n\nBad", rule.advice);
    text.push_str(&example(&rule.bad));
    text.push_str("\nGood");
    text.push_str(&example(&rule.good));
    text
}

fn example(example: &Example) -> String {
    let refused = match example.refused {
        Some(code) => format!(", refused with SQLSTATE {code}"),
        None => String::new(),
    };
    let mut text = format!(" (convention {}{refused}):\n\n```sql\n", example.convention.name());
    for (file, sql) in example.files {
        let _ = write!(text, "-- {file}\n{sql}");
    }
    text.push_str("```\n");
    text
}

/// What a heading is called in a link.
fn anchor(heading: &str) -> String {
    heading.replace('.', "").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_the_repository_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/rules.md");
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            page == render(),
            "docs/rules.md is not what the rules say; run \
             `cargo run -p harness -- migrations rules --markdown docs/rules.md`"
        );
    }
}
