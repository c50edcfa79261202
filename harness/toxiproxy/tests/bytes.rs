//! Bytes out equal bytes in, in order, whatever toxics come, change and go meanwhile, as long as none
//! of them means to drop.

mod support;

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use toxiproxy::{Direction, Metrics, NewProxy, NewToxic, Proxies, ToxicUpdate};

use support::{connect, echo, expect, send, soon};

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
    attributes: Vec<(&'static str, Value)>,
}

impl Harmless {
    fn attributes(&self) -> Map<String, Value> {
        let named = self.attributes.iter();
        named.map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }
}

/// Toxics that drop and change nothing. Those that act on new connections belong here, as the
/// connection is an open one; so does a cut that never comes to its message.
fn harmless() -> impl Strategy<Value = Harmless> {
    let numbers = prop_oneof![
        Just(("noop", vec![])),
        (0..5i64, 0..5i64).prop_map(|(latency, jitter)| {
            ("latency", vec![("latency", latency), ("jitter", jitter)])
        }),
        (100_000..1_000_000i64).prop_map(|rate| ("bandwidth", vec![("rate", rate)])),
        (0..5i64).prop_map(|delay| ("slow_close", vec![("delay", delay)])),
        (5000..30_000i64, 0..5000i64, 0..10i64).prop_map(|(average, variation, delay)| {
            let sizes = [("average_size", average), ("size_variation", variation)];
            ("slicer", [&sizes[..], &[("delay", delay)]].concat())
        }),
        Just(("corrupt", vec![("bytes_per_million", 0)])),
        Just(("refuse", vec![])),
        Just(("slow_accept", vec![("delay", 1000)])),
    ];
    let numbers = numbers.prop_map(|(kind, attributes)| {
        let named = attributes.into_iter().map(|(name, value)| (name, Value::from(value)));
        Harmless { kind, attributes: named.collect() }
    });
    let cut = prop_oneof![Just("postgresql"), Just("http")].prop_map(|protocol| {
        let attributes = vec![("protocol", protocol.into()), ("message", i64::MAX.into())];
        Harmless { kind: "cut", attributes }
    });
    prop_oneof![8 => numbers, 1 => cut]
}

/// How much is sent before a change: next to nothing, some, or so much that it is spliced.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![2 => 0..200usize, 4 => 0..60_000usize, 2 => 300_000..900_000usize]
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

/// A client's connection through a new proxy before an echo. It stands: a byte has been through.
async fn connection() -> (Proxies, TcpStream) {
    let proxies = Proxies::new(SEED);
    let new = NewProxy::new("p", "127.0.0.1:0", echo().await);
    let listen = proxies.create(new).await.unwrap().listen;
    let mut client = connect(&listen).await;
    send(&mut client, b"!").await;
    expect(&mut client, b"!").await;
    (proxies, client)
}

/// The bytes that the kernel moved alone.
fn spliced(proxies: &Proxies) -> u64 {
    let text = Metrics { proxies: true, runtime: false }.render(proxies).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("toxiproxy_proxy_spliced"));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// What the byte at this place of the stream is.
fn byte(at: usize) -> u8 {
    (at / 7 + at / 9973) as u8
}

