//! `release.html`: one file that loads nothing, for people. What is shown and hidden is the work
//! of the style sheet alone, so that no script is needed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::terminal::headline;
use super::{Check, ReleaseReport, Table};
use crate::checkers::Outcome;
use crate::finding::{Finding, Severity};
use crate::report::html::page;
use crate::report::text::{neutralise, seconds};

/// The report as one page.
pub fn render(report: &ReleaseReport) -> String {
    let title = headline(report.outcome);
    let main = html! {
        (failures(report))
        (overview(report))
        (beside(report))
        (waived(report))
        (page::left_out(&report.left_out))
        (in_full(report))
        (page::machines(&report.source.machines))
    };
    page::page(title, report.outcome, &verdict_first(report), &main)
}

fn verdict_first(report: &ReleaseReport) -> Markup {
    let source = &report.source;
    html! {
        h1 { (headline(report.outcome)) }
        p.why { (neutralise(&report.why)) }
        dl.identity {
            @if let Some(commit) = &source.commit {
                div { dt { "commit" } dd { (neutralise(commit)) } }
            }
            div { dt { "checks" } dd { (report.checks.len()) } }
            div { dt { "took" } dd { (seconds(source.duration_ms)) } }
            @if let Some(started) = &source.started_at {
                div { dt { "started" } dd { (started.format("%Y-%m-%d %H:%M:%S UTC")) } }
            }
        }
    }
}

/// What a link to a finding leads to: check and finding by their numbers.
fn anchor(check: usize, finding: usize) -> String {
    format!("finding-{}-{}", check + 1, finding + 1)
}

fn failures(report: &ReleaseReport) -> Markup {
    let bad = report.checks.iter().enumerate().filter(|(_, c)| c.outcome != Outcome::Valid);
    html! {
        @if report.outcome != Outcome::Valid {
            section {
                h2 { "What failed" }
                @for (number, check) in bad {
                    @if check.findings.is_empty() {
                        article class=(check.outcome.word()) {
                            h3 { (neutralise(&check.name)) }
                            p { (neutralise(&check.why)) }
                        }
                    }
                    @for (place, finding) in check.reasons() {
                        (article(check, finding, &anchor(number, place)))
                    }
                    @if let Some(again) = &check.again {
                        p.again { "The same again: " code { (neutralise(again)) } }
                    }
                }
            }
        }
    }
}

/// What was found and failed nothing, by its kind. A link to one opens what it is folded into.
fn beside(report: &ReleaseReport) -> Markup {
    let mut kinds: BTreeMap<_, Vec<(&Check, &Finding, String)>> = BTreeMap::new();
    for (number, check) in report.checks.iter().enumerate() {
        let reasons: BTreeSet<usize> = check.reasons().iter().map(|(place, _)| *place).collect();
        for (place, finding) in check.findings.iter().enumerate() {
            if !reasons.contains(&place) {
                let kind = (Reverse(finding.severity), number, &finding.id);
                kinds.entry(kind).or_default().push((check, finding, anchor(number, place)));
            }
        }
    }
    html! {
        @if !kinds.is_empty() {
            section {
                h2 { "Also found" }
                @for ((Reverse(severity), _, id), found) in &kinds {
                    details {
                        summary { (neutralise(id)) " (" (severity.word()) ", " (found.len()) ")" }
                        @for (check, finding, anchor) in found { (article(check, finding, anchor)) }
                    }
                }
            }
        }
    }
}

fn article(check: &Check, finding: &Finding, anchor: &str) -> Markup {
    let grave = finding.severity == Severity::Error;
    html! {
        article id=(anchor) class=[grave.then_some("invalid")] {
            h3 {
                a href=(format!("#{anchor}")) { (neutralise(&finding.id)) }
                " at " (neutralise(&finding.place))
            }
            p { (neutralise(&check.name)) ", " (finding.severity.word()) }
            pre role="region" aria-label="evidence" tabindex="0" { (neutralise(&finding.evidence)) }
            p { strong { "What to do: " } (neutralise(&finding.advice)) }
        }
    }
}

fn overview(report: &ReleaseReport) -> Markup {
    html! {
        section {
            h2 { "Checks" }
            (page::table("checks", &["check", "verdict", "time", "why"], &html! {
                @for (number, check) in report.checks.iter().enumerate() {
                    tr {
                        th scope="row" {
                            a href=(format!("#check-{}", number + 1)) { (neutralise(&check.name)) }
                        }
                        td { (badge(check.outcome)) }
                        td.number { (seconds(check.duration_ms)) }
                        td.text { (neutralise(&check.why)) }
                    }
                }
            }))
        }
    }
}

