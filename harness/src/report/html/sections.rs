//! The page's sections around the timeline.

use maud::{Markup, html};

use super::page::table;
use crate::checkers::{Outcome, Verdict};
use crate::report::text::{count, mebibytes, neutralise, seconds};
use crate::report::{FaultEnd, FaultTimes, RunReport};

/// What did not hold or could not be told, with its evidence, and how to repeat the run.
pub fn failures(report: &RunReport) -> Markup {
    let bad = |verdict: &&Verdict| verdict.outcome != Outcome::Valid;
    let bad: Vec<&Verdict> = report.verdicts.iter().filter(bad).collect();
    html! {
        @if report.outcome != Outcome::Valid {
            section {
                h2 { "What failed" }
                @for verdict in bad {
                    @if verdict.findings.is_empty() {
                        article class=(verdict.outcome.word()) {
                            h3 { (neutralise(&verdict.checker)) }
                            p { (neutralise(&verdict.summary)) }
                        }
                    }
                    @for finding in &verdict.findings {
                        article class=(verdict.outcome.word()) {
                            h3 { (neutralise(&finding.id)) " at " (neutralise(&finding.place)) }
                            pre role="region" aria-label="evidence" tabindex="0" { (neutralise(&finding.evidence)) }
                            p { strong { "What to do: " } (neutralise(&finding.advice)) "." }
                        }
                    }
                }
                (again(report))
            }
        }
    }
}

/// The command that repeats the run.
pub fn again(report: &RunReport) -> Markup {
    html! {
        p.again { "The same again: " code { (neutralise(&report.run.rerun)) } }
    }
}

/// The faults as a table: what the timeline shows, in words.
pub fn faults(report: &RunReport) -> Markup {
    html! {
        @if !report.faults.is_empty() {
            (table("faults", &["fault", "target", "what", "from", "to"], &html! {
                @for fault in &report.faults {
                    tr {
                        th scope="row" { (neutralise(&fault.kind)) }
                        td { (neutralise(&fault.target)) }
                        td { (neutralise(&fault.detail)) }
                        td.number { (seconds(fault.start_ms)) }
                        td.number { (fault_end(fault)) }
                    }
                }
            }))
        }
    }
}

fn fault_end(fault: &FaultTimes) -> String {
    match (fault.end, fault.end_ms) {
        (FaultEnd::NotInjected, _) => "not injected".into(),
        (FaultEnd::Unknown, _) | (_, None) => "not known".into(),
        (FaultEnd::Healed, Some(end)) => seconds(end),
    }
}

/// Every verdict with its counts.
pub fn verdicts(report: &RunReport) -> Markup {
    html! {
        section {
            h2 { "Verdicts" }
            (table("verdicts", &["checker", "verdict", "why", "counted"], &html! {
                @for verdict in &report.verdicts {
                    tr {
                        th scope="row" { (neutralise(&verdict.checker)) }
                        td { span.badge.(verdict.outcome.word()) { (verdict.outcome.word()) } }
                        td.text { (neutralise(&verdict.summary)) }
                        td.text { (neutralise(&counts(verdict))) }
                    }
                }
            }))
        }
    }
}

/// What was counted, without what is nought.
fn counts(verdict: &Verdict) -> String {
    let counted = verdict.counts.iter().filter(|(_, count)| **count > 0);
    let words = counted.map(|(name, count)| format!("{} {count}", name.replace('_', " ")));
    words.collect::<Vec<_>>().join(", ")
}

/// The whole run in numbers.
pub fn totals(report: &RunReport) -> Markup {
    let totals = &report.totals;
    html! {
        section {
            h2 { "Events" }
            (table(
                "events",
                &["taken", "refused", "indeterminate", "stored", "lost", "stored twice"],
                &html! {
                    tr {
                        td { (totals.taken) }
                        td { (totals.refused) }
                        td { (totals.indeterminate) }
                        td { (count(totals.stored)) }
                        td { (count(totals.lost)) }
                        td { (count(totals.duplicated)) }
                    }
                },
            ))
        }
    }
}

/// What each part runs, and what it took of the machine.
pub fn parts(report: &RunReport) -> Markup {
    table(
        "parts",
        &["part", "command or image", "most memory", "most open files"],
        &html! {
            @for part in &report.environment.parts {
                @let most = report.resources.get(&part.name);
                tr {
                    th scope="row" { (neutralise(&part.name)) }
                    td { code { (neutralise(&part.runs)) } }
                    td.number {
                        (most.map_or("not seen".into(), |most| mebibytes(most.resident_bytes)))
                    }
                    td.number {
                        (most.map_or("not seen".into(), |most| most.open_files.to_string()))
                    }
                }
            }
        },
    )
}

/// The links between the parts: what the drawing shows, in words.
pub fn links(report: &RunReport) -> Markup {
    html! {
        @if !report.environment.links.is_empty() {
            (table("links", &["link", "proxy", "faults on it"], &html! {
                @for link in &report.environment.links {
                    tr {
                        th scope="row" { (neutralise(&link.from)) " → " (neutralise(&link.to)) }
                        td { (neutralise(&link.proxy)) }
                        td { (neutralise(&faults_on(report, &link.proxy))) }
                    }
                }
            }))
        }
    }
}

fn faults_on(report: &RunReport, proxy: &str) -> String {
    let kinds = report.faults.iter().filter(|fault| fault.target == proxy);
    let kinds: Vec<&str> = kinds.map(|fault| fault.kind.as_str()).collect();
    if kinds.is_empty() { "none".into() } else { kinds.join(", ") }
}

/// The files beside the page. The dot before each keeps a name from being read as a scheme.
pub fn artifacts(report: &RunReport) -> Markup {
    html! {
        @if !report.artifacts.is_empty() {
            section {
                h2 { "Files" }
                ul {
                    @for artifact in &report.artifacts {
                        li {
                            a href=(format!("./{}", neutralise(&artifact.file))) {
                                (neutralise(&artifact.name))
                            }
                        }
                    }
                }
            }
        }
    }
}
