//! Findings that a project lives with for a while.

use chrono::NaiveDate;
use serde::Deserialize;

use super::{Check, Waived};
use crate::checkers::Outcome;
use crate::finding::{Finding, Severity};

/// Takes a finding out of the outcome until a day.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The finding's id, as `delivery.lost`.
    pub finding: String,
    /// Where; anywhere if it is not said.
    pub place: Option<String>,
    /// Why the project lives with it.
    pub reason: String,
    /// The last day on which it does.
    #[serde(with = "day")]
    pub until: NaiveDate,
}

mod day {
    use chrono::NaiveDate;
    use serde::{Deserialize, Deserializer, de::Error};

    /// A date of TOML's, or the same in quotes.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
        let text = match toml::Value::deserialize(deserializer)? {
            toml::Value::Datetime(date) => date.to_string(),
            toml::Value::String(text) => text,
            _ => return Err(D::Error::custom("not a date as 2027-01-31")),
        };
        text.parse().map_err(|_| D::Error::custom("not a date as 2027-01-31"))
    }
}

/// Takes the findings that are waived on that day out of a check, and returns them. A check whose
/// every error is waived holds; one that failed without naming an error still fails, and so does
/// one that nobody can tell. A finding whose waiver has expired stays, and says so.
pub fn waive(check: &mut Check, waivers: &[Waiver], today: NaiveDate) -> Vec<Waived> {
    let (mut open, mut waived) = (Vec::new(), Vec::new());
    for mut finding in std::mem::take(&mut check.findings) {
        let of_it = waivers.iter().filter(|waiver| waiver.concerns(&finding));
        // Of several, the one that lasts longest.
        match of_it.max_by_key(|waiver| waiver.until) {
            None => open.push(finding),
            Some(waiver) if waiver.until < today => {
                let (until, reason) = (waiver.until, &waiver.reason);
                // The end of long evidence is not always shown.
                finding
                    .evidence
                    .insert_str(0, &format!("(it was waived until {until}: {reason})\n"));
                open.push(finding);
            }
            Some(waiver) => waived.push(Waived {
                check: check.name.clone(),
                finding,
                reason: waiver.reason.clone(),
                until: waiver.until,
            }),
        }
    }
    check.findings = open;
    let error = |finding: &Finding| finding.severity == Severity::Error;
    let last_one = waived.iter().any(|waived| error(&waived.finding));
    if check.outcome == Outcome::Invalid && last_one && !check.findings.iter().any(error) {
        check.outcome = Outcome::Valid;
        check.why = format!("every error is waived ({}), as: {}", waived.len(), check.why);
    }
    waived
}

impl Waiver {
    fn concerns(&self, finding: &Finding) -> bool {
        self.finding == finding.id
            && self.place.as_ref().is_none_or(|place| *place == finding.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: &str = "2026-11-22";

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn check() -> Check {
        let finding = |id: &str, place: &str| Finding {
            id: id.to_owned(),
            severity: Severity::Error,
            place: place.to_owned(),
            evidence: "seen".to_owned(),
            advice: "mend it".to_owned(),
        };
        let findings = vec![finding("delivery.lost", "agent-1"), finding("order.gap", "agent-2")];
        Check { findings, ..Check::new("run", Outcome::Invalid, "it lost events") }
    }

    fn waiver(finding: &str, place: Option<&str>, until: &str) -> Waiver {
        Waiver {
            finding: finding.to_owned(),
            place: place.map(str::to_owned),
            reason: "known".to_owned(),
            until: day(until),
        }
    }

    #[test]
    fn one_waived_finding_of_two_leaves_the_check_invalid() {
        let mut check = check();
        let waived = waive(&mut check, &[waiver("order.gap", None, TODAY)], day(TODAY));
        assert_eq!(waived[0].finding.place, "agent-2");
        assert_eq!((check.outcome, check.findings.len()), (Outcome::Invalid, 1));
    }

    #[test]
    fn a_check_whose_every_error_is_waived_holds_and_says_so() {
        let mut check = check();
        let both = [waiver("order.gap", None, TODAY), waiver("delivery.lost", None, TODAY)];
        assert_eq!(waive(&mut check, &both, day(TODAY)).len(), 2);
        assert_eq!(check.outcome, Outcome::Valid);
        assert!(check.why.starts_with("every error is waived (2)"), "{}", check.why);
    }

    #[test]
    fn an_expired_waiver_and_one_for_another_place_waive_nothing() {
        let mut check = check();
        let vain = [
            waiver("order.gap", None, "2026-11-21"),
            waiver("delivery.lost", Some("agent-9"), TODAY),
        ];
        assert!(waive(&mut check, &vain, day(TODAY)).is_empty());
        assert!(check.findings[1].evidence.contains("waived until 2026-11-21: known"));
    }

    #[test]
    fn what_nobody_can_tell_and_what_failed_without_a_word_is_not_waived() {
        let all = [waiver("order.gap", None, TODAY), waiver("delivery.lost", None, TODAY)];
        let mut unknown = Check { outcome: Outcome::Unknown, ..check() };
        waive(&mut unknown, &all, day(TODAY));
        assert_eq!(unknown.outcome, Outcome::Unknown);
        let mut silent = Check { findings: Vec::new(), ..check() };
        waive(&mut silent, &all, day(TODAY));
        assert_eq!(silent.outcome, Outcome::Invalid);
    }

    #[test]
    fn a_day_is_written_with_quotes_or_without() {
        let read = |until: &str| {
            toml::from_str::<Waiver>(&format!("finding = 'a'\nreason = 'b'\nuntil = {until}"))
        };
        assert_eq!(read("2027-01-31").unwrap().until, day("2027-01-31"));
        assert_eq!(read("'2027-01-31'").unwrap().until, day("2027-01-31"));
        assert!(read("'soon'").unwrap_err().to_string().contains("not a date"));
    }
}
