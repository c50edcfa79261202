//! From settings to commands.

use std::path::{Path, PathBuf};

use super::settings::{Benchmarks, Settings};
use crate::report::LeftOut;
use crate::seed::Seed;

/// What the person who passes the gate asks for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Where every random choice comes from.
    pub seed: Seed,
    /// How the parts run: `embedded` or `containers`.
    pub backend: String,
    /// Defects that the system is told to have.
    pub system_defects: Vec<String>,
    /// Defects that the server is told to have when its migration runner is certified.
    pub certify_defects: Vec<String>,
}

/// One command of the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name, as in the report.
    pub name: &'static str,
    /// The commands, one after the other while they end well; the first word of each is the
    /// program, `None` this one.
    pub commands: Vec<Call>,
    /// The file that the commands write what they found into.
    pub result: PathBuf,
    /// Files with tables that they write beside it, each a check as JSON.
    pub tables: Vec<PathBuf>,
    /// Whether it may run beside others: it measures no time.
    pub beside: bool,
}

/// A program and what it is called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The program; this one, if it is not said.
    pub program: Option<String>,
    /// What somebody would type to make the same check.
    pub arguments: Vec<String>,
    /// What the gate adds, to find the results.
    pub results: Vec<String>,
}

/// The steps for these settings, and what they leave out. Results go into a folder.
pub fn steps(settings: &Settings, request: &Request, folder: &Path) -> (Vec<Step>, Vec<LeftOut>) {
    let (mut steps, mut left_out) = (Vec::new(), Vec::new());
    let mut plan = |section: &str, made: Option<Step>| match made {
        Some(step) => steps.push(step),
        None => left_out.push(LeftOut {
            what: section.to_owned(),
            why: format!("harness.toml has no [{section}]"),
        }),
    };
    plan("migrations", migrations(settings, request, folder));
    plan("certify", certify(settings, request, folder));
    plan("system", run(settings, request, folder));
    plan("tests", tests(settings));
    plan("chaos", chaos(settings, request, folder));
    plan("sensitivity", sensitivity(settings, folder));
    match &settings.benchmarks {
        Some(benchmarks) if !benchmarks.base.exists() => left_out.push(LeftOut {
            what: "benchmarks".to_owned(),
            why: format!(
                "there is no base to compare with: {} is missing; `harness bench --json` on the \
                 base's commit writes it",
                benchmarks.base.display()
            ),
        }),
        _ => plan("benchmarks", benchmarks(settings, folder)),
    }
    (steps, left_out)
}

fn migrations(settings: &Settings, request: &Request, folder: &Path) -> Option<Step> {
    let migrations = settings.migrations.as_ref()?;
    let result = folder.join("migrations.json");
    let mut arguments = words(["migrations", "replay"]);
    arguments.push(text(&migrations.folder));
    arguments.extend(words([
        "--seed",
        &request.seed.to_string(),
        "--fail-on",
        migrations.fail_on.as_str(),
    ]));
    if let Some(since) = &migrations.since {
        arguments.extend(words(["--since", since]));
    }
    if let Some(budget) = migrations.stall_budget {
        arguments.extend(words(["--traffic", "--stall-budget", &budget.to_string()]));
    }
    let results = words([
        "--json",
        &text(&result),
        "--markdown",
        &text(&folder.join("migrations.md")),
        "--sarif",
        &text(&folder.join("migrations.sarif")),
    ]);
    Some(Step {
        name: "migrations",
        commands: vec![ours(arguments, results)],
        result,
        tables: Vec::new(),
        beside: true,
    })
}

fn certify(settings: &Settings, request: &Request, folder: &Path) -> Option<Step> {
    let result = folder.join("certification.json");
    let mut arguments = vec!["certify".to_owned(), text(&settings.certify.as_ref()?.file)];
    defects(&mut arguments, &request.certify_defects);
    let results = words(["--json", &text(&result), "--out", &text(&folder.join("certify"))]);
    Some(Step {
        name: "certify",
        commands: vec![ours(arguments, results)],
        result,
        tables: Vec::new(),
        beside: true,
    })
}

fn run(settings: &Settings, request: &Request, folder: &Path) -> Option<Step> {
    let result = folder.join("run.json");
    let mut arguments = words(["run", "--plan", "quick"]);
    arguments.extend(subject(settings, request)?);
    let results = words(["--json", &text(&result), "--out", &text(&folder.join("run"))]);
    Some(Step {
        name: "run",
        commands: vec![ours(arguments, results)],
        result,
        tables: Vec::new(),
        beside: false,
    })
}

fn tests(settings: &Settings) -> Option<Step> {
    let tests = settings.tests.as_ref()?;
    let (program, arguments) = tests.command.split_first()?;
    let call =
        Call { program: Some(program.clone()), arguments: arguments.to_vec(), results: Vec::new() };
    let result = tests.junit.clone();
    Some(Step {
        name: "tests",
        commands: vec![call],
        result,
        tables: tests.tables.clone(),
        beside: false,
    })
}

