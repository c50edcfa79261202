//! `harness report`: joins reports, compares them, opens them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::output::{output_file, write_file};
use super::release::tell_and_write;
use super::run::DEFAULT_OUT;
use super::subject::exit_for;
use crate::exit_code::Exit;
use crate::report::release::compare::compare;
use crate::report::release::merge::{Part, merge};
use crate::report::release::read;
use crate::report::release::{Source, json};

/// What to do with reports.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Join what several machines have found into one report
    Merge(MergeArguments),
    /// Say what changed between two releases: new findings, mended ones, other figures
    Compare(CompareArguments),
    /// Show a report in a browser
    Open(OpenArguments),
}

/// What to join.
#[derive(Debug, Args)]
pub struct MergeArguments {
    /// Folders with what `run`, `migrations replay`, `certify`, `chaos`, `sensitivity`, `bench` and
    /// test runners (junit.xml) have written
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,
    /// The folder that the joined report is written into
    #[arg(long, value_name = "DIR", default_value = "reports/generated/merged")]
    out: PathBuf,
    /// Write the joined report as JSON to this file, too
    #[arg(long, value_name = "FILE", value_parser = output_file)]
    json: Option<PathBuf>,
}

/// What to compare.
#[derive(Debug, Args)]
pub struct CompareArguments {
    /// The earlier report: a folder, or one file
    before: PathBuf,
    /// The later report
    after: PathBuf,
    /// Write what changed as JSON to this file
    #[arg(long, value_name = "FILE", value_parser = output_file)]
    json: Option<PathBuf>,
}

/// What to show.
#[derive(Debug, Args)]
pub struct OpenArguments {
    /// A page, or a folder whose newest page is shown
    #[arg(value_name = "PATH", default_value = DEFAULT_OUT)]
    path: PathBuf,
}

/// Joins, compares or opens.
pub fn run(command: &ReportCommand) -> Exit {
    let done = match command {
        ReportCommand::Merge(arguments) => join(arguments),
        ReportCommand::Compare(arguments) => differ(arguments),
        ReportCommand::Open(arguments) => open(&arguments.path),
    };
    done.unwrap_or_else(|failure| failure.tell())
}

fn join(arguments: &MergeArguments) -> Result<Exit, Failure> {
    let mut parts = Vec::new();
    for folder in &arguments.folders {
        parts.extend(parts_of(folder)?);
    }
    let report = merge(parts, Source::default());
    let out = &arguments.out;
    std::fs::create_dir_all(out)
        .map_err(|error| Failure::usage(format!("cannot write to {}: {error}", out.display())))?;
    tell_and_write(&report, out)?;
    if let Some(path) = &arguments.json {
        write_file(path, &json::render(&report))?;
    }
    Ok(exit_for(report.outcome))
}

fn differ(arguments: &CompareArguments) -> Result<Exit, Failure> {
    let report = |path: &Path| parts_of(path).map(|parts| merge(parts, Source::default()));
    let compared = compare(&report(&arguments.before)?, &report(&arguments.after)?);
    anstream::println!("{}", compared.render());
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&compared).unwrap_or_default();
        write_file(path, &text)?;
    }
    Ok(if compared.is_worse() { Exit::Findings } else { Exit::Good })
}

/// How deep below a folder results are looked for.
const DEPTH: usize = 6;
/// The largest file that is read, in bytes; histories are larger and no results.
const LARGEST: u64 = 64 << 20;

/// What lies below a folder, or in one file. A folder with a release's report has been joined
/// already: what lies below it is not taken a second time.
fn parts_of(path: &Path) -> Result<Vec<Part>, Failure> {
    if path.is_file() {
        let text = std::fs::read_to_string(path).map_err(|error| cannot_read(path, &error))?;
        let content = read::read(&text)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        return Ok(vec![Part { origin: path.display().to_string(), content }]);
    }
    let mut parts = Vec::new();
    collect(path, DEPTH, &mut parts)?;
    if parts.is_empty() {
        return Err(Failure::usage(format!(
            "{} holds no result that can be read: no release.json, report.json, junit.xml or what \
             --json writes",
            path.display()
        )));
    }
    Ok(parts)
}

