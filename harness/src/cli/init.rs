//! `harness init`: writes the files that the harness needs for a project, as far as the project
//! tells what belongs into them.

use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failure;
use super::gate::SETTINGS;
use super::output::write_file;
use crate::exit_code::Exit;
use crate::migrations::lineage::{self, Lineage, ReadOptions};

/// Where to write.
#[derive(Debug, Args)]
pub struct InitArguments {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// The folder of migrations [default: found out]
    #[arg(long, value_name = "DIR")]
    migrations: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

/// A file of its own for each thing that can be checked.
const FILES: [(&str, &str); 3] = [
    (SETTINGS, include_str!("init/harness.toml")),
    ("certify.toml", include_str!("init/certify.toml")),
    ("system.toml", include_str!("init/system.toml")),
];

/// Folders that are no part of a project's own text.
const FOREIGN: [&str; 4] = ["node_modules", "target", "vendor", "dist"];
/// How deep below the project's folder migrations are looked for.
const DEPTH: usize = 6;

/// Writes the files and says what is left to fill in.
pub fn init(arguments: &InitArguments) -> Exit {
    attempt(arguments).unwrap_or_else(|failure| failure.tell())
}

fn attempt(arguments: &InitArguments) -> Result<Exit, Failure> {
    let folder = &arguments.folder;
    if !folder.is_dir() {
        return Err(Failure::usage(format!("{} is no folder", folder.display())));
    }
    for (name, _) in FILES {
        let path = folder.join(name);
        if path.exists() && !arguments.force {
            return Err(Failure::usage(format!(
                "{} is there already; --force replaces it",
                path.display()
            )));
        }
    }
    let found = Found::in_project(folder, arguments.migrations.as_deref())?;
    for (name, template) in FILES {
        let path = folder.join(name);
        write_file(&path, &found.fill(template))?;
        anstream::println!("wrote {}", path.display());
    }
    anstream::println!("{}", found.tell());
    Ok(Exit::Good)
}

/// Of plain files, which no tool marks as its own.
const USUAL_QUERY: &str = "SELECT version::text FROM schema_migrations ORDER BY 1";

/// What a project tells of itself.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    name: String,
    /// Relative to the project's folder.
    migrations: Option<Migrations>,
    /// How the server is started, and where that was found.
    command: Option<(Vec<String>, &'static str)>,
    port: Option<u16>,
}

#[derive(Debug, PartialEq, Eq)]
struct Migrations {
    folder: String,
    convention: String,
    count: usize,
    /// The table of the tool that such files are for, and what reads it.
    tracking: Option<(String, String)>,
}

impl Found {
    /// # Errors
    /// A folder is named that holds no migrations.
    fn in_project(folder: &Path, named: Option<&Path>) -> Result<Self, Failure> {
        let read = |path: &Path| lineage::read(path, &ReadOptions::default());
        let lineage = match named {
            Some(path) => Some((path.to_owned(), read(path).map_err(Failure::usage)?)),
            None => largest_lineage(folder),
        };
        let migrations = lineage.map(|(path, lineage)| Migrations {
            folder: path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned(),
            convention: lineage.convention.name().to_owned(),
            count: lineage.migrations.len(),
            tracking: lineage.tracking().map(|tracking| {
                let query = format!("{} ORDER BY 1", tracking.recorded());
                (tracking.table().replace('"', ""), query)
            }),
        });
        let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let name = absolute.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(Self {
            name: name.unwrap_or_else(|| "my-service".to_owned()),
            migrations,
            command: command(folder),
            port: exposed_port(folder),
        })
    }

    /// The template with what was found in place of the words in angle brackets.
    fn fill(&self, template: &str) -> String {
        let migrations = self.migrations.as_ref().map_or("migrations", |found| &found.folder);
        let placeholder = ["target/release/my-server".to_owned()];
        let command = self.command.as_ref().map_or(&placeholder[..], |(command, _)| command);
        let command: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        let usual = ("schema_migrations".to_owned(), USUAL_QUERY.to_owned());
        let tracking = self.migrations.as_ref().and_then(|found| found.tracking.as_ref());
        let (table, query) = tracking.unwrap_or(&usual);
        template
            .replace("<table>", &quoted(table))
            .replace("<query>", &quoted(query))
            .replace("<name>", &quoted(&self.name))
            .replace("<migrations>", &quoted(migrations))
            .replace("<command>", &format!("[{}]", command.join(", ")))
            .replace("<port>", &self.port.unwrap_or(8080).to_string())
    }

