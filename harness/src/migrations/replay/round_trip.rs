//! What remains of a migration after up, down and up again.

use super::Failure;
use super::findings::some;
use crate::migrations::catalog::Difference;
use crate::migrations::lineage::Script;

/// What one migration's round trip came to.
#[derive(Clone, Debug, Default)]
pub struct RoundTrip {
    /// What was not as it should be, in the order in which it was seen. Empty when all was.
    pub not_restored: Vec<NotRestored>,
    /// Differences that mean nothing.
    pub cosmetic: Vec<String>,
}

/// One way in which a round trip fails.
#[derive(Clone, Debug)]
pub enum NotRestored {
    /// PostgreSQL refused the down.
    DownRefused(Failure),
    /// The down holds no statement, and the up changed the catalog.
    DownEmpty(Vec<String>),
    /// After the down the catalog is not as before the up.
    Catalog(Vec<String>),
    /// PostgreSQL refused the up that followed the down.
    UpRefused(Failure),
    /// After the second up the catalog is not as after the first.
    CatalogAgain(Vec<String>),
}

impl RoundTrip {
    /// Takes in how the catalog differs after this down.
    pub fn compare_down(&mut self, down: &Script, difference: &Difference) {
        match down.statements.is_empty() {
            true => self.take(difference, NotRestored::DownEmpty),
            false => self.take(difference, NotRestored::Catalog),
        }
    }

    /// Takes in how the catalog differs after the second up.
    pub fn compare_up(&mut self, difference: &Difference) {
        self.take(difference, NotRestored::CatalogAgain);
    }

    fn take(&mut self, difference: &Difference, kind: fn(Vec<String>) -> NotRestored) {
        let told = |changes: &[_]| changes.iter().map(ToString::to_string).collect::<Vec<_>>();
        if !difference.changes.is_empty() {
            self.not_restored.push(kind(told(&difference.changes)));
        }
        for cosmetic in told(&difference.cosmetic) {
            if !self.cosmetic.contains(&cosmetic) {
                self.cosmetic.push(cosmetic);
            }
        }
    }
}

impl NotRestored {
    /// In words.
    pub fn why(&self) -> String {
        match self {
            Self::DownRefused(failure) => format!("the down is refused: {failure}"),
            Self::DownEmpty(changes) => {
                format!("the down is empty, and the schema not as before: {}", some(changes))
            }
            Self::Catalog(changes) => {
                format!("after the down the schema is not as before: {}", some(changes))
            }
            Self::UpRefused(failure) => {
                format!("after the down the up is refused: {failure}")
            }
            Self::CatalogAgain(changes) => format!(
                "after down and up the schema is not as after the first up: {}",
                some(changes)
            ),
        }
    }
}