fn collect(folder: &Path, depth: usize, parts: &mut Vec<Part>) -> Result<(), Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| cannot_read(folder, &error))?;
    // In the order of their names, so that the same folders make the same report.
    let paths: BTreeSet<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    let named = |name: &str| files.iter().find(|path| path.ends_with(name));
    let chosen: Vec<&PathBuf> = match named("release.json") {
        Some(release) => vec![release],
        // A run's junit.xml says what its report.json says.
        None => match named("report.json") {
            Some(report) => vec![report],
            None => files.iter().collect(),
        },
    };
    for path in chosen {
        let small = path.metadata().is_ok_and(|metadata| metadata.len() <= LARGEST);
        let known = path.extension().is_some_and(|kind| kind == "json" || kind == "xml");
        if !(small && known) {
            continue;
        }
        let text = std::fs::read_to_string(path).map_err(|error| cannot_read(path, &error))?;
        // Other programs' files lie about, too.
        if let Ok(content) = read::read(&text) {
            parts.push(Part { origin: folder.display().to_string(), content });
        }
    }
    if named("release.json").is_none() && depth > 0 {
        for below in folders {
            collect(&below, depth - 1, parts)?;
        }
    }
    Ok(())
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot read {}: {error}", path.display()))
}

/// What shows a page, the first that is there.
const OPENERS: [&str; 3] = ["xdg-open", "open", "wslview"];

fn open(path: &Path) -> Result<Exit, Failure> {
    let page = if path.is_file() { Some(path.to_owned()) } else { newest_page(path, DEPTH) };
    let page = page.ok_or_else(|| {
        Failure::usage(format!("{} holds no page; `harness run` writes one", path.display()))
    })?;
    anstream::println!("{}", page.display());
    let opener = std::env::var("BROWSER").ok();
    let openers = opener.iter().map(String::as_str).chain(OPENERS);
    for program in openers {
        let quiet = |command: &mut Command| {
            command
                .arg(&page)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
        };
        if quiet(&mut Command::new(program)).is_ok() {
            return Ok(Exit::Good);
        }
    }
    Err(Failure::environment("no program to show it with: set BROWSER, or open the file yourself"))
}

fn newest_page(folder: &Path, depth: usize) -> Option<PathBuf> {
    newest(folder, depth).map(|(_, page)| page)
}

fn newest(folder: &Path, depth: usize) -> Option<(SystemTime, PathBuf)> {
    let entries = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let dated = |path: PathBuf| {
        if path.is_dir() {
            return depth.checked_sub(1).and_then(|depth| newest(&path, depth));
        }
        let page = path.extension().is_some_and(|kind| kind == "html");
        let modified = path.metadata().and_then(|metadata| metadata.modified()).ok()?;
        page.then_some((modified, path))
    };
    entries.filter_map(dated).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkers::Outcome;
    use crate::report::release::ReleaseReport;

    fn read_back(path: &Path) -> ReleaseReport {
        merge(parts_of(path).unwrap(), Source::default())
    }

    fn junit(folder: &Path, case: &str) {
        std::fs::create_dir_all(folder).unwrap();
        let text =
            format!("<testsuites name=\"t\"><testsuite name=\"s\">{case}</testsuite></testsuites>");
        std::fs::write(folder.join("junit.xml"), text).unwrap();
    }

    #[test]
    fn what_lies_below_the_folders_is_joined_once() {
        let root = tempfile::tempdir().unwrap();
        let (one, two, out) =
            (root.path().join("1"), root.path().join("2"), root.path().join("out"));
        junit(&one.join("deep"), "<testcase name=\"a\"/>");
        junit(&two, "<testcase name=\"b\"><failure message=\"broken\"/></testcase>");
        std::fs::write(two.join("plan.json"), "{\"name\": \"quick\"}").unwrap();
        let merge = |folders: Vec<PathBuf>| {
            join(&MergeArguments { folders, out: out.clone(), json: None }).unwrap()
        };
        assert_eq!(merge(vec![one.clone(), two.clone()]), Exit::Findings);
        let merged = read_back(&out);
        assert_eq!((merged.checks.len(), merged.outcome), (2, Outcome::Invalid));
        assert_eq!(merge(vec![one]), Exit::Good);
        assert_eq!(newest_page(root.path(), DEPTH), Some(out.join("release.html")));
    }

    #[test]
    fn a_folder_without_results_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        assert!(parts_of(root.path()).is_err());
        assert!(open(root.path()).is_err());
    }

    #[test]
    fn a_worse_report_is_a_finding() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (root.path().join("1"), root.path().join("2"));
        junit(&one, "<testcase name=\"a\"/>");
        junit(&two, "<testcase name=\"a\"><failure message=\"broken\"/></testcase>");
        let compare = |before: &Path, after: &Path| {
            let (before, after) = (before.to_owned(), after.to_owned());
            differ(&CompareArguments { before, after, json: None }).unwrap()
        };
        assert_eq!(compare(&one, &two), Exit::Findings);
        assert_eq!(compare(&two, &one), Exit::Good);
    }
}
