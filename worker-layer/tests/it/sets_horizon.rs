//! Removals are forgotten behind a horizon, and nothing comes back from the dead.

use protocol::sets::{Contained, Message, Outcome, Set};

use crate::support::sets::{Sets, connection, named, sets_options};

#[tokio::test]
async fn what_was_removed_and_forgotten_stays_away_whatever_comes_late() {
    let mut sets = Sets::with(sets_options(None, Some(1_000))).await;
    let now = sets.create("a").await.created_ms;
    let at = |op: &str, value: &str, ago: u64| {
        format!(r#"{{"op":"{op}","value":"{value}","stamp":[{},"phone"]}}"#, now - ago)
    };
    sets.apply("a", &[at("add", "x", 9_000), at("remove", "x", 8_000), at("add", "y", 9_500)].join(","))
        .await;
    // It was removed longer ago than the horizon: forgotten.
    assert!(sets.redis.cli::<Option<String>>("HGET set:{a}:elements x").await.is_none());
    assert_eq!(sets.redis.cli::<u64>("ZCARD set:{a}:tombstones").await, 0);
    let floor_ms: u64 = sets.redis.cli("HGET set:{a}:meta floor_ms").await;
    assert!(floor_ms >= now - 1_000);

    // A device that was offline comes back with what it did before.
    let late =
        [at("add", "x", 9_000), at("add", "x", 8_500), at("add", "z", 5_000), at("remove", "z", 4_000)]
            .join(",");
    let applied = sets.apply("a", &late).await;
    assert_eq!(named(&applied), ["too_old"; 4]);
    let told = applied.outcomes.iter().all(|outcome| *outcome == Outcome::TooOld { floor_ms });
    assert!(told, "{:?}", applied.outcomes);
    // What is kept knows better, however old: it is compared.
    let kept = sets.apply("a", &[at("remove", "y", 9_600), at("add", "y", 9_400)].join(",")).await;
    assert_eq!(named(&kept), ["superseded", "applied"]);
    // What is new is new.
    let new = sets.apply("a", r#"{"op":"add","value":"x"}"#).await;
    assert_eq!(named(&new), ["applied"]);
    let all: Set = sets.get("/sets/a?tombstones=1").await;
    assert_eq!((all.elements.len(), all.removed.expect("asked for").len()), (2, 0));
}

#[tokio::test]
async fn one_value_that_is_too_old_is_answered_with_409() {
    let mut sets = Sets::with(sets_options(None, Some(0))).await;
    sets.create("a").await;
    sets.apply("a", r#"{"op":"remove","value":"x","stamp":[5,"phone"]}"#).await;
    let response = sets.request("PUT", "/sets/a/elements/x", Some(r#"{"stamp":[4,"phone"]}"#)).await;
    let body: serde_json::Value = sets.body(&response).await;
    assert_eq!((response.status, body["outcome"].as_str()), (409, Some("too_old")));
    assert!(body["floor_ms"].is_u64());
    assert!(!sets.get::<Contained>("/sets/a/elements/x").await.contained);
}

#[tokio::test]
async fn removals_are_forgotten_as_fast_as_they_come() {
    let mut sets = Sets::with(sets_options(None, Some(0))).await;
    for batch in 0..5 {
        let removals: Vec<String> = (0..500)
            .map(|place| {
                format!(
                    r#"{{"op":"remove","value":"{batch}-{place}","stamp":[{},"p"]}}"#,
                    1_000_000 * (batch + 1) + place
                )
            })
            .collect();
        // A set of its own, because in the one before the stamps are too old by now.
        let set = format!("b{batch}");
        sets.create(&set).await;
        assert_eq!(named(&sets.apply(&set, &removals.join(",")).await), ["applied"; 500]);
        assert_eq!(sets.redis.cli::<u64>(&format!("ZCARD set:{{b{batch}}}:tombstones")).await, 0);
        assert_eq!(sets.redis.cli::<u64>(&format!("HLEN set:{{b{batch}}}:elements")).await, 0);
    }
}

#[tokio::test]
async fn within_the_horizon_a_removal_wins_however_late_the_addition_comes() {
    let mut sets = Sets::with(sets_options(None, Some(60_000))).await;
    let now = sets.create("a").await.created_ms;
    sets.apply("a", &format!(r#"{{"op":"remove","value":"x","stamp":[{},"phone"]}}"#, now - 1_000)).await;
    let late =
        sets.apply("a", &format!(r#"{{"op":"add","value":"x","stamp":[{},"laptop"]}}"#, now - 2_000)).await;
    assert_eq!(named(&late), ["superseded"]);
}

#[tokio::test]
async fn who_comes_back_from_before_the_log_gets_everything_anew() {
    let mut sets = Sets::start().await;
    let first = sets.create("a").await.cursor;
    let second = sets.apply("a", r#"{"op":"add","value":"x"}"#).await.cursor;
    let third = sets.apply("a", r#"{"op":"add","value":"y"}"#).await.cursor;
    let fourth = sets.apply("a", r#"{"op":"add","value":"z"}"#).await.cursor;
    let _: u64 = sets.redis.cli("XTRIM set:{a}:log MAXLEN 1").await;
    for (cursor, is_known) in [(first, false), (second, false), (third, true), (fourth, true)] {
        let answer = sets.watch(connection(), "a", Some(&cursor.to_string())).await.expect("an answer");
        assert_eq!(matches!(answer, Message::Delta(_)), is_known, "{cursor}: {answer:?}");
    }
    // A hole in the log is not passed over.
    let fifth = sets.apply("a", r#"{"op":"add","value":"1"}"#).await.cursor;
    let sixth = sets.apply("a", r#"{"op":"add","value":"2"}"#).await.cursor;
    sets.apply("a", r#"{"op":"add","value":"3"}"#).await;
    let _: u64 = sets.redis.cli(&format!("XDEL set:{{a}}:log {}-0", sixth.position())).await;
    let answer = sets.watch(connection(), "a", Some(&fifth.to_string())).await.expect("an answer");
    assert!(matches!(answer, Message::Reset(_)), "{answer:?}");
}

#[tokio::test]
async fn a_log_of_large_changes_is_bounded_in_bytes() {
    /// What the log may take, and the change that brings it there.
    const BYTES_MAX: u64 = 69 * 1024 * 1024;
    /// A call of the script has at most 32 KiB: these are about 128 MiB of changes, and fewer entries than a log may have.
    const REQUESTS: usize = 2_500;
    let mut sets = Sets::start().await;
    let first = sets.create("a").await.cursor;
    // Small ones at the beginning say nothing about the others.
    for _ in 0..300 {
        sets.apply("a", r#"{"op":"add","value":"short"}"#).await;
    }
    let mut long: Vec<String> = (0..52).map(|value| format!("{value:1000}")).collect();
    let mut last = first.clone();
    for round in 0..REQUESTS {
        let op = if round % 2 == 0 { "add" } else { "remove" };
        let stamped =
            |value: &String| format!(r#"{{"op":"{op}","value":"{value}","stamp":[{},"p"]}}"#, round + 1);
        let operations: Vec<String> = long.iter().map(stamped).collect();
        last = sets.apply("a", &operations.join(",")).await.cursor;
    }
    assert!(sets.redis.cli::<u64>("XLEN set:{a}:log").await > 500, "half of it is kept");
    assert!(sets.redis.cli::<u64>("MEMORY USAGE set:{a}:log SAMPLES 0").await <= BYTES_MAX);
    let from_first = sets.watch(connection(), "a", Some(&first.to_string())).await.expect("an answer");
    assert!(matches!(from_first, Message::Reset(_)), "what was trimmed is not passed over");
    long.truncate(1);
    sets.apply("a", &format!(r#"{{"op":"add","value":"{}"}}"#, long[0])).await;
    let from_last = sets.watch(connection(), "a", Some(&last.to_string())).await.expect("an answer");
    assert!(matches!(from_last, Message::Delta(_)), "{from_last:?}");
}
