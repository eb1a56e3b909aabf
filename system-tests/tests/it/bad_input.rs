//! Whatever a client sends gets a clear error or close code, and others feel nothing.

use std::time::Duration;

use serde_json::{Value, json};
use system_tests::raw_socket::{RawSocket, frame, opcode, text};
use system_tests::{Client, Cluster, bounded, eventually};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

/// How long another client's request may take during a flood, on a machine that is busy with other tests.
const REQUEST_MAX: Duration = Duration::from_secs(5);
/// What a flood may cost a node, bytes.
const COST_BYTES_MAX: u64 = 32 * 1024 * 1024;

#[test]
fn a_request_that_cannot_be_understood_is_answered_with_its_id_and_what_is_wrong() {
    let set = |name: Value, number: Value| json!({"Cmd": 1, "CmdData": {"UserName": name, "FavoriteNumber": number}});
    let named = |name: &str| set(json!(name), json!(1));
    let numbered = |number: Value| set(json!("ana"), number);
    let bad = [
        (json!({}), "Cmd"),
        (json!({"Cmd": 0}), "Cmd"),
        (json!({"Cmd": 3}), "not 3"),
        (json!({"Cmd": -1}), "not -1"),
        (json!({"Cmd": "1"}), "Cmd"),
        (json!({"Cmd": 1.5}), "Cmd"),
        (json!({"Cmd": null}), "Cmd"),
        (json!({"cmd": 1}), "Cmd"),
        (json!({"Cmd": 1}), "CmdData"),
        (json!({"Cmd": 1, "CmdData": null}), "CmdData"),
        (json!({"Cmd": 1, "CmdData": []}), "CmdData"),
        (json!({"Cmd": 1, "CmdData": {}}), "UserName"),
        (json!({"Cmd": 1, "CmdData": {"FavoriteNumber": 1}}), "UserName"),
        (json!({"Cmd": 1, "CmdData": {"UserName": "ana"}}), "FavoriteNumber"),
        (set(json!(7), json!(1)), "UserName"),
        (set(json!(null), json!(1)), "UserName"),
        (set(json!(["ana"]), json!(1)), "UserName"),
        (named(""), "empty"),
        (named(&"x".repeat(10_240)), "10240 bytes"),
        (named(&"x".repeat(257)), "257 bytes"),
        (named(&"é".repeat(129)), "258 bytes"),
        (named("a\nb"), "control character"),
        (named("a\u{0}b"), "control character"),
        (named("\u{7f}"), "control character"),
        (named("a\u{85}b"), "control character"),
        (numbered(json!(1.5)), "FavoriteNumber"),
        (numbered(json!(1e3)), "FavoriteNumber"),
        (numbered(json!("1")), "FavoriteNumber"),
        (numbered(json!(true)), "FavoriteNumber"),
        (numbered(json!(null)), "FavoriteNumber"),
        (numbered(json!([1])), "FavoriteNumber"),
        (numbered(json!(9_223_372_036_854_775_808_u64)), "FavoriteNumber"),
        (numbered(json!(1e300)), "FavoriteNumber"),
    ];
    bounded(async move {
        let cluster = Cluster::start(1, 2).await;
        let client = Client::open(&cluster.nodes[0].ws("/ws")).await;
        let other = Client::open(&cluster.nodes[0].ws("/ws")).await;
        for (request, word) in bad {
            let id = client.ask(request.clone()).await;
            assert_eq!(client.outcome(id).await, Err("bad_request".to_owned()), "{request}");
            let message = client.record().look(|heard| heard.answers[&id][0]["error"]["message"].to_string());
            assert!(message.contains(word), "{request}: {message}");
        }
        assert!(client.list().await.users.is_empty(), "something bad was stored");
        assert_eq!(other.pushes(), 0, "something bad was told");
        client.assert_well();
    });
}

#[test]
fn the_largest_and_the_smallest_that_is_allowed_is_kept_as_it_is() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let client = Client::open(&cluster.nodes[0].ws("/ws")).await;
        let names = ["x".repeat(256), "é".repeat(128), " ".to_owned(), "\"\\/{}:*?[\u{2028}💥".to_owned()];
        for (name, number) in names.iter().zip([i64::MIN, i64::MAX, 0, -1]) {
            client.set(name, number).await;
        }
        let users = client.list().await.users();
        assert_eq!(users, cluster.redis.users().await);
        assert_eq!((users[&names[0]], users[&names[1]]), (i64::MIN, i64::MAX));
        assert!(names.iter().all(|name| users.contains_key(name)));
    });
}

