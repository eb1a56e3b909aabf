//! Bodies that travel by claim: how large they may be, and how long they take room.

use hyper::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::worker::SERVICE;
use crate::support::{FakeWorker, Http, RedisServer, TestNode, spine, within};

const MIB: usize = 1024 * 1024;

/// Every byte that there is, again and again: no text.
fn binary(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at % 251) as u8 ^ 0x80).collect()
}

#[tokio::test]
async fn a_claim_for_one_response_is_removed_once_it_is_fetched_and_another_one_stays() {
    let (_redis, node, mut worker) = spine("").await;
    let body = binary(300_000);
    for once in [true, false] {
        let mut claim = worker.claim(&body).await;
        if once {
            claim["once"] = json!(true);
        }
        let mut client = Http::connect(&node).await;
        let answering = async {
            let event = worker.next_of("http").await;
            let headers = json!({ "content-type": "image/png" });
            worker.respond(&event, json!({ "status": 200, "headers": headers, "claim": claim })).await;
        };
        let (response, ()) = tokio::join!(client.get("/echo"), answering);
        assert_eq!((response.status, response.header("content-type")), (200, "image/png"));
        assert!(response.body == body);
        if once {
            worker.wait_until_unclaimed(&claim).await;
        } else {
            assert!(worker.claimed(&claim).await == body);
        }
    }
}

#[tokio::test]
async fn a_service_that_announces_a_larger_bound_gets_larger_bodies_and_others_do_not() {
    let redis = RedisServer::start();
    let node = TestNode::with(&redis, "").await;
    let services = json!({
        SERVICE: { "paths": ["/echo"], "body_bytes_max": 3 * MIB },
        "small": { "paths": ["/small"] },
    });
    let mut worker = FakeWorker::with(&redis, &[&node], services).await;
    let body = binary(3 * MIB);
    let mut client = Http::connect(&node).await;
    let answering = async {
        let event = worker.next_of("http").await;
        assert!(worker.claimed(&event.http()["claim"]).await == body);
        worker.respond(&event, json!({ "status": 201 })).await;
        event
    };
    let (response, event) = tokio::join!(client.send(Method::POST, "/echo", &[], body.clone()), answering);
    assert_eq!(response.status, 201);
    worker.wait_until_unclaimed(&event.http()["claim"]).await;
    for (path, bytes) in [("/echo", 3 * MIB + 1), ("/small", MIB + 1)] {
        let mut client = Http::connect(&node).await;
        let response = client.send(Method::POST, path, &[], binary(bytes)).await;
        assert_eq!((response.status, response.error_code().as_str()), (413, "too_large"), "{path}");
    }
    assert_eq!(worker.unread().await.len(), 0, "what is refused is relayed to nobody");
}

#[tokio::test]
async fn a_client_that_writes_all_before_it_reads_learns_that_its_body_is_too_large() {
    let (_redis, node, _worker) = spine("").await;
    let mut stream = TcpStream::connect(node.address).await.expect("the node listens");
    let head = format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", 40 * MIB);
    let (head_and_body, mut answer) = ([head.into_bytes(), binary(40 * MIB)].concat(), [0; 12]);
    within("the body is taken", stream.write_all(&head_and_body)).await.expect("it is not cut off");
    within("an answer", stream.read_exact(&mut answer)).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 413");
}

/// ARCHITECTURE, rule 9.
#[tokio::test]
async fn large_bodies_that_come_slowly_take_a_bounded_room_which_is_given_back() {
    let redis = RedisServer::start();
    let node = TestNode::with(&redis, "").await;
    let services = json!({ SERVICE: { "paths": ["/echo"], "body_bytes_max": 32 * MIB } });
    let mut worker = FakeWorker::with(&redis, &[&node], services).await;
    let head = format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", 32 * MIB);
    let begun = [head.into_bytes(), binary(31 * MIB)].concat();
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(node.address).await.expect("the node listens");
        within("most of the body is taken", stream.write_all(&begun)).await.expect("it is taken");
        slow.push(stream);
    }
    let mut client = Http::connect(&node).await;
    within("there is no room", async {
        // What was written may still be on its way.
        loop {
            let sending = client.send(Method::POST, "/echo", &[], binary(4 * MIB));
            tokio::select! {
                response = sending => {
                    assert_eq!((response.status, response.error_code().as_str()), (503, "unavailable"));
                    break;
                }
                event = worker.next_of("http") => worker.respond(&event, json!({ "status": 200 })).await,
            }
            client = Http::connect(&node).await;
        }
    })
    .await;
    drop(slow);
    within("there is room again", async {
        loop {
            let mut client = Http::connect(&node).await;
            let sending = client.send(Method::POST, "/echo", &[], binary(4 * MIB));
            let answering = async {
                let event = worker.next_of("http").await;
                worker.respond(&event, json!({ "status": 200 })).await;
            };
            tokio::select! {
                // The response may be here before the worker has heard that its reply is on its way.
                response = sending => match response.status {
                    200 => break,
                    status => assert_eq!(status, 503),
                },
                () = answering => break,
            }
        }
    })
    .await;
}

#[tokio::test]
async fn large_responses_that_are_not_read_keep_few_others_waiting_and_none_for_ever() {
    let (_redis, node, mut worker) = spine("").await;
    // Four of these fill the room, and one the queue before it.
    let claim = worker.claim(&binary(64 * MIB)).await;
    let mut ask = async || {
        let mut stream = TcpStream::connect(node.address).await.expect("the node listens");
        stream.write_all(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("it is taken");
        let event = worker.next_of("http").await;
        worker.respond(&event, json!({ "status": 200, "claim": claim })).await;
        stream
    };
    let status = async |stream: &mut TcpStream| {
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.expect("an answer");
        String::from_utf8_lossy(&head[9..]).into_owned()
    };
    let mut unread = Vec::new();
    for _ in 0..4 {
        let mut stream = ask().await;
        assert_eq!(within("a response", status(&mut stream)).await, "200");
        unread.push(stream);
    }
    let (mut one, mut other) = (ask().await, ask().await);
    let waits = within("one of two is refused", async {
        tokio::select! {
            refused = status(&mut one) => { assert_eq!(refused, "504"); &mut other }
            refused = status(&mut other) => { assert_eq!(refused, "504"); &mut one }
        }
    })
    .await;
    drop(unread.pop());
    assert_eq!(within("there is room", status(waits)).await, "200");
}
