//! HTTP: what is relayed, what the node answers itself, and what it refuses.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{Cluster, Listing, bounded, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The head of a request may take 10 s; some more for a busy machine.
const HEAD_MAX: std::time::Duration = std::time::Duration::from_secs(20);

#[test]
fn the_listing_is_there_over_http() {
    bounded(async {
        let cluster = Cluster::start(2, 2).await;
        let client = system_tests::Client::open(&cluster.nodes[0].ws("/ws")).await;
        client.set("branko", 11).await;
        client.set("ana", 22).await;
        for node in &cluster.nodes {
            let answer = reqwest::get(node.http("/numbers")).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("application/json"));
            let listing = Listing::from_text(&answer.text().await.unwrap());
            assert_eq!(listing.names(), ["ana", "branko"]);
        }
    });
}

#[test]
fn what_is_refused_is_refused_with_a_fitting_status_and_the_error_of_the_protocol() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let node = &cluster.nodes[0];
        let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
        for (method, path, status, code) in [
            (&get, "/nothing", 404, "not_found"),
            (&get, "/numbersx", 404, "not_found"),
            (&get, "/numbers/x", 404, "not_found"),
            (&get, "/static/nothing.js", 404, "not_found"),
            (&get, "/static/..%2f..%2fCargo.toml", 404, "not_found"),
            (&get, "/ws/nothing", 404, "not_found"),
            (&post, "/numbers", 405, "method_not_allowed"),
            (&delete, "/numbers", 405, "method_not_allowed"),
            (&post, "/", 405, "method_not_allowed"),
            (&post, "/healthz", 405, "method_not_allowed"),
            (&post, "/ws", 405, "method_not_allowed"),
            (&get, "/ws", 426, "bad_request"),
            (&get, "/ws/numbers", 426, "bad_request"),
        ] {
            let mut request = Client::new().request(method.clone(), node.http(path));
            if path == "/ws/nothing" {
                request = request
                    .header("connection", "upgrade")
                    .header("upgrade", "websocket")
                    .header("sec-websocket-version", "13")
                    .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
            }
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), status, "{method} {path}");
            let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
            assert!(kind.starts_with("application/json"), "{method} {path}: {kind}");
            let body: Value = answer.json().await.unwrap();
            assert_eq!(body["error"]["code"], json!(code), "{method} {path}: {body}");
            assert!(body["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
        }
    });
}

#[test]
fn a_body_that_is_too_large_is_refused_with_an_answer_that_surely_arrives() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let address = cluster.nodes[0].address;
        let with_length = [b"Content-Length: 2000000\r\n\r\n".to_vec(), vec![b'x'; 2_000_000]].concat();
        let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
        let chunked =
            [b"Transfer-Encoding: chunked\r\n\r\n".to_vec(), chunk.repeat(30), b"0\r\n\r\n".to_vec()]
                .concat();
        for request in [&with_length, &chunked].into_iter().cycle().take(20) {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"POST /numbers HTTP/1.1\r\nHost: x\r\n").await.unwrap();
            // As many clients do, this one sends all before it reads.
            let sent = stream.write_all(request).await;
            let mut head = [0; 12];
            let read = within("an answer", HEAD_MAX, stream.read_exact(&mut head)).await;
            assert!(read.is_ok(), "no answer: {read:?}, and sending: {sent:?}");
            assert_eq!(&head, b"HTTP/1.1 413");
        }
        let answer = Client::new()
            .post(cluster.nodes[0].http("/numbers"))
            .body(vec![0; 2_000_000])
            .send()
            .await
            .unwrap();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["error"]["code"], "too_large");
    });
}

#[test]
fn a_body_without_an_end_is_cut_off() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let before = cluster.nodes[0].process.memory_bytes();
        let mut stream = TcpStream::connect(cluster.nodes[0].address).await.unwrap();
        stream
            .write_all(b"POST /numbers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await
            .unwrap();
        let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
        let endless = async { while stream.write_all(&chunk).await.is_ok() {} };
        within("the node hangs up", HEAD_MAX, endless).await;
        let cost = cluster.nodes[0].process.memory_bytes().saturating_sub(before);
        assert!(cost < 16 * 1024 * 1024, "an endless body cost {cost} bytes");
    });
}

#[test]
fn a_client_that_is_slow_to_say_what_it_wants_is_cut_off() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let address = cluster.nodes[0].address;
        let connections = ["", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\n"].map(|begun| async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(begun.as_bytes()).await.unwrap();
            let mut said = Vec::new();
            let end = within("the node hangs up", HEAD_MAX, stream.read_to_end(&mut said)).await;
            assert!(end.is_ok() || said.is_empty(), "{begun:?}: {end:?}");
        });
        futures_util::future::join_all(connections).await;
    });
}

#[test]
fn what_is_no_http_is_refused_and_harms_nobody() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let address = cluster.nodes[0].address;
        let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(1_000_000));
        let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(10_000));
        for bytes in [
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
            b"\0\0\0\0\r\n\r\n",
            long.as_bytes(),
            many.as_bytes(),
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
            let mut said = Vec::new();
            let _ = within("the node hangs up", HEAD_MAX, stream.read_to_end(&mut said)).await;
            let said = String::from_utf8_lossy(&said);
            assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
        }
        let answer = reqwest::get(cluster.nodes[0].http("/numbers")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    });
}

#[test]
fn the_page_and_its_files_are_served_and_nothing_else_may_run_in_it() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let node = &cluster.nodes[0];
        let page = reqwest::get(node.http("/")).await.unwrap();
        assert_eq!(page.status(), StatusCode::OK);
        assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{policy}");
        let client = reqwest::get(node.http("/static/tercet.js")).await.unwrap();
        assert_eq!(client.status(), StatusCode::OK);
        assert!(client.headers()["content-type"].to_str().unwrap().contains("javascript"));
        let etag = client.headers()["etag"].clone();
        let again = Client::new()
            .get(node.http("/static/tercet.js"))
            .header("if-none-match", etag)
            .send()
            .await
            .unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    });
}

#[test]
fn metrics_count_what_happens_in_a_format_that_prometheus_reads() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let node = &cluster.nodes[0];
        let client = system_tests::Client::open(&node.ws("/ws")).await;
        client.set("ana", 1).await;
        let answer = reqwest::get(node.http("/metrics")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let text = answer.text().await.unwrap();
        assert!(text.ends_with("# EOF\n"), "{text}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
            assert!(value.parse::<f64>().is_ok() && name.starts_with(char::is_alphabetic), "{line}");
        }
    });
}