#[test]
fn what_is_no_json_object_is_answered_and_the_socket_stays_open() {
    let nested = format!("{{\"Cmd\":2,\"x\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    let unclosed = format!("{{\"Cmd\":2,\"x\":{}", "[".repeat(60_000));
    let bad = [
        "",
        " ",
        "{",
        "}",
        "null",
        "7",
        "[]",
        "\"Cmd\"",
        "{\"Cmd\":2}}",
        "{\"Cmd\":2,}",
        "{'Cmd':2}",
        "{\"Cmd\":2}\n{\"Cmd\":2}",
        "{\"Cmd\":0x1}",
        "{\"Cmd\":2,\"x\":NaN}",
        "{\"Cmd\":1e999999}",
        "{\"Cmd\":2,\"\u{0}\":1}",
        "\u{feff}{\"Cmd\":2}",
        &unclosed,
    ];
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let client = Client::open(&cluster.nodes[0].ws("/ws")).await;
        client.list().await;
        for (count, bad) in bad.iter().enumerate() {
            client.say(bad).await;
            let answered = client.until("an error", |heard| heard.others.get(count).cloned()).await;
            assert_eq!(answered["error"]["code"], "bad_request", "{bad:.60}");
            assert!(
                answered["error"]["message"].as_str().is_some_and(|message| message.len() > 10),
                "{answered}"
            );
        }
        client.record().forget();
        client.say(&nested).await;
        client.list().await;
        client.record().look(|heard| {
            assert_eq!(
                heard.others.len() + heard.listings.len(),
                1,
                "nesting is answered, with a listing or an error"
            );
        });
        client.assert_well();
    });
}

#[test]
fn text_that_json_allows_but_nobody_can_write_is_refused() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let client = Client::open(&cluster.nodes[0].ws("/ws")).await;
        for bad in [
            r#"{"Cmd":1,"CmdData":{"UserName":"\ud800","FavoriteNumber":1},"id":1}"#,
            r#"{"Cmd":1,"CmdData":{"UserName":"a","UserName":"b","FavoriteNumber":1},"id":1}"#,
            r#"{"Cmd":1,"CmdData":{"UserName":"a","FavoriteNumber":1e0},"id":1}"#,
            r#"{"Cmd":1,"CmdData":{"UserName":"a","FavoriteNumber":-0.0},"id":1}"#,
            r#"{"Cmd":1,"CmdData":{"UserName":"a","FavoriteNumber":123456789012345678901234567890},"id":1}"#,
            r#"{"Cmd":18446744073709551617,"id":1}"#,
        ] {
            client.record().forget();
            client.say(bad).await;
            assert_eq!(client.outcome(1).await, Err("bad_request".to_owned()), "{bad}");
        }
        client.record().forget();
        assert!(client.list().await.users.is_empty());
    });
}

#[test]
fn a_frame_that_breaks_the_websocket_protocol_closes_the_socket_with_the_code_that_says_why() {
    let bad: [(&str, Vec<u8>, u16); 17] = [
        ("binary", frame(true, opcode::BINARY, b"{\"Cmd\":2}"), 1003),
        ("empty binary", frame(true, opcode::BINARY, b""), 1003),
        ("1 MB", frame(true, opcode::TEXT, &vec![b' '; 1_000_000]), 1009),
        ("one byte too many", frame(true, opcode::TEXT, &vec![b' '; 64 * 1024 + 1]), 1009),
        ("the head of a frame of 2^62 bytes", [&[0x81, 0xff, 0x40][..], &[0; 7], &[0; 4]].concat(), 1009),
        ("fragments of 80 kB", fragments(&[b' '; 40_000], &[b' '; 40_000]), 1009),
        ("no UTF-8", frame(true, opcode::TEXT, b"{\"Cmd\":2,\"x\":\"\xff\"}"), 1007),
        ("half a character", frame(true, opcode::TEXT, b"\xe2\x82"), 1007),
        ("no UTF-8 in fragments", fragments(b"{\"\xe2\x82", b"x\":1}"), 1007),
        ("no mask", vec![0x81, 2, b'{', b'}'], 1002),
        ("reserved bits", vec![0xf1, 0x80, 0, 0, 0, 0], 1002),
        ("an unknown opcode", frame(true, 3, b""), 1002),
        ("a long ping", frame(true, opcode::PING, &[0; 126]), 1002),
        ("a ping in fragments", frame(false, opcode::PING, b""), 1002),
        ("the continuation of nothing", frame(true, opcode::CONTINUATION, b"x"), 1002),
        ("a message within a message", [frame(false, opcode::TEXT, b"x"), text("{}")].concat(), 1002),
        ("a close code that is none", frame(true, opcode::CLOSE, &1005_u16.to_be_bytes()), 1002),
    ];
    bounded(async move {
        let cluster = Cluster::start(1, 1).await;
        let address = cluster.nodes[0].address;
        let other = Client::open(&cluster.nodes[0].ws("/ws")).await;
        for (what, bytes, code) in bad {
            let mut socket = RawSocket::open(address, "/ws").await;
            // The node may hang up before it has read all.
            let _ = socket.write(&bytes).await;
            assert_eq!(socket.read_to_close().await, Some(code), "{what}");
            other.list().await;
        }
        let mut socket = RawSocket::open(address, "/ws").await;
        socket.write(&frame(true, opcode::CLOSE, &1000_u16.to_be_bytes())).await.unwrap();
        assert_eq!(socket.read_to_close().await, Some(1000), "a Close frame is answered");
        other.assert_well();
    });
}

