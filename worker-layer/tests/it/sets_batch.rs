//! What comes together shares calls and readings, and stays in order.

use std::collections::BTreeSet;

use protocol::sets::{Applied, Cursor, Digest, Message, Set};
use protocol::{Body, Effect, HttpBody, Subject};

use crate::support::TestWorker;
use crate::support::sets::{Sets, connection, delta, http, named, raw, sets_options};

#[tokio::test]
async fn operations_of_many_connections_that_come_together_share_a_call() {
    let mut sets = Sets::start().await;
    sets.create("a").await;
    let (mut lines, mut seqs) = (Vec::new(), Vec::new());
    for number in 0..100 {
        let message = format!(
            r#"{{"type":"apply","set":"a","operations":[{{"op":"add","value":"v{}","stamp":[{number},"phone"]}}]}}"#,
            number % 50
        );
        let (seq, line) = sets.node.message(connection(), &message);
        lines.extend(line);
        seqs.push(seq);
    }
    sets.node.publish(&sets.worker.id, lines).await;
    let mut changes: u64 = 0;
    for seq in seqs {
        let reply = sets.node.reply(seq).await;
        assert!(reply.contains(r#""outcomes":[{"outcome":""#), "{reply}");
    }
    let mut cursors = BTreeSet::new();
    while sets.node.unread_pushes().await > 0 {
        changes += 1;
        cursors.insert(delta(sets.pushed().await).cursor.to_string());
    }
    // Two lanes make a batch each, or a few more if the payload was taken in parts.
    assert!((1..=20).contains(&changes) && cursors.len() as u64 == changes, "{changes}");
    assert_eq!(sets.redis.cli::<u64>("XLEN set:{a}:log").await, changes);
    let digest: Digest = sets.get("/sets/a/digest").await;
    assert_eq!(digest.count, 50);
}

#[tokio::test]
async fn a_thousand_large_values_are_applied_in_order_and_no_push_is_large() {
    let mut sets = Sets::start().await;
    let mut last = sets.create("a").await.cursor;
    // The last ten are on the same value, so their order matters.
    let operation = |place: usize| {
        let value = format!("{:04}{}", place.min(990), "v".repeat(1_000));
        format!(r#"{{"op":"{}","value":"{value}"}}"#, if place.is_multiple_of(2) { "add" } else { "remove" })
    };
    let text = format!("{{\"operations\":[{}]}}", (0..1_000).map(operation).collect::<Vec<_>>().join(","));
    assert!(text.len() > protocol::limit::CLAIM_OVER_BYTES);
    let mut request = http("POST", "/sets/a/operations", Some(""));
    request.body = HttpBody::Claim(sets.node.store.put_claim(text.as_bytes()).await.expect("stored"));
    let response = sets.node.request(&sets.worker.id, "sets", request).await;
    let applied: Applied = sets.body(&response).await;
    assert!(named(&applied).iter().all(|name| name == "applied") && applied.outcomes.len() == 1_000);
    let mut told = 0;
    while told < 1_000 {
        let push = sets.node.push().await;
        let Body::Inline(json) = &push.body else { panic!("a push by claim") };
        assert!(json.get().len() < protocol::limit::CLAIM_OVER_BYTES);
        let pushed: Message = serde_json::from_str(json.get()).expect("a message");
        let pushed = delta(pushed);
        assert_eq!(pushed.prev, Some(last));
        told += pushed.operations.len();
        last = pushed.cursor;
    }
    assert_eq!(last, applied.cursor);
    let all: Set = sets.get("/sets/a?tombstones=1").await;
    assert_eq!((all.elements.len(), all.removed.expect("asked for").len()), (495, 496));
}

#[tokio::test]
async fn an_apply_and_a_watch_behind_it_in_one_payload_are_in_order() {
    let mut sets = Sets::start().await;
    sets.create("a").await;
    let client = connection();
    for number in 0..20 {
        let message =
            format!(r#"{{"type":"apply","set":"a","operations":[{{"op":"add","value":"{number}"}}]}}"#);
        let (_, mut lines) = sets.node.message(client, &message);
        let joined = Subject::Joined {
            peer: client.peer(),
            topic: "set:{a}".to_owned(),
            body: raw(r#"{"type":"watch","set":"a","id":1}"#),
        };
        let (seq, line) = sets.node.event("sets", joined);
        lines.extend(line);
        sets.node.publish(&sets.worker.id, lines).await;
        let Effect::Send { body, .. } = sets.node.effect(seq).await else { panic!("no snapshot") };
        let text = sets.node.text(&body).await;
        assert!(text.contains(&format!("\"value\":\"{number}\"")), "{text}");
    }
}

#[tokio::test]
async fn scripts_that_redis_forgot_are_loaded_and_nothing_is_done_twice_or_out_of_order() {
    let mut sets = Sets::start().await;
    sets.create("a").await;
    let client = connection();
    for number in 0..10 {
        let () = sets.redis.cli("SCRIPT FLUSH").await;
        let (apply, mut lines) = sets.node.message(
            client,
            &format!(r#"{{"type":"apply","set":"a","operations":[{{"op":"add","value":"{number}"}}]}}"#),
        );
        let joined = Subject::Joined {
            peer: client.peer(),
            topic: "set:{a}".to_owned(),
            body: raw(r#"{"type":"watch","set":"a","id":1}"#),
        };
        let (watch, line) = sets.node.event("sets", joined);
        lines.extend(line);
        sets.node.publish(&sets.worker.id, lines).await;
        assert!(sets.node.reply(apply).await.contains(r#""outcome":"applied""#));
        let reply = sets.node.reply(watch).await;
        assert!(reply.contains(&format!("\"value\":\"{number}\"")), "{reply}");
    }
    assert_eq!(sets.redis.cli::<u64>("XLEN set:{a}:log").await, 10);
}

#[tokio::test]
async fn changes_through_two_workers_make_one_chain() {
    let mut sets = Sets::start().await;
    let other = TestWorker::of(&sets.redis, &mut sets.node, "sets", sets_options(None, None)).await;
    let mut last = sets.create("a").await.cursor;
    let mut seqs = Vec::new();
    for number in 0..200 {
        let message =
            format!(r#"{{"type":"apply","set":"a","operations":[{{"op":"add","value":"{number}"}}]}}"#);
        let worker = if number % 2 == 0 { sets.worker.id.clone() } else { other.id.clone() };
        seqs.push(sets.node.send(&worker, connection(), &message).await);
    }
    for seq in seqs {
        let _applied = sets.node.reply(seq).await;
    }
    let mut told = 0;
    while told < 200 {
        let pushed = delta(sets.pushed().await);
        assert_eq!(pushed.prev, Some(last));
        assert!(pushed.cursor.position() > pushed.prev.as_ref().map_or(0, Cursor::position));
        told += pushed.operations.len();
        last = pushed.cursor;
    }
}

#[tokio::test]
async fn all_who_want_a_large_set_at_once_share_one_claim() {
    let mut sets = Sets::start().await;
    sets.create("a").await;
    let large: Vec<String> =
        (0..100).map(|place| format!(r#"{{"op":"add","value":"{place:01000}"}}"#)).collect();
    sets.apply("a", &large.join(",")).await;
    let (mut lines, mut seqs) = (Vec::new(), Vec::new());
    for _ in 0..50 {
        let body = raw(r#"{"type":"watch","set":"a","id":1}"#);
        let joined = Subject::Joined { peer: connection().peer(), topic: "set:{a}".to_owned(), body };
        let (seq, line) = sets.node.event("sets", joined);
        lines.extend(line);
        seqs.push(seq);
    }
    sets.node.publish(&sets.worker.id, lines).await;
    let mut claims = BTreeSet::new();
    for seq in seqs {
        let Effect::Send { body: Body::Claim(claim), .. } = sets.node.effect(seq).await else {
            panic!("no claim")
        };
        claims.insert(claim.key);
    }
    assert!(claims.len() <= 4, "two lanes, or a few batches more: {}", claims.len());
}
