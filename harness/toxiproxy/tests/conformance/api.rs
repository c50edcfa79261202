//! The rows of the API table, and the rules beside it.

use serde_json::{Value, json};

use toxiproxy::Metrics;

use crate::support::{
    Control, SEED, Upstream, connect, echo, expect, expect_gone, listen_of, send,
};

fn example() -> Value {
    json!({ "name": "p", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1" })
}

#[tokio::test]
async fn get_proxies() {
    let control = Control::start().await;
    assert_eq!(control.get("/proxies").await, json!({}));
    let made = control.ok("POST", "/proxies", example()).await;
    assert_eq!(control.get("/proxies").await, json!({ "p": made }));
}

#[tokio::test]
async fn post_proxies() {
    let control = Control::start().await;
    let (status, made) = control.call("POST", "/proxies", example()).await;
    assert_eq!(status, 201);
    assert_eq!(made["toxics"], json!([]));
    assert_eq!(made["enabled"], json!(true));
    assert_ne!(listen_of(&made), "127.0.0.1:0", "the port that was really bound");
    connect(&listen_of(&made)).await;
}

#[tokio::test]
async fn post_proxies_refused() {
    let control = Control::start().await;
    let made = control.ok("POST", "/proxies", example()).await;
    let refused = async |body, status, error| {
        control.fails("POST", "/proxies", body, status, error).await;
    };
    refused(json!({ "upstream": "a:1" }), 400, "missing required field: name").await;
    refused(json!({ "name": "q" }), 400, "missing required field: upstream").await;
    refused(example(), 409, "proxy already exists").await;
    let (status, body) = control.call("POST", "/proxies", json!([1])).await;
    assert_eq!(status, 400);
    assert!(body["error"].as_str().unwrap().starts_with("bad request body: "), "{body}");
    let taken = json!({ "name": "q", "listen": made["listen"], "upstream": "a:1" });
    let (status, body) = control.call("POST", "/proxies", taken).await;
    assert_eq!((status, &body["status"]), (500, &json!(500)));
    assert!(body["error"].as_str().unwrap().contains(&listen_of(&made)), "{body}");
    assert!(control.get("/proxies").await.get("q").is_none(), "nothing was made");
}

#[tokio::test]
async fn post_populate() {
    let control = Control::start().await;
    let list = json!([example(), { "name": "off", "upstream": "127.0.0.1:1", "enabled": false }]);
    let (status, body) = control.call("POST", "/populate", list).await;
    assert_eq!(status, 201);
    assert_eq!(body["proxies"][0]["name"], "p");
    assert_eq!(body["proxies"][1]["enabled"], json!(false));
    let empty = control.ok("POST", "/populate", json!([])).await;
    assert_eq!(empty, json!({ "proxies": null }));
}

#[tokio::test]
async fn post_populate_refused() {
    let control = Control::start().await;
    let list = json!([example(), { "name": "q" }]);
    let (status, body) = control.call("POST", "/populate", list).await;
    let error = "missing required field: upstream at proxy 2";
    assert_eq!(status, 400);
    assert_eq!(body, json!({ "error": error, "status": 400, "proxies": null }));
    assert_eq!(control.get("/proxies").await, json!({}));

    let mut taken = control.ok("POST", "/proxies", example()).await;
    taken["name"] = json!("r");
    let list = json!([{ "name": "q", "listen": "127.0.0.1:0", "upstream": "a:1" }, taken]);
    let (status, body) = control.call("POST", "/populate", list).await;
    assert_eq!((status, &body["status"]), (500, &json!(500)));
    assert_eq!(body["proxies"][0]["name"], "q", "what was made stands beside the error");
}

#[tokio::test]
async fn populate_leaves_what_is_the_same_and_replaces_the_rest() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    control.toxic("noop", "upstream", json!({})).await;
    let (mut client, mut server) = upstream.pair(&listen).await;

    let port = listen.rsplit(':').next().unwrap();
    let by_name = format!("localhost:{port}");
    let same = json!([{ "name": "p", "listen": by_name, "upstream": upstream.address }]);
    let body = control.ok("POST", "/populate", same).await;
    assert_eq!(body["proxies"][0]["toxics"][0]["name"], "t");
    send(&mut client, b"still open").await;
    expect(&mut server, b"still open").await;

    let other = json!([{ "name": "p", "listen": listen, "upstream": echo().await }]);
    let body = control.ok("POST", "/populate", other).await;
    assert_eq!(body["proxies"][0]["toxics"], json!([]));
    assert_eq!(listen_of(&body["proxies"][0]), listen);
    expect_gone(&mut client).await;
}

#[tokio::test]
async fn get_proxy() {
    let control = Control::start().await;
    let made = control.ok("POST", "/proxies", example()).await;
    assert_eq!(control.get("/proxies/p").await, made);
    control.fails("GET", "/proxies/q", Value::Null, 404, "proxy not found").await;
}

#[tokio::test]
async fn post_or_patch_proxy() {
    let control = Control::start().await;
    let made = control.ok("POST", "/proxies", example()).await;
    for method in ["POST", "PATCH"] {
        let update = json!({ "name": "other", "upstream": format!("{method}:1") });
        let (status, body) = control.call(method, "/proxies/p", update).await;
        assert_eq!(status, 200);
        assert_eq!(body["name"], "p", "a name in the body is ignored");
        assert_eq!(body["upstream"], json!(format!("{method}:1")));
        assert_eq!(body["listen"], made["listen"]);
        control.fails(method, "/proxies/q", json!({}), 404, "proxy not found").await;
    }
}

#[tokio::test]
async fn a_change_of_upstream_drops_connections_and_keeps_toxics() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    control.toxic("noop", "upstream", json!({})).await;
    let (mut client, mut server) = upstream.pair(&listen).await;
    let body = control.ok("POST", "/proxies/p", json!({ "upstream": echo().await })).await;
    assert_eq!(body["toxics"][0]["name"], "t");
    expect_gone(&mut client).await;
    expect_gone(&mut server).await;
    let mut client = connect(&listen).await;
    send(&mut client, b"there").await;
    expect(&mut client, b"there").await;
}

