//! Reports that tests render: a run that went well, one that did not, and one in which every
//! text is hostile.

use std::path::Path;

use super::{
    Artifact, LeftOut, LinkSetup, Machine, PartSetup, Redactor, RunContext, RunReport, Topology,
};
use crate::checkers::{DELIVERY, ORDER, RECOVERY, judge};
use crate::history::build::HistoryBuilder;
use crate::history::{PartState, Phase, Stage};

/// Compares a text with its accepted form in `reports/snapshots/`.
#[track_caller]
pub fn snapshot(name: &str, text: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/snapshots");
    insta::with_settings!({
        snapshot_path => folder,
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, { insta::assert_snapshot!(name, text) });
}

/// Everything arrived.
pub fn green() -> RunReport {
    let mut context = context();
    context.left_out.clear();
    report(context, disturbed(false))
}

/// An agent kept its buffer in memory and was killed.
pub fn red() -> RunReport {
    let mut context = context();
    context.defects = vec!["AL-FLUSH".into()];
    context.rerun += " --defect AL-FLUSH";
    report(context, disturbed(true))
}

/// Every text that came from outside tries to break out.
pub fn hostile() -> RunReport {
    const TEXT: &str = "<script>alert(1)</script>\u{1b}[2J\r|\"'`````\n# x ]]> --> &";
    let mut report = red();
    let run = &mut report.run;
    for text in [&mut run.name, &mut run.plan, &mut run.backend, &mut run.system, &mut run.rerun] {
        *text = TEXT.into();
    }
    run.defects = vec![TEXT.into()];
    report.why = TEXT.into();
    report.machine.os = TEXT.into();
    report.machine.versions.insert(TEXT.into(), TEXT.into());
    for part in &mut report.environment.parts {
        (part.name, part.runs) = (TEXT.into(), TEXT.into());
    }
    for link in &mut report.environment.links {
        (link.from, link.to, link.proxy) = (TEXT.into(), TEXT.into(), TEXT.into());
    }
    for fault in &mut report.faults {
        (fault.kind, fault.target, fault.detail) = (TEXT.into(), TEXT.into(), TEXT.into());
    }
    for verdict in &mut report.verdicts {
        (verdict.checker, verdict.summary) = (TEXT.into(), TEXT.into());
        verdict.counts.insert(TEXT.into(), 1);
        for finding in &mut verdict.findings {
            (finding.id, finding.place) = (TEXT.into(), TEXT.into());
            (finding.evidence, finding.advice) = (TEXT.into(), TEXT.into());
        }
    }
    let samples = report.series.backlog.values().next().cloned().unwrap();
    report.series.backlog.insert(TEXT.into(), samples);
    let states = report.states.remove("server").unwrap();
    report.states.insert(TEXT.into(), states);
    let most = report.resources.values().next().copied().unwrap();
    report.resources.insert(TEXT.into(), most);
    report.left_out = vec![LeftOut { what: TEXT.into(), why: TEXT.into() }];
    report.artifacts = vec![Artifact { name: TEXT.into(), file: "javascript:alert(1)".into() }];
    report
}

fn report(context: RunContext, history: HistoryBuilder) -> RunReport {
    let history = history.finish();
    let verdicts = judge(&history, &[DELIVERY, ORDER, RECOVERY]);
    RunReport::assemble(context, &history, verdicts, &Redactor::default())
}

fn context() -> RunContext {
    let part = |name: &str, runs: &str| PartSetup { name: name.into(), runs: runs.into() };
    let link = |from: &str, to: &str| LinkSetup {
        from: from.into(),
        to: to.into(),
        proxy: format!("{from}-to-{to}"),
    };
    let artifact = |name: &str, file: &str| Artifact { name: name.into(), file: file.into() };
    RunContext {
        name: "quick-7".into(),
        defects: Vec::new(),
        rerun: "harness run --plan quick --backend embedded --seed 7".into(),
        machine: Machine {
            os: "Debian GNU/Linux 12, Linux 6.1".into(),
            cores: 2,
            memory_bytes: 24 << 30,
            versions: [("harness".into(), "0.1.0".into()), ("PostgreSQL".into(), "15.14".into())]
                .into(),
        },
        environment: Topology {
            parts: vec![
                part("database", "postgres -D data -p 15432"),
                part("server", "reference-server"),
                part("agent-1", "reference-agent --buffer agent-1.db"),
                part("agent-2", "reference-agent --buffer agent-2.db"),
                part("agent-3", "reference-agent --buffer agent-3.db"),
            ],
            links: vec![
                link("server", "database"),
                link("agent-1", "server"),
                link("agent-2", "server"),
                link("agent-3", "server"),
            ],
        },
        left_out: vec![LeftOut {
            what: "containers backend".into(),
            why: "no Docker answers; start it with `systemctl start docker`".into(),
        }],
        artifacts: vec![
            artifact("history", "history.jsonl"),
            artifact("log of server", "logs/server.log"),
        ],
    }
}

const AGENTS: [&str; 3] = ["agent-1", "agent-2", "agent-3"];

/// Half a minute under the faults of the quick plan.
fn disturbed(loses_its_buffer: bool) -> HistoryBuilder {
    let mut history = HistoryBuilder::new().stage(Stage::Start).after(1_200);
    for part in ["database", "server", "agent-1", "agent-2", "agent-3"] {
        history = history.ready(part).after(90);
    }
    history = history.stage(Stage::Disturb).resources("server", 48_300_000, 41);
    for (agent, kilobytes) in AGENTS.into_iter().zip([14_210, 14_318, 13_960]) {
        history = history.resources(agent, kilobytes * 1024, 22);
    }
    for tick in 0..240 {
        history = faults_at(history, tick);
        history = work_at(history, tick, loses_its_buffer);
    }
    history = history.stage(Stage::Heal).stage(Stage::Drain);
    for agent in AGENTS {
        history = history.backlog(agent, 0);
    }
    history = history.after(900).stage(Stage::Probe);
    let lost = if loses_its_buffer { 8 } else { 0 };
    for (agent, sequence) in AGENTS.into_iter().zip([241, 241, 236 - lost]) {
        history = history.probe(agent, &format!("probe-{agent}"), sequence, Phase::Ok);
    }
    history.read_back().stage(Stage::Judge)
}

/// Faults begin and end at fixed ticks of about 110 ms.
fn faults_at(history: HistoryBuilder, tick: u64) -> HistoryBuilder {
    match tick {
        15 => history.fault_begins("latency", "agent-1-to-server", "200 ms ± 50 ms", &[]),
        70 => history.fault_ends("agent-1-to-server"),
        50 => history.fault_begins("cut", "agent-2-to-server", "3 s", &["agent-2"]),
        80 => history.fault_ends("agent-2-to-server"),
        105 => history
            .fault_begins("kill", "server", "kill -9, restart", &["server"])
            .part("server", PartState::Killed),
        111 => history.ready("server").fault_ends("server"),
        145 => history
            .fault_begins("cut", "server-to-database", "2 s", &["server", "agent-1"])
            .part("server", PartState::Unready),
        165 => history.fault_ends("server-to-database").part("server", PartState::Ready),
        190 => history
            .fault_begins("kill", "agent-3", "kill -9, restart", &["agent-3"])
            .part("agent-3", PartState::Killed),
        195 => history.ready("agent-3").fault_ends("agent-3"),
        _ => history,
    }
}

/// Every agent is given an event each tick. Agent 3, when it loses its buffer, never stores what
/// it took right before its kill.
fn work_at(mut history: HistoryBuilder, tick: u64, loses_its_buffer: bool) -> HistoryBuilder {
    for agent in AGENTS {
        let marker = format!("{agent}-{:05}", tick + 1);
        history = match agent {
            "agent-3" if (190..195).contains(&tick) => history.refused(agent, &marker),
            "agent-3" if loses_its_buffer && (182..190).contains(&tick) => {
                history.emitted_but_lost(agent, &marker, tick + 1)
            }
            "agent-3" if tick >= 195 => {
                let lost = if loses_its_buffer { 8 } else { 0 };
                history.emitted(agent, &marker, tick + 1 - 5 - lost)
            }
            _ => history.emitted(agent, &marker, tick + 1),
        };
    }
    let held = |from: u64, to: u64| if (from..to).contains(&tick) { tick - from } else { 0 };
    let common = held(105, 112) + held(145, 166);
    history
        .backlog("agent-1", common + 1 + tick % 2)
        .backlog("agent-2", common + held(50, 81))
        .backlog("agent-3", common + 1)
        .after(20)
}
