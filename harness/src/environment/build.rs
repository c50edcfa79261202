//! Builds what the parts of a system are started from: programs or images, from the sources beside
//! the system file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::containers::{Images, prepare_images};
use super::{BackendKind, EnvironmentError};
use crate::system::System;

/// What the parts of a system are started from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Built {
    /// Where each program lies, by name, for the embedded backend.
    Programs(BTreeMap<String, PathBuf>),
    /// The images for the containers backend.
    Images(Images),
}

/// A line of `cargo build --message-format=json` that names a program.
#[derive(Deserialize)]
struct Artifact {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

impl Built {
    /// Builds what a backend needs of a system, as far as it is not fresh. What takes long is
    /// announced on standard error.
    ///
    /// # Errors
    /// When a build fails, or when there is no container engine.
    pub async fn of(system: &System, backend: BackendKind) -> Result<Self, EnvironmentError> {
        if backend == BackendKind::Containers {
            return Ok(Self::Images(prepare_images(system).await?));
        }
        let programs = built_programs(&system.folder, &system.build.cargo).await?;
        Ok(Self::Programs(programs))
    }
}

/// Builds cargo packages as far as they are not fresh, seen from `folder`, and returns where each
/// program lies, by name. It is announced on standard error.
///
/// # Errors
/// When cargo is missing or the build fails.
pub async fn built_programs(
    folder: &Path,
    packages: &[String],
) -> Result<BTreeMap<String, PathBuf>, EnvironmentError> {
    if packages.is_empty() {
        return Ok(BTreeMap::new());
    }
    if let Some(ready) = std::env::var_os(READY_MADE) {
        return ready_made(Path::new(&ready), packages);
    }
    eprintln!("building {} (nothing to do if they are fresh)", packages.join(", "));
    let (folder, packages) = (folder.to_owned(), packages.to_owned());
    let built = tokio::task::spawn_blocking(move || build_programs(&folder, &packages)).await;
    built.map_err(|error| EnvironmentError::Build { message: error.to_string() })?
}

/// Names the folder of programs that were built before, as on a machine that shares the tests of
/// an archive. Then nothing is built.
const READY_MADE: &str = "HARNESS_PROGRAMS";

/// # Errors
/// A program is not in the folder.
fn ready_made(
    folder: &Path,
    packages: &[String],
) -> Result<BTreeMap<String, PathBuf>, EnvironmentError> {
    let program = |package: &String| {
        let path = folder.join(package);
        if path.is_file() {
            return Ok((package.clone(), path));
        }
        let message = format!("{READY_MADE} names a folder without {}", path.display());
        Err(EnvironmentError::Build { message })
    };
    packages.iter().map(program).collect()
}

/// Builds cargo packages in the release profile and returns where each program lies. Cargo's own
/// lock lets many processes ask for the same at once; all but the first find it done.
///
/// # Errors
/// When cargo is missing or the build fails; its messages are in the error.
fn build_programs(
    folder: &Path,
    packages: &[String],
) -> Result<BTreeMap<String, PathBuf>, EnvironmentError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--message-format=json-render-diagnostics"])
        .args(packages.iter().flat_map(|package| ["--package", package]))
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| EnvironmentError::Build { message: format!("cargo: {error}") })?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(EnvironmentError::Build { message });
    }
    Ok(programs_in(&String::from_utf8_lossy(&output.stdout)))
}

fn programs_in(messages: &str) -> BTreeMap<String, PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok())
        .filter_map(|artifact| Some((artifact.target.name, artifact.executable?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"library"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"server"},"executable":"/target/release/server"}
{"reason":"build-finished","success":true}"#;
        let programs = programs_in(messages);
        assert_eq!(
            programs,
            [("server".to_owned(), PathBuf::from("/target/release/server"))].into()
        );
    }

    #[test]
    fn what_is_ready_made_is_taken_and_what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("server"), "").unwrap();
        let taken = ready_made(folder.path(), &["server".to_owned()]).unwrap();
        assert_eq!(taken, [("server".to_owned(), folder.path().join("server"))].into());
        let error = ready_made(folder.path(), &["agent".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("HARNESS_PROGRAMS names a folder without"), "{error}");
    }

    #[test]
    fn a_failed_build_tells_cargos_words() {
        let folder = tempfile::tempdir().unwrap();
        let error = build_programs(folder.path(), &["nothing".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("Cargo.toml"), "{error}");
    }
}
