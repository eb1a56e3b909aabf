//! A large set is read in pieces while it goes on changing, and is exactly what it is at its cursor.

use std::collections::BTreeSet;

use protocol::sets::{Cursor, Digest, Element, Message, Set};
use protocol::{Answer, Body, Effect, ErrorCode, HttpBody, Subject};

use crate::support::sets::{Sets, connection, delta, http, raw, sets_options};

/// Values beyond which a set is read in pieces.
const LARGE: usize = 10_000;

/// Fills a set by hand, as if these had been added long ago.
async fn fill(sets: &Sets, count: usize) {
    let fill =
        "for i = 1, 1000 do redis.call('HSET', 'set:{a}:elements', 'old-' .. (ARGV[1] + i), '+1:phone') end";
    let mut connection = sets.redis.connection().await;
    for from in (0..count).step_by(1_000) {
        let mut eval = broker::redis::cmd("EVAL");
        let () = eval.arg(fill).arg(0).arg(from).query_async(&mut connection).await.expect("it is filled");
    }
}

fn values(elements: Vec<Element>) -> BTreeSet<String> {
    elements.into_iter().map(|element| element.value).collect()
}

#[tokio::test]
async fn a_snapshot_of_a_large_set_shows_all_changes_up_to_its_cursor_and_none_behind_it() {
    let mut sets = Sets::start().await;
    sets.create("a").await;
    fill(&sets, 5 * LARGE).await;
    let mut seen = 0;
    for round in 0..5 {
        // All in one payload: changes, readings among them, and more changes, in both lanes of the worker.
        let (mut lines, mut changes, mut readings) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..300 {
            let (adds, removes) =
                (format!("new-{round}-{number}"), format!("old-{}", 1 + 300 * round + number));
            let message = format!(
                r#"{{"type":"apply","set":"a","operations":[{{"op":"add","value":"{adds}"}},{{"op":"remove","value":"{removes}"}}]}}"#
            );
            let (seq, line) = sets.node.message(connection(), &message);
            changes.push((seq, adds, removes));
            sets.node.publish(&sets.worker.id, line).await;
            if number % 100 == 0 {
                let get =
                    Subject::Http { peer: String::new(), http: http("GET", "/sets/a?tombstones=1", None) };
                let (seq, line) = sets.node.event("sets", get);
                lines.extend(line);
                readings.push(seq);
                sets.node.publish(&sets.worker.id, std::mem::take(&mut lines)).await;
            }
        }
        let mut applied: Vec<(Cursor, String, String)> = Vec::new();
        for (seq, adds, removes) in changes {
            let Effect::Send { body, .. } = sets.node.effect(seq).await else { panic!("no answer") };
            let text = sets.node.text(&body).await;
            let Message::Outcomes { applied: done, .. } = serde_json::from_str(&text).expect("outcomes")
            else {
                panic!()
            };
            applied.push((done.cursor, adds, removes));
        }
        for seq in readings {
            let response = sets.node.response(seq).await;
            assert_eq!(response.status, 200, "{response:?}");
            let HttpBody::Claim(_) = response.body else { panic!("it is large") };
            let all: Set = sets.body(&response).await;
            let (elements, removed) = (values(all.elements), values(all.removed.expect("asked for")));
            for (cursor, adds, removes) in &applied {
                let is_in = cursor.position() <= all.cursor.position();
                seen += usize::from(is_in);
                assert_eq!((elements.contains(adds), removed.contains(adds)), (is_in, false), "{adds}");
                assert_eq!(
                    (!elements.contains(removes), removed.contains(removes)),
                    (is_in, is_in),
                    "{removes}"
                );
            }
            // An operation on another value is in both or in none: nothing else is missing.
            let before = 300 * usize::try_from(round).expect("small");
            let now =
                applied.iter().filter(|(cursor, ..)| cursor.position() <= all.cursor.position()).count();
            assert_eq!((elements.len(), removed.len()), (5 * LARGE, before + now));
        }
    }
    assert!(seen > 0);
}

#[tokio::test]
async fn whoever_wants_a_large_set_at_the_same_time_shares_a_reading() {
    let mut sets = Sets::start().await;
    let created = sets.create("a").await;
    fill(&sets, LARGE + 1_000).await;
    let (mut lines, mut seqs) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let body = raw(r#"{"type":"watch","set":"a","id":1}"#);
        let joined = Subject::Joined { peer: connection().peer(), topic: "set:{a}".to_owned(), body };
        let (seq, line) = sets.node.event("sets", joined);
        lines.extend(line);
        seqs.push(seq);
    }
    sets.node.publish(&sets.worker.id, lines).await;
    let mut claims = BTreeSet::new();
    for seq in seqs {
        let Effect::Send { body: Body::Claim(claim), id: Some(_) } = sets.node.effect(seq).await else {
            panic!("no claim")
        };
        claims.insert(claim.key);
    }
    assert!(claims.len() < 5, "{}", claims.len());
    let head = sets.request("HEAD", "/sets/a", None).await;
    assert!(head.status == 200 && head.body == HttpBody::default() && head.headers.contains_key("etag"));
    let digest: Digest = sets.get("/sets/a/digest").await;
    assert_eq!((digest.count, digest.cursor), (LARGE + 1_000, created.cursor.clone()));
    // After a gap, and for a cursor that the log does not have, it is the same.
    let gap = sets.node.tell(&sets.worker.id, "sets", Subject::Gap { topic: "set:{a}".to_owned() }).await;
    let Answer::Effects(effects) = sets.node.answer(gap).await else { panic!("not for HTTP") };
    let [Effect::Push(push)] = effects.as_slice() else { panic!("{effects:?}") };
    let text = sets.node.text(&push.push.body).await;
    let Message::Reset(all) = serde_json::from_str(&text).expect("a message") else { panic!("no reset") };
    assert_eq!(all.elements.len(), LARGE + 1_000);
    let reset = sets.watch(connection(), "a", Some("e-1")).await.expect("all");
    assert_eq!(reset, Message::Reset(protocol::sets::Snapshot { server_ms: server_ms(&reset), ..all }));
}

