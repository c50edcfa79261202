//! Proposes events: what kind, for which producer, with which marker.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::seed::Seed;
use crate::system::{EmitContract, EventKind, Values, fill_json};

/// An event that is proposed.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Which producer is to take it, counted from 0.
    pub producer: usize,
    /// The name of its kind.
    pub kind: String,
    /// Whether it must not wait behind events of other kinds.
    pub urgent: bool,
    /// Its marker, unique in the run.
    pub marker: String,
    /// The body to send, marker included.
    pub body: Value,
}

impl Proposal {
    /// The body where text is asked for, not JSON: a text as it is.
    pub fn text(&self) -> String {
        self.body.as_str().map_or_else(|| self.body.to_string(), str::to_owned)
    }
}

/// An endless sequence of events, the same for the same seed.
#[derive(Debug)]
pub struct Generator {
    random: ChaCha8Rng,
    kinds: Vec<EventKind>,
    place: Option<String>,
    producers: usize,
    prefix: String,
    proposed: u64,
}

impl Generator {
    /// A generator of the events that a contract describes, for so many producers. Generators of
    /// one run differ in their purpose, which their markers begin with.
    pub fn new(contract: &EmitContract, producers: usize, seed: Seed, purpose: &str) -> Self {
        Self {
            random: seed.stream(purpose),
            kinds: contract.kinds.clone(),
            place: contract.marker.clone(),
            producers,
            prefix: format!("{purpose}-{seed}"),
            proposed: 0,
        }
    }

    /// The next event, for a producer drawn at random.
    pub fn propose(&mut self) -> Proposal {
        let producer = self.random.random_range(0..self.producers.max(1));
        self.propose_for(producer)
    }

    /// The next event, for this producer.
    pub fn propose_for(&mut self, producer: usize) -> Proposal {
        let total: u32 = self.kinds.iter().map(|kind| kind.weight).sum();
        let mut drawn = self.random.random_range(0..total.max(1));
        let mut chosen = &self.kinds[0];
        for kind in &self.kinds {
            chosen = kind;
            if drawn < kind.weight {
                break;
            }
            drawn -= kind.weight;
        }
        self.proposed += 1;
        let marker = format!("{}-{:06}", self.prefix, self.proposed);
        let body = match &self.place {
            Some(place) => {
                let mut body = chosen.body.clone();
                put(&mut body, place, Value::String(marker.clone()));
                body
            }
            None => fill_json(&chosen.body, &Values::default().with("marker", &marker))
                .expect("a system file whose bodies ask for more is refused when it is read"),
        };
        let (kind, urgent) = (chosen.name.clone(), chosen.urgent);
        Proposal { producer, kind, urgent, marker, body }
    }
}

/// Puts a value at a JSON pointer, making the objects on the way.
fn put(body: &mut Value, pointer: &str, value: Value) {
    let mut here = body;
    for name in pointer.split('/').skip(1) {
        if !here.is_object() {
            *here = Value::Object(serde_json::Map::new());
        }
        let Value::Object(fields) = here else { return };
        here = fields.entry(name).or_insert(Value::Null);
    }
    *here = value;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::EmitWay;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn contract() -> EmitContract {
        let kind = |name: &str, weight| EventKind {
            name: name.into(),
            weight,
            urgent: false,
            body: json!({"kind": name, "metadata": {"fixed": 1}}),
        };
        EmitContract {
            to: "agent".into(),
            way: EmitWay::Http("/events".into()),
            marker: Some("/metadata/marker".into()),
            id: None,
            lane: None,
            sequence: None,
            kinds: vec![kind("often", 9), kind("seldom", 1), kind("never", 0)],
        }
    }

    fn propose(seed: u64, count: usize) -> Vec<Proposal> {
        let mut generator = Generator::new(&contract(), 3, Seed(seed), "workload");
        (0..count).map(|_| generator.propose()).collect()
    }

    #[test]
    fn the_same_seed_proposes_the_same() {
        assert_eq!(propose(7, 50), propose(7, 50));
        assert_ne!(propose(7, 50), propose(8, 50));
    }

    #[test]
    fn kinds_come_by_weight_and_every_producer_is_served() {
        let proposals = propose(1, 1000);
        let mut kinds = BTreeMap::new();
        let mut producers = BTreeMap::new();
        for proposal in &proposals {
            *kinds.entry(proposal.kind.as_str()).or_insert(0) += 1;
            *producers.entry(proposal.producer).or_insert(0) += 1;
        }
        assert!(kinds["often"] > 5 * kinds["seldom"], "{kinds:?}");
        assert!(!kinds.contains_key("never"), "{kinds:?}");
        assert_eq!(producers.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn the_marker_is_put_beside_what_the_body_holds() {
        let proposal = &propose(1, 1)[0];
        assert_eq!(proposal.body["metadata"], json!({"fixed": 1, "marker": proposal.marker}));
        assert_eq!(proposal.text(), proposal.body.to_string());
    }

    #[test]
    fn a_body_of_text_asks_for_the_marker() {
        let mut contract = contract();
        contract.marker = None;
        contract.kinds.retain(|kind| kind.name == "often");
        contract.kinds[0].body = "<13>harness: {marker}".into();
        let proposal = Generator::new(&contract, 1, Seed(1), "workload").propose();
        assert_eq!(proposal.text(), format!("<13>harness: {}", proposal.marker));
    }
}
