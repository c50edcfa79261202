//! The outcome as it is; `schemas/migrations-replay.schema.json` describes it.

use crate::migrations::replay::ReplayOutcome;

/// The outcome as JSON, for people's eyes too.
pub fn render(outcome: &ReplayOutcome) -> String {
    // The model has string keys only and no failing serializer, so this cannot fail.
    serde_json::to_string_pretty(outcome).expect("the outcome is plain data") + "\n"
}
