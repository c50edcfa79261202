//! Every command of the guides in `docs/`, as a reader would type it, in a small project.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use harness::environment::postgres::binaries::Binaries;
use harness::environment::postgres::{IsolatedDatabase, Template};
use tempfile::TempDir;

mod program;

/// What carries a guide's commands out.
enum Carried {
    /// This test, in the project.
    Here,
    /// A command of the tests themselves, which names one that is there.
    ByTheTests,
    /// Somebody else, see [`LONG`].
    Elsewhere,
}

/// Commands that take long, and who runs them.
const LONG: [(&str, &str); 6] = [
    (
        "harness chaos --system fixtures/rsyslog-tcp.toml --seed 1 --runs 5 --shrink-runs 40",
        "the scenario of rsyslog that loses, with one schedule",
    ),
    (
        "harness chaos --system fixtures/rsyslog-relp.toml --seed 1 --runs 12",
        "the scenario of rsyslog that holds, with one schedule",
    ),
    ("harness certify certify.toml", "the scenarios of certification, case by case"),
    (
        "harness migrations replay migrations-under-test/repaired --since 040 --rows 1000000 --stall-budget 1000 --statement-deadline 600",
        "the nightly scenario of a million events",
    ),
    ("harness run --seed 1 --defect AL-FLUSH", "the scenario of event buffering"),
    ("harness sensitivity --only PS-PATH", "the scenario of rate limits, which is its detector"),
];

/// Pages that are written by programs hold no commands to type.
const GENERATED: [&str; 2] = ["events.md", "rules.md"];

fn root() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap()
}

/// The guides' names and texts.
fn guides() -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join("docs")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        names.filter(|name| name.ends_with(".md") && !GENERATED.contains(&name.as_str())).collect();
    names.sort();
    let read = |name: String| {
        let text = fs::read_to_string(root().join("docs").join(&name)).unwrap();
        (name, text)
    };
    names.into_iter().map(read).collect()
}

/// The lines of a page's blocks of shell.
fn commands(page: &str) -> Vec<&str> {
    let mut inside = false;
    let mut commands = Vec::new();
    for line in page.lines() {
        match (line, inside) {
            ("```sh", _) => inside = true,
            ("```", true) => inside = false,
            (command, true) => commands.push(command),
            _ => {}
        }
    }
    commands
}

fn carried(command: &str) -> Carried {
    match command {
        command if LONG.iter().any(|(long, _)| *long == command) => Carried::Elsewhere,
        command if command.starts_with("cargo nextest run") => Carried::ByTheTests,
        _ => Carried::Here,
    }
}

/// A project of somebody else: a lineage under git, a server to certify, results of two releases.
struct Project {
    folder: TempDir,
    live: IsolatedDatabase,
}

const MIGRATIONS: [(&str, &str); 4] = [
    ("1_parcels.up.sql", "CREATE TABLE parcels (id bigint PRIMARY KEY, weight int NOT NULL);\n"),
    ("1_parcels.down.sql", "DROP TABLE parcels;\n"),
    ("2_colour.up.sql", "ALTER TABLE parcels ADD COLUMN colour text;\n"),
    ("2_colour.down.sql", "ALTER TABLE parcels DROP COLUMN colour;\n"),
];

impl Project {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let live = IsolatedDatabase::create(&Template::empty()).await.unwrap();
        let project = Self { folder, live };
        for (name, text) in MIGRATIONS {
            project.write(&format!("db/migrations/{name}"), text);
        }
        fs::create_dir(project.path("docs")).unwrap();
        for release in ["last-release", "this-release", "results"] {
            fs::create_dir(project.path(release)).unwrap();
        }
        fs::create_dir(project.path("bin")).unwrap();
        symlink(program::program(), project.path("bin/harness")).unwrap();
        project.succeeds(
            "git init -q -b main && git add db && git -c user.name=a -c user.email=a commit -qm a",
        );
        project.succeeds(
            "harness migrations replay db/migrations --fresh-only --json results/migrations.json",
        );
        project.succeeds(
            "harness report merge results/ --out last-release && cp last-release/* this-release/",
        );
        project.succeeds(
            "(cat db/migrations/*.up.sql; echo 'CREATE TABLE schema_migrations \
             (version bigint PRIMARY KEY, dirty boolean NOT NULL); \
             INSERT INTO schema_migrations VALUES (2, false)') | psql -q \"$LIVE\"",
        );
        project
    }

    /// Says how the server is started, as a reader has to after `harness init`.
    fn fill_in(&self) {
        let certify = fs::read_to_string(root().join("fixtures/certify.toml")).unwrap();
        let lineage = format!("\"{}/migrations-under-test", root().display());
        self.write("certify.toml", &certify.replace("\"../migrations-under-test", &lineage));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs a command in the project; it must end well.
    fn succeeds(&self, command: &str) {
        let programs = root().join("target/release").display().to_string();
        let binaries = Binaries::find().unwrap();
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{}:{path}", self.path("bin").display(), binaries.folder().display());
        let output = Command::new("bash")
            .args(["-c", command])
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env("HARNESS_PROGRAMS", std::env::var("HARNESS_PROGRAMS").unwrap_or(programs))
            .env("MASKED", self.live.url())
            .env("LIVE", self.live.url())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{command}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[tokio::test]
async fn the_commands_of_the_guides_work() {
    let mut run = 0;
    for (name, text) in guides() {
        let commands = commands(&text);
        let here = commands.iter().filter(|command| matches!(carried(command), Carried::Here));
        let here: Vec<&&str> = here.collect();
        if here.is_empty() {
            continue;
        }
        let project = Project::new().await;
        if !commands.contains(&"harness init") {
            project.fill_in();
        }
        for command in here {
            eprintln!("{name}: {command}");
            project.succeeds(command);
            if *command == "harness init" {
                project.fill_in();
            }
            run += 1;
        }
        project.live.close().await.unwrap();
    }
    assert!(run >= 10, "{run} commands were found");
}

#[test]
fn tests_that_the_guides_name_are_there() {
    let sources = sources(&root().join("scenarios/src")) + &sources(&root().join("harness/src"));
    for (name, text) in guides() {
        for command in commands(&text) {
            if !matches!(carried(command), Carried::ByTheTests) {
                continue;
            }
            let test = command.split("test(").nth(1).and_then(|rest| rest.split(')').next());
            let test = test.unwrap_or_else(|| panic!("{name}: `{command}` names no test"));
            let test = test.trim_end_matches("::");
            assert!(sources.contains(test), "{name}: no test is called {test}");
        }
    }
}

#[test]
fn what_others_run_is_on_a_page() {
    let pages: String = guides().into_iter().map(|(_, text)| text).collect();
    for (command, runner) in LONG {
        assert!(pages.lines().any(|line| line == command), "`{command}`, run by {runner}");
    }
}

/// The text of all Rust files below a folder.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.is_dir() {
            true => sources(&path),
            false => fs::read_to_string(path).unwrap_or_default(),
        })
        .collect()
}
