//! The toxics that Toxiproxy has not.

use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use toxiproxy::{Counted, Cut, CutAction, Direction, Protocol};

use crate::support::{
    Control, Upstream, connect, echo, expect, expect_gone, expect_reset, rest, send, soon,
};

/// Longer than any test waits, in milliseconds.
const NEVER: u64 = 3_600_000;

const BEGIN: &[u8] = b"Q\0\0\0\x0aBEGIN\0";
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";
const BEGUN: &[u8] = b"C\0\0\0\x0aBEGIN\0Z\0\0\0\x05T";
const COMMITTED: &[u8] = b"C\0\0\0\x0bCOMMIT\0Z\0\0\0\x05I";

#[tokio::test]
async fn get_extensions_names_them() {
    let control = Control::start().await;
    let expected = json!(["corrupt", "cut", "refuse", "slow_accept"]);
    assert_eq!(control.get("/extensions").await, expected);
    control.proxy("127.0.0.1:1").await;
    for kind in expected.as_array().unwrap() {
        let new = json!({ "type": kind, "attributes": { "message": 1 } });
        control.ok("POST", "/proxies/p/toxics", new).await;
    }
}

#[tokio::test]
async fn corrupt_changes_bytes_and_keeps_their_number() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    control.toxic("corrupt", "downstream", json!({ "bytes_per_million": 1_000_000 })).await;
    let (mut client, mut server) = upstream.pair(&listen).await;
    send(&mut server, &[0; 100]).await;
    let mut got = [0; 100];
    soon("the bytes", client.read_exact(&mut got)).await.unwrap();
    assert!(got.iter().all(|byte| byte.count_ones() == 1), "{got:?}");
    let senseless = json!({ "attributes": { "bytes_per_million": -1 } });
    assert_eq!(control.call("PATCH", "/proxies/p/toxics/t", senseless).await.0, 400);
}

#[tokio::test]
async fn refuse_resets_its_share_of_new_connections() {
    let control = Control::start().await;
    let listen = control.proxy(&echo().await).await;
    let mut open = connect(&listen).await;
    send(&mut open, b"open").await;
    expect(&mut open, b"open").await;
    let new = json!({ "name": "t", "type": "refuse", "toxicity": 0.5 });
    control.ok("POST", "/proxies/p/toxics", new).await;
    let mut refused = 0;
    for _ in 0..32 {
        let mut client = connect(&listen).await;
        let mut byte = [0];
        drop(client.try_write(b"x")); // fails when the reset has come already
        refused += u32::from(soon("echo or reset", client.read_exact(&mut byte)).await.is_err());
    }
    assert!((8..=24).contains(&refused), "{refused} of 32");
    send(&mut open, b"still open").await;
    expect(&mut open, b"still open").await;
}

#[tokio::test]
async fn refuse_asks_nothing_of_the_upstream() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    control.toxic("refuse", "downstream", json!({})).await;
    expect_reset(&mut connect(&listen).await).await;
    control.ok("DELETE", "/proxies/p/toxics/t", Value::Null).await;
    let (mut client, mut server) = upstream.pair(&listen).await;
    send(&mut client, b"first").await;
    expect(&mut server, b"first").await;
}

#[tokio::test]
async fn slow_accept_lets_new_connections_wait_until_it_is_removed() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    let (mut open, mut server) = upstream.pair(&listen).await;
    control.toxic("slow_accept", "downstream", json!({ "delay": NEVER })).await;
    let mut waiting = connect(&listen).await;
    send(&mut waiting, b"patience").await;
    send(&mut open, b"open").await;
    expect(&mut server, b"open").await;
    let mut byte = [0];
    assert!(waiting.try_read(&mut byte).is_err(), "neither served nor closed");
    control.ok("DELETE", "/proxies/p/toxics/t", Value::Null).await;
    let mut server = upstream.accept().await;
    expect(&mut server, b"patience").await;
    control.toxic("slow_accept", "downstream", json!({ "delay": NEVER })).await;
    let mut waiting = connect(&listen).await;
    control.ok("PATCH", "/proxies/p", json!({ "enabled": false })).await;
    expect_gone(&mut waiting).await;
}