#[tokio::test]
async fn enabled_false_closes_listener_and_connections_and_true_takes_the_same_port() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    for _ in 0..20 {
        let (mut client, mut server) = upstream.pair(&listen).await;
        let body = control.ok("POST", "/proxies/p", json!({ "enabled": false })).await;
        assert_eq!(body["enabled"], json!(false));
        expect_gone(&mut client).await;
        expect_gone(&mut server).await;
        let refused = tokio::net::TcpStream::connect(&listen).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        let body = control.ok("POST", "/proxies/p", json!({ "enabled": true })).await;
        assert_eq!(listen_of(&body), listen);
    }
}

#[tokio::test]
async fn delete_proxy() {
    let control = Control::start().await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    let (mut client, _server) = upstream.pair(&listen).await;
    assert_eq!(control.call("DELETE", "/proxies/p", Value::Null).await, (204, Value::Null));
    expect_gone(&mut client).await;
    control.fails("DELETE", "/proxies/p", Value::Null, 404, "proxy not found").await;
}

#[tokio::test]
async fn get_toxics() {
    let control = Control::start().await;
    control.proxy("127.0.0.1:1").await;
    assert_eq!(control.get("/proxies/p/toxics").await, json!([]));
    control.toxic("noop", "upstream", json!({})).await;
    assert_eq!(control.get("/proxies/p/toxics").await[0]["name"], "t");
    control.fails("GET", "/proxies/q/toxics", Value::Null, 404, "proxy not found").await;
}

#[tokio::test]
async fn post_toxics() {
    let control = Control::start().await;
    control.proxy("127.0.0.1:1").await;
    let new = json!({ "type": "latency", "attributes": { "latency": 5, "unknown": 1 } });
    let (status, body) = control.call("POST", "/proxies/p/toxics", new).await;
    assert_eq!(status, 200);
    let expected = json!({
        "name": "latency_downstream", "type": "latency", "stream": "downstream", "toxicity": 1.0,
        "attributes": { "latency": 5, "jitter": 0 },
    });
    assert_eq!(body, expected);
    assert_eq!(control.get("/proxies/p").await["toxics"], json!([expected]));
}

#[tokio::test]
async fn post_toxics_reads_stream_in_any_case_and_direction_too() {
    let control = Control::start().await;
    control.proxy("127.0.0.1:1").await;
    for (key, word) in [("stream", "UpStream"), ("direction", "upstream")] {
        let new = json!({ "name": key, "type": "noop", key: word });
        let made = control.ok("POST", "/proxies/p/toxics", new).await;
        assert_eq!(made["stream"], "upstream", "{key}: {word}");
    }
}

#[tokio::test]
async fn post_toxics_refused() {
    let control = Control::start().await;
    control.proxy("127.0.0.1:1").await;
    control.toxic("noop", "upstream", json!({})).await;
    let path = "/proxies/p/toxics";
    let stream = "stream was invalid, can be either upstream or downstream";
    control.fails("POST", path, json!({ "type": "noop", "stream": "up" }), 400, stream).await;
    control.fails("POST", path, json!({ "type": "nope" }), 400, "invalid toxic type").await;
    control.fails("POST", path, json!({}), 400, "invalid toxic type").await;
    let twice = json!({ "name": "t", "type": "noop", "stream": "downstream" });
    control.fails("POST", path, twice.clone(), 409, "toxic already exists").await;
    control.fails("POST", "/proxies/q/toxics", twice, 404, "proxy not found").await;
    let text = json!({ "type": "latency", "attributes": { "latency": "long" } });
    assert_eq!(control.call("POST", path, text).await.0, 400);
}

#[tokio::test]
async fn get_toxic() {
    let control = Control::start().await;
    control.proxy("127.0.0.1:1").await;
    control.toxic("timeout", "upstream", json!({ "timeout": 9 })).await;
    assert_eq!(control.get("/proxies/p/toxics/t").await["attributes"], json!({ "timeout": 9 }));
    control.fails("GET", "/proxies/p/toxics/u", Value::Null, 404, "toxic not found").await;
    control.fails("GET", "/proxies/q/toxics/t", Value::Null, 404, "proxy not found").await;
}

