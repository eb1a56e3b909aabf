//! How a websocket begins.

use hyper::Method;
use serde_json::json;

use crate::support::worker::WS;
use crate::support::{Client, FakeWorker, Http, RedisServer, TestNode, Wire, spine};

#[tokio::test]
async fn while_no_worker_is_known_a_service_is_unavailable_and_later_an_unknown_one_is_not_found() {
    let redis = RedisServer::start();
    let node = TestNode::start(&redis).await;
    assert_eq!(Client::try_connect(&node, WS).await.err(), Some(503));
    let mut worker = FakeWorker::start(&redis, &[&node]).await;
    let _client = Client::connect(&node, WS).await;
    assert_eq!(worker.next_of("open").await.0["service"], "echo");
    assert_eq!(Client::try_connect(&node, "/ws/other").await.err(), Some(404));
    assert_eq!(Client::try_connect(&node, "/ws").await.err(), Some(404), "nobody announced numbers");
    assert_eq!(Client::try_connect(&node, "/ws/echo/more").await.err(), Some(404));
}

#[tokio::test]
async fn ws_alone_is_the_numbers_service() {
    let redis = RedisServer::start();
    let node = TestNode::start(&redis).await;
    let mut worker = FakeWorker::with(&redis, &[&node], json!({ "numbers": {} })).await;
    let _client = Client::connect(&node, "/ws").await;
    assert_eq!(worker.next_of("open").await.0["service"], "numbers");
    let _client = Client::connect(&node, "/ws?a=query").await;
    assert_eq!(worker.next_of("open").await.0["service"], "numbers");
}

#[tokio::test]
async fn a_service_stays_known_when_its_workers_are_gone() {
    let (redis, node, mut worker) = spine("").await;
    worker.drain().await;
    node.caught_up(&redis).await;
    let _client = Client::connect(&node, WS).await;
    let mut next = FakeWorker::start(&redis, &[&node]).await;
    next.next_of("open").await;
}

#[tokio::test]
async fn the_handshake_is_that_of_rfc_6455() {
    let (_redis, node, _worker) = spine("").await;
    let mut wire = Wire::connect(&node).await;
    wire.write(crate::support::wire::handshake(WS).as_bytes()).await;
    let head = wire.head().await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "));
    assert!(head.contains("\r\nconnection: upgrade\r\n"));
    assert!(head.contains("\r\nupgrade: websocket\r\n"));
    // The example of RFC 6455, section 1.3.
    assert!(head.contains("\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{head}");
    assert!(!head.contains("sec-websocket-protocol") && !head.contains("sec-websocket-extensions"));
}

#[tokio::test]
async fn a_request_that_is_no_handshake_is_told_what_to_do() {
    let (_redis, node, _worker) = spine("").await;
    const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    const VERSION: (&str, &str) = ("sec-websocket-version", "13");
    const CONNECTION: (&str, &str) = ("connection", "keep-alive, Upgrade");
    const UPGRADE: (&str, &str) = ("upgrade", "WebSocket");
    for headers in [
        &[][..],
        &[KEY, VERSION, CONNECTION],
        &[KEY, VERSION, UPGRADE],
        &[KEY, CONNECTION, UPGRADE],
        &[KEY, ("sec-websocket-version", "8"), CONNECTION, UPGRADE],
    ] {
        let response = Http::connect(&node).await.send(Method::GET, WS, headers, "").await;
        assert_eq!((response.status, response.error_code().as_str()), (426, "bad_request"), "{headers:?}");
        assert_eq!(response.header("upgrade"), "websocket");
        assert_eq!(response.header("sec-websocket-version"), "13");
    }
    let response =
        Http::connect(&node).await.send(Method::GET, WS, &[VERSION, CONNECTION, UPGRADE], "").await;
    assert_eq!((response.status, response.error_code().as_str()), (400, "bad_request"));
}

#[tokio::test]
async fn refusals_are_errors_in_json() {
    let redis = RedisServer::start();
    let node = TestNode::start(&redis).await;
    let mut wire = Wire::connect(&node).await;
    wire.write(crate::support::wire::handshake(WS).as_bytes()).await;
    let head = wire.head().await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 503 "));
    assert!(head.contains("\r\nretry-after: 1\r\n"), "{head}");
    assert!(head.contains("\r\ncontent-type: application/json\r\n"), "{head}");
}

#[tokio::test]
async fn a_page_of_another_site_may_not_connect_unless_the_option_names_it() {
    let (_redis, node, _worker) = spine("--origins https://app.example,https://other.example:8443").await;
    for (origin, status) in [
        ("https://app.example", "101"),
        ("https://other.example:8443", "101"),
        ("https://evil.example", "403"),
        ("http://app.example", "403"),
        ("null", "403"),
    ] {
        let mut wire = Wire::connect(&node).await;
        let asked =
            crate::support::wire::handshake(WS).replacen("\r\n", &format!("\r\nOrigin: {origin}\r\n"), 1);
        wire.write(asked.as_bytes()).await;
        let head = wire.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{origin}: {head}");
    }
}
