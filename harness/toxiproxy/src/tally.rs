//! What a cut has counted, for whoever set it.

use tokio::sync::watch;

/// The messages that a cut counted, and where it cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CutReport {
    /// The messages counted so far, over all connections.
    pub messages: u64,
    /// The text of the message at which it cut; `None` as long as it has not.
    pub cut_at: Option<String>,
}

/// A count that outlives changes of the toxic, and can be watched.
#[derive(Clone, Debug)]
pub struct Tally(watch::Sender<CutReport>);

impl Default for Tally {
    fn default() -> Self {
        Self(watch::Sender::new(CutReport::default()))
    }
}

impl Tally {
    /// Counts a message. When it is the one of this number, it is noted as the one cut at; says
    /// whether it is.
    pub fn count(&self, text: &str, number: u64) -> bool {
        let mut hit = false;
        self.0.send_modify(|report| {
            report.messages += 1;
            hit = report.messages == number;
            if hit {
                report.cut_at = Some(text.to_owned());
            }
        });
        hit
    }

    /// Shows what has been counted, now and as it changes.
    pub fn watch(&self) -> watch::Receiver<CutReport> {
        self.0.subscribe()
    }
}
