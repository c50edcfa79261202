//! `harness certify` as people use it: whole processes, on servers of a line of shell.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

mod program;

/// A certify file, a migration, and a folder for what comes of it.
struct Project {
    folder: TempDir,
}

impl Project {
    /// A server that is this shell script.
    fn with_server(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("migrations")).unwrap();
        let migration = folder.path().join("migrations/001_first.up.sql");
        fs::write(migration, "CREATE TABLE first ();\n").unwrap();
        let file = format!(
            "name = \"script\"\n\
             [server]\n\
             command = [\"sh\", \"-c\", {script:?}]\n\
             ready = \"/ready\"\n\
             ready_seconds = 1\n\
             [migrations]\n\
             folder = \"migrations\"\n\
             [tracking]\n\
             table = \"schema_migrations\"\n\
             query = \"SELECT version FROM schema_migrations ORDER BY 1\"\n"
        );
        fs::write(folder.path().join("certify.toml"), file).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Exit code, standard output, standard error.
    fn certify(&self, more: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(program::program());
        command.arg("certify").arg(self.path("certify.toml")).arg("--out").arg(self.path("out"));
        output(command.args(more))
    }
}

fn output(command: &mut Command) -> (i32, String, String) {
    let output = command.stdin(Stdio::null()).env("NO_COLOR", "1").output().unwrap();
    let Output { status, stdout, stderr } = output;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (status.code().unwrap_or(-1), text(&stdout), text(&stderr))
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_server_that_never_comes_up_is_found_and_the_table_is_written() {
    let project = Project::with_server("echo no luck; exit 3");
    let file = project.path("table.json");
    let only = ["--only", "empty-database,schema-ahead", "--json", file.to_str().unwrap()];
    let (code, table, progress) = project.certify(&only);
    assert_eq!(code, 1, "{table}{progress}");
    assert!(table.contains("script fails in 1 case:"), "{table}");
    assert!(table.contains("it does not come up: it ended (exit status: 3)"), "{table}");
    assert!(table.contains("no luck"), "{table}");
    assert!(table.contains("not tried"), "{table}");
    assert!(progress.contains("✗ empty-database"), "{progress}");
    let table = json(&file);
    assert_eq!(table["outcome"], "invalid");
    assert_eq!(table["rows"][0]["outcome"], "invalid");
    assert_eq!(table["rows"][1]["case"], "schema-ahead");
    assert_eq!(table["rows"][1]["outcome"], "unknown", "there is nothing to compare with");
}

#[test]
fn a_case_that_there_is_not_is_a_usage_error_that_names_the_groups() {
    let project = Project::with_server("exit 3");
    let (code, table, errors) = project.certify(&["--only", "backup"]);
    assert_eq!(code, 2, "{table}{errors}");
    assert!(errors.contains("\"backup\"") && errors.contains("folder-absent"), "{errors}");
}

#[test]
fn a_server_that_is_nowhere_is_told_once() {
    let project = Project::with_server("exit 3");
    let file = project.path("certify.toml");
    let text = fs::read_to_string(&file).unwrap().replace("\"sh\"", "\"target/my-server\"");
    fs::write(&file, text).unwrap();
    let (code, table, errors) = project.certify(&[]);
    assert_eq!(code, 3, "{table}{errors}");
    assert!(errors.contains("target/my-server is nowhere; server.command"), "{errors}");
    assert_eq!(table, "", "no case was played");
}

#[test]
fn what_is_wrong_with_a_file_is_a_usage_error() {
    let project = Project::with_server("exit 3");
    let file = project.path("certify.toml");
    let good = fs::read_to_string(&file).unwrap();
    let wrong = [
        (good.replace("ready =", "raedy ="), "raedy"),
        (good.replace("\"migrations\"", "\"nowhere\""), "nowhere"),
        (good.replace("folder =", "released = [\"7\"]\nfolder ="), "migrations.released"),
    ];
    for (text, words) in wrong {
        fs::write(&file, text).unwrap();
        let (code, _, errors) = project.certify(&[]);
        assert_eq!(code, 2, "{errors}");
        assert!(errors.contains(words), "{errors} should name {words}");
    }
    fs::write(&file, good).unwrap();
    let (code, _, errors) = project.certify(&["--defect", "NONE"]);
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("`NONE`"), "{errors}");
}

#[test]
fn a_placeholder_that_nobody_fills_is_told() {
    let project = Project::with_server("echo {nothing}");
    let (code, table, errors) = project.certify(&["--only", "empty-database"]);
    assert_eq!(code, 2, "{table}{errors}");
    assert!(errors.contains("{nothing}") && errors.contains("database.url"), "{errors}");
}

#[test]
fn outside_the_repository_a_file_must_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program::program());
    let (code, _, errors) = output(command.arg("certify").current_dir(folder.path()));
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("name a certify file"), "{errors}");
}
