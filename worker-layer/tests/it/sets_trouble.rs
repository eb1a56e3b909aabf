//! Full sets, a Redis that is away or refuses, and nodes that missed something.

use protocol::sets::{Applied, Contained, Digest, Message};
use protocol::{Answer, Body, Effect, ErrorCode, Subject};

use crate::support::sets::{Sets, connection, delta, named, set, sets_options, snapshot, values};
use crate::support::{RedisServer, within};

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
async fn a_full_set_takes_new_values_again_as_soon_as_removals_may_be_forgotten() {
    let mut options = sets_options(None, Some(60_000));
    options.sets.values_max = 3;
    let mut sets = Sets::with(options).await;
    let now = sets.create("a").await.created_ms;
    sets.apply("a", r#"{"op":"add","value":"kept"}"#).await;
    // Removed longer ago than the horizon, and not forgotten yet.
    let _: u64 = sets.redis.cli("HSET set:{a}:elements old -1:phone older -1:phone").await;
    let _: u64 = sets.redis.cli("ZADD set:{a}:tombstones 1 old 1 older").await;
    // The removal of `old` is forgotten in the same call: what would have been compared with it is as old.
    let operations = format!(
        r#"{{"op":"add","value":"old","stamp":[2,"laptop"]}},{{"op":"add","value":"new","stamp":[{now},"laptop"]}}"#
    );
    let applied = sets.apply("a", &operations).await;
    assert_eq!(named(&applied), ["too_old", "applied"]);
    assert!(!sets.get::<Contained>("/sets/a/elements/old").await.contained);
    assert_eq!(sets.request("PUT", "/sets/a/elements/more", None).await.status, 200);
    assert_eq!(sets.request("PUT", "/sets/a/elements/beyond", None).await.status, 413);
    assert_eq!(sets.get::<Digest>("/sets/a/digest").await.count, 3);
}

#[tokio::test]
async fn a_full_set_refuses_a_new_value_and_nothing_else_that_comes_with_it() {
    let mut options = sets_options(None, None);
    options.sets.values_max = 20;
    let mut sets = Sets::with(options).await;
    sets.create("a").await;
    let values: Vec<String> = (0..20).map(|value| format!(r#"{{"op":"add","value":"{value}"}}"#)).collect();
    sets.apply("a", &values.join(",")).await;
    // Ten clients add beyond the bound, ten others remove what is there, all in one payload.
    let (mut lines, mut seqs) = (Vec::new(), Vec::new());
    for number in 0..10 {
        for (op, value) in [("add", format!("new-{number}")), ("remove", number.to_string())] {
            let message = format!(
                r#"{{"type":"apply","set":"a","operations":[{{"op":"{op}","value":"{value}"}}],"id":1}}"#
            );
            let (seq, line) = sets.node.message(connection(), &message);
            lines.extend(line);
            seqs.push((op, seq));
        }
    }
    sets.node.publish(&sets.worker.id, lines).await;
    for (op, seq) in seqs {
        let reply = sets.node.reply(seq).await;
        let expected = if op == "add" { r#""code":"too_large""# } else { r#""outcome":"applied""# };
        assert!(reply.contains(expected), "{op}: {reply}");
    }
    // In one request: what can be done is done, and the answer says that not all was.
    let both = r#"{"operations":[{"op":"add","value":"new"},{"op":"remove","value":"10"}]}"#;
    let response = sets.request("POST", "/sets/a/operations", Some(both)).await;
    let error = sets.error(&response).await;
    assert_eq!((response.status, error.code), (413, ErrorCode::TooLarge));
    assert!(error.message.contains("1 of the 2 operations were not done"), "{error}");
    assert!(!sets.get::<Contained>("/sets/a/elements/10").await.contained);
    let kept = r#"{"operations":[{"op":"add","value":"10"},{"op":"remove","value":"11"}]}"#;
    let response = sets.request("POST", "/sets/a/operations", Some(kept)).await;
    assert_eq!(sets.body::<Applied>(&response).await.outcomes.len(), 2);
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
    let since = within("the links of the worker", async {
        loop {
            match sets.watch(connection(), "a", Some(&created.cursor.to_string())).await {
                Ok(message) => break delta(message),
                Err(error) => assert_eq!(error.code, ErrorCode::Unavailable, "{error}"),
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
