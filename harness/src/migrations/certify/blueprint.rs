//! What all cases of a certification share: the file, the migrations, and what fills the file's
//! texts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Client;

use super::CertifyError;
use super::file::CertifyFile;
use super::release::Release;
use crate::environment::postgres::binaries::Binaries;
use crate::environment::{Secrets, StateFolder, built_programs, http_client};
use crate::migrations::lineage::{Lineage, ReadOptions, read};
use crate::system::{Values, fill};

/// What all cases share.
#[derive(Debug)]
pub struct Blueprint {
    /// What the user wrote.
    pub file: CertifyFile,
    /// The user's migrations.
    pub lineage: Lineage,
    /// What the file's texts can ask for, whatever the case.
    pub values: Values,
    /// Every secret that is made.
    pub secrets: Secrets,
    /// The defects that the server is told to have.
    pub defects: Vec<String>,
    /// For the server's HTTP interface.
    pub http: Client,
    /// Where the logs of the server go.
    pub logs: PathBuf,
    files: StateFolder,
    folders: AtomicUsize,
    starts: AtomicUsize,
}

impl Blueprint {
    /// Reads the migrations and builds what the file names.
    ///
    /// # Errors
    /// When the migrations cannot be read, a version that the file names is unknown, or the build
    /// fails.
    pub async fn new(
        file: CertifyFile,
        defects: Vec<String>,
        secrets: Secrets,
        logs: PathBuf,
    ) -> Result<Self, CertifyError> {
        let options =
            ReadOptions { convention: file.migrations.convention, ..ReadOptions::default() };
        let lineage = read(&file.migrations_folder(), &options)?;
        let programs = built_programs(&file.folder, &file.build.cargo).await?;
        let values = values(&file, &programs, &defects, &secrets);
        let blueprint = Self {
            file,
            lineage,
            values,
            secrets,
            defects,
            http: http_client(),
            logs,
            files: StateFolder::new()?,
            folders: AtomicUsize::new(0),
            starts: AtomicUsize::new(0),
        };
        blueprint.released()?;
        blueprint.previous()?;
        check_texts(&blueprint.file, &blueprint.values)?;
        blueprint.find_programs()?;
        Ok(blueprint)
    }

    /// Every case would fail in the same words where the program is missing.
    fn find_programs(&self) -> Result<(), CertifyError> {
        let previous = self.file.previous.as_ref().and_then(|previous| previous.command.as_ref());
        let commands =
            [("server.command", Some(&self.file.server.command)), ("previous.command", previous)];
        for (key, command) in commands {
            let Some(first) = command.and_then(|command| command.first()) else { continue };
            // One that only a case knows is found out there.
            let Ok(program) = fill(first, &self.values) else { continue };
            let program = self.program(&program);
            if !is_found(&program) {
                return Err(CertifyError::NoProgram { program, key });
            }
        }
        Ok(())
    }

    /// How many migrations there are.
    pub fn migrations(&self) -> usize {
        self.lineage.migrations.len()
    }

    /// A path for a new folder of one case.
    pub fn new_path(&self) -> PathBuf {
        self.files.path().join(self.folders.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// A new, empty folder of one case.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new_folder(&self) -> Result<PathBuf, CertifyError> {
        let path = self.new_path();
        std::fs::create_dir(&path).map_err(CertifyError::file(&path))?;
        Ok(path)
    }

    /// A path for the log of one start.
    pub fn new_log(&self, label: &str) -> PathBuf {
        let number = self.starts.fetch_add(1, Ordering::Relaxed);
        self.logs.join(format!("{label}-{number}.log"))
    }

    /// A copy of the first `count` migrations.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn release(&self, count: usize) -> Result<Release, CertifyError> {
        Release::copy(&self.lineage, count, self.new_path())
    }

    /// How many migrations each released version has; where none is named, some that lie evenly.
    ///
    /// # Errors
    /// When the file names a version that no migration has.
    pub fn released(&self) -> Result<Vec<usize>, CertifyError> {
        let named = &self.file.migrations.released;
        if named.is_empty() {
            return Ok(evenly_within(self.migrations()));
        }
        named.iter().map(|version| self.count_until("migrations.released", version)).collect()
    }

