//! What clients of the sets service say and hear.

use protocol::sets::{Created, Index, Message, Op, Outcome, Set};

use crate::support::sets::{
    Sets, connection, delta, is_not_found, named, set, sets_options, snapshot, values,
};

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
