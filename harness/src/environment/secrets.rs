//! The secrets of one run, collected as they are made, so that they can be taken out of every
//! artifact however the run ends.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A collection that many may add to.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Mutex<Vec<String>>>);

impl Secrets {
    /// Makes a secret that nobody can guess, and remembers it.
    pub fn make(&self) -> String {
        let secret = format!("{:032x}", rand::random::<u128>());
        self.add(secret.clone());
        secret
    }

    /// Remembers a secret that somebody else has made.
    pub fn add(&self, secret: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(secret);
    }

    /// Every secret until now.
    pub fn values(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Never shows the secrets themselves.
impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secrets({})", self.values().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_what_they_know_and_show_nothing_of_it() {
        let secrets = Secrets::default();
        let made = secrets.clone().make();
        secrets.add("told".into());
        assert_eq!(secrets.values(), [made.clone(), "told".into()]);
        assert!(!format!("{secrets:?}").contains(&made));
    }
}