    /// How many migrations the previous release has.
    ///
    /// # Errors
    /// When the file names a version that no migration has.
    pub fn previous(&self) -> Result<Option<usize>, CertifyError> {
        let previous = self.file.previous.as_ref();
        previous.map(|previous| self.count_until("previous.version", &previous.version)).transpose()
    }

    /// The version after the first `count` migrations.
    pub fn version(&self, count: usize) -> &str {
        count.checked_sub(1).map_or("", |last| &self.lineage.migrations[last].version)
    }

    fn count_until(&self, key: &'static str, version: &str) -> Result<usize, CertifyError> {
        let position =
            self.lineage.position(version).ok_or_else(|| CertifyError::UnknownVersion {
                key,
                version: version.to_owned(),
                last: self.version(self.migrations()).to_owned(),
            })?;
        Ok(position + 1)
    }

    /// A program with a slash in it is relative to the file.
    pub fn program(&self, program: &str) -> String {
        match program.contains('/') && !Path::new(program).is_absolute() {
            true => self.file.folder.join(program).display().to_string(),
            false => program.to_owned(),
        }
    }
}

/// As the system looks for a program.
fn is_found(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).exists())
}

/// Up to five numbers from 1 to one less than all.
fn evenly_within(all: usize) -> Vec<usize> {
    let last = all.saturating_sub(1);
    let mut counts: Vec<usize> = (0..5)
        .map(|step| 1 + step * last.saturating_sub(1) / 4)
        .filter(|count| *count <= last)
        .collect();
    counts.dedup();
    counts
}

fn values(
    file: &CertifyFile,
    programs: &BTreeMap<String, PathBuf>,
    defects: &[String],
    secrets: &Secrets,
) -> Values {
    let mut values = Values::default().with("defects", defects.join(","));
    for name in &file.secrets {
        values.set(format!("secret.{name}"), secrets.make());
    }
    for (name, program) in programs {
        values.set(format!("program.{name}"), program.display().to_string());
    }
    if let Ok(binaries) = Binaries::find() {
        values.set("postgres.bin", binaries.folder().display().to_string());
    }
    values
}

/// Every text of the file asks only for what there will be.
fn check_texts(file: &CertifyFile, values: &Values) -> Result<(), CertifyError> {
    let placed = ["listen.host", "listen.port", "state", "migrations"];
    let database = ["url", "host", "port", "name", "role", "password"];
    let mut values = placed.into_iter().fold(values.clone(), |values, name| values.with(name, ""));
    for name in database {
        values.set(format!("database.{name}"), "");
    }
    let (server, previous) = (&file.server, file.previous.as_ref());
    check(server.command.iter().chain(server.environment.values()), &values)?;
    let command = previous.and_then(|previous| previous.command.as_ref());
    let environment = previous.map(|previous| &previous.environment);
    let environment = environment.into_iter().flat_map(BTreeMap::values);
    check(command.into_iter().flatten().chain(environment), &values)?;
    if let Some(backup) = &file.backup {
        values.set("backups", "");
        check(backup.environment.values().chain(&backup.backup), &values)?;
        values.set("backup", "");
        check(&backup.restore, &values)?;
    }
    Ok(())
}

fn check<'a>(
    texts: impl IntoIterator<Item = &'a String>,
    values: &Values,
) -> Result<(), CertifyError> {
    texts.into_iter().try_for_each(|text| {
        fill(text, values)?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upgrades_begin_evenly_between_the_first_and_the_last() {
        assert_eq!(evenly_within(41), [1, 10, 20, 30, 40]);
        assert_eq!(evenly_within(4), [1, 2, 3]);
        assert_eq!(evenly_within(2), [1]);
        assert_eq!(evenly_within(1), Vec::<usize>::new());
        assert_eq!(evenly_within(0), Vec::<usize>::new());
    }
}