fn server_ms(message: &Message) -> u64 {
    match message {
        Message::Reset(all) => all.server_ms,
        other => panic!("{other:?}"),
    }
}

/// How many pieces were read so far, of all sets.
async fn pieces(sets: &Sets) -> u64 {
    let stats: String = sets.redis.cli("INFO commandstats").await;
    let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_hscan:calls="));
    calls.and_then(|calls| calls.split(',').next()).map_or(0, |calls| calls.parse().expect("a number"))
}

/// A set of so many values that can be sent only up to so many bytes.
async fn too_large(count: usize, bytes_max: usize) -> (Sets, Cursor) {
    let mut options = sets_options(None, Some(10_000_000_000_000));
    options.sets.snapshot_bytes_max = bytes_max;
    let mut sets = Sets::with(options).await;
    let cursor = sets.create("a").await.cursor;
    fill(&sets, count).await;
    (sets, cursor)
}

#[tokio::test]
async fn a_set_that_is_too_large_to_be_sent_is_not_read_to_its_end() {
    // A value takes 35 bytes at least, so some 11 pieces of the 40 are too large.
    let (mut sets, cursor) = too_large(4 * LARGE, 400_000).await;
    for target in ["/sets/a", "/sets/a?tombstones=1", "/sets/a/changes", "/sets/a/changes?since=e-1"] {
        let before = pieces(&sets).await;
        let response = sets.request("GET", target, None).await;
        let error = sets.error(&response).await;
        assert_eq!((response.status, error.code), (413, ErrorCode::TooLarge), "{target}: {error}");
        let read = pieces(&sets).await - before;
        assert!((5..20).contains(&read), "{target}: {read} pieces");
    }
    for asked in [None, Some("e-1")] {
        let error = sets.watch(connection(), "a", asked).await.expect_err("too large");
        assert_eq!(error.code, ErrorCode::TooLarge);
    }
    // What is small can be asked for, however large the rest is.
    assert_eq!(sets.get::<Digest>("/sets/a/digest").await.count, 4 * LARGE);
    let since = delta(sets.watch(connection(), "a", Some(&cursor.to_string())).await.expect("a delta"));
    assert_eq!((since.cursor, since.operations.len()), (cursor, 0));
    let remove = "local all = redis.call('HKEYS', 'set:{a}:elements')
        for i = 2, #all do redis.call('HSET', 'set:{a}:elements', all[i], '-2:phone') end";
    let mut eval = broker::redis::cmd("EVAL");
    let () = eval.arg(remove).arg(0).query_async(&mut sets.redis.connection().await).await.expect("done");
    assert_eq!(sets.get::<Set>("/sets/a").await.elements.len(), 1);
    assert_eq!(sets.get::<Digest>("/sets/a/digest").await.count, 1);
    assert_eq!(sets.request("GET", "/sets/a?tombstones=1", None).await.status, 413);
}

#[tokio::test]
async fn after_a_gap_who_watches_a_set_that_is_too_large_to_be_sent_learns_that_something_was_missed() {
    let (mut sets, first) = too_large(2 * LARGE, 400_000).await;
    let missed = sets.apply("a", r#"{"op":"add","value":"missed"}"#).await.cursor;
    let before = pieces(&sets).await;
    let gap = sets.node.tell(&sets.worker.id, "sets", Subject::Gap { topic: "set:{a}".to_owned() }).await;
    let Answer::Effects(effects) = sets.node.answer(gap).await else { panic!("not for HTTP") };
    let [Effect::Push(push)] = effects.as_slice() else { panic!("{effects:?}") };
    let text = sets.node.text(&push.push.body).await;
    let told = delta(serde_json::from_str(&text).expect("a message"));
    // Later than the cursor of who missed the change, but not following it; not later than that of who did not.
    assert_eq!((told.prev.as_ref(), &told.cursor), (Some(&missed), &missed));
    assert!(told.operations.is_empty() && told.more.is_none() && first.position() < missed.position());
    assert!(pieces(&sets).await - before < 20, "it is not tried again");
    let since = delta(sets.watch(connection(), "a", Some(&first.to_string())).await.expect("a delta"));
    assert_eq!((since.operations[0].value.as_str(), since.cursor), ("missed", missed));
}

#[tokio::test]
async fn a_large_set_that_is_deleted_while_it_is_read_is_not_found() {
    let mut sets = Sets::start().await;
    sets.create("a").await;
    fill(&sets, 3 * LARGE).await;
    let get = Subject::Http { peer: String::new(), http: http("GET", "/sets/a", None) };
    let seq = sets.node.tell(&sets.worker.id, "sets", get).await;
    assert_eq!(sets.request("DELETE", "/sets/a", None).await.status, 204);
    let response = sets.node.response(seq).await;
    // It was read before it was deleted, or not at all.
    assert!(matches!(response.status, 200 | 404), "{response:?}");
    if response.status == 200 {
        assert_eq!(sets.body::<Set>(&response).await.elements.len(), 3 * LARGE);
    }
}
