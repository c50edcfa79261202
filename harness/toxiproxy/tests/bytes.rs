//! Bytes out equal bytes in, in order, whatever toxics come, change and go meanwhile, as long as none
//! of them means to drop.

mod support;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use toxiproxy::{Direction, NewProxy, NewToxic, Proxies, ToxicUpdate};

use support::{connect, echo, soon};

const SEED: u64 = 20_260;

/// What happens to the toxics between two pieces of data. A slot is a name, so that changes and
/// removals meet toxics that are there, and additions some that are there already.
#[derive(Clone, Debug)]
enum Change {
    Add { slot: u8, direction: Direction, toxicity: f32, toxic: Harmless },
    Update { slot: u8, toxicity: f32, toxic: Harmless },
    Remove { slot: u8 },
}

#[derive(Clone, Debug)]
struct Harmless {
    kind: &'static str,
    attributes: Vec<(&'static str, i64)>,
}

impl Harmless {
    fn attributes(&self) -> Map<String, Value> {
        let named = self.attributes.iter();
        named.map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
    }
}

fn harmless() -> impl Strategy<Value = Harmless> {
    prop_oneof![
        Just(("noop", vec![])),
        (0..5i64, 0..5i64).prop_map(|(latency, jitter)| {
            ("latency", vec![("latency", latency), ("jitter", jitter)])
        }),
        (10_000..100_000i64).prop_map(|rate| ("bandwidth", vec![("rate", rate)])),
        (0..5i64).prop_map(|delay| ("slow_close", vec![("delay", delay)])),
        (500..3000i64, 0..500i64, 0..10i64).prop_map(|(average, variation, delay)| {
            let sizes = [("average_size", average), ("size_variation", variation)];
            ("slicer", [&sizes[..], &[("delay", delay)]].concat())
        }),
    ]
    .prop_map(|(kind, attributes)| Harmless { kind, attributes })
}

fn toxicity() -> impl Strategy<Value = f32> {
    prop_oneof![Just(1.0), Just(0.0), Just(0.5)]
}

fn change() -> impl Strategy<Value = Change> {
    let slot = 0..4u8;
    let direction = prop_oneof![Just(Direction::ToServer), Just(Direction::ToClient)];
    prop_oneof![
        3 => (slot.clone(), direction, toxicity(), harmless()).prop_map(
            |(slot, direction, toxicity, toxic)| Change::Add { slot, direction, toxicity, toxic }
        ),
        2 => (slot.clone(), toxicity(), harmless())
            .prop_map(|(slot, toxicity, toxic)| Change::Update { slot, toxicity, toxic }),
        2 => slot.prop_map(|slot| Change::Remove { slot }),
    ]
}

/// Sends `pieces` through a proxy before an echo, each followed by a change. Returns what was sent and
/// what came back.
async fn through(pieces: Vec<(usize, Change)>) -> (Vec<u8>, Vec<u8>) {
    let proxies = Proxies::new(SEED);
    let new = NewProxy::new("p", "127.0.0.1:0", echo().await);
    let listen = proxies.create(new).await.unwrap().listen;
    let (mut read, mut write) = connect(&listen).await.into_split();
    let reader = tokio::spawn(async move {
        let mut got = Vec::new();
        read.read_to_end(&mut got).await.unwrap();
        got
    });
    let mut sent = Vec::new();
    for (size, change) in pieces {
        let piece: Vec<u8> = (0..size).map(|index| ((sent.len() + index) / 7) as u8).collect();
        soon("sending", write.write_all(&piece)).await.unwrap();
        sent.extend(piece);
        apply(&proxies, &change);
    }
    soon("the half-close", write.shutdown()).await.unwrap();
    let got = soon("everything to come back", reader).await.unwrap();
    (sent, got)
}

/// A change that meets no toxic of its slot, or one of another type, is refused: that is no fault.
fn apply(proxies: &Proxies, change: &Change) {
    let name = |slot: &u8| format!("t{slot}");
    match change {
        Change::Add { slot, direction, toxicity, toxic } => {
            let new = NewToxic::new(toxic.kind, *direction, toxic.attributes());
            let new = NewToxic { name: Some(name(slot)), toxicity: Some(*toxicity), ..new };
            drop(proxies.add_toxic("p", new));
        }
        Change::Update { slot, toxicity, toxic } => {
            let attributes = Some(toxic.attributes());
            let update = ToxicUpdate { toxicity: Some(*toxicity), attributes };
            drop(proxies.update_toxic("p", &name(slot), &update));
        }
        Change::Remove { slot } => {
            drop(proxies.remove_toxic("p", &name(slot)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        rng_seed: RngSeed::Fixed(SEED),
        failure_persistence: None,
        max_shrink_time: 60_000, // a case that hangs takes a whole deadline
        ..ProptestConfig::default()
    })]

    #[test]
    fn bytes_out_are_bytes_in(pieces in prop::collection::vec((0..60_000usize, change()), 1..24)) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (sent, got) = runtime.block_on(through(pieces));
        let same = sent == got;
        prop_assert!(same, "seed {SEED}: {} bytes of {} came back, or others", got.len(), sent.len());
    }
}