    fn tell(&self) -> String {
        let migrations = match &self.migrations {
            Some(Migrations { folder, convention, count, .. }) => format!(
                "migrations: {count} in {folder}, as {convention} runs them; \
                 `harness migrations replay {folder}` judges them now"
            ),
            None => "migrations: none found; name their folder in harness.toml".to_owned(),
        };
        let server = match &self.command {
            Some((command, origin)) => format!("server: {}, by {origin}", command.join(" ")),
            None => "server: not found; say in certify.toml how it is started".to_owned(),
        };
        format!(
            "{migrations}\n{server}\n\
             next: `harness run --plan gate` checks what harness.toml asks for; the sections for \
             the server and the system are there as comments, to be put to use once certify.toml \
             and system.toml fit"
        )
    }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The folder below the project's that holds the most migrations.
pub(super) fn largest_lineage(folder: &Path) -> Option<(PathBuf, Lineage)> {
    let mut candidates = Vec::new();
    named_for_migrations(folder, DEPTH, &mut candidates);
    candidates.sort();
    let read = |path: PathBuf| {
        let lineage = lineage::read(&path, &ReadOptions::default()).ok()?;
        Some((path, lineage))
    };
    // Of equally many the first by name: the last that `max_by_key` sees wins.
    candidates.into_iter().rev().filter_map(read).max_by_key(|(_, found)| found.migrations.len())
}

fn named_for_migrations(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| path.is_dir()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if name.starts_with('.') || FOREIGN.contains(&name.as_str()) || path.is_symlink() {
            continue;
        }
        let inside =
            folder.file_name().is_some_and(|name| name.to_string_lossy().contains("migrat"));
        if name.contains("migrat") || inside {
            found.push(path.clone());
        }
        if depth > 0 {
            named_for_migrations(&path, depth - 1, found);
        }
    }
}

/// How the server is started, as the project's build file tells.
fn command(folder: &Path) -> Option<(Vec<String>, &'static str)> {
    if folder.join("src/main.rs").exists() {
        let text = std::fs::read_to_string(folder.join("Cargo.toml")).ok()?;
        let manifest: toml::Table = text.parse().ok()?;
        let name = manifest.get("package")?.get("name")?.as_str()?;
        return Some((vec![format!("target/release/{name}")], "Cargo.toml"));
    }
    let text = std::fs::read_to_string(folder.join("go.mod")).ok()?;
    let module = text.lines().find_map(|line| line.strip_prefix("module "))?;
    let name = module.trim().rsplit('/').next()?;
    Some((vec![format!("./{name}")], "go.mod"))
}

/// The port that the project's Dockerfile exposes.
fn exposed_port(folder: &Path) -> Option<u16> {
    let text = std::fs::read_to_string(folder.join("Dockerfile")).ok()?;
    let exposed = text.lines().find_map(|line| line.trim().strip_prefix("EXPOSE "))?;
    exposed.split(['/', ' ']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Settings;
    use crate::migrations::certify::CertifyFile;
    use crate::system::System;

    fn project() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("db/migrations/1_a.up.sql", "CREATE TABLE a (id int PRIMARY KEY);");
        write("db/migrations/1_a.down.sql", "DROP TABLE a;");
        write("node_modules/x/migrations/1_x.up.sql", "SELECT 1;");
        write("go.mod", "module example.org/team/parcels\n\ngo 1.24\n");
        write("Dockerfile", "FROM scratch\nEXPOSE 9090/tcp\n");
        folder
    }

    fn init_at(folder: &Path, force: bool) -> Exit {
        init(&InitArguments { folder: folder.to_owned(), migrations: None, force })
    }

    #[test]
    fn what_a_project_tells_is_not_asked_for() {
        let folder = project();
        let found = Found::in_project(folder.path(), None).unwrap();
        let migrations = found.migrations.unwrap();
        assert_eq!((migrations.folder.as_str(), migrations.count), ("db/migrations", 1));
        assert_eq!(found.command, Some((vec!["./parcels".to_owned()], "go.mod")));
        assert_eq!(found.port, Some(9090));
    }

    #[test]
    fn the_files_are_of_their_forms() {
        let folder = project();
        assert_eq!(init_at(folder.path(), false), Exit::Good);
        let settings = Settings::read(&folder.path().join(SETTINGS)).unwrap();
        assert_eq!(settings.migrations.unwrap().folder, folder.path().join("db/migrations"));
        let certify = CertifyFile::read(&folder.path().join("certify.toml")).unwrap();
        assert_eq!(certify.server.command, ["./parcels"]);
        assert_eq!(certify.tracking_tables(), ["public.schema_migrations"]);
        assert!(certify.tracking.query.contains("dirty"), "as golang-migrate keeps it");
        let system = System::read(&folder.path().join("system.toml")).unwrap();
        assert_eq!(system.parts[0].port, Some(9090));
    }

    #[test]
    fn nothing_is_replaced_unasked() {
        let folder = project();
        std::fs::write(folder.path().join("system.toml"), "mine").unwrap();
        assert_eq!(init_at(folder.path(), false), Exit::Usage);
        assert!(!folder.path().join(SETTINGS).exists(), "nothing is written by halves");
        assert_eq!(init_at(folder.path(), true), Exit::Good);
    }

    #[test]
    fn a_project_without_anything_gets_files_to_fill_in() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(init_at(folder.path(), false), Exit::Good);
        assert!(System::read(&folder.path().join("system.toml")).is_ok());
        assert_eq!(init_at(&folder.path().join("nowhere"), false), Exit::Usage);
    }
}
