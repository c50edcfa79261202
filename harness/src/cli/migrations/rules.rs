//! `harness migrations rules`: what is found in a lineage without running it.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output::{output_file, write_file};
use crate::exit_code::Exit;
use crate::finding::Severity;
use crate::migrations::rules::{Rule, page, rules};

/// How the rules are told.
#[derive(Debug, Args)]
pub struct RulesArguments {
    /// Write them as JSON to this file, too
    #[arg(long, value_name = "FILE", value_parser = output_file)]
    json: Option<PathBuf>,
    /// Write the page that documents them, with examples, to this file
    #[arg(long, value_name = "FILE", value_parser = output_file)]
    markdown: Option<PathBuf>,
}

/// A rule, as it is written to JSON.
#[derive(Serialize)]
struct Described {
    id: &'static str,
    severity: Severity,
    summary: &'static str,
    reason: &'static str,
    advice: &'static str,
}

/// Lists the rules.
pub fn list(arguments: &RulesArguments) -> Exit {
    let width = rules().map(|rule| rule.id.len()).max().unwrap_or_default();
    for rule in rules() {
        let severity = rule.severity.word();
        anstream::println!("{:width$}  {severity:7}  {}", rule.id, rule.summary);
    }
    let described: Vec<_> = rules().map(describe).collect();
    let json = serde_json::to_string_pretty(&described).unwrap_or_default() + "\n";
    let written = write(arguments.json.as_deref(), &json)
        .and_then(|()| write(arguments.markdown.as_deref(), &page::render()));
    written.map_or_else(|failure| failure.tell(), |()| Exit::Good)
}

fn describe(rule: &Rule) -> Described {
    let Rule { id, severity, summary, reason, advice, .. } = *rule;
    Described { id, severity, summary, reason, advice }
}

fn write(path: Option<&Path>, text: &str) -> Result<(), Failure> {
    path.map_or(Ok(()), |path| write_file(path, text))
}
