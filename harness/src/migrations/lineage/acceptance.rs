//! Which findings a project lives with, and for how long.

use chrono::NaiveDate;
use serde::Serialize;

use super::Lineage;
use super::settings::Acceptance;
use crate::migrations::finding::MigrationFinding;

/// A finding that the project lives with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// The finding.
    pub finding: MigrationFinding,
    /// Why it may stay.
    pub reason: String,
    /// The last day on which it may.
    pub until: NaiveDate,
}

impl Lineage {
    /// Parts the findings from those that `lineage.toml` accepts on that day. One whose acceptance
    /// has expired stays, and says so.
    pub fn sift(
        &self,
        findings: Vec<MigrationFinding>,
        today: NaiveDate,
    ) -> (Vec<MigrationFinding>, Vec<Accepted>) {
        let (mut open, mut accepted) = (Vec::new(), Vec::new());
        for mut finding in findings {
            let of_it: Vec<_> = self
                .settings
                .accepted
                .iter()
                .filter(|acceptance| self.concerns(acceptance, &finding))
                .collect();
            // Of several, the one that lasts longest.
            match of_it.iter().max_by_key(|acceptance| acceptance.until) {
                None => open.push(finding),
                Some(acceptance) if acceptance.until < today => {
                    finding.evidence = format!(
                        "{} (it was accepted until {}: {})",
                        finding.evidence, acceptance.until, acceptance.reason
                    );
                    open.push(finding);
                }
                Some(acceptance) => accepted.push(Accepted {
                    finding,
                    reason: acceptance.reason.clone(),
                    until: acceptance.until,
                }),
            }
        }
        (open, accepted)
    }

    fn concerns(&self, acceptance: &Acceptance, finding: &MigrationFinding) -> bool {
        let same_version = acceptance.version.as_ref().is_none_or(|version| {
            let found = finding.version.as_ref().and_then(|found| self.position(found));
            found.is_some() && found == self.position(version.get_ref())
        });
        let same_file = acceptance.file.is_none() || acceptance.file == finding.file;
        *acceptance.finding.get_ref() == finding.id && same_version && same_file
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::finding::Severity;
    use crate::migrations::lineage::{ReadOptions, read};

    fn finding(id: &str, version: &str, file: &str) -> MigrationFinding {
        MigrationFinding {
            id: id.to_owned(),
            severity: Severity::Warning,
            version: Some(version.to_owned()),
            file: Some(file.to_owned()),
            line: None,
            statement: None,
            evidence: "it is so".to_owned(),
            advice: "change it".to_owned(),
        }
    }

    #[test]
    fn a_finding_is_accepted_up_to_its_day_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["001_a.sql", "002_b.sql"] {
            fs::write(folder.path().join(file), "SELECT 1;").unwrap();
        }
        let settings = "[[accepted]]\nfinding = \"a.b\"\nversion = \"1\"\nreason = \"old\"\n\
                        until = 2026-06-30\n\
                        [[accepted]]\nfinding = \"c.d\"\nfile = \"002_b.sql\"\nreason = \"x\"\n\
                        until = 2099-01-01\n";
        fs::write(folder.path().join("lineage.toml"), settings).unwrap();
        let lineage = read(folder.path(), &ReadOptions::default()).unwrap();
        let day = |day| NaiveDate::from_ymd_opt(2026, 6, day).unwrap();
        let after = NaiveDate::from_ymd_opt(2026, 7, 1).unwrap();
        let cases = [
            (finding("a.b", "001", "001_a.sql"), day(30), true),
            (finding("a.b", "001", "001_a.sql"), after, false),
            (finding("a.b", "002", "002_b.sql"), day(1), false),
            (finding("a.c", "001", "001_a.sql"), day(1), false),
            (finding("c.d", "002", "002_b.sql"), after, true),
            (finding("c.d", "001", "001_a.sql"), after, false),
        ];
        for (finding, today, is_accepted) in cases {
            let (open, accepted) = lineage.sift(vec![finding.clone()], today);
            assert_eq!(accepted.len(), usize::from(is_accepted), "{finding:?} on {today}");
            assert_eq!(open.len(), usize::from(!is_accepted));
        }
        let (open, _) = lineage.sift(vec![finding("a.b", "001", "001_a.sql")], after);
        assert_eq!(open[0].evidence, "it is so (it was accepted until 2026-06-30: old)");
    }
}