fn badge(outcome: Outcome) -> Markup {
    html! { span.badge.(outcome.word()) { (outcome.word()) } }
}

fn waived(report: &ReleaseReport) -> Markup {
    html! {
        @if !report.waived.is_empty() {
            section {
                h2 { "Waived" }
                (page::table("waived", &["finding", "at", "until", "reason"], &html! {
                    @for waived in &report.waived {
                        tr {
                            th scope="row" { (neutralise(&waived.finding.id)) }
                            td { (neutralise(&waived.finding.place)) }
                            td.number { (waived.until) }
                            td.text { (neutralise(&waived.reason)) }
                        }
                    }
                }))
            }
        }
    }
}

fn in_full(report: &ReleaseReport) -> Markup {
    html! {
        section {
            h2 { "Each check in full" }
            fieldset.filter {
                legend { "Rows" }
                label { input type="radio" name="rows" id="all-rows" checked; " all" }
                label { input type="radio" name="rows" id="only-bad"; " only what did not hold" }
            }
            @for (number, check) in report.checks.iter().enumerate() {
                h3 id=(format!("check-{}", number + 1)) {
                    (neutralise(&check.name)) " " (badge(check.outcome))
                }
                @for table in &check.tables { (in_details(table, check.outcome)) }
                @if !check.files.is_empty() {
                    p {
                        "Files: "
                        // The dot keeps a name from being read as a scheme.
                        @for file in &check.files {
                            a href=(format!("./{}", neutralise(&file.file))) { (neutralise(&file.name)) }
                            " "
                        }
                    }
                }
            }
        }
    }
}

/// A table that is open where its check did not hold.
fn in_details(table: &Table, outcome: Outcome) -> Markup {
    let headings: Vec<String> = table.headings.iter().map(|text| neutralise(text)).collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let title = neutralise(&table.title);
    html! {
        details open[outcome != Outcome::Valid] {
            summary { (title) " (" (table.rows.len()) ")" }
            (page::table(&title, &headings, &html! {
                @for row in &table.rows {
                    tr class=(row.outcome.word()) {
                        @for (column, cell) in row.cells.iter().enumerate() {
                            @if column == 0 { th scope="row" { (neutralise(cell)) } }
                            @else { td.text[cell.len() > 40] { (neutralise(cell)) } }
                        }
                    }
                }
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::release::sample;

    #[test]
    fn the_verdict_comes_first_and_every_finding_has_an_address() {
        let page = render(&sample::red());
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text}"));
        assert!(place("<h1>Not safe to release") < place("<h2>What failed"));
        assert!(place("<h2>What failed") < place("<h2>Checks"));
        assert!(page.contains("id=\"finding-1-1\"") && page.contains("href=\"#finding-1-1\""));
        assert!(page.contains("nobody goes back behind 2.0"), "a waiver is shown with its reason");
    }

    #[test]
    fn what_fails_nothing_is_folded_behind_the_checks() {
        let mut report = sample::red();
        let mut mild = report.checks[0].findings[0].clone();
        (mild.id, mild.severity) = ("mild".to_owned(), Severity::Info);
        report.checks[0].findings.push(mild);
        let page = render(&report);
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text}"));
        assert!(place("<h2>Checks") < place("<summary>mild (info, 1)"));
        assert!(place("<summary>mild") < place("id=\"finding-1-2\""));
        assert!(place("id=\"finding-1-1\"") < place("<h2>Checks"));
        assert!(!render(&sample::red()).contains("Also found"));
    }

    #[test]
    fn rows_that_did_not_hold_can_be_told_from_the_others() {
        let page = render(&sample::red());
        assert!(page.contains("<tr class=\"invalid\">") && page.contains("<tr class=\"valid\">"));
    }

    #[test]
    fn hostile_text_stays_text_and_nothing_is_loaded() {
        let page = render(&sample::hostile());
        for load in ["src=", "href=\"http", "href=\"//", "url(", "<script", "<link", "javascript:"]
        {
            assert!(!page.contains(load), "the page holds {load}");
        }
        assert!(page.chars().all(|letter| letter == '\n' || !letter.is_control()));
    }
}
