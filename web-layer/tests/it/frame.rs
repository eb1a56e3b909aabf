//! The websocket protocol, byte by byte.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::wire::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, frame};
use crate::support::worker::WS;
use crate::support::{FakeWorker, TestNode, Wire, spine};

/// A websocket that was opened.
async fn welcomed(node: &TestNode, worker: &mut FakeWorker) -> Wire {
    let wire = Wire::upgraded(node, WS, b"").await;
    let open = worker.next_of("open").await;
    worker.reply(&open, json!([])).await;
    wire
}

/// Sends bytes that break a rule; the code of the Close frame that comes.
async fn broken(node: &TestNode, worker: &mut FakeWorker, bytes: &[u8]) -> u16 {
    let mut wire = welcomed(node, worker).await;
    wire.write(bytes).await;
    let code = wire.close_code().await;
    wire.write(&frame(FIN | CLOSE, &code.to_be_bytes())).await;
    wire.ended().await;
    worker.next_of("close").await;
    code
}

#[tokio::test]
async fn each_broken_rule_closes_the_connection_with_its_code() {
    let (_redis, node, mut worker) = spine("").await;
    let worker = &mut worker;
    let too_large = format!("{{\"a\":\"{}\"}}", "x".repeat(64 * 1024));
    assert_eq!(broken(&node, worker, &frame(FIN | TEXT, too_large.as_bytes())).await, 1009, "too large");
    let (half, rest) = too_large.as_bytes().split_at(40_000);
    let fragments = [frame(TEXT, half), frame(FIN | CONTINUATION, rest)].concat();
    assert_eq!(broken(&node, worker, &fragments).await, 1009, "too large in fragments");
    assert_eq!(broken(&node, worker, &frame(FIN | BINARY, b"{}")).await, 1003, "binary");
    assert_eq!(broken(&node, worker, &frame(FIN | TEXT, b"{\"a\":\"\xff\"}")).await, 1007, "not UTF-8");
    assert_eq!(broken(&node, worker, b"\x81\x02{}").await, 1002, "not masked");
    assert_eq!(broken(&node, worker, &frame(FIN | 0x40 | TEXT, b"{}")).await, 1002, "a reserved bit");
    assert_eq!(broken(&node, worker, &frame(FIN | 0x3, b"{}")).await, 1002, "a reserved opcode");
    assert_eq!(broken(&node, worker, &frame(FIN | CONTINUATION, b"{}")).await, 1002, "continues nothing");
    assert_eq!(broken(&node, worker, &frame(PING, b"")).await, 1002, "a ping in fragments");
    assert_eq!(broken(&node, worker, &frame(FIN | PING, &[0; 126])).await, 1002, "a ping that is too long");
    let interleaved = [frame(TEXT, b"{"), frame(FIN | TEXT, b"{}")].concat();
    assert_eq!(broken(&node, worker, &interleaved).await, 1002, "a message within another");
    assert_eq!(worker.unread().await.len(), 0, "none of it was a message");
}

