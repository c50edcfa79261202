//! What a server has to reach.

use super::sighting::Expected;
use super::state::State;

/// What a server has to reach.
#[derive(Clone, Copy, Debug)]
pub struct Goal<'a> {
    /// What it has to do.
    pub expected: Expected,
    /// The state that its database has to be in then.
    pub target: &'a State,
    /// The state in which its schema is complete.
    pub complete: &'a State,
    /// Whether others change the data at the same time.
    pub under_traffic: bool,
}

impl<'a> Goal<'a> {
    /// It completes its schema and serves.
    pub fn serves(complete: &'a State) -> Self {
        Self { expected: Expected::Serves, target: complete, complete, under_traffic: false }
    }

    /// It does something else, and leaves a database in this state.
    pub fn leaves(expected: Expected, target: &'a State, complete: &'a State) -> Self {
        Self { expected, target, complete, under_traffic: false }
    }

    /// The same while others change the data.
    #[must_use]
    pub fn under_traffic(self) -> Self {
        Self { under_traffic: true, ..self }
    }
}
