//! `harness certify`: a server's own migration runner, as a black box.

use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failure;
use super::interrupt::interrupt_token;
use super::log;
use super::output::{output_file, write_file};
use super::run::DEFAULT_OUT;
use super::subject::{exit_for, know_defects};
use crate::environment::Secrets;
use crate::environment::postgres::binaries::Binaries;
use crate::exit_code::Exit;
use crate::migrations::certify::{
    Blueprint, Certification, CertifyError, CertifyFile, certify as carry_through,
};
use crate::report::Redactor;
use crate::report::certification::{json, markdown, redacted, terminal};
use crate::run::RunFolder;

/// The server that is certified when none is named, seen from the root of this repository.
const DEFAULT_FILE: &str = "fixtures/certify.toml";

/// What to certify.
#[derive(Debug, Args)]
pub struct CertifyArguments {
    /// How the server is started [default: fixtures/certify.toml, within this repository]
    file: Option<PathBuf>,
    /// Play only these cases, or groups of cases
    #[arg(long, value_name = "CASE", value_delimiter = ',')]
    only: Vec<String>,
    /// Defects that the server is told to have
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    defect: Vec<String>,
    /// The folder that the certification's own folder is made in: its logs, its table
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    out: PathBuf,
    /// Write the table as JSON to this file, too
    #[arg(long, value_name = "FILE", value_parser = output_file)]
    json: Option<PathBuf>,
}

/// Certifies, and says how it went.
pub async fn certify(arguments: &CertifyArguments) -> Exit {
    attempt(arguments).await.unwrap_or_else(|failure| failure.tell())
}

async fn attempt(arguments: &CertifyArguments) -> Result<Exit, Failure> {
    let file = read_file(arguments)?;
    let interrupt = interrupt_token().map_err(Failure::environment)?;
    Binaries::find_or_install().map_err(Failure::environment)?;
    // Two that begin in the same second are told apart by their process.
    let number = u64::from(std::process::id());
    let folder = RunFolder::create(&arguments.out, "certify", number).map_err(|error| {
        Failure::usage(format!("cannot write to {}: {error}", arguments.out.display()))
    })?;
    log::send_to(&folder.own_log()).map_err(Failure::environment)?;
    anstream::eprintln!("certifying {}; files in {}", file.name, folder.root().display());

    let secrets = Secrets::default();
    let outcome = tokio::select! {
        outcome = play(arguments, file, &secrets, &folder) => outcome,
        () = interrupt.cancelled() => Err(Failure::interrupted()),
    };
    let redactor = Redactor::new(secrets.values());
    let kept = redactor.redact_folder(&folder.logs());
    let certification = outcome.map_err(|failure| failure.without_secrets(&redactor))?;
    kept.map_err(|error| {
        let folder = folder.root().display();
        Failure::environment(format!("secrets may be left in {folder}: {error}; remove it"))
    })?;
    let certification = redacted(&certification, &redactor);
    write(&certification, arguments, &folder)?;
    Ok(exit_for(certification.outcome))
}

async fn play(
    arguments: &CertifyArguments,
    file: CertifyFile,
    secrets: &Secrets,
    folder: &RunFolder,
) -> Result<Certification, Failure> {
    let (defects, logs) = (arguments.defect.clone(), folder.logs());
    let blueprint =
        Blueprint::new(file, defects, secrets.clone(), logs).await.map_err(certify_failure)?;
    let tell = |row: &_| anstream::eprintln!("{}", terminal::progress(row));
    carry_through(&blueprint, &arguments.only, tell).await.map_err(certify_failure)
}

fn read_file(arguments: &CertifyArguments) -> Result<CertifyFile, Failure> {
    let path = match &arguments.file {
        Some(path) => path.clone(),
        None if Path::new(DEFAULT_FILE).exists() => PathBuf::from(DEFAULT_FILE),
        None => {
            return Err(Failure::usage(format!(
                "no server to certify: there is no {DEFAULT_FILE} here; name a certify file"
            )));
        }
    };
    let file = CertifyFile::read(&path).map_err(Failure::usage)?;
    know_defects(&file.name, &file.defects, &arguments.defect)?;
    Ok(file)
}

/// Tells the table and writes every form of it.
fn write(
    certification: &Certification,
    arguments: &CertifyArguments,
    folder: &RunFolder,
) -> Result<(), Failure> {
    anstream::println!("{}", terminal::render(certification));
    let table = folder.root().join("certification.md");
    std::fs::write(&table, markdown::render(certification)).map_err(Failure::environment)?;
    let whole = folder.root().join("certification.json");
    std::fs::write(&whole, json::render(certification)).map_err(Failure::environment)?;
    anstream::println!("report: {}", table.display());
    if let Some(path) = &arguments.json {
        write_file(path, &json::render(certification))?;
    }
    Ok(())
}

fn certify_failure(error: CertifyError) -> Failure {
    match error {
        CertifyError::Lineage(_)
        | CertifyError::UnknownVersion { .. }
        | CertifyError::UnknownCase { .. }
        | CertifyError::Template(_) => Failure::usage(error),
        error => Failure::environment(error),
    }
}
