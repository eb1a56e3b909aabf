//! Single values, the index, and what caches need, over HTTP.

use protocol::HttpBody;
use protocol::sets::{Contained, Digest, Index};
use serde_json::Value;

use crate::support::sets::{Sets, http};

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
async fn ids_without_a_set_are_taken_out_of_the_index_and_leave_no_hole_in_a_page() {
    let mut sets = Sets::start().await;
    let created = sets.create("a").await;
    // As if each had been listed by who created it a moment after somebody deleted it.
    for number in 0..7 {
        let later_ms = created.created_ms + 1 + number;
        let _: u64 = sets.redis.cli(&format!("ZADD sets {later_ms} gone-{number}")).await;
    }
    let page: Index = sets.get("/sets?limit=3").await;
    assert_eq!((page.sets.len(), page.sets[0].id.as_str(), page.next), (1, "a", None));
    assert_eq!(sets.redis.cli::<Vec<String>>("ZRANGE sets 0 -1").await, ["a"]);
}

#[tokio::test]
async fn a_set_that_is_created_anew_while_it_is_found_to_be_gone_stays_in_the_index() {
    let mut sets = Sets::start().await;
    sets.create("a").await;
    let unlist = include_str!("../../src/sets/unlist.lua");
    let mut connection = sets.redis.connection().await;
    for (score, gone) in [("5", 0_u64), ("1760000000123", 1)] {
        let _: u64 = sets.redis.cli("ZADD sets 1760000000123 b").await;
        let mut eval = broker::redis::cmd("EVAL");
        eval.arg(unlist).arg(1).arg("sets").arg("b").arg(score);
        assert_eq!(eval.query_async::<u64>(&mut connection).await.expect("it runs"), gone);
    }
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
