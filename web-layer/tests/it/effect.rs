//! What a node does for a worker.

use serde_json::{Value, json};

use crate::support::worker::WS;
use crate::support::{Client, Event, FakeWorker, spine};

/// A message of a client, as its worker gets it.
async fn asked(client: &mut Client, worker: &mut FakeWorker, message: Value) -> Event {
    client.send(message.clone()).await;
    worker.next_message(message).await
}

#[tokio::test]
async fn a_send_carries_its_id_as_the_first_member_or_none() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    let event = asked(&mut client, &mut worker, json!({ "id": null })).await;
    let effects = json!([
        { "send": { "z": 1, "a": [1.50, "\n"] } },
        { "send": { "z": 1 }, "id": { "n": [1, 2] } },
        { "send": {}, "id": null },
        { "send": { "id": "its own", "a": 1 }, "id": 7 },
        { "send": { "id": "its own" } },
    ]);
    worker.reply(&event, effects).await;
    let expected = [
        r#"{"a":[1.5,"\n"],"z":1}"#,
        r#"{"id":{"n":[1,2]},"z":1}"#,
        r#"{"id":null}"#,
        r#"{"id":7,"a":1}"#,
        r#"{"id":"its own"}"#,
    ];
    for text in expected {
        assert_eq!(client.next_text().await, text);
    }
}

#[tokio::test]
async fn bodies_pass_through_as_they_are_in_both_directions() {
    let (redis, node, mut worker) = spine("").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    // 1.50 and the digits beyond 2^53 would not survive being read as numbers and written again.
    let text = r#"{ "b" : 1.50,  "a":12345678901234567890123, "é":"\u00e9\ud83d\ude00" }"#;
    let mut wire = redis.client().get_async_pubsub().await.unwrap();
    wire.psubscribe("worker:*").await.unwrap();
    client.send_message(tokio_tungstenite::tungstenite::Message::text(text)).await;
    let event = worker.next_of("message").await;
    let payload: String = {
        use futures_util::StreamExt;
        wire.on_message().next().await.unwrap().get_payload().unwrap()
    };
    assert!(payload.contains(&format!("\"body\":{text}")), "{payload}");
    let reply = format!("{{\"seq\":{},\"effects\":[{{\"send\":{text}}}]}}", event.seq());
    redis.publish(&node.inbox(), reply).await;
    assert_eq!(client.next_text().await, text);
}

#[tokio::test]
async fn a_session_travels_with_every_later_event() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    let event = asked(&mut client, &mut worker, json!({ "n": 1 })).await;
    assert!(event.0.get("session").is_none());
    for session in [json!({ "user": "ana" }), json!([1, 2]), json!(null)] {
        let event = asked(&mut client, &mut worker, json!({ "set": session })).await;
        worker.reply(&event, json!([{ "session": session }, { "send": {} }])).await;
        client.next().await;
        for _ in 0..2 {
            let event = asked(&mut client, &mut worker, json!({ "get": true })).await;
            assert_eq!(event.0.get("session"), Some(&session));
        }
    }
    client.close(1000, "").await;
    assert_eq!(worker.next_of("close").await.0.get("session"), Some(&json!(null)));
}

/// ARCHITECTURE, rule 9.
#[tokio::test]
async fn a_session_that_is_too_large_closes_the_connection_with_1011() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    let event = asked(&mut client, &mut worker, json!({ "n": 1 })).await;
    worker.reply(&event, json!([{ "session": "x".repeat(8 * 1024) }])).await;
    assert_eq!(client.closed().await.0, 1011);
}

#[tokio::test]
async fn a_close_comes_after_what_was_sent_before_it_and_with_its_code_and_reason() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, conn) = worker.welcome(&node, json!([])).await;
    let event = asked(&mut client, &mut worker, json!({ "n": 1 })).await;
    let close = json!({ "code": 4100, "reason": "é".repeat(100) });
    worker
        .reply(
            &event,
            json!([{ "send": { "last": true } }, { "close": close }, { "send": { "too": "late" } }]),
        )
        .await;
    assert_eq!(client.next().await, json!({ "last": true }));
    assert_eq!(client.closed().await, (4100, "é".repeat(61)), "cut to 123 bytes");
    assert_eq!(worker.next_of("close").await.conn(), conn);
}

#[tokio::test]
async fn a_connection_is_closed_when_its_time_is_over_as_was_said_last() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, conn) = worker.welcome(&node, json!([])).await;
    let event = asked(&mut client, &mut worker, json!({ "n": 1 })).await;
    let later = |after_ms: u64, code: u16| json!({ "close_later": { "after_ms": after_ms, "close": { "code": code, "reason": "over" } } });
    let forever = later(u64::MAX, 4503);
    let effects = json!([later(0, 4501), forever, later(3_600_000, 4502), { "send": { "open": true } }]);
    worker.reply(&event, effects).await;
    assert_eq!(client.next().await, json!({ "open": true }));
    let event = asked(&mut client, &mut worker, json!({ "n": 2 })).await;
    worker.reply(&event, json!([later(0, 4504)])).await;
    assert_eq!(client.closed().await, (4504, "over".to_owned()));
    assert_eq!(worker.next_of("close").await.conn(), conn);
}