/// Sends `pieces` through a proxy before an echo, each followed by a change. Returns what was sent,
/// what came back, and how many bytes of both ways the kernel moved.
async fn through(pieces: Vec<(usize, Change)>) -> (Vec<u8>, Vec<u8>, u64) {
    let (proxies, client) = connection().await;
    let (mut read, mut write) = client.into_split();
    let reader = tokio::spawn(async move {
        let mut got = Vec::new();
        read.read_to_end(&mut got).await.unwrap();
        got
    });
    let mut sent = Vec::new();
    for (size, change) in pieces {
        let piece: Vec<u8> = (0..size).map(|index| byte(sent.len() + index)).collect();
        soon("sending", write.write_all(&piece)).await.unwrap();
        sent.extend(piece);
        apply(&proxies, &change);
    }
    soon("the half-close", write.shutdown()).await.unwrap();
    let got = soon("everything to come back", reader).await.unwrap();
    (sent, got, spliced(&proxies))
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

#[test]
fn bytes_out_are_bytes_in() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = ProptestConfig {
        cases: 48,
        rng_seed: RngSeed::Fixed(SEED),
        failure_persistence: None,
        max_shrink_time: 60_000, // a case that hangs takes a whole deadline
        ..ProptestConfig::default()
    };
    let mut by_the_kernel = 0;
    let moved = RefCell::new(&mut by_the_kernel);
    let pieces = prop::collection::vec((size(), change()), 1..24);
    let result = TestRunner::new(config).run(&pieces, |pieces| {
        let (sent, got, spliced) = runtime.block_on(through(pieces));
        **moved.borrow_mut() += spliced;
        let same = sent == got;
        prop_assert!(same, "{} bytes of {} came back, or others", got.len(), sent.len());
        Ok(())
    });
    assert!(result.is_ok(), "seed {SEED}: {}", result.unwrap_err());
    assert!(by_the_kernel > 0 || !cfg!(target_os = "linux"), "no case came to splice");
}

/// Bulk goes into the pipe, and what is small comes out of it again, on one connection.
#[tokio::test(flavor = "multi_thread")]
async fn bulk_and_small_messages_take_turns() {
    const BULK: usize = 8 << 20;
    const SMALL: usize = 100;
    let (proxies, mut client) = connection().await;
    let bulk: Vec<u8> = (0..BULK).map(byte).collect();
    for round in 0..3 {
        let (mut read, mut write) = client.split();
        let mut got = vec![0; BULK];
        let (sent, read) = soon("the bulk", async {
            tokio::join!(write.write_all(&bulk), read.read_exact(&mut got))
        })
        .await;
        assert!(sent.is_ok() && read.is_ok() && got == bulk, "round {round}");
        for at in 0..SMALL {
            let message = [byte(at), byte(at + 1), byte(at + 2)];
            send(&mut client, &message).await;
            expect(&mut client, &message).await;
        }
        // More than can leave the pipe before it is given up.
        let by_the_kernel = spliced(&proxies);
        for at in 0..SMALL {
            send(&mut client, &[byte(at)]).await;
            expect(&mut client, &[byte(at)]).await;
        }
        assert_eq!(spliced(&proxies), by_the_kernel, "round {round}");
        assert!(by_the_kernel > 0 || !cfg!(target_os = "linux"), "round {round}");
    }
}

/// What waits in the pipe for a receiver that does not read has passed the toxics that come then.
#[tokio::test(flavor = "multi_thread")]
async fn a_toxic_added_in_mid_splice_loses_nothing() {
    const BULK: usize = 32 << 20;
    let (proxies, client) = connection().await;
    let (mut read, mut write) = client.into_split();
    let bulk: Vec<u8> = (0..BULK).map(byte).collect();
    let expected = bulk.clone();
    let sender = tokio::spawn(async move {
        write.write_all(&bulk).await.unwrap();
        write.shutdown().await.unwrap();
    });
    // Nobody reads yet: everything on the way fills up, the pipes too.
    soon("bulk to be spliced", async {
        while spliced(&proxies) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for direction in [Direction::ToServer, Direction::ToClient] {
        let attributes =
            Harmless { kind: "slicer", attributes: vec![("average_size", 9000.into())] };
        proxies
            .add_toxic("p", NewToxic::new("slicer", direction, attributes.attributes()))
            .unwrap();
    }
    let mut got = vec![0; BULK / 2];
    soon("one half", read.read_exact(&mut got)).await.unwrap();
    for name in ["slicer_upstream", "slicer_downstream"] {
        proxies.remove_toxic("p", name).unwrap();
    }
    soon("the other half", read.read_to_end(&mut got)).await.unwrap();
    sender.await.unwrap();
    assert!(got == expected, "{} bytes of {BULK} came, or others", got.len());
}
