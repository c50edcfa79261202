//! The harness's own reports in a browser: of a large run, and of a release that is not safe.

use std::path::Path;

use harness::checkers::Outcome;
use harness::finding::{Finding, Severity};
use harness::history::PartState;
use harness::report::release::{self, Check, ReleaseReport, Row, Source, Table};
use harness::report::{
    FaultEnd, FaultTimes, LinkSetup, PartSetup, RunReport, StateTimes, html, json,
};
use libtest_mimic::Failed;
use serde_json::json as value;

use super::chromium::Chromium;
use crate::{Scenario, expect};

/// The page of a run of ten million operations is small, complete, and says what it shows.
pub const LARGE_RUNS_STAY_USABLE: Scenario = Scenario {
    name: "the_report_of_a_large_run_stays_usable",
    show: |_| {
        let page = html::render(&large_run()?);
        if page.len() >= 5_000_000 {
            return Err(format!("the page of a large run has {} bytes", page.len()).into());
        }
        look(&page, async |chromium, _| {
            let opened = "performance.getEntriesByType('navigation')[0].domComplete";
            let opened = chromium.evaluate(opened).await?;
            eprintln!("{} bytes, complete after {opened} ms", page.len());
            comes_true(chromium, "document.querySelectorAll('polyline').length > 6").await
        })
    },
};

/// In the page of a release a finding has an address, and rows that hold can be hidden.
pub const FINDINGS_HAVE_ADDRESSES: Scenario = Scenario {
    name: "findings_of_a_release_have_addresses_and_rows_a_filter",
    show: |_| {
        look(&release::html::render(&red_release()), async |chromium, url| {
            chromium.go(&format!("{url}#finding-1-2")).await?;
            let target = "document.querySelector(':target h3').textContent.includes('second')";
            comes_true(chromium, target).await?;
            chromium.go(&format!("{url}#finding-1-3")).await?;
            let unfolded = "document.querySelector(':target').closest('details').open";
            comes_true(chromium, unfolded).await?;
            chromium.width(390).await?;
            let fits = "document.documentElement.scrollWidth <= window.innerWidth";
            comes_true(chromium, fits).await?;
            let visible = "[...document.querySelectorAll('details tr.valid')] \
                .filter(row => row.checkVisibility()).length";
            comes_true(chromium, &format!("{visible} == 1")).await?;
            chromium.evaluate("document.getElementById('only-bad').click()").await?;
            comes_true(chromium, &format!("{visible} == 0")).await
        })
    },
};

/// Opens a page from a file, as one opens what continuous integration has kept. Nothing may go
/// wrong in it.
fn look(
    page: &str,
    judge: impl AsyncFnOnce(&mut Chromium, &str) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("report.html");
    std::fs::write(&file, page)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut chromium = Chromium::start().await?;
        let outcome = open(&mut chromium, &file, judge).await;
        chromium.stop().await;
        outcome
    })
}

async fn open(
    chromium: &mut Chromium,
    file: &Path,
    judge: impl AsyncFnOnce(&mut Chromium, &str) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let url = format!("file://{}", file.display());
    chromium.go(&url).await?;
    comes_true(chromium, "document.title != ''").await?;
    judge(chromium, &url).await?;
    chromium.screenshot(&file.file_stem().unwrap_or_default().to_string_lossy()).await?;
    expect::equal("what the console says", &chromium.complaints(), &Vec::<String>::new())
}

async fn comes_true(chromium: &mut Chromium, expression: &str) -> Result<(), Failed> {
    expect::eventually(expression, async || {
        let ready = format!("document.readyState == 'complete' && Boolean({expression})");
        Ok((chromium.evaluate(&ready).await? == true).then_some(()))
    })
    .await
}

/// An hour with a thousand agents and three thousand faults, sampled as finely as reports are.
fn large_run() -> Result<RunReport, Failed> {
    const STEPS: u64 = 4_000;
    let hour = 3_600_000;
    let mut report = json::read(
        &value!({
            "version": 1, "outcome": "valid", "why": "all arrived",
            "run": { "name": "soak-1", "plan": "soak", "seed": 1, "backend": "embedded",
                     "system": "large", "defects": [], "started_at": "2026-01-01T00:00:00Z",
                     "duration_ms": hour, "rerun": "harness run" },
            "machine": { "os": "Linux", "cores": 2, "memory_bytes": 1, "versions": {} },
            "environment": { "parts": [], "links": [] },
            "stages": [], "faults": [], "verdicts": [],
            "totals": { "taken": 10_000_000, "refused": 0, "indeterminate": 0, "stored": 10_000_000,
                        "lost": 0, "duplicated": 0 },
            "series": { "step_ms": hour / STEPS, "taken": [], "acknowledged": [], "backlog": {} },
            "left_out": [], "artifacts": [],
        })
        .to_string(),
    )?;
    let wave = |step: u64| step * 7919 % 1000;
    report.series.taken = (0..STEPS).map(|step| 2_000 + wave(step)).collect();
    report.series.acknowledged = (0..STEPS).map(|step| 2_000 + wave(step + 1)).collect();
    report.series.latency.median_us = (0..STEPS).map(|step| Some(500 + wave(step))).collect();
    report.series.latency.p99_us = (0..STEPS).map(|step| Some(5_000 + wave(step))).collect();
    for number in 0..1_000 {
        let agent = format!("agent-{number}");
        let proxy = format!("{agent}-to-server");
        let samples = (0..STEPS).map(|step| Some(wave(step + number))).collect();
        report.series.backlog.insert(agent.clone(), samples);
        let part = PartSetup { name: agent.clone(), runs: "agent".to_owned() };
        report.environment.parts.push(part);
        let link = LinkSetup { from: agent.clone(), to: "server".to_owned(), proxy: proxy.clone() };
        report.environment.links.push(link);
        for again in 0..3 {
            let start_ms = (number + again * 1_000) * 1_200;
            report.faults.push(FaultTimes {
                kind: "cut".to_owned(),
                target: proxy.clone(),
                detail: "1 s".to_owned(),
                start_ms,
                end_ms: Some(start_ms + 1_000),
                end: FaultEnd::Healed,
            });
        }
        let state = |state, start_ms| StateTimes { state, start_ms, end_ms: start_ms + 1_000 };
        let states = [PartState::Ready, PartState::Unready, PartState::Ready];
        let states = states.into_iter().zip([0, 1_000, 2_000]);
        report.states.insert(agent, states.map(|(is, at)| state(is, at)).collect());
    }
    let server = PartSetup { name: "server".to_owned(), runs: "server".to_owned() };
    report.environment.parts.push(server);
    Ok(report)
}

/// A check with two findings that it did not hold for and one for information, and a table with a row that held and one that did not.
fn red_release() -> ReleaseReport {
    let finding = |id: &str, severity| Finding {
        id: id.to_owned(),
        severity,
        place: "here".to_owned(),
        evidence: "seen\n".repeat(100),
        advice: "mend it".to_owned(),
    };
    let row = |outcome, cell: &str| Row { outcome, cells: vec![cell.to_owned()] };
    let check = Check {
        findings: vec![
            finding("first", Severity::Error),
            finding("second", Severity::Error),
            finding("mild", Severity::Info),
        ],
        tables: vec![Table {
            title: "Rows".to_owned(),
            headings: vec!["row".to_owned()],
            rows: vec![row(Outcome::Valid, "held"), row(Outcome::Invalid, "broke")],
        }],
        ..Check::new("check", Outcome::Invalid, "it broke")
    };
    ReleaseReport::new(Source::default(), vec![check], Vec::new(), Vec::new())
}