#[tokio::test]
async fn a_message_of_exactly_the_bound_is_taken() {
    let (_redis, node, mut worker) = spine("--message-bytes-max 1000").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    let message = json!({ "a": "x".repeat(1_000 - r#"{"a":""}"#.len()) });
    assert_eq!(message.to_string().len(), 1_000);
    client.send(message.clone()).await;
    worker.next_message(message).await;
    client.send(json!({ "a": "x".repeat(1_000) })).await;
    assert_eq!(client.closed().await.0, 1009);
}

#[tokio::test]
async fn what_is_no_message_is_answered_with_bad_request_and_its_id_if_that_can_be_read() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    let deep = format!(r#"{{"id":7,"a":{}{}}}"#, "[".repeat(60), "]".repeat(60));
    let wrong = [
        ("", None),
        ("{", None),
        ("hello", None),
        ("[1]", None),
        ("7", None),
        (r#"{"id":1}{"id":2}"#, None),
        (r#"{"id":1,}"#, None),
        (deep.as_str(), Some(json!(7))),
        (r#"{"id":{"half":1},"a":"\ud83d"}"#, Some(json!({ "half": 1 }))),
    ];
    for (text, id) in wrong {
        client.send_message(Message::text(text)).await;
        assert_eq!(client.next_error().await, ("bad_request".to_owned(), id), "{text}");
    }
    client.send(json!({ "id": "still here" })).await;
    worker.next_message(json!({ "id": "still here" })).await;
}

#[tokio::test]
async fn a_message_is_put_on_one_line() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    client.send_message(Message::text("{\r\n \"a\": \"\u{2028}\\n\",\n\"b\":2}\n")).await;
    worker.next_message(json!({ "a": "\u{2028}\n", "b": 2 })).await;
}

#[tokio::test]
async fn a_ping_is_answered_by_a_pong_with_its_payload() {
    let (_redis, node, mut worker) = spine("").await;
    let mut wire = welcomed(&node, &mut worker).await;
    for payload in [&b""[..], b"hello", &[0xff; 125]] {
        wire.write(&frame(FIN | PING, payload)).await;
        assert_eq!(wire.frame().await, (FIN | PONG, payload.to_vec()));
    }
    wire.write(&frame(FIN | PONG, b"nobody asked")).await;
    wire.write(&frame(FIN | TEXT, b"{}")).await;
    worker.next_message(json!({})).await;
}

#[tokio::test]
async fn a_message_may_come_in_fragments_with_a_ping_between_them_and_byte_by_byte() {
    let (_redis, node, mut worker) = spine("").await;
    let mut wire = welcomed(&node, &mut worker).await;
    let message = "{\"a\":\"é😀\"}".as_bytes();
    for _ in 0..2 {
        wire.write(&frame(TEXT, &message[..7])).await;
        wire.write(&frame(CONTINUATION, b"")).await;
        wire.write(&frame(FIN | PING, b"now")).await;
        assert_eq!(wire.frame().await, (FIN | PONG, b"now".to_vec()));
        wire.write(&frame(FIN | CONTINUATION, &message[7..])).await;
        worker.next_message(json!({ "a": "é😀" })).await;
    }
    for byte in frame(FIN | TEXT, message) {
        wire.write(&[byte]).await;
    }
    worker.next_message(json!({ "a": "é😀" })).await;
}

#[tokio::test]
async fn frames_right_behind_the_handshake_are_not_lost() {
    let (_redis, node, mut worker) = spine("").await;
    let whole = frame(FIN | TEXT, b"{\"n\":1}");
    let cut = frame(FIN | TEXT, b"{\"n\":2}");
    let early = [&whole[..], &cut[..5]].concat();
    let mut wire = Wire::upgraded(&node, WS, &early).await;
    let open = worker.next_of("open").await;
    worker.reply(&open, json!([])).await;
    worker.next_message(json!({ "n": 1 })).await;
    wire.write(&cut[5..]).await;
    worker.next_message(json!({ "n": 2 })).await;
}

#[tokio::test]
async fn a_close_frame_is_echoed_and_the_stream_ends() {
    let (_redis, node, mut worker) = spine("").await;
    for (sent, expected) in [
        (b"\x03\xe8bye".to_vec(), b"\x03\xe8bye".to_vec()),
        (b"\x10\x68".to_vec(), b"\x10\x68".to_vec()),
        (Vec::new(), Vec::new()),
    ] {
        let mut wire = welcomed(&node, &mut worker).await;
        wire.write(&frame(FIN | CLOSE, &sent)).await;
        assert_eq!(wire.frame().await, (FIN | CLOSE, expected));
        wire.ended().await;
        worker.next_of("close").await;
    }
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_closed_for_its_worker() {
    let (_redis, node, mut worker) = spine("").await;
    let (client, conn) = worker.welcome(&node, json!([])).await;
    drop(client);
    let close = worker.next_of("close").await;
    assert_eq!(close.conn(), conn);
    // Its effects go nowhere.
    worker.reply(&close, json!([{ "send": {} }, { "join": "t" }])).await;
    assert_eq!(worker.push("t", json!({ "body": {} })).await, 0);
}

#[tokio::test]
async fn a_close_by_the_node_waits_for_the_close_of_the_client() {
    let (_redis, node, mut worker) = spine("").await;
    let mut wire = Wire::upgraded(&node, WS, b"").await;
    let open = worker.next_of("open").await;
    worker.reply(&open, json!([{ "close": { "code": 4100, "reason": "" } }])).await;
    assert_eq!(wire.close_code().await, 4100);
    // What is still under way is read and forgotten.
    wire.write(&frame(FIN | TEXT, b"{\"too\":\"late\"}")).await;
    wire.write(&frame(FIN | CLOSE, &4100_u16.to_be_bytes())).await;
    wire.ended().await;
    worker.next_of("close").await;
}