#[tokio::test]
async fn a_close_without_a_reason_is_fine() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    let event = asked(&mut client, &mut worker, json!({ "n": 1 })).await;
    worker.reply(&event, json!([{ "close": { "code": 1000 } }])).await;
    assert_eq!(client.closed().await, (1000, String::new()));
}

#[tokio::test]
async fn a_connection_gets_the_pushes_of_the_topics_that_it_joined_and_has_not_left() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) =
        worker.welcome(&node, json!([{ "join": "tea" }, { "join": "milk" }, { "join": "tea" }])).await;
    let event = asked(&mut client, &mut worker, json!({ "n": 1 })).await;
    assert_eq!(worker.push("tea", json!({ "body": { "tea": 1 } })).await, 1);
    assert_eq!(worker.push("milk", json!({ "body": { "milk": 1 } })).await, 1);
    let first = [client.next().await, client.next().await];
    assert!(
        first.contains(&json!({ "tea": 1 })) && first.contains(&json!({ "milk": 1 })),
        "once each: {first:?}"
    );

    worker
        .reply(&event, json!([{ "leave": "tea" }, { "leave": "never joined" }, { "send": { "left": true } }]))
        .await;
    assert_eq!(client.next().await, json!({ "left": true }));
    assert_eq!(worker.push("tea", json!({ "body": { "tea": 2 } })).await, 0, "nobody is left in it");
    worker.push("milk", json!({ "body": { "milk": 2 } })).await;
    assert_eq!(client.next().await, json!({ "milk": 2 }));
}

/// ARCHITECTURE, section 3, `join`.
#[tokio::test]
async fn a_send_behind_a_join_misses_no_push() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    for n in 0..50 {
        let topic = format!("room:{n}");
        let event = asked(&mut client, &mut worker, json!({ "n": n })).await;
        worker.reply(&event, json!([{ "join": topic }, { "send": { "joined": n } }])).await;
        assert_eq!(client.next().await, json!({ "joined": n }));
        assert_eq!(worker.push(&topic, json!({ "body": { "pushed": n } })).await, 1);
        assert_eq!(client.next().await, json!({ "pushed": n }));
    }
}

/// ARCHITECTURE, section 3, `join`.
#[tokio::test]
async fn the_first_message_finds_the_subscriptions_of_the_open_event_in_place() {
    let (_redis, node, mut worker) = spine("").await;
    for n in 0..50 {
        let topic = format!("room:{n}");
        let mut client = Client::connect(&node, WS).await;
        client.send(json!({ "n": n })).await;
        let open = worker.next_of("open").await;
        worker.reply(&open, json!([{ "join": topic }])).await;
        worker.next_message(json!({ "n": n })).await;
        assert_eq!(worker.push(&topic, json!({ "body": { "pushed": n } })).await, 1);
        assert_eq!(client.next().await, json!({ "pushed": n }));
        drop(client);
        worker.next_of("close").await;
    }
}

/// ARCHITECTURE, rule 9.
#[tokio::test]
async fn joining_a_topic_without_a_name_or_with_one_that_is_too_long_closes_the_connection() {
    let (_redis, node, mut worker) = spine("").await;
    for topic in [String::new(), "x".repeat(257)] {
        let (client, _) = worker.welcome(&node, json!([{ "join": topic }])).await;
        assert_eq!(client.closed().await.0, 1011);
        worker.next_of("close").await;
    }
}

/// ARCHITECTURE, rule 9.
#[tokio::test]
async fn joining_more_topics_than_a_connection_may_closes_it_and_joining_one_of_them_again_does_not() {
    let (_redis, node, mut worker) = spine("").await;
    let joins =
        |topics: std::ops::Range<usize>| topics.map(|n| json!({ "join": format!("t:{n}") })).collect();
    // Others have the subscriptions made at the same time, which is quicker than one after the other.
    let mut others = Vec::new();
    for first in (0..1_024).step_by(64) {
        others.push(worker.welcome(&node, joins(first..first + 64)).await.0);
    }
    for other in &mut others {
        asked(other, &mut worker, json!({ "joined": "?" })).await;
    }
    let (mut client, _) = worker.welcome(&node, joins(0..1_024)).await;
    let event = asked(&mut client, &mut worker, json!({ "n": 1 })).await;
    let effects = json!([{ "join": "t:7" }, { "send": { "fine": true } }, { "join": "one more" }]);
    worker.reply(&event, effects).await;
    assert_eq!(client.next().await, json!({ "fine": true }));
    assert_eq!(client.closed().await.0, 1011);
}

