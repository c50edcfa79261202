//! Known faults of Toxiproxy, and what this proxy does in their place.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{
    Control, Upstream, connect, echo, expect, expect_gone, expect_reset, rest, send,
};

/// More than the sockets between a sender and a receiver that does not read can hold.
const BULK: usize = 32 << 20;

#[tokio::test]
async fn deleting_a_toxic_under_load_answers_and_loses_nothing() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    control.toxic("latency", "upstream", json!({ "latency": 3_600_000 })).await;
    let (mut client, mut server) = upstream.pair(&listen).await;
    let sender = tokio::spawn(async move {
        let bytes: Vec<u8> = (0..BULK).map(|index| (index / 251) as u8).collect();
        client.write_all(&bytes).await.unwrap();
        client.shutdown().await.unwrap();
        (client, bytes)
    });
    // Nobody reads at the far end: everything between is full, or becomes so meanwhile.
    for _ in 0..50 {
        control.ok("DELETE", "/proxies/p/toxics/t", Value::Null).await;
        control.toxic("latency", "upstream", json!({ "latency": 3_600_000 })).await;
    }
    control.ok("DELETE", "/proxies/p/toxics/t", Value::Null).await;
    let got = rest(&mut server).await;
    let (_client, sent) = sender.await.unwrap();
    assert!(got == sent, "{} bytes came of {}, or others", got.len(), sent.len());
}

/// A toxic that always has a next piece due keeps neither the control calls nor the thread.
#[tokio::test]
async fn a_toxic_that_never_rests_blocks_no_control_call() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    control.toxic("slicer", "upstream", json!({ "average_size": 1, "delay": 1 })).await;
    let (mut client, mut server) = upstream.pair(&listen).await;
    let bytes: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    send(&mut client, &bytes).await;
    client.shutdown().await.unwrap();
    control.ok("DELETE", "/proxies/p/toxics/t", Value::Null).await;
    assert!(rest(&mut server).await == bytes);
}

#[tokio::test]
async fn removing_a_toxic_loses_no_byte_in_flight() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    control.toxic("latency", "upstream", json!({ "latency": 3_600_000 })).await;
    let (mut client, mut server) = upstream.pair(&listen).await;
    send(&mut client, b"in flight").await;
    client.shutdown().await.unwrap();
    control.ok("DELETE", "/proxies/p/toxics/t", Value::Null).await;
    assert_eq!(rest(&mut server).await, b"in flight");
}

/// Which of 32 connections a toxic of toxicity 0.5 cuts off, with or without other toxics coming and
/// going while they are open.
async fn drawn(seed: u64, disturbed: bool) -> Vec<bool> {
    let control = Control::with_seed(seed).await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    let toxic = json!({
        "name": "cut", "type": "limit_data", "toxicity": 0.5, "attributes": { "bytes": 1 },
    });
    control.ok("POST", "/proxies/p/toxics", toxic).await;
    let mut pairs = Vec::new();
    for _ in 0..32 {
        pairs.push(upstream.pair(&listen).await);
    }
    if disturbed {
        control.toxic("noop", "downstream", json!({})).await;
        control.ok("PATCH", "/proxies/p/toxics/cut", json!({})).await;
        control.ok("DELETE", "/proxies/p/toxics/t", Value::Null).await;
    }
    let mut cut = Vec::new();
    for (client, server) in &mut pairs {
        send(server, b"ab").await;
        server.shutdown().await.unwrap();
        cut.push(rest(client).await == b"a");
    }
    cut
}

#[tokio::test]
async fn toxicity_stays_as_drawn_when_the_chain_changes() {
    let undisturbed = drawn(1, false).await;
    assert!(undisturbed.contains(&true) && undisturbed.contains(&false));
    assert_eq!(drawn(1, true).await, undisturbed);
}

#[tokio::test]
async fn the_seed_draws_the_same_again() {
    let first = drawn(2, false).await;
    assert_eq!(drawn(2, false).await, first);
    assert_ne!(drawn(3, false).await, first);
}

#[tokio::test]
async fn reset_peer_added_to_an_open_connection_resets_it() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    let (mut client, mut server) = upstream.pair(&listen).await;
    send(&mut client, b"open").await;
    expect(&mut server, b"open").await;
    control.toxic("reset_peer", "downstream", json!({})).await;
    expect_reset(&mut client).await;
    expect_reset(&mut server).await;
}