#[tokio::test]
async fn post_or_patch_toxic() {
    let control = Control::start().await;
    control.proxy("127.0.0.1:1").await;
    control.toxic("latency", "upstream", json!({ "latency": 1, "jitter": 2 })).await;
    for (method, latency) in [("POST", 3), ("PATCH", 4)] {
        let update = json!({
            "name": "u", "type": "noop", "stream": "downstream", "toxicity": 0.5,
            "attributes": { "latency": latency, "unknown": 1 },
        });
        let (status, body) = control.call(method, "/proxies/p/toxics/t", update).await;
        let expected = json!({
            "name": "t", "type": "latency", "stream": "upstream", "toxicity": 0.5,
            "attributes": { "latency": latency, "jitter": 2 },
        });
        assert_eq!((status, body), (200, expected));
        control.fails(method, "/proxies/p/toxics/u", json!({}), 404, "toxic not found").await;
    }
}

#[tokio::test]
async fn delete_toxic() {
    let control = Control::start().await;
    control.proxy("127.0.0.1:1").await;
    control.toxic("noop", "upstream", json!({})).await;
    let path = "/proxies/p/toxics/t";
    assert_eq!(control.call("DELETE", path, Value::Null).await, (204, Value::Null));
    control.fails("DELETE", path, Value::Null, 404, "toxic not found").await;
}

#[tokio::test]
async fn post_reset() {
    let control = Control::start().await;
    control.proxy("127.0.0.1:1").await;
    control.toxic("noop", "upstream", json!({})).await;
    control.ok("PATCH", "/proxies/p", json!({ "enabled": false })).await;
    assert_eq!(control.call("POST", "/reset", Value::Null).await, (204, Value::Null));
    let after = control.get("/proxies/p").await;
    assert_eq!((&after["enabled"], &after["toxics"]), (&json!(true), &json!([])));
}

#[tokio::test]
async fn get_version() {
    let control = Control::start().await;
    let response = control.raw("GET", "/version", "").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json;charset=utf-8");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["version"].as_str().unwrap().split('.').count(), 3, "{body}");
}

#[tokio::test]
async fn get_metrics_is_not_found_while_metrics_are_off() {
    let control = Control::start().await;
    assert_eq!(control.raw("GET", "/metrics", "").await.status(), 404);
}

#[tokio::test]
async fn get_metrics_counts_the_bytes_of_each_proxy() {
    let control = Control::with(SEED, Metrics { proxies: true, runtime: true }).await;
    let upstream = Upstream::start().await;
    let listen = control.proxy(&upstream.address).await;
    let (mut client, mut server) = upstream.pair(&listen).await;
    send(&mut client, b"question").await;
    expect(&mut server, b"question").await;
    send(&mut server, b"yes").await;
    expect(&mut client, b"yes").await;
    let response = control.raw("GET", "/metrics", "").await;
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text().await.unwrap();
    for (way, count) in [("upstream", 8), ("downstream", 3)] {
        for metric in ["received", "sent"] {
            let expected = format!(
                "toxiproxy_proxy_{metric}_bytes_total{{direction=\"{way}\",listener=\"{listen}\",\
                 proxy=\"p\",upstream=\"{}\"}} {count}",
                upstream.address
            );
            assert!(text.lines().any(|line| line == expected), "{expected}\n\n{text}");
        }
    }
    assert!(text.contains("\nprocess_open_fds "), "{text}");
}

#[tokio::test]
async fn every_answer_carries_a_request_id_of_its_own() {
    let control = Control::start().await;
    let mut seen = std::collections::BTreeSet::new();
    for (method, path) in
        [("GET", "/version"), ("GET", "/proxies/q"), ("GET", "/nowhere"), ("PUT", "/proxies")]
    {
        let response = control.raw(method, path, "").await;
        let id = response.headers()["X-Toxiproxy-Request-Id"].to_str().unwrap().to_owned();
        assert!(!id.is_empty() && seen.insert(id), "{method} {path}");
    }
    let refused = control.as_agent("Mozilla/5.0", "/version").await;
    assert!(refused.headers().contains_key("X-Toxiproxy-Request-Id"));
}

#[tokio::test]
async fn unknown_routes_answer_without_json() {
    let control = Control::start().await;
    for (method, path, status) in
        [("GET", "/nowhere", 404), ("PUT", "/proxies", 405), ("GET", "/reset", 405)]
    {
        let response = control.raw(method, path, "").await;
        assert_eq!(response.status(), status, "{method} {path}");
        let text = response.text().await.unwrap();
        assert!(serde_json::from_str::<Value>(&text).is_err(), "{method} {path}: {text}");
    }
}

#[tokio::test]
async fn browsers_are_refused() {
    let control = Control::start().await;
    assert_eq!(control.as_agent("Mozilla/5.0 (X11)", "/version").await.status(), 403);
    assert_eq!(control.as_agent("toxiproxy-cli/2", "/version").await.status(), 200);
}
