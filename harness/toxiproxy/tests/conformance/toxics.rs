//! What each toxic does to bytes on a real connection. What depends on time is tested beside each
//! toxic, on a clock of its own.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::support::{
    Control, Upstream, connect, echo, expect, expect_gone, expect_reset, rest, send,
};

/// Longer than any test waits, in milliseconds.
const NEVER: u64 = 3_600_000;

#[tokio::test]
async fn noop_passes_both_ways() {
    let control = Control::start().await;
    let listen = control.proxy(&echo().await).await;
    control.toxic("noop", "downstream", json!({})).await;
    let mut client = connect(&listen).await;
    send(&mut client, b"there and back").await;
    expect(&mut client, b"there and back").await;
}

#[tokio::test]
async fn latency_holds_bytes_and_a_change_counts_for_those_that_wait() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    let (mut client, mut server) = upstream.pair(&listen).await;
    control.toxic("latency", "upstream", json!({ "latency": NEVER })).await;
    send(&mut client, b"held").await;
    // The other way is free, and what goes that way comes through first.
    send(&mut server, b"free").await;
    expect(&mut client, b"free").await;
    let mut byte = [0];
    assert!(server.try_read(&mut byte).is_err(), "the bytes are still under way");
    let update = json!({ "attributes": { "latency": 0 } });
    control.ok("PATCH", "/proxies/p/toxics/t", update).await;
    expect(&mut server, b"held").await;
}

#[tokio::test]
async fn timeout_drops_data_and_closes() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    control.toxic("timeout", "upstream", json!({ "timeout": 1 })).await;
    let (mut client, mut server) = upstream.pair(&listen).await;
    drop(client.write_all(b"lost").await); // the proxy may have closed before
    assert_eq!(rest(&mut server).await, b"");
    expect_gone(&mut client).await;
}

#[tokio::test]
async fn timeout_removed_closes_the_connection() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    let (mut client, mut server) = upstream.pair(&listen).await;
    control.toxic("timeout", "upstream", json!({ "timeout": 0 })).await;
    send(&mut client, b"lost").await;
    send(&mut server, b"the other way is free").await;
    expect(&mut client, b"the other way is free").await;
    control.ok("DELETE", "/proxies/p/toxics/t", Value::Null).await;
    assert_eq!(rest(&mut server).await, b"");
    expect_gone(&mut client).await;
}

#[tokio::test]
async fn timeout_without_end_lets_a_dead_connection_go() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    control.toxic("timeout", "downstream", json!({ "timeout": 0 })).await;
    let (mut client, mut server) = upstream.pair(&listen).await;
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut server).await, b"");
    drop(server);
    expect_gone(&mut client).await;
}

#[tokio::test]
async fn timeout_without_end_lets_go_when_both_sides_are_gone() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    control.toxic("timeout", "downstream", json!({ "timeout": 0 })).await;
    let (mut client, server) = upstream.pair(&listen).await;
    drop(server);
    // More than the sockets hold: the proxy must have met the dead server, and read on.
    send(&mut client, &vec![0; 32 << 20]).await;
    client.shutdown().await.unwrap();
    expect_gone(&mut client).await;
}

#[tokio::test]
async fn reset_peer_resets_both_sides() {
    let control = Control::start().await;
    for stream in ["upstream", "downstream"] {
        let upstream = Upstream::start().await;
        let listen = control.proxy(&upstream.address).await;
        control.toxic("reset_peer", stream, json!({ "timeout": 0 })).await;
        let (mut client, mut server) = upstream.pair(&listen).await;
        expect_reset(&mut client).await;
        expect_reset(&mut server).await;
        control.ok("DELETE", "/proxies/p", Value::Null).await;
    }
}

#[tokio::test]
async fn limit_data_passes_exactly_so_many_bytes() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    control.toxic("limit_data", "downstream", json!({ "bytes": 4 })).await;
    let (mut client, mut server) = upstream.pair(&listen).await;
    send(&mut server, b"1234567").await;
    assert_eq!(rest(&mut client).await, b"1234");
    expect_gone(&mut server).await;
}

#[tokio::test]
async fn limit_data_keeps_its_count_through_an_update() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    control.toxic("limit_data", "downstream", json!({ "bytes": 100 })).await;
    let (mut client, mut server) = upstream.pair(&listen).await;
    send(&mut server, b"123").await;
    expect(&mut client, b"123").await;
    control.ok("POST", "/proxies/p/toxics/t", json!({ "attributes": { "bytes": 5 } })).await;
    send(&mut server, b"4567").await;
    assert_eq!(rest(&mut client).await, b"45");
}

#[tokio::test]
async fn bandwidth_of_nothing_holds_everything_until_it_is_raised() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    control.toxic("bandwidth", "upstream", json!({ "rate": 0 })).await;
    let (mut client, mut server) = upstream.pair(&listen).await;
    send(&mut client, b"held").await;
    let update = json!({ "attributes": { "rate": 1_000_000 } });
    control.ok("POST", "/proxies/p/toxics/t", update).await;
    expect(&mut server, b"held").await;
}

#[tokio::test]
async fn slow_close_passes_data_and_then_the_end() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    control.toxic("slow_close", "upstream", json!({ "delay": 1 })).await;
    let (mut client, mut server) = upstream.pair(&listen).await;
    send(&mut client, b"last words").await;
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut server).await, b"last words");
}

#[tokio::test]
async fn slicer_changes_no_byte() {
    let control = Control::start().await;
    let listen = control.proxy(&echo().await).await;
    let attributes = json!({ "average_size": 10, "size_variation": 5, "delay": 10 });
    control.toxic("slicer", "upstream", attributes).await;
    let mut client = connect(&listen).await;
    let bytes: Vec<u8> = (0..=255).cycle().take(3000).collect();
    send(&mut client, &bytes).await;
    expect(&mut client, &bytes).await;
}

#[tokio::test]
async fn toxicity_0_leaves_every_connection_alone() {
    let control = Control::start().await;
    let listen = control.proxy(&echo().await).await;
    for kind in ["reset_peer", "timeout", "limit_data"] {
        let new = json!({ "type": kind, "stream": "upstream", "toxicity": 0 });
        control.ok("POST", "/proxies/p/toxics", new).await;
    }
    for _ in 0..20 {
        let mut client = connect(&listen).await;
        send(&mut client, b"unharmed").await;
        expect(&mut client, b"unharmed").await;
    }
}
