//! Puts together what a run's report tells beside its history: the machine, what ran, how to
//! repeat it.

use super::machine::machine;
use super::subject::{Attempt, Subject, SubjectArguments};
use crate::environment::BackendKind;
use crate::report::text::shell_word;
use crate::report::{
    Artifact, LeftOut, LinkSetup, PartSetup, Redactor, RunContext, RunReport, Topology,
};
use crate::run::{PlanName, Run, RunFolder, Soak};
use crate::seed::Seed;
use crate::system::System;

/// The report on a run.
pub(super) fn report_on(
    run: Run,
    subject: &Subject,
    attempt: &Attempt,
    redactor: &Redactor,
) -> RunReport {
    let context = RunContext {
        name: attempt.plan.to_owned(),
        defects: subject.defects.clone(),
        rerun: attempt.rerun.clone(),
        machine: machine(),
        environment: topology(&run, &subject.system, subject.backend),
        left_out: left_out(subject.backend),
        artifacts: artifacts(attempt.folder),
    };
    RunReport::assemble(context, &run.history, run.verdicts, redactor)
}

/// How this program was called.
pub fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "harness".to_owned())
}

/// The command that repeats a run exactly.
pub fn rerun_command(
    program: &str,
    plan: PlanName,
    arguments: &SubjectArguments,
    seed: Seed,
) -> String {
    let program = shell_word(program);
    let mut command = format!("{program} run --plan {} --seed {seed}", plan.name());
    if let PlanName::Soak(Soak { minutes, rate }) = plan {
        command.push_str(&format!(" --minutes {minutes} --rate {rate}"));
    }
    if arguments.backend != BackendKind::default() {
        command.push_str(&format!(" --backend {}", arguments.backend.name()));
    }
    if let Some(system) = &arguments.system {
        command.push_str(&format!(" --system {}", shell_word(&system.to_string_lossy())));
    }
    if !arguments.defect.is_empty() {
        command.push_str(&format!(" --defect {}", arguments.defect.join(",")));
    }
    command
}

fn left_out(backend: BackendKind) -> Vec<LeftOut> {
    let other = match backend {
        BackendKind::Embedded => BackendKind::Containers,
        BackendKind::Containers => BackendKind::Embedded,
    };
    let mut left_out = vec![LeftOut {
        what: format!("the {} backend", other.name()),
        why: format!("not asked for; --backend {} runs the same plan there", other.name()),
    }];
    if backend == BackendKind::Containers {
        left_out.push(LeftOut {
            what:
                "memory and open files of the parts, and what is promised of retries and resources"
                    .to_owned(),
            why: "calls and processes are seen only with --backend embedded".to_owned(),
        });
    }
    left_out
}

fn topology(run: &Run, system: &System, backend: BackendKind) -> Topology {
    let part = |name: &String| PartSetup { name: name.clone(), runs: runs(system, name, backend) };
    let link = |link: &crate::environment::Link| LinkSetup {
        from: link.from.clone(),
        to: link.to.clone(),
        proxy: link.name.clone(),
    };
    Topology {
        parts: run.parts.iter().map(part).collect(),
        links: run.links.iter().map(link).collect(),
    }
}

/// The command or image of a part, as the system file names it.
fn runs(system: &System, instance: &str, backend: BackendKind) -> String {
    let described = system.parts.iter().find(|part| part.instances().iter().any(|i| i == instance));
    match (described, backend) {
        (Some(part), BackendKind::Embedded) => part.command.join(" "),
        (Some(part), BackendKind::Containers) => part.image.clone().unwrap_or_default(),
        (None, _) => String::new(),
    }
}

/// History, plan, and whatever log there is.
fn artifacts(folder: &RunFolder) -> Vec<Artifact> {
    let entries = std::fs::read_dir(folder.logs()).into_iter().flatten().flatten();
    let mut logs: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    logs.sort();
    let log = |file: String| Artifact {
        name: format!("log of {}", file.trim_end_matches(".log")),
        file: format!("logs/{file}"),
    };
    [("history", "history.jsonl"), ("plan and schedule", "plan.json")]
        .map(|(name, file)| Artifact { name: name.to_owned(), file: file.to_owned() })
        .into_iter()
        .chain(logs.into_iter().map(log))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: SubjectArguments,
    }

    #[test]
    fn the_rerun_command_repeats_what_was_asked_for() {
        let line = Line::parse_from([
            "harness",
            "--backend",
            "containers",
            "--system",
            "mine.toml",
            "--defect",
            "A,B",
        ]);
        assert_eq!(
            rerun_command("target/release/harness", PlanName::Quick, &line.arguments, Seed(7)),
            "target/release/harness run --plan quick --seed 7 --backend containers \
             --system mine.toml --defect A,B"
        );
        let soak = PlanName::Soak(Soak { minutes: 3, rate: 40 });
        assert_eq!(
            rerun_command("harness", soak, &SubjectArguments::default(), Seed(7)),
            "harness run --plan soak --seed 7 --minutes 3 --rate 40"
        );
    }
}
