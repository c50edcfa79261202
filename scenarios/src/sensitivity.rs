//! Sensitivity: for a row of the ledger, a scenario that is green on the repaired system and red
//! once the row's defect is planted, with a complaint that shows this very thing.
//!
//! The scenario itself never learns which it looks at.

use harness::environment::BackendKind;
use libtest_mimic::{Failed, Trial};

use crate::agent_rows;
use crate::query_growth;
use crate::system_run::ReferenceSystem;

/// What finds a row of the ledger.
pub struct Detector {
    /// The row's id.
    pub row: &'static str,
    /// What the complaint says when the defect is there.
    pub complaint: &'static str,
    /// Looks at a system.
    pub look: fn(ReferenceSystem) -> Result<(), Failed>,
}

/// Every detector.
pub const DETECTORS: &[Detector] = &[
    Detector {
        row: "AL-UNIT",
        complaint: "a scan took longer than the time since it was asked for",
        look: agent_rows::durations_are_milliseconds,
    },
    Detector {
        row: "P-PANIC",
        complaint: "the agent ended with its scanner's panic",
        look: agent_rows::panics_are_caught,
    },
    Detector {
        row: "T1-CONFIG",
        complaint: "the migrated configuration names `updates`",
        look: agent_rows::migrated_configuration_is_clean,
    },
    Detector {
        row: "R4-STUCK",
        complaint: "the breaker closes by itself",
        look: agent_rows::breakers_heal,
    },
    Detector {
        row: "F-B1-5",
        complaint: "pages read for stuck commands grow",
        look: query_growth::stuck_commands,
    },
    Detector {
        row: "F-B1-6",
        complaint: "statements for the statistics grow",
        look: query_growth::statistics,
    },
    Detector {
        row: "F-B1-7",
        complaint: "statements for a bulk approval grow",
        look: query_growth::approval,
    },
    Detector {
        row: "F-B1-8",
        complaint: "scans for the list of agents grow",
        look: query_growth::listing,
    },
];

impl Detector {
    /// The name that the ledger and the trials have for it.
    pub fn name(&self) -> String {
        format!("sensitivity::{}", self.row)
    }

    fn trial(&'static self) -> Trial {
        let backend = BackendKind::Embedded;
        let name = format!("{}::{}", backend.name(), self.name());
        Trial::test(name, move || self.both_ways(backend))
    }

    fn both_ways(&self, backend: BackendKind) -> Result<(), Failed> {
        (self.look)(ReferenceSystem::new(backend)?)?;
        let planted = ReferenceSystem::new(backend)?.with_defects(&[self.row]);
        let Err(failed) = (self.look)(planted) else {
            return Err(format!("green with {} planted", self.row).into());
        };
        let complaint = failed.message().unwrap_or_default();
        eprintln!("{}: {complaint}", self.row);
        if !complaint.contains(self.complaint) {
            return Err(format!(
                "with {} planted the complaint is {complaint:?}, not about {:?}",
                self.row, self.complaint
            )
            .into());
        }
        Ok(())
    }
}

/// A trial for each detector. They need the parts' own files, and so local processes.
pub fn trials() -> impl Iterator<Item = Trial> {
    DETECTORS.iter().map(Detector::trial)
}
