//! `harness run --plan gate`: everything that a release must pass, and one report.

use std::path::Path;
use std::time::Duration;

use super::failure::Failure;
use super::interrupt::interrupt_token;
use super::output::write_file;
use super::release::{source, tell_and_write};
use super::run_report::program;
use super::subject::{SubjectArguments, exit_for, know_defects};
use crate::checkers::Outcome;
use crate::environment::postgres::binaries::Binaries;
use crate::exit_code::Exit;
use crate::gate::{Bounds, GateError, Passed, Request, Settings, pass, steps};
use crate::migrations::certify::CertifyFile;
use crate::report::release::waiver::waive;
use crate::report::release::{ReleaseReport, json};
use crate::report::terminal::paint;
use crate::report::text::{on_one_line, seconds};
use crate::run::RunFolder;
use crate::seed::Seed;
use crate::system::System;

/// The settings that are read when no others are named.
pub(super) const SETTINGS: &str = "harness.toml";

/// What the command line asks of the gate.
#[derive(Debug)]
pub(super) struct GateArguments<'a> {
    pub(super) config: Option<&'a Path>,
    pub(super) migrations: Option<&'a Path>,
    pub(super) subject: &'a SubjectArguments,
    pub(super) seed: Seed,
    pub(super) out: &'a Path,
    pub(super) json: Option<&'a Path>,
}

/// Runs every step, and says whether the release passes.
///
/// # Errors
/// When the settings cannot be used, a step cannot be started, or somebody asks for an end.
pub(super) async fn gate(arguments: GateArguments<'_>) -> Result<Exit, Failure> {
    let (settings, request) = asked_for(&arguments)?;
    let interrupt = interrupt_token().map_err(Failure::environment)?;
    Binaries::find_or_install().map_err(Failure::environment)?;
    let (out, seed) = (arguments.out, arguments.seed);
    let folder = RunFolder::create(out, "gate", seed.0)
        .map_err(|error| Failure::usage(format!("cannot write to {}: {error}", out.display())))?;
    anstream::eprintln!("plan gate, seed {seed}; files in {}", folder.root().display());

    let mut source = source();
    let begun = std::time::Instant::now();
    let (steps, left_out) = steps(&settings, &request, folder.root());
    let bounds = Bounds {
        program: std::env::current_exe().map_err(Failure::environment)?,
        called: program(),
        folder: folder.root().to_owned(),
        deadline: Duration::from_secs(60 * settings.deadline_minutes),
    };
    let passed = pass(&steps, &bounds, &interrupt, &tell).await.map_err(gate_failure)?;
    source.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);

    let today = chrono::Utc::now().date_naive();
    let exits: Vec<Option<Exit>> = passed.iter().map(|passed| passed.exit).collect();
    let mut checks: Vec<_> = passed.into_iter().map(|passed| passed.check).collect();
    let waived =
        checks.iter_mut().flat_map(|check| waive(check, &settings.waivers, today)).collect();
    let report = ReleaseReport::new(source, checks, waived, left_out);
    tell_and_write(&report, folder.root())?;
    if let Some(path) = arguments.json {
        write_file(path, &json::render(&report))?;
    }
    Ok(exit(&report, &exits))
}

/// The settings, with what the command line says in place of them.
fn asked_for(arguments: &GateArguments) -> Result<(Settings, Request), Failure> {
    let path = arguments.config.unwrap_or(Path::new(SETTINGS));
    let named = arguments.migrations.is_some() || arguments.subject.system.is_some();
    let mut settings = match arguments.config.is_none() && named && !path.exists() {
        true => Settings::default(),
        false => Settings::read(path).map_err(Failure::usage)?,
    };
    if let Some(folder) = arguments.migrations {
        settings.migrations.get_or_insert_default().folder = folder.to_owned();
    }
    if let Some(system) = &arguments.subject.system {
        settings.system = Some(crate::gate::File { file: system.clone() });
    }
    let (mut name, mut system, mut certify) = (String::new(), Vec::new(), Vec::new());
    let mut known = std::collections::BTreeSet::new();
    let asked = &arguments.subject.defect;
    if let (Some(file), false) = (&settings.system, asked.is_empty()) {
        let read = System::read(&file.file).map_err(Failure::usage)?;
        system = asked.iter().filter(|id| read.defects.contains(*id)).cloned().collect();
        known.extend(read.defects);
        name = read.name;
    }
    if let (Some(file), false) = (&settings.certify, asked.is_empty()) {
        let read = CertifyFile::read(&file.file).map_err(Failure::usage)?;
        certify = asked.iter().filter(|id| read.defects.contains(*id)).cloned().collect();
        known.extend(read.defects);
    }
    know_defects(&name, &known, asked)?;
    let backend = arguments.subject.backend.name().to_owned();
    let (system_defects, certify_defects) = (system, certify);
    let request = Request { seed: arguments.seed, backend, system_defects, certify_defects };
    Ok((settings, request))
}

/// Tells of a step when it begins and when it has ended.
fn tell(name: &str, passed: Option<&Passed>) {
    let Some(Passed { check, .. }) = passed else {
        anstream::eprintln!("  {name} …");
        return;
    };
    let word = match check.outcome {
        Outcome::Valid => "✓",
        Outcome::Unknown => "?",
        Outcome::Invalid => "✗",
    };
    let (mark, time) = (paint(check.outcome, word), seconds(check.duration_ms));
    anstream::eprintln!("{mark} {name} ({time}): {}", on_one_line(&check.why));
}

/// The first of 3, 2, 1, 4 that a step has ended with, as far as its check still stands for it.
fn exit(report: &ReleaseReport, exits: &[Option<Exit>]) -> Exit {
    let ended = |exit| exits.contains(&Some(exit));
    match report.outcome {
        _ if ended(Exit::Environment) => Exit::Environment,
        _ if ended(Exit::Usage) => Exit::Usage,
        outcome => exit_for(outcome),
    }
}

fn gate_failure(error: GateError) -> Failure {
    match error {
        GateError::Interrupted => Failure::interrupted(),
        error => Failure::environment(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::release::{Check, Source};

    #[test]
    fn what_could_not_be_started_comes_before_what_was_found() {
        let report = |outcome| {
            let check = Check::new("run", outcome, "so it is");
            ReleaseReport::new(Source::default(), vec![check], Vec::new(), Vec::new())
        };
        let bad = report(Outcome::Invalid);
        assert_eq!(exit(&bad, &[Some(Exit::Findings), Some(Exit::Usage)]), Exit::Usage);
        let both = [Some(Exit::Usage), Some(Exit::Environment)];
        assert_eq!(exit(&bad, &both), Exit::Environment);
        assert_eq!(exit(&bad, &[Some(Exit::Findings)]), Exit::Findings);
        assert_eq!(exit(&report(Outcome::Unknown), &[None]), Exit::Unknown);
        assert_eq!(exit(&report(Outcome::Valid), &[Some(Exit::Findings)]), Exit::Good);
    }
}
