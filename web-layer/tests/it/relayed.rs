//! HTTP requests that a worker answers.

use std::io::Read as _;

use hyper::Method;
use serde_json::{Value, json};

use crate::support::http::Response;
use crate::support::worker::next_of_any;
use crate::support::{Event, FakeWorker, Http, RedisServer, TestNode, spine};

/// A request of a client, as a worker gets it, and its response.
async fn exchange(
    node: &TestNode,
    worker: &mut FakeWorker,
    (method, path, headers, body): (Method, &str, &[(&str, &str)], &[u8]),
    http: Value,
) -> (Event, Response) {
    let mut client = Http::connect(node).await;
    let answering = async {
        let event = worker.next_of("http").await;
        worker.respond(&event, http).await;
        event
    };
    tokio::join!(answering, client.send(method, path, headers, body.to_vec()))
}

#[tokio::test]
async fn a_worker_gets_method_path_query_headers_body_and_peer_as_they_are() {
    let (_redis, node, mut worker) = spine("").await;
    let headers = [
        ("content-type", "text/plain"),
        ("X-Two", "a"),
        ("x-two", "b"),
        ("connection", "keep-alive, x-nominated"),
        ("keep-alive", "timeout=5"),
        ("x-nominated", "for this hop only"),
        ("te", "trailers"),
        ("proxy-authorization", "Basic x"),
    ];
    let request = (Method::PATCH, "/echo/a%20b//%2e?x=1&y=%20?&", &headers[..], "{\"é\":\"\\n\"}".as_bytes());
    let (event, response) = exchange(&node, &mut worker, request, json!({ "status": 204 })).await;
    assert_eq!(response.status, 204);
    assert_eq!(event.node(), node.id);
    assert_eq!(event.0["service"], "echo");
    assert_eq!(event.0["peer"], "127.0.0.1");
    assert!(event.0.get("conn").is_none());
    let expected = json!({
        "method": "PATCH",
        "path": "/echo/a%20b//%2e",
        "query": "x=1&y=%20?&",
        "headers": { "content-type": "text/plain", "host": "node", "x-two": "a, b" },
        "body": "{\"é\":\"\\n\"}",
    });
    assert_eq!(*event.http(), expected);
}

#[tokio::test]
async fn a_client_gets_status_headers_and_body_as_they_are() {
    let (_redis, node, mut worker) = spine("").await;
    let http = json!({
        "status": 418,
        "headers": {
            "content-type": "text/tea; charset=utf-8",
            "x-tea": "Earl Grey",
            "set-cookie": "a=b",
            "connection": "close",
            "transfer-encoding": "chunked",
            "content-length": "1",
            "bad name": "x",
            "x-bad-value": "a\nb",
        },
        "body": "short and stout é",
    });
    let (_, response) = exchange(&node, &mut worker, (Method::GET, "/echo", &[], b""), http).await;
    assert_eq!(response.status, 418);
    assert_eq!(response.header("content-type"), "text/tea; charset=utf-8");
    assert_eq!(response.header("x-tea"), "Earl Grey");
    assert_eq!(response.header("set-cookie"), "a=b");
    assert_eq!(response.header("content-length"), "18");
    assert_eq!(response.header("transfer-encoding"), "");
    assert_eq!(response.header("connection"), "");
    assert!(response.headers.get("x-bad-value").is_none());
    assert_eq!(response.text(), "short and stout é");
}

/// ARCHITECTURE, rule 11.
#[tokio::test]
async fn bodies_that_are_large_or_binary_travel_by_claim_both_ways_and_others_do_not() {
    let (_redis, node, mut worker) = spine("").await;
    let large_text = "é".repeat(300_000);
    let bodies = [
        (vec![0xff, 0, b'\n', 0xfe], true),
        (large_text.as_bytes().to_vec(), true),
        (vec![b'x'; 64 * 1024 + 1], true),
        (vec![b'x'; 64 * 1024], false),
        (Vec::new(), false),
    ];
    for (body, by_claim) in bodies {
        let claim = worker.claim(&body).await;
        let mut client = Http::connect(&node).await;
        let answering = async {
            let event = worker.next_of("http").await;
            assert_eq!(event.http().get("claim").is_some(), by_claim);
            assert_eq!(event.http().get("body").is_some(), !by_claim);
            if by_claim {
                assert!(worker.claimed(&event.http()["claim"]).await == body);
            }
            worker.respond(&event, json!({ "status": 200, "claim": claim })).await;
            event
        };
        let (event, response) = tokio::join!(answering, client.send(Method::PUT, "/echo", &[], body.clone()));
        assert!(response.body == body, "{} bytes", body.len());
        if by_claim {
            worker.wait_until_unclaimed(&event.http()["claim"]).await;
        }
    }
}

