//! What clients of the sets service say and hear.

use protocol::sets::{
    Contained, Created, Cursor, Delta, Digest, Element, Index, Message, Op, Outcome, Set, Snapshot,
};
use protocol::{Answer, Body, Effect, HttpBody, Subject};
use serde_json::Value;

use crate::support::RedisServer;
use crate::support::sets::{Sets, connection, http, is_not_found, named, raw, set, sets_options};

fn values(elements: &[Element]) -> Vec<&str> {
    elements.iter().map(|element| element.value.as_str()).collect()
}

fn snapshot(message: Message) -> Snapshot {
    match message {
        Message::Snapshot(snapshot) | Message::Reset(snapshot) => snapshot,
        other => panic!("no snapshot: {other:?}"),
    }
}

fn delta(message: Message) -> Delta {
    match message {
        Message::Delta(delta) => delta,
        other => panic!("no delta: {other:?}"),
    }
}

#[tokio::test]
async fn a_set_is_created_once_and_whoever_asks_again_learns_the_same() {
    let mut sets = Sets::start().await;
    let first = sets.request("POST", "/sets", Some(r#"{"id":"a","name":"Shopping"}"#)).await;
    assert_eq!((first.status, first.headers["location"].as_str()), (201, "/sets/a"));
    let again = sets.request("POST", "/sets", Some(r#"{"id":"a","name":"other"}"#)).await;
    assert_eq!((again.status, again.headers["location"].as_str()), (200, "/sets/a"));
    let (first, again): (Created, Created) = (sets.body(&first).await, sets.body(&again).await);
    assert_eq!(first, again);
    assert_eq!((first.id.as_str(), first.name.as_str()), ("a", "Shopping"));
    assert_eq!(first.cursor.position() / 1_000, first.created_ms);
    let unnamed = sets.request("POST", "/sets", None).await;
    assert_eq!(unnamed.status, 201);
    let unnamed: Created = sets.body(&unnamed).await;
    assert!(unnamed.name.is_empty() && unnamed.id.as_str().len() == 32);
}

#[tokio::test]
async fn each_operation_gets_its_outcome_and_all_are_pushed_as_one_delta() {
    let mut sets = Sets::start().await;
    let created = sets.create("a").await;
    let now = created.created_ms;
    let operations = format!(
        r#"{{"op":"add","value":"milk","stamp":[{now},"phone"]}},
        {{"op":"remove","value":"milk","stamp":[{now},"laptop"]}},
        {{"op":"add","value":"milk","stamp":[{now},"phone"]}},
        {{"op":"remove","value":"milk","stamp":[{now},"phone"]}},
        {{"op":"add","value":"eggs","stamp":[{},"phone"]}},
        {{"op":"add","value":"salt"}}"#,
        now + 120_000,
    );
    let applied = sets.apply("a", &operations).await;
    assert_eq!(named(&applied), ["applied", "superseded", "duplicate", "applied", "clock_ahead", "applied"]);
    let Outcome::Superseded { op, stamp } = &applied.outcomes[1] else { panic!() };
    assert_eq!((*op, stamp.to_string()), (Op::Add, format!("{now}:phone")));
    let Outcome::ClockAhead { server_ms, ahead_ms_max } = &applied.outcomes[4] else { panic!() };
    assert_eq!((*server_ms, *ahead_ms_max), (applied.server_ms, 60_000));
    let Outcome::Applied { stamp } = &applied.outcomes[5] else { panic!() };
    assert_eq!((stamp.replica().as_str(), stamp.ms()), ("server", applied.server_ms));

    let pushed = delta(sets.pushed().await);
    assert_eq!((pushed.prev, &pushed.cursor, pushed.more), (Some(created.cursor), &applied.cursor, None));
    let told: Vec<(Op, &str)> = pushed.operations.iter().map(|it| (it.op, it.value.as_str())).collect();
    assert_eq!(told, [(Op::Add, "milk"), (Op::Remove, "milk"), (Op::Add, "salt")]);
    let all: Set = sets.get("/sets/a?tombstones=1").await;
    assert_eq!(
        (values(&all.elements), values(&all.removed.expect("asked for"))),
        (vec!["salt"], vec!["milk"])
    );
    assert_eq!(all.cursor, applied.cursor);
}

#[tokio::test]
async fn what_changes_nothing_is_neither_logged_nor_pushed() {
    let mut sets = Sets::start().await;
    sets.create("a").await;
    let applied = sets.apply("a", r#"{"op":"add","value":"x","stamp":[5,"phone"]}"#).await;
    let again = sets
        .apply(
            "a",
            r#"{"op":"add","value":"x","stamp":[5,"phone"]},{"op":"remove","value":"x","stamp":[4,"z"]}"#,
        )
        .await;
    assert_eq!(named(&again), ["duplicate", "superseded"]);
    assert_eq!(again.cursor, applied.cursor);
    assert_eq!(sets.redis.cli::<u64>("XLEN set:{a}:log").await, 1);
    let _pushed = sets.pushed().await;
    assert_eq!(sets.node.unread_pushes().await, 0);
}

#[tokio::test]
async fn single_values_are_added_removed_and_asked_for_whatever_text_they_are() {
    let mut sets = Sets::start().await;
    sets.create("a").await;
    let all = [
        ("milk", "milk"),
        ("", ""),
        ("a%2Fb,c", "a/b,c"),
        ("a/b", "a/b"),
        ("%F0%9F%98%80", "😀"),
        ("%00%22+", "\0\"+"),
    ];
    for (encoded, value) in all {
        let target = format!("/sets/a/elements/{encoded}");
        let body: Contained = sets.get(&target).await;
        assert_eq!((body.value.as_str(), body.contained, body.stamp), (value, false, None));
        let put = sets.request("PUT", &target, Some(r#"{"stamp":[7,"phone"]}"#)).await;
        assert_eq!(put.status, 200, "{put:?}");
        let body: Contained = sets.get(&target).await;
        assert_eq!((body.contained, body.stamp.expect("one").to_string()), (true, "7:phone".to_owned()));
        let late = sets.request("DELETE", &target, Some(r#"{"stamp":[6,"phone"]}"#)).await;
        let late: Value = sets.body(&late).await;
        assert_eq!((late["outcome"].as_str(), late["op"].as_str()), (Some("superseded"), Some("add")));
        assert_eq!(sets.request("DELETE", &target, None).await.status, 200);
        let body: Contained = sets.get(&target).await;
        assert_eq!((body.contained, body.stamp.expect("one").replica().as_str()), (false, "server"));
    }
    let ahead =
        sets.request("PUT", "/sets/a/elements/x", Some(r#"{"stamp":[9007199254740991,"phone"]}"#)).await;
    let body: Value = sets.body(&ahead).await;
    assert_eq!((ahead.status, body["outcome"].as_str()), (409, Some("clock_ahead")));
}

#[tokio::test]
async fn what_the_service_stamps_wins_against_what_is_kept() {
    let mut sets = Sets::start().await;
    let ahead_ms = sets.create("a").await.created_ms + 50_000;
    sets.apply("a", &format!(r#"{{"op":"add","value":"x","stamp":[{ahead_ms},"phone"]}}"#)).await;
    let applied = sets.apply("a", r#"{"op":"remove","value":"x"},{"op":"add","value":"x"}"#).await;
    let stamps: Vec<String> = applied
        .outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Applied { stamp } => stamp.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(stamps, [format!("{}:server", ahead_ms + 1), format!("{}:server", ahead_ms + 2)]);
}

#[tokio::test]
async fn a_watch_is_answered_with_all_then_with_what_came_since_or_with_all_anew() {
    let mut sets = Sets::start().await;
    let created = sets.create("a").await;
    sets.apply("a", r#"{"op":"add","value":"x","stamp":[1,"phone"]}"#).await;
    let client = connection();
    let first = sets.watch(client, "a", None).await.expect("a snapshot");
    assert!(matches!(first, Message::Snapshot(_)));
    let first = snapshot(first);
    assert_eq!(values(&first.elements), ["x"]);
    sets.apply("a", r#"{"op":"remove","value":"x","stamp":[2,"phone"]}"#).await;

    for (cursor, operations) in [(created.cursor.to_string(), 2), (first.cursor.to_string(), 1)] {
        let since = delta(sets.watch(client, "a", Some(&cursor)).await.expect("a delta"));
        assert_eq!((since.operations.len(), since.more, since.prev), (operations, Some(false), None));
        let nothing = delta(sets.watch(client, "a", Some(&since.cursor.to_string())).await.expect("a delta"));
        assert_eq!((nothing.operations.len(), nothing.cursor), (0, since.cursor));
    }
    let epoch = created.cursor.epoch();
    let foreign = [
        "0123-1".to_owned(),
        format!("{epoch}-{}", created.cursor.position() + 1),
        format!("{epoch}-{}", created.cursor.position() - 1),
        format!("{epoch}-9007199254740991"),
    ];
    for cursor in foreign {
        let reset = sets.watch(client, "a", Some(&cursor)).await.expect("a reset");
        assert!(matches!(reset, Message::Reset(_)), "{cursor}: {reset:?}");
        assert_eq!(values(&snapshot(reset).removed), ["x"]);
    }
}

#[tokio::test]
async fn much_that_came_since_comes_in_pages() {
    let mut sets = Sets::start().await;
    let created = sets.create("a").await;
    // Four changes of 300 operations: a page has at most 1,000.
    for batch in 0..4 {
        let operations: Vec<String> = (0..300)
            .map(|place| format!(r#"{{"op":"add","value":"{batch}-{place}","stamp":[{place},"phone"]}}"#))
            .collect();
        sets.apply("a", &operations.join(",")).await;
    }
    let (client, mut cursor, mut pages) = (connection(), created.cursor.to_string(), Vec::new());
    loop {
        let page = delta(sets.watch(client, "a", Some(&cursor)).await.expect("a delta"));
        cursor = page.cursor.to_string();
        pages.push(page.operations.len());
        if page.more == Some(false) {
            break;
        }
    }
    assert_eq!(pages, [900, 300]);
}

#[tokio::test]
async fn who_unwatches_leaves_the_topic() {
    let mut sets = Sets::start().await;
    let seq = sets.node.send(&sets.worker.id, connection(), r#"{"type":"unwatch","set":"a","id":1}"#).await;
    let expected =
        r#"{"seq":1,"effects":[{"leave":"set:{a}"},{"send":{"type":"unwatched","set":"a"},"id":1}]}"#;
    assert_eq!(sets.node.reply(seq).await, expected);
}

#[tokio::test]
async fn a_set_that_is_deleted_is_gone_and_one_of_the_same_id_is_another() {
    let mut sets = Sets::start().await;
    let created = sets.create("a").await;
    sets.apply("a", r#"{"op":"remove","value":"x","stamp":[1,"phone"]}"#).await;
    let _pushed = sets.pushed().await;
    assert_eq!(sets.request("DELETE", "/sets/a", None).await.status, 204);
    assert_eq!(sets.pushed().await, Message::Deleted { set: set("a") });
    assert_eq!(sets.request("DELETE", "/sets/a", None).await.status, 404);
    assert!(sets.redis.cli::<Vec<String>>("KEYS set:*").await.is_empty());
    assert!(sets.get::<Index>("/sets").await.sets.is_empty());
    let client = connection();
    assert!(is_not_found(&sets.watch(client, "a", None).await.expect_err("gone")));
    let apply = r#"{"type":"apply","set":"a","operations":[{"op":"add","value":"x"}]}"#;
    assert!(is_not_found(&sets.say(client, apply).await.expect_err("gone")));

    let anew = sets.create("a").await;
    assert_ne!(anew.cursor.epoch(), created.cursor.epoch());
    let reset = sets.watch(client, "a", Some(&created.cursor.to_string())).await.expect("all");
    assert!(matches!(reset, Message::Reset(_)));
}

#[tokio::test]
async fn the_index_has_all_sets_the_newest_first_in_pages() {
    let mut sets = Sets::start().await;
    let mut ids = Vec::new();
    for number in 0..7 {
        let id = format!("s{number}");
        let created = sets.create(&id).await;
        ids.push((created.created_ms, id));
    }
    ids.sort();
    ids.reverse();
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page: Index = sets.get(&format!("/sets?limit=3{after}")).await;
        assert!(page.sets.len() <= 3);
        seen.extend(page.sets.into_iter().map(|listed| (listed.created_ms, listed.id.to_string())));
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ids);
    assert_eq!(sets.get::<Index>("/sets").await.sets.len(), 7);
}

#[tokio::test]
async fn sets_that_were_created_in_one_millisecond_are_all_in_the_index() {
    let mut sets = Sets::start().await;
    for number in 0..100 {
        sets.redis
            .cli::<u64>(&format!("HSET set:{{s{number}}}:meta name n epoch e created_ms 5 position 1"))
            .await;
        sets.redis.cli::<u64>(&format!("ZADD sets 5 s{number}")).await;
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page: Index = sets.get(&format!("/sets?limit=9{after}")).await;
        seen.extend(page.sets.into_iter().map(|listed| listed.id));
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 100);
}

#[tokio::test]
async fn who_has_the_newest_is_told_so() {
    let mut sets = Sets::start().await;
    sets.create("a").await;
    sets.apply("a", r#"{"op":"add","value":"x"}"#).await;
    let plain = sets.request("GET", "/sets/a", None).await.headers["etag"].clone();
    let full = sets.request("GET", "/sets/a?tombstones=1", None).await.headers["etag"].clone();
    assert_ne!(plain, full);
    let mut ask = async |target: &str, known: &str| {
        let mut request = http("GET", target, None);
        request.headers.insert("if-none-match".to_owned(), known.to_owned());
        let response = sets.node.request(&sets.worker.id, "sets", request).await;
        (response.status, response.headers["etag"].clone(), response.body == HttpBody::default())
    };
    for known in [plain.clone(), format!("W/{plain}"), format!("\"other\", {plain}"), "*".to_owned()] {
        assert_eq!(ask("/sets/a", &known).await, (304, plain.clone(), true), "{known}");
    }
    assert_eq!(ask("/sets/a?tombstones=1", &plain).await, (200, full.clone(), false));
    assert_eq!(ask("/sets/a", &full).await, (200, plain.clone(), false));
    sets.apply("a", r#"{"op":"add","value":"y"}"#).await;
    let changed = sets.request("HEAD", "/sets/a", None).await;
    assert!(changed.status == 200 && changed.headers["etag"] != plain && changed.body == HttpBody::default());
}

#[tokio::test]
async fn the_digest_is_that_of_a_copy_which_has_the_same() {
    let mut sets = Sets::start().await;
    sets.create("a").await;
    let operations = r#"{"op":"add","value":"é\"\\\u0001","stamp":[5,"phone"]},{"op":"add","value":"b","stamp":[6,"a"]},{"op":"remove","value":"c"}"#;
    sets.apply("a", operations).await;
    let digest: Digest = sets.get("/sets/a/digest").await;
    let mut copy = lww_set::LwwSet::new();
    for operation in [
        r#"{"op":"add","value":"b","stamp":[6,"a"]}"#,
        r#"{"op":"add","value":"é\"\\\u0001","stamp":[5,"phone"]}"#,
    ] {
        copy.apply(serde_json::from_str(operation).expect("an operation"));
    }
    assert_eq!((digest.count, digest.digest), (2, copy.digest()));
}

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
    let mut cursors = std::collections::BTreeSet::new();
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
    let applied: protocol::sets::Applied = sets.body(&response).await;
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
    let other =
        crate::support::TestWorker::of(&sets.redis, &mut sets.node, "sets", sets_options(None, None)).await;
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
async fn after_a_gap_all_who_watch_get_the_whole_set() {
    let mut sets = Sets::start().await;
    sets.create("a").await;
    sets.apply("a", r#"{"op":"add","value":"x"}"#).await;
    let gap = async |sets: &mut Sets, topic: &str| {
        let seq = sets.node.tell(&sets.worker.id, "sets", Subject::Gap { topic: topic.to_owned() }).await;
        match sets.node.answer(seq).await {
            Answer::Effects(effects) => effects,
            other => panic!("{other:?}"),
        }
    };
    let pushed = async |sets: &Sets, effects: &[Effect]| {
        let [Effect::Push(push)] = effects else { panic!("not one push: {effects:?}") };
        assert_eq!((push.topic.as_str(), &push.push.key), ("set:{a}", &None));
        let text = sets.node.text(&push.push.body).await;
        (serde_json::from_str::<Message>(&text).expect("a message"), matches!(push.push.body, Body::Claim(_)))
    };
    let effects = gap(&mut sets, "set:{a}").await;
    let (message, by_claim) = pushed(&sets, &effects).await;
    assert!(matches!(message, Message::Reset(_)) && !by_claim);
    assert_eq!(values(&snapshot(message).elements), ["x"]);

    let large: Vec<String> =
        (0..100).map(|place| format!(r#"{{"op":"add","value":"{place:01000}"}}"#)).collect();
    sets.apply("a", &large.join(",")).await;
    let effects = gap(&mut sets, "set:{a}").await;
    let (message, by_claim) = pushed(&sets, &effects).await;
    assert!(by_claim && snapshot(message).elements.len() == 101);

    assert_eq!(sets.request("DELETE", "/sets/a", None).await.status, 204);
    let effects = gap(&mut sets, "set:{a}").await;
    assert_eq!(pushed(&sets, &effects).await.0, Message::Deleted { set: set("a") });
    assert!(gap(&mut sets, "other").await.is_empty());
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
    let mut claims = std::collections::BTreeSet::new();
    for seq in seqs {
        let Effect::Send { body: Body::Claim(claim), .. } = sets.node.effect(seq).await else {
            panic!("no claim")
        };
        claims.insert(claim.key);
    }
    assert!(claims.len() <= 4, "two lanes, or a few batches more: {}", claims.len());
}

#[tokio::test]
async fn a_set_that_keeps_as_many_values_as_it_may_takes_no_new_one_but_changes_those_it_has() {
    let mut sets = Sets::start().await;
    sets.create("a").await;
    let fill = "for i = 1, 10000 do redis.call('HSET', 'set:{a}:elements', ARGV[1] + i, '+1:phone') end";
    let mut connection = sets.redis.connection().await;
    for from in (0..1_000_000).step_by(10_000) {
        let mut eval = broker::redis::cmd("EVAL");
        let () = eval.arg(fill).arg(0).arg(from).query_async(&mut connection).await.expect("it is filled");
    }
    let new = sets.request("PUT", "/sets/a/elements/new", None).await;
    assert_eq!(new.status, 413, "{new:?}");
    let error = sets.error(&new).await;
    assert!(error.message.contains("keeps 1000000 values"), "{error}");
    assert_eq!(sets.request("DELETE", "/sets/a/elements/7", None).await.status, 200);
    assert!(!sets.get::<Contained>("/sets/a/elements/new").await.contained);
    assert_eq!(sets.node.unread_pushes().await, 1);
}

#[tokio::test]
async fn while_redis_is_away_requests_are_unavailable_and_afterwards_all_is_there() {
    // With everysec, Redis may answer before it has written, while it syncs what came before.
    let redis = RedisServer::with("--appendfsync always");
    let mut sets = Sets::on(redis, sets_options(None, None)).await;
    let created = sets.create("a").await;
    sets.apply("a", r#"{"op":"add","value":"x","stamp":[1,"phone"]}"#).await;
    sets.redis.kill();
    sets.redis.restart();
    sets.node.reconnect(&sets.redis).await;
    sets.node.forget().await;
    sets.node.hears_of(&sets.worker.id).await;
    let since = crate::support::within("the links of the worker", async {
        loop {
            match sets.watch(connection(), "a", Some(&created.cursor.to_string())).await {
                Ok(message) => break delta(message),
                Err(error) => assert_eq!(error.code, protocol::ErrorCode::Unavailable, "{error}"),
            }
        }
    })
    .await;
    assert_eq!(since.operations.len(), 1);
}

#[tokio::test]
async fn what_redis_refuses_is_told_in_words_that_say_what_to_do() {
    let mut sets = Sets::start().await;
    sets.create("a").await;
    let () = sets.redis.cli("CONFIG SET maxmemory 1mb").await;
    let full = sets.request("PUT", "/sets/a/elements/x", None).await;
    let error = sets.error(&full).await;
    assert!(full.status == 503 && error.message.contains("raise maxmemory"), "{error}");
    let () = sets.redis.cli("CONFIG SET maxmemory 0").await;
    assert_eq!(sets.request("PUT", "/sets/a/elements/x", None).await.status, 200);
    let _: u64 = sets.redis.cli("HSET set:{a}:elements y nonsense").await;
    let odd = sets.request("GET", "/sets/a", None).await;
    assert_eq!(odd.status, 500, "{odd:?}");
    let _: u64 = sets.redis.cli("DEL set:{a}:elements").await;
    let _: u64 = sets.redis.cli("SADD set:{a}:elements x").await;
    let odd = sets.request("PUT", "/sets/a/elements/x", None).await;
    assert_eq!(odd.status, 500, "{odd:?}");
}

#[tokio::test]
async fn how_far_a_stamp_may_be_ahead_is_an_option() {
    let mut sets = Sets::with(sets_options(Some(10), None)).await;
    let ahead_ms = sets.create("a").await.created_ms + 50_000;
    let applied =
        sets.apply("a", &format!(r#"{{"op":"add","value":"x","stamp":[{ahead_ms},"phone"]}}"#)).await;
    let [Outcome::ClockAhead { ahead_ms_max: 10, .. }] = applied.outcomes.as_slice() else {
        panic!("{applied:?}")
    };
}

#[tokio::test]
async fn opening_and_closing_a_connection_needs_nothing() {
    let mut sets = Sets::start().await;
    let client = connection();
    assert_eq!(sets.node.open(&sets.worker.id, client).await, r#"{"seq":1,"effects":[]}"#);
    assert_eq!(sets.node.close(&sets.worker.id, client).await, r#"{"seq":2,"effects":[]}"#);
}