fn chaos(settings: &Settings, request: &Request, folder: &Path) -> Option<Step> {
    let result = folder.join("chaos.json");
    let mut arguments = words(["chaos", "--runs", &settings.chaos.as_ref()?.runs.to_string()]);
    arguments.extend(subject(settings, request)?);
    let results = words(["--json", &text(&result), "--out", &text(&folder.join("chaos"))]);
    Some(Step {
        name: "chaos",
        commands: vec![ours(arguments, results)],
        result,
        tables: Vec::new(),
        beside: false,
    })
}

fn sensitivity(settings: &Settings, folder: &Path) -> Option<Step> {
    let result = folder.join("sensitivity.json");
    let only = settings.sensitivity.as_ref()?.only.join(",");
    let arguments = words(["sensitivity", "--only", &only]);
    let results = words(["--json", &text(&result)]);
    Some(Step {
        name: "sensitivity",
        commands: vec![ours(arguments, results)],
        result,
        tables: Vec::new(),
        beside: false,
    })
}

fn benchmarks(settings: &Settings, folder: &Path) -> Option<Step> {
    let Benchmarks { base, history } = settings.benchmarks.as_ref()?;
    let result = folder.join("benchmarks.json");
    let mut measure = words(["bench", "--system"]);
    measure.push(text(&settings.system.as_ref()?.file));
    let page = text(&result.with_extension("html"));
    let mut results = words(["--json", &text(&result), "--html", &page]);
    if let Some(history) = history {
        results.extend(words(["--history", &text(history)]));
    }
    let measure = ours(measure, results);
    let compare = ours(words(["bench", "compare", &text(base), &text(&result)]), Vec::new());
    Some(Step {
        name: "benchmarks",
        commands: vec![measure, compare],
        result,
        tables: Vec::new(),
        beside: false,
    })
}

/// The system under test, as every command that runs it takes it.
fn subject(settings: &Settings, request: &Request) -> Option<Vec<String>> {
    let mut arguments = words(["--system", &text(&settings.system.as_ref()?.file)]);
    arguments.extend(words(["--seed", &request.seed.to_string()]));
    if request.backend != "embedded" {
        arguments.extend(words(["--backend", &request.backend]));
    }
    defects(&mut arguments, &request.system_defects);
    Some(arguments)
}

fn defects(arguments: &mut Vec<String>, defects: &[String]) {
    if !defects.is_empty() {
        arguments.extend(words(["--defect", &defects.join(",")]));
    }
}

fn ours(arguments: Vec<String>, results: Vec<String>) -> Call {
    Call { program: None, arguments, results }
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        toml::from_str(text).unwrap()
    }

    fn request() -> Request {
        Request { seed: Seed(7), backend: "embedded".into(), ..Request::default() }
    }

    const ALL: &str = "
        migrations = { folder = 'm', stall-budget = 500 }
        certify = { file = 'c.toml' }
        system = { file = 's.toml' }
        tests = { command = ['cargo', 'nextest', 'run'], junit = 'j.xml' }
        chaos = { runs = 3 }
        sensitivity = { only = ['A', 'B'] }
        benchmarks = { base = 'no/such/base.json' }
    ";

    #[test]
    fn every_section_becomes_a_command_that_can_be_typed() {
        let (steps, _) = steps(&settings(ALL), &request(), Path::new("out"));
        let typed: Vec<String> =
            steps.iter().map(|step| step.commands[0].arguments.join(" ")).collect();
        assert_eq!(
            typed,
            [
                "migrations replay m --seed 7 --fail-on error --traffic --stall-budget 500",
                "certify c.toml",
                "run --plan quick --system s.toml --seed 7",
                "nextest run",
                "chaos --runs 3 --system s.toml --seed 7",
                "sensitivity --only A,B",
            ]
        );
        assert_eq!(steps[0].result, Path::new("out/migrations.json"));
        assert_eq!(steps[3].commands[0].program.as_deref(), Some("cargo"));
    }

    #[test]
    fn what_is_not_asked_for_and_a_missing_base_are_left_out_aloud() {
        let (_, left_out) = steps(&settings(ALL), &request(), Path::new("out"));
        let [base] = left_out.as_slice() else { panic!("{left_out:?}") };
        assert!(base.why.contains("no base to compare with"), "{}", base.why);
        let (steps, left_out) = steps(&settings(""), &request(), Path::new("out"));
        assert!(steps.is_empty());
        assert_eq!(left_out.len(), 7);
    }

    #[test]
    fn defects_go_to_the_steps_whose_file_knows_them() {
        let request = Request {
            system_defects: vec!["A".into()],
            certify_defects: vec!["B".into()],
            ..request()
        };
        let (steps, _) = steps(&settings(ALL), &request, Path::new("out"));
        let told = |name: &str| {
            let step = steps.iter().find(|step| step.name == name).unwrap();
            step.commands[0].arguments.join(" ")
        };
        assert!(told("certify").ends_with("--defect B"));
        assert!(told("run").ends_with("--defect A") && told("chaos").ends_with("--defect A"));
        assert!(!told("migrations").contains("--defect"));
    }
}