/// ARCHITECTURE, rule 3.
#[tokio::test]
async fn a_response_whose_claim_is_broken_is_outcome_unknown() {
    let (_redis, node, mut worker) = spine("").await;
    let http = json!({ "status": 200, "claim": { "key": "claim:gone", "bytes": 7 } });
    let (_, response) = exchange(&node, &mut worker, (Method::GET, "/echo", &[], b""), http).await;
    assert_eq!((response.status, response.error_code().as_str()), (504, "outcome_unknown"));
}

/// ARCHITECTURE, rule 3.
#[tokio::test]
async fn a_response_with_a_wrong_status_or_in_a_wrong_form_is_a_500() {
    let (_redis, node, mut worker) = spine("").await;
    for wrong in
        [json!({ "status": 101 }), json!({ "status": 600 }), json!({ "status": "200" }), json!({}), json!(7)]
    {
        let (_, response) = exchange(&node, &mut worker, (Method::GET, "/echo", &[], b""), wrong).await;
        assert_eq!((response.status, response.error_code().as_str()), (500, "internal"));
    }
    let mut http = Http::connect(&node).await;
    let answering = async {
        let event = worker.next_of("http").await;
        worker.reply(&event, json!([{ "send": {} }])).await;
    };
    let (response, ()) = tokio::join!(http.get("/echo"), answering);
    assert_eq!((response.status, response.error_code().as_str()), (500, "internal"));
}

/// ARCHITECTURE, rules 2 and 3.
#[tokio::test]
async fn without_a_worker_a_request_is_a_503_that_says_when_to_retry() {
    let (redis, node, mut worker) = spine("--hold-ms 50").await;
    worker.drain().await;
    node.caught_up(&redis).await;
    let response = node.get("/echo").await;
    assert_eq!((response.status, response.error_code().as_str()), (503, "unavailable"));
    assert_eq!(response.header("retry-after"), "1");
    worker.announce();
    worker.vanish().await;
    assert_eq!(node.get("/echo").await.status, 503, "it reaches nobody");
}

/// ARCHITECTURE, rule 3.
#[tokio::test]
async fn a_request_that_takes_too_long_is_a_504() {
    let (_redis, node, mut worker) = spine("--request-timeout-ms 100").await;
    let response = node.get("/echo").await;
    assert_eq!((response.status, response.error_code().as_str()), (504, "outcome_unknown"));
    worker.next_of("http").await;
    assert_eq!(worker.unread().await.len(), 0, "it is not sent again");
}

/// ARCHITECTURE, rule 3.
#[tokio::test]
async fn a_request_whose_worker_falls_silent_is_a_504() {
    let (_redis, node, mut worker) = spine("").await;
    let mut http = Http::connect(&node).await;
    let silence = async {
        worker.next_of("http").await;
        worker.fall_silent().await;
    };
    let (response, ()) = tokio::join!(http.get("/echo"), silence);
    assert_eq!((response.status, response.error_code().as_str()), (504, "outcome_unknown"));
}

/// ARCHITECTURE, rule 2.
#[tokio::test]
async fn a_request_that_reaches_nobody_goes_to_another_worker_at_once() {
    let (redis, node, mut gone) = spine("--hold-ms 60000").await;
    let mut there = FakeWorker::start(&redis, &[&node]).await;
    gone.vanish().await;
    for n in 0..8 {
        let path = format!("/echo/{n}");
        let (event, _) =
            exchange(&node, &mut there, (Method::GET, &path, &[], b""), json!({ "status": 200 })).await;
        assert_eq!(event.http()["path"], path);
    }
}

#[tokio::test]
async fn http_requests_are_shared_among_the_workers() {
    let (redis, node, first) = spine("").await;
    let second = FakeWorker::start(&redis, &[&node]).await;
    let mut workers = [first, second];
    let mut served = [0; 2];
    for _ in 0..24 {
        let mut http = Http::connect(&node).await;
        let answering = async {
            let (at, event) = next_of_any(&mut workers).await;
            workers[at].respond(&event, json!({ "status": 200 })).await;
            served[at] += 1;
        };
        tokio::join!(http.get("/echo"), answering);
    }
    assert!(served[0] > 0 && served[1] > 0, "{served:?}");
}

#[tokio::test]
async fn head_has_the_headers_and_no_body() {
    let (_redis, node, mut worker) = spine("").await;
    let http = json!({ "status": 200, "headers": { "x-tea": "yes" }, "body": "tea" });
    let (event, response) = exchange(&node, &mut worker, (Method::HEAD, "/echo", &[], b""), http).await;
    assert_eq!(event.http()["method"], "HEAD");
    assert_eq!((response.status, response.header("x-tea"), response.body.len()), (200, "yes", 0));
}

#[tokio::test]
async fn a_redirect_is_passed_on_and_not_followed() {
    let (_redis, node, mut worker) = spine("").await;
    let http = json!({ "status": 307, "headers": { "location": "/echo/there" } });
    let (_, response) = exchange(&node, &mut worker, (Method::GET, "/echo", &[], b""), http).await;
    assert_eq!((response.status, response.header("location")), (307, "/echo/there"));
    assert_eq!(worker.unread().await.len(), 0);
}

