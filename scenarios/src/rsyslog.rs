//! Software that is not ours, as its system files describe it: rsyslog loses lines over plain TCP
//! when the link is cut off, and none over RELP with a queue on disk.

use harness::checkers::{Outcome, Verdict};
use harness::environment::{BackendKind, Direction};
use harness::faults::{Fault, Schedule, ScheduledFault};
use harness::run::{Plan, Planner, Run};
use harness::workload::Pace;
use libtest_mimic::Failed;

use crate::Scenario;
use crate::system_run::{every_verdict_is_valid, run_plan_on};

const LINK: &str = "sender-to-receiver";
const DRAIN_BOUND: u64 = 20_000;

/// What a broken connection had in it is lost, and the harness says so.
pub const PLAIN_TCP_LOSES: Scenario =
    Scenario { name: "rsyslog_over_plain_tcp_is_found_to_lose", show: loses };

/// What is not acknowledged is sent again.
pub const RELP_HOLDS: Scenario = Scenario { name: "rsyslog_over_relp_holds", show: holds };

fn loses(backend: BackendKind) -> Result<(), Failed> {
    let run = run("rsyslog-tcp.toml", backend)?;
    let delivery = run.verdicts.iter().find(|verdict| verdict.checker == "delivery");
    match delivery {
        Some(Verdict { outcome: Outcome::Invalid, findings, .. })
            if findings.iter().all(|finding| finding.id == "delivery.lost") =>
        {
            Ok(())
        }
        other => Err(format!("lines should be lost, and nothing else be wrong: {other:#?}").into()),
    }
}

fn holds(backend: BackendKind) -> Result<(), Failed> {
    every_verdict_is_valid(&run("rsyslog-relp.toml", backend)?)
}

/// Lines while the link first swallows what is sent and then is cut.
fn run(file: &str, backend: BackendKind) -> Result<Run, Failed> {
    let link = || LINK.to_owned();
    let hold = Fault::Hold { link: link(), direction: Direction::ToServer };
    let schedule = Schedule::new(vec![
        ScheduledFault { at: 500, lasts: 500, fault: hold },
        ScheduledFault { at: 1300, lasts: 300, fault: Fault::Cut { link: link() } },
    ]);
    let plan = Plan {
        name: "rsyslog".to_owned(),
        pace: Pace { rate: 100, lasts: 2000 },
        schedule,
        drain_bound: DRAIN_BOUND,
    };
    let file = format!("{}/../fixtures/{file}", env!("CARGO_MANIFEST_DIR"));
    run_plan_on(file.as_ref(), backend, "rsyslog", Planner::fixed(plan), &[])
}