/// ARCHITECTURE, rule 11.
#[tokio::test]
async fn effects_are_carried_out_in_order_with_a_claim_among_them_and_later_replies_wait() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    let large = json!({ "large": "x".repeat(3_000_000) });
    let claim = worker.claim(large.to_string().as_bytes()).await;
    let first = asked(&mut client, &mut worker, json!({ "n": 1 })).await;
    let second = asked(&mut client, &mut worker, json!({ "n": 2 })).await;
    let effects = json!([
        { "send": { "before": true } },
        { "claim": claim, "id": 7 },
        { "session": "after the claim" },
        { "join": "t" },
        { "send": { "after": true } },
    ]);
    worker.reply(&first, effects).await;
    worker.reply(&second, json!([{ "send": { "second": true } }])).await;
    assert_eq!(client.next().await, json!({ "before": true }));
    let mut answer = large.clone();
    answer["id"] = json!(7);
    assert!(client.next().await == answer, "the large one");
    assert_eq!(client.next().await, json!({ "after": true }));
    assert_eq!(client.next().await, json!({ "second": true }));
    let event = asked(&mut client, &mut worker, json!({ "n": 3 })).await;
    assert_eq!(event.0["session"], "after the claim");
}

/// ARCHITECTURE, rule 11.
#[tokio::test]
async fn an_answer_of_20_mb_reaches_a_client_that_reads() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    let large = json!({ "large": "x".repeat(20_000_000) });
    let claim = worker.claim(large.to_string().as_bytes()).await;
    let event = asked(&mut client, &mut worker, json!({ "n": 1 })).await;
    worker.reply(&event, json!([{ "claim": claim }, { "send": { "after": true } }])).await;
    assert!(client.next().await == large, "the large one");
    assert_eq!(client.next().await, json!({ "after": true }));
}

/// ARCHITECTURE, rules 3 and 11.
#[tokio::test]
async fn an_answer_whose_claim_is_broken_is_outcome_unknown() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    let shorter = worker.claim(b"{}").await["key"].clone();
    let no_object = worker.claim(b"[1]").await;
    let claims = [
        json!({ "key": "claim:gone", "bytes": 7 }),
        json!({ "key": shorter, "bytes": 100 }),
        json!({ "key": shorter, "bytes": 100_000_000 }),
        no_object,
    ];
    for (id, claim) in claims.into_iter().enumerate() {
        let event = asked(&mut client, &mut worker, json!({ "id": id })).await;
        worker.reply(&event, json!([{ "claim": claim, "id": id }, { "send": { "after": id } }])).await;
        assert_eq!(client.next_error().await, ("outcome_unknown".to_owned(), Some(json!(id))));
        assert_eq!(client.next().await, json!({ "after": id }));
    }
}

#[tokio::test]
async fn a_push_effect_reaches_the_connections_of_this_node_only() {
    let (redis, node, mut worker) = spine("").await;
    let elsewhere = crate::support::TestNode::start(&redis).await;
    worker.is_known(&redis, &[&elsewhere]).await;
    let (mut here, _) = worker.welcome(&node, json!([{ "join": "t" }])).await;
    let (mut there, _) = worker.welcome(&elsewhere, json!([{ "join": "t" }])).await;
    for client in [&mut here, &mut there] {
        let event = asked(client, &mut worker, json!({ "n": 1 })).await;
        worker.reply(&event, json!([])).await;
    }
    let event = asked(&mut here, &mut worker, json!({ "n": 2 })).await;
    worker.reply(&event, json!([{ "push": { "topic": "t", "push": { "body": { "only": "here" } } } }])).await;
    assert_eq!(here.next().await, json!({ "only": "here" }));
    worker.push("t", json!({ "body": { "every": "where" } })).await;
    assert_eq!(here.next().await, json!({ "every": "where" }));
    assert_eq!(there.next().await, json!({ "every": "where" }));
}

#[tokio::test]
async fn a_join_with_a_then_comes_back_as_an_event_once_pushes_reach_the_connection() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, conn) = worker.welcome(&node, json!([])).await;
    let watch = json!({ "type": "watch", "id": 7 });
    let event = asked(&mut client, &mut worker, watch.clone()).await;
    worker.reply(&event, json!([{ "session": "kept" }, { "join": "t", "then": watch }])).await;
    let joined = worker.next_of("joined").await;
    assert_eq!((joined.conn(), &joined.0["topic"], joined.body()), (conn.as_str(), &json!("t"), &watch));
    assert_eq!(joined.0["session"], json!("kept"));
    assert_eq!(worker.push("t", json!({ "body": { "n": 1 } })).await, 1, "the node listens to the topic");
    assert_eq!(client.next().await, json!({ "n": 1 }));
    worker.reply(&joined, json!([{ "send": { "snapshot": true }, "id": 7 }])).await;
    assert_eq!(client.next().await, json!({ "id": 7, "snapshot": true }));
}

/// ARCHITECTURE, rule 3.
#[tokio::test]
async fn a_request_that_is_answered_after_a_join_has_its_outcome_also_when_the_worker_is_gone() {
    let (_redis, node, mut worker) = spine("--hold-ms 50").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    let watch = json!({ "type": "watch", "id": 7 });
    let event = asked(&mut client, &mut worker, watch.clone()).await;
    worker.stop_listening().await;
    worker.reply(&event, json!([{ "join": "t", "then": watch }])).await;
    assert_eq!(client.next_error().await, ("unavailable".to_owned(), Some(json!(7))));
}