#[tokio::test]
async fn a_connection_is_kept_alive() {
    let (_redis, node, mut worker) = spine("").await;
    let mut http = Http::connect(&node).await;
    for n in 0..3 {
        let answering = async {
            let event = worker.next_of("http").await;
            worker.respond(&event, json!({ "status": 200, "body": format!("{n}") })).await;
        };
        let (response, ()) = tokio::join!(http.get("/echo"), answering);
        assert_eq!(response.text(), format!("{n}"));
        assert_eq!(http.get("/nowhere").await.status, 404);
        assert_eq!(http.get("/healthz").await.status, 200);
    }
}

#[tokio::test]
async fn a_path_belongs_to_the_longest_prefix_of_whole_segments_and_others_are_not_found() {
    let redis = RedisServer::start();
    let node = TestNode::start(&redis).await;
    let services = json!({
        "tea": { "paths": ["/drinks", "/tea/"] },
        "milk": { "paths": ["/drinks/milk", "no-slash"] },
        // Paths of the node's own cannot be taken.
        "thief": { "paths": ["/healthz", "/readyz", "/metrics", "/ws/tea", "/static"] },
    });
    let mut worker = FakeWorker::with(&redis, &[&node], services).await;
    let of = [
        ("/drinks", "tea"),
        ("/drinks/", "tea"),
        ("/drinks/milky", "tea"),
        ("/drinks/milk", "milk"),
        ("/drinks/milk/warm", "milk"),
        ("/tea/green", "tea"),
    ];
    for (path, service) in of {
        let (event, _) =
            exchange(&node, &mut worker, (Method::GET, path, &[], b""), json!({ "status": 200 })).await;
        assert_eq!(event.0["service"], service, "{path}");
    }
    for path in ["/drink", "/drinksandmore", "/no-slash", "/nowhere", "/%64rinks", "/tea"] {
        let response = node.get(path).await;
        assert_eq!((response.status, response.error_code().as_str()), (404, "not_found"), "{path}");
    }
    assert_eq!(node.get("/healthz").await.text(), "alive\n");
    assert_eq!(node.get("/readyz").await.json()["ready"], true);
    assert_eq!(worker.unread().await.len(), 0);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_relayed() {
    let (_redis, node, mut worker) = spine("").await;
    let mut wire = crate::support::Wire::connect(&node).await;
    wire.write(b"POST /echo HTTP/1.1\r\nHost: node\r\nContent-Length: 10\r\n\r\nhalf").await;
    drop(wire);
    let mut wire = crate::support::Wire::connect(&node).await;
    wire.write(b"POST /echo HTTP/1.1\r\nHost: node\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").await;
    assert!(wire.head().await.starts_with("HTTP/1.1 400 "));
    node.get("/healthz").await;
    assert_eq!(worker.unread().await.len(), 0);
}

#[tokio::test]
async fn a_large_text_is_compressed_for_a_client_that_accepts_it_and_for_nobody_else() {
    let (_redis, node, mut worker) = spine("").await;
    let text = "[1,2,3,4,5,6,7,8]".repeat(10_000);
    let answer = |text: &str, kind: &str| json!({ "status": 200, "headers": { "content-type": kind, "etag": "\"7\"" }, "body": text });
    let ask = |encoding: &'static str| (Method::GET, "/echo", vec![("accept-encoding", encoding)]);
    let mut compressed_bytes = 0;
    for (encoding, is_compressed) in [("br;q=1.0, gzip;q=0.8", true), ("gzip;q=0, br", false)] {
        let (method, path, headers) = ask(encoding);
        let json = answer(&text, "application/json");
        let (_, response) = exchange(&node, &mut worker, (method, path, &headers, b""), json).await;
        assert_eq!((response.status, response.header("vary")), (200, "accept-encoding"));
        assert_eq!(response.header("content-length"), response.body.len().to_string());
        if is_compressed {
            assert_eq!((response.header("content-encoding"), response.header("etag")), ("gzip", "W/\"7\""));
            let mut plain = String::new();
            flate2::read::GzDecoder::new(&*response.body).read_to_string(&mut plain).unwrap();
            assert_eq!(plain, text);
            compressed_bytes = response.body.len();
        } else {
            assert_eq!((response.header("content-encoding"), response.header("etag")), ("", "\"7\""));
            assert_eq!(response.text(), text);
        }
    }
    assert!(compressed_bytes * 20 < text.len(), "{compressed_bytes} bytes");

    for (body, kind) in [("short", "application/json"), (&*text, "image/png")] {
        let (method, path, headers) = ask("gzip");
        let json = answer(body, kind);
        let (_, response) = exchange(&node, &mut worker, (method, path, &headers, b""), json).await;
        assert_eq!((response.header("content-encoding"), response.header("vary")), ("", ""), "{kind}");
        assert_eq!(response.text(), body);
    }
}