#[tokio::test]
async fn reset_peer_with_toxicity_0_leaves_an_open_connection_alone() {
    let control = Control::start().await;
    let listen = control.proxy(&echo().await).await;
    let mut client = connect(&listen).await;
    let new = json!({ "type": "reset_peer", "toxicity": 0 });
    control.ok("POST", "/proxies/p/toxics", new).await;
    send(&mut client, b"unharmed").await;
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut client).await, b"unharmed");
}

#[tokio::test]
async fn slicer_and_bandwidth_refuse_senseless_attributes() {
    let control = Control::start().await;
    control.proxy("127.0.0.1:1").await;
    for (kind, attributes, what) in [
        ("slicer", json!({}), "average_size is 0"),
        ("slicer", json!({ "average_size": 5, "size_variation": 6 }), "size_variation is 6"),
        ("bandwidth", json!({ "rate": -1 }), "rate is -1"),
    ] {
        let new = json!({ "type": kind, "attributes": attributes });
        let (status, body) = control.call("POST", "/proxies/p/toxics", new).await;
        assert_eq!(status, 400);
        assert!(body["error"].as_str().unwrap().contains(what), "{body}");
    }
    control.toxic("bandwidth", "upstream", json!({ "rate": 1 })).await;
    let update = json!({ "attributes": { "rate": -1 } });
    assert_eq!(control.call("PATCH", "/proxies/p/toxics/t", update).await.0, 400);
    let kept = control.get("/proxies/p/toxics/t").await;
    assert_eq!(kept["attributes"], json!({ "rate": 1 }));
}

#[tokio::test]
async fn toxics_given_with_a_proxy_are_made_with_it() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let reset = json!([{ "type": "reset_peer" }]);
    for (index, path) in ["/proxies", "/populate"].into_iter().enumerate() {
        let name = format!("p{index}");
        let new = json!({
            "name": name, "listen": "127.0.0.1:0", "upstream": upstream.address, "toxics": reset,
        });
        let body = if path == "/populate" { json!([new]) } else { new };
        control.ok("POST", path, body).await;
        let made = control.get(&format!("/proxies/{name}")).await;
        assert_eq!(made["toxics"][0]["name"], "reset_peer_downstream", "{path}");
        let (mut client, _server) = upstream.pair(made["listen"].as_str().unwrap()).await;
        expect_reset(&mut client).await;
    }
}

#[tokio::test]
async fn a_wrong_toxic_given_with_a_proxy_makes_nothing() {
    let control = Control::start().await;
    let new = json!({ "name": "p", "upstream": "a:1", "toxics": [{ "type": "nope" }] });
    control.fails("POST", "/proxies", new, 400, "invalid toxic type").await;
    assert_eq!(control.get("/proxies").await, json!({}));
}

/// A listener that answers nobody: its queue of one is full.
async fn silent() -> (tokio::net::TcpListener, Vec<tokio::task::JoinHandle<()>>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let (filled, mut first) = tokio::sync::mpsc::channel(1);
    let fillers = (0..8)
        .map(|_| {
            let filled = filled.clone();
            tokio::spawn(async move {
                let connection = TcpStream::connect(address).await;
                filled.send(()).await.ok();
                std::future::pending::<()>().await;
                drop(connection);
            })
        })
        .collect();
    crate::support::soon("a first connection", first.recv()).await.unwrap();
    (listener, fillers)
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_blocks_no_control_call() {
    let control = Control::start().await;
    let (listener, fillers) = silent().await;
    let listen = control.proxy(&listener.local_addr().unwrap().to_string()).await;
    let mut waiting = connect(&listen).await;
    let mut also_waiting = connect(&listen).await;
    control.ok("PATCH", "/proxies/p", json!({ "upstream": echo().await })).await;
    expect_gone(&mut waiting).await;
    expect_gone(&mut also_waiting).await;
    let mut client = connect(&listen).await;
    send(&mut client, b"served").await;
    expect(&mut client, b"served").await;
    fillers.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_half_close_is_passed_on() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    let (mut client, mut server) = upstream.pair(&listen).await;
    send(&mut client, b"question").await;
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut server).await, b"question");
    send(&mut server, b"answer").await;
    server.shutdown().await.unwrap();
    assert_eq!(rest(&mut client).await, b"answer");
}

#[tokio::test]
async fn the_end_of_the_server_closes_every_proxy() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    let (mut client, _server) = upstream.pair(&listen).await;
    control.stop().await;
    expect_gone(&mut client).await;
    let refused = TcpStream::connect(&listen).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}