#[test]
fn a_message_may_come_in_fragments_with_pings_between_them_and_byte_by_byte() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let mut socket = RawSocket::open(cluster.nodes[0].address, "/ws").await;
        let bytes = [
            frame(false, opcode::TEXT, b"{\"Cmd\""),
            frame(true, opcode::PING, b"hello"),
            frame(false, opcode::CONTINUATION, b""),
            frame(true, opcode::CONTINUATION, b":2,\"id\":1}"),
        ]
        .concat();
        for byte in bytes {
            socket.write(&[byte]).await.unwrap();
        }
        let pong = socket.read().await.unwrap();
        assert_eq!((pong.opcode, pong.payload.as_slice()), (opcode::PONG, &b"hello"[..]));
        assert!(socket.read().await.unwrap().text().unwrap().starts_with("{\"id\":1,\"Users\":["));
    });
}

/// Rule 9: everything has a bound.
#[test]
fn a_client_that_sends_100_000_frames_at_full_speed_gets_its_errors_and_others_feel_nothing() {
    const FRAMES: usize = 100_000;
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let node = &cluster.nodes[0];
        let other = Client::open(&node.ws("/ws")).await;
        other.set("ana", 0).await;
        let before = node.process.memory_bytes();
        let mut socket = RawSocket::open(node.address, "/ws").await;
        let frames = text("{").repeat(FRAMES);
        let flood = async { socket.flood(&frames, FRAMES).await };
        let (answered, slowest) = futures_util::future::join(flood, requests(&other, 100)).await;
        assert_eq!(answered, FRAMES);
        assert!(slowest < REQUEST_MAX, "a request of another client took {slowest:?}");
        let cost = node.process.memory_bytes().saturating_sub(before);
        assert!(cost < COST_BYTES_MAX, "the flood cost {cost} bytes");
        other.assert_well();
    });
}

#[test]
fn a_client_that_sends_100_000_requests_and_reads_no_answer_costs_little_and_others_feel_nothing() {
    const FRAMES: usize = 100_000;
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let node = &cluster.nodes[0];
        let other = Client::open(&node.ws("/ws")).await;
        for user in 0..100 {
            other.set(&format!("user {user}"), 0).await;
        }
        let before = node.process.memory_bytes();
        let mut socket = RawSocket::open(node.address, "/ws").await;
        let frames = text(r#"{"Cmd":2}"#).repeat(FRAMES);
        // It may be made to wait, and then be closed: nothing of this is waited for.
        let flood = async {
            let _ = socket.write(&frames).await;
            std::future::pending::<()>().await;
        };
        let slowest = tokio::select! {
            slowest = requests(&other, 100) => slowest,
            () = flood => unreachable!("it is pending"),
        };
        assert!(slowest < REQUEST_MAX, "a request of another client took {slowest:?}");
        let cost = node.process.memory_bytes().saturating_sub(before);
        assert!(cost < COST_BYTES_MAX, "the flood cost {cost} bytes");
        other.assert_well();
    });
}

#[test]
fn clients_that_disappear_without_a_word_leave_nothing_behind() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let node = &cluster.nodes[0];
        let before = open_connections(node).await;
        for _ in 0..50 {
            let mut socket = RawSocket::open(node.address, "/ws").await;
            socket.write(&text(r#"{"Cmd":2}"#)[..5]).await.unwrap();
            let client = Client::open(&node.ws("/ws")).await;
            client.send(Message::text(r#"{"Cmd":2}"#)).await;
        }
        eventually("all connections are gone", async || {
            (open_connections(node).await == before).then_some(())
        })
        .await;
        assert!(Client::open(&node.ws("/ws")).await.list().await.users.is_empty());
    });
}

async fn requests(client: &Client, count: i64) -> Duration {
    let mut slowest = Duration::ZERO;
    for number in 1..=count {
        let asked = Instant::now();
        client.set("ana", number).await;
        slowest = slowest.max(asked.elapsed());
    }
    slowest
}

async fn open_connections(node: &system_tests::cluster::Node) -> String {
    let metrics = reqwest::get(node.http("/metrics")).await.unwrap().text().await.unwrap();
    let is_gauge =
        |line: &&str| line.contains("connections") && !line.starts_with('#') && !line.contains("_total");
    metrics.lines().find(is_gauge).unwrap_or_else(|| panic!("{metrics}")).to_owned()
}

fn fragments(first: &[u8], last: &[u8]) -> Vec<u8> {
    [frame(false, opcode::TEXT, first), frame(true, opcode::CONTINUATION, last)].concat()
}
