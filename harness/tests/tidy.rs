//! What a machine can judge of the project's shape: which module imports which, which crate
//! depends on which, and that the README's commands are the ones that continuous integration runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module of the harness with the modules that it may import.
const ARROWS: [(&str, &[&str]); 17] = [
    ("seed", &[]),
    ("finding", &[]),
    ("exit_code", &[]),
    ("promises", &[]),
    ("system", &["promises"]),
    ("history", &["promises", "seed"]),
    ("checkers", &["history", "finding", "promises", "seed"]),
    ("environment", &["history", "seed", "system"]),
    ("faults", &["environment", "history", "seed", "system"]),
    ("workload", &["environment", "history", "seed", "system"]),
    ("migrations", &["checkers", "environment", "finding", "seed", "system"]),
    ("sensitivity", &["environment", "system"]),
    ("report", &["checkers", "faults", "finding", "history", "migrations", "seed", "sensitivity"]),
    ("run", &["checkers", "environment", "faults", "history", "seed", "system", "workload"]),
    ("gate", &["checkers", "environment", "exit_code", "report", "seed"]),
    ("bench", &["checkers", "environment", "history", "report", "seed", "system", "workload"]),
    (
        "cli",
        &[
            "bench",
            "checkers",
            "environment",
            "exit_code",
            "faults",
            "finding",
            "gate",
            "history",
            "migrations",
            "report",
            "run",
            "seed",
            "sensitivity",
            "system",
        ],
    ),
];

/// Each crate with the crates of ours that it may depend on.
const CRATES: [(&str, &[&str]); 7] = [
    ("harness", &["toxiproxy"]),
    ("harness/toxiproxy", &[]),
    ("scenarios", &["harness", "redflag-simulation", "toxiproxy"]),
    ("simulation", &["harness", "redflag-agent", "redflag-protocol"]),
    ("fixtures/protocol", &[]),
    ("fixtures/server", &["redflag-protocol"]),
    ("fixtures/agent", &["redflag-protocol"]),
];

const OURS: [&str; 7] = [
    "harness",
    "toxiproxy",
    "scenarios",
    "redflag-protocol",
    "redflag-server",
    "redflag-agent",
    "redflag-simulation",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Rust files below a folder, or the file itself.
fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { sources(&path) } else { vec![path] }
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The modules of the crate that a text names by `crate::`.
fn imports(text: &str) -> BTreeSet<String> {
    text.split("crate::")
        .skip(1)
        .map(|rest| {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            rest[..end].to_owned()
        })
        .collect()
}

#[test]
fn modules_import_only_what_lies_below_them() {
    let source = root().join("harness/src");
    for (module, allowed) in ARROWS {
        let file = source.join(format!("{module}.rs"));
        let path = if file.exists() { file } else { source.join(module) };
        for file in sources(&path) {
            let text = fs::read_to_string(&file).unwrap();
            for import in imports(&text) {
                assert!(
                    import == module || allowed.contains(&import.as_str()),
                    "{} imports {import}, which lies above {module} or beside it",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn every_module_has_its_place_in_the_arrows() {
    let known: BTreeSet<&str> = ARROWS.iter().map(|(module, _)| *module).collect();
    let library = read("harness/src/lib.rs");
    let declared = library.lines().filter_map(|line| line.strip_prefix("pub mod "));
    for module in declared.map(|line| line.trim_end_matches(';')) {
        assert!(known.contains(module), "{module} has no place in ARROWS");
    }
}

#[test]
fn crates_depend_only_on_what_lies_below_them() {
    for (folder, allowed) in CRATES {
        let manifest = read(format!("{folder}/Cargo.toml"));
        let dependencies = manifest.lines().filter_map(|line| line.split_once(".workspace = true"));
        for (dependency, _) in dependencies {
            assert!(
                !OURS.contains(&dependency) || allowed.contains(&dependency),
                "{folder} depends on {dependency}"
            );
        }
    }
}

#[test]
fn the_harness_does_not_know_the_system_that_it_ships_with() {
    for file in sources(&root().join("harness/src")) {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            let path = line.contains("fixtures/redflag.toml");
            let own_name =
                line.to_lowercase().contains("redflag-harness") || line.contains("redflag-history");
            assert!(
                path || own_name || !line.to_lowercase().contains("redflag"),
                "{}:{} names the system under test: {line}",
                file.display(),
                number + 1
            );
        }
    }
}

#[test]
fn no_source_file_is_too_long_to_read() {
    const LONGEST: usize = 800;
    for folder in ["harness/src", "harness/toxiproxy/src", "scenarios", "fixtures"] {
        for file in sources(&root().join(folder)) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            assert!(lines <= LONGEST, "{} has {lines} lines", file.display());
        }
    }
}

#[test]
fn continuous_integration_runs_the_commands_of_the_readme() {
    let (readme, script) = (read("README.md"), read(".ci/run"));
    for command in ["cargo run --release -p harness -- run", "cargo nextest run"] {
        assert!(readme.lines().any(|line| line == command), "README.md lacks `{command}`");
        assert!(script.lines().any(|line| line == command), ".ci/run lacks `{command}`");
    }
}

#[test]
fn files_that_the_documents_name_exist() {
    let guides = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    let guides = guides.map(|name| format!("docs/{}", name.to_string_lossy()));
    let others = ["README.md", "harness/ARCHITECTURE.md", "harness/toxiproxy/README.md"];
    for document in others.map(str::to_owned).into_iter().chain(guides) {
        let document = document.as_str();
        let text = read(document);
        let folder = root().join(document).parent().unwrap().to_owned();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap_or(link);
            assert!(folder.join(file).exists(), "{document} links to {link}, which is not there");
        }
    }
}