/// A client's and a server's end of a connection on which PostgreSQL is spoken, from the start.
async fn postgresql(upstream: &Upstream, listen: &str) -> (TcpStream, TcpStream) {
    let (mut client, mut server) = upstream.pair(listen).await;
    for (from_client, bytes) in [
        (true, &b"\0\0\0\x08\x04\xd2\x16\x2f"[..]), // may it be encrypted?
        (false, b"N"),
        (true, b"\0\0\0\x11\0\x03\0\0user\0me\0\0"),
        (false, b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"),
    ] {
        let (from, to) =
            if from_client { (&mut client, &mut server) } else { (&mut server, &mut client) };
        send(from, bytes).await;
        expect(to, bytes).await;
    }
    (client, server)
}

async fn begins(client: &mut TcpStream, server: &mut TcpStream) {
    send(client, BEGIN).await;
    expect(server, BEGIN).await;
    send(server, BEGUN).await;
    expect(client, BEGUN).await;
}

#[tokio::test]
async fn cut_closes_at_a_message_once() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    control.toxic("cut", "upstream", json!({ "protocol": "postgresql", "message": 2 })).await;
    let (mut client, mut server) = postgresql(&upstream, &listen).await;
    begins(&mut client, &mut server).await;
    send(&mut client, COMMIT).await;
    assert_eq!(rest(&mut server).await, b"");
    expect_gone(&mut client).await;

    let (mut client, mut server) = postgresql(&upstream, &listen).await;
    begins(&mut client, &mut server).await;
    send(&mut client, COMMIT).await;
    expect(&mut server, COMMIT).await;
    let report = control.proxies.watch_cut("p", "t").unwrap().borrow().clone();
    assert_eq!((report.messages, report.cut_at.as_deref()), (4, Some("COMMIT")));
}

#[tokio::test]
async fn cut_holds_at_a_message_until_it_is_removed() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    let (mut client, mut server) = postgresql(&upstream, &listen).await;
    control.toxic("cut", "downstream", json!({ "message": 2, "action": "hold" })).await;
    send(&mut server, BEGUN).await;
    expect(&mut client, &BEGUN[..11]).await;
    send(&mut client, b"the other way is free").await;
    expect(&mut server, b"the other way is free").await;
    assert!(client.try_read(&mut [0]).is_err(), "the second message is held");
    control.ok("DELETE", "/proxies/p/toxics/t", Value::Null).await;
    expect(&mut client, &BEGUN[11..]).await;
}

/// Between a COMMIT and its answer: the server commits, and nobody hears of it.
#[tokio::test]
async fn cut_drops_the_answer_of_a_statement() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    let cut = Cut {
        protocol: Protocol::Postgresql,
        count: Counted::Statements,
        starting_with: "commit".to_owned(),
        message: 1,
        action: CutAction::DropAnswer,
    };
    let made = control.proxies.add_toxic("p", cut.toxic(Direction::ToServer)).unwrap();
    let mut report = control.proxies.watch_cut("p", &made.name).unwrap();
    let (mut client, mut server) = postgresql(&upstream, &listen).await;
    begins(&mut client, &mut server).await;
    send(&mut client, COMMIT).await;
    expect(&mut server, COMMIT).await;
    soon("the cut", report.wait_for(|report| report.cut_at.is_some())).await.unwrap();
    send(&mut server, &COMMITTED[..12]).await;
    send(&mut client, b"server is still there").await;
    expect(&mut server, b"server is still there").await;
    send(&mut server, &COMMITTED[12..]).await;
    assert_eq!(rest(&mut client).await, b"");
    expect_gone(&mut server).await;
}

#[tokio::test]
async fn cut_knows_http() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    let attributes = json!({
        "protocol": "http", "message": 2, "starting_with": "POST ", "action": "drop_answer",
    });
    control.toxic("cut", "upstream", attributes).await;
    let (mut client, mut server) = upstream.pair(&listen).await;
    let question = b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi";
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    send(&mut client, question).await;
    expect(&mut server, question).await;
    send(&mut server, answer).await;
    expect(&mut client, answer).await;
    send(&mut client, question).await;
    expect(&mut server, question).await;
    drop(server.try_write(answer));
    assert_eq!(rest(&mut client).await, b"");
}

#[tokio::test]
async fn cut_refuses_senseless_attributes() {
    let control = Control::start().await;
    control.proxy("127.0.0.1:1").await;
    for (attributes, what) in [
        (json!({}), "message is 0"),
        (json!({ "message": 1, "protocol": "smtp" }), "unknown variant `smtp`"),
        (json!({ "message": 1, "action": "explode" }), "unknown variant `explode`"),
    ] {
        let new = json!({ "type": "cut", "attributes": attributes });
        let (status, body) = control.call("POST", "/proxies/p/toxics", new).await;
        assert_eq!(status, 400);
        assert!(body["error"].as_str().unwrap().contains(what), "{body}");
    }
}
