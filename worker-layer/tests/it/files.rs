//! What readers of the files service see.

use protocol::files::{Change, Changes, Delta, Details, Message, Page, Snapshot, State};
use protocol::{Answer, Body, Effect, ErrorCode, HttpBody, Subject};

use crate::support::Client;
use crate::support::files::{Files, HERE, files_options, http};
use crate::support::original::Original;

fn connection() -> Client {
    Client::of("files")
}

/// The names and numbers in a snapshot.
fn pairs(snapshot: &Snapshot) -> Vec<(&str, u64)> {
    let files = snapshot.files.as_ref().expect("it fits");
    files.iter().map(|(name, watcher)| (name.as_str(), *watcher)).collect()
}

/// Names of which a listing is large.
fn long_names() -> Vec<String> {
    (0..20_000).map(|number| format!("a file with a long name {number:06}.txt")).collect()
}

async fn fill(files: &mut Files, instance: &str, names: &[String]) {
    for (piece, first) in names.chunks(1_000).zip((2..).step_by(1_000)) {
        let operations: Vec<_> =
            piece.iter().zip(first..).map(|(name, seqno)| ("add", name.as_str(), seqno)).collect();
        files.patch(instance, &operations).await;
    }
}

async fn pages(files: &mut Files, query: &str) -> Vec<Page> {
    let (mut pages, mut after) = (Vec::new(), String::new());
    loop {
        let mut page: Page = files.get(&format!("/files?{query}{after}")).await;
        let next = page.next.take();
        pages.push(page);
        let Some(next) = next else { return pages };
        let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        after = format!("&after={next}");
    }
}

#[tokio::test]
async fn the_listing_is_sorted_by_the_bytes_of_names_and_has_the_same_name_of_two_watchers_twice() {
    let mut files = Files::with(3, files_options(|_| {})).await;
    for (instance, names) in [("a", ["dog.jpg", "é", "b\"\\\n/"]), ("b", ["cat.jpg", "dog.jpg", "Zebra"])] {
        let operations: Vec<_> =
            names.into_iter().zip(2..).map(|(name, seqno)| ("add", name, seqno)).collect();
        files.patch(instance, &operations).await;
    }
    let response = files.request("GET", "/files/", "").await;
    let names = ["Zebra", "b\\\"\\\\\\n/", "cat.jpg", "dog.jpg", "dog.jpg", "é"];
    let entries = names.map(|name| format!("{{\"filename\":\"{name}\"}}")).join(",");
    assert_eq!(files.text(&response).await, format!("{{\"files\":[{entries}]}}"));
    assert_eq!(response.headers["content-type"], "application/json");
}

#[tokio::test]
async fn a_browser_sees_readable_json() {
    let mut files = Files::start().await;
    let mut request = http("GET", "/files", "");
    request.headers.insert("accept".to_owned(), "text/html,application/xhtml+xml,*/*;q=0.8".to_owned());
    let response = files.request_from(HERE, request.clone()).await;
    assert_eq!(files.text(&response).await, "{\n  \"files\": []\n}\n");
    files.patch("a", &[("add", "cat.jpg", 2), ("add", "dog.jpg", 3)]).await;
    let response = files.request_from(HERE, request.clone()).await;
    let indented =
        "{\n  \"files\": [\n    { \"filename\": \"cat.jpg\" },\n    { \"filename\": \"dog.jpg\" }\n  ]\n}\n";
    assert_eq!(files.text(&response).await, indented);
    request.path = "/nodes".to_owned();
    let response = files.request_from(HERE, request).await;
    assert!(files.text(&response).await.starts_with("{\n  \"nodes\": [\n    {\n"));
}

#[tokio::test]
async fn who_has_the_listing_already_gets_304_until_it_changes() {
    let mut files = Files::start().await;
    for (seqno, target) in (2..).zip(["/files", "/files?prefix=c", "/files?limit=5"]) {
        files.patch("a", &[("add", target, seqno)]).await;
        let first = files.request("GET", target, "").await;
        let tag = first.headers["etag"].clone();
        let with_tag = |tag: &str| {
            let mut request = http("GET", target, "");
            request.headers.insert("if-none-match".to_owned(), format!("\"x\", W/{tag}"));
            request
        };
        let known = files.request_from(HERE, with_tag(&tag)).await;
        assert_eq!((known.status, &known.headers["etag"], &known.body), (304, &tag, &HttpBody::default()));
        files.patch("b", &[("add", target, seqno)]).await;
        let changed = files.request_from(HERE, with_tag(&tag)).await;
        assert!(changed.status == 200 && changed.headers["etag"] != tag, "{changed:?}");
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let mut files = Files::start().await;
    files.patch("a", &[("add", "x", 2)]).await;
    let (get, head) = (files.request("GET", "/files", "").await, files.request("HEAD", "/files", "").await);
    assert_eq!((head.status, &head.headers, &head.body), (200, &get.headers, &HttpBody::default()));
}

#[tokio::test]
async fn pages_follow_each_other_and_a_prefix_shows_what_begins_with_it() {
    let mut files = Files::start().await;
    let names: Vec<String> = (0..25).map(|number| format!("cat {number:02}")).collect();
    fill(&mut files, "a", &names).await;
    fill(&mut files, "b", &names[20..]).await;
    files.patch("c", &[("add", "a:b", 2), ("add", "ca", 3), ("add", "cb", 4)]).await;
    let mut seen = Vec::new();
    for page in pages(&mut files, "limit=4&prefix=cat").await {
        assert!(page.count == 30 && page.files.len() <= 4);
        seen.extend(page.files.into_iter().map(|file| file.filename));
    }
    let mut expected = [names.clone(), names[20..].to_vec()].concat();
    expected.sort();
    assert_eq!(seen, expected);
    let all: Page = files.get("/files?limit=10000").await;
    assert_eq!((all.count, all.files.len(), all.next), (33, 33, None));
    let listing: protocol::files::Listing = files.get("/files?prefix=ca").await;
    assert_eq!(listing.files.len(), 31);
}

#[tokio::test]
async fn details_tell_whose_each_file_is_and_how_that_watcher_does() {
    let mut files = Files::start().await;
    let original = Original::start(&["b", "a"]).await;
    original.hello(&mut files).await;
    files.until_state(&original.instance, State::Synced).await;
    files.patch("other", &[("add", "b", 2)]).await;
    let details: Details = files.get("/files?details=1").await;
    let shown: Vec<_> = details
        .files
        .iter()
        .map(|file| (file.filename.as_str(), file.watcher.instance.as_str(), file.watcher.state))
        .collect();
    let synced = |name| (name, original.instance.as_str(), State::Synced);
    assert_eq!(shown, [synced("a"), synced("b"), ("b", "other", State::Dirty)]);
    assert_eq!(details.files[0].watcher.address, format!("{HERE}:{}", original.port));
    assert!(details.files.iter().all(|file| file.lag_ms < 20_000) && details.count == 3);
}

#[tokio::test]
async fn whoever_hands_back_a_cursor_gets_what_came_since_and_else_everything() {
    let mut files = Files::with(2, files_options(|_| {})).await;
    files.patch("a", &[("add", "x", 2), ("add", "y", 3)]).await;
    let page: Page = files.get("/files?limit=1").await;
    let since = |cursor: &str| format!("/files?since={cursor}");
    let Changes::Page(nothing) = files.get(&since(&page.cursor.to_string())).await else { panic!("a reset") };
    assert!(nothing.changes.is_empty() && nothing.more == Some(false) && nothing.cursor == page.cursor);
    files.patch("a", &[("remove", "x", 4)]).await;
    files.patch("a", &[("add", "z", 5)]).await;
    let Changes::Page(first) = files.get(&format!("{}&limit=1", since(&page.cursor.to_string()))).await
    else {
        panic!("a reset")
    };
    assert_eq!(first.changes, [Change::Remove { watcher: 1, filename: "x".to_owned() }]);
    assert_eq!(first.more, Some(true));
    let Changes::Page(rest) = files.get(&since(&first.cursor.to_string())).await else { panic!("a reset") };
    assert_eq!(rest.changes, [Change::Add { watcher: 1, filename: "z".to_owned() }]);
    let position = page.cursor.position();
    for unknown in [format!("other-{position}"), format!("{}-{}", page.cursor.epoch(), position - 1)] {
        let Changes::Reset { reset } = files.get(&since(&unknown)).await else { panic!("no reset") };
        assert_eq!((pairs(&reset), &reset.cursor), (vec![("y", 1), ("z", 1)], &rest.cursor));
    }
}

#[tokio::test]
async fn a_connection_gets_a_snapshot_and_then_each_change_without_a_hole() {
    let mut files = Files::with(2, files_options(|_| {})).await;
    files.patch("a", &[("add", "x", 2)]).await;
    let snapshot = files.connect(connection()).await;
    assert_eq!((pairs(&snapshot), snapshot.count), (vec![("x", 1)], 1));
    assert_eq!(snapshot.watchers[0].instance.as_str(), "a");
    files.patch("a", &[("add", "y", 3)]).await;
    files.patch("b", &[("add", "x", 2)]).await;
    files.bye("a").await;
    let mut cursor = snapshot.cursor.clone();
    let mut seen = Vec::new();
    while seen.len() < 4 {
        let Delta { prev, cursor: next, changes, .. } = files.pushed().await;
        if next.position() <= cursor.position() {
            continue;
        }
        assert_eq!(prev, Some(cursor), "no change is missing");
        cursor = next;
        seen.extend(changes);
    }
    assert_eq!(seen[0], Change::Add { watcher: 1, filename: "y".to_owned() });
    assert!(matches!(&seen[1], Change::Watcher(watcher) if watcher.watcher == 2));
    assert_eq!(seen[2], Change::Add { watcher: 2, filename: "x".to_owned() });
    assert!(matches!(&seen[3], Change::Gone { watcher: 1, .. }));
    // It was away and comes back with its cursor.
    let message = format!(r#"{{"type":"watch","cursor":"{}"}}"#, snapshot.cursor);
    let Ok(Message::Changes(delta)) = files.ask(connection(), &message).await else { panic!("no changes") };
    assert_eq!((delta.prev, delta.cursor, delta.changes, delta.more), (None, cursor, seen, Some(false)));
}

#[tokio::test]
async fn a_connection_that_asks_wrongly_is_told_what_is_wrong() {
    let mut files = Files::start().await;
    for (message, words) in [
        (r#"{"id":1}"#, "type is missing"),
        (r#"{"type":"list"}"#, "type must be"),
        (r#"{"type":"watch","cursor":5}"#, "no cursor"),
        (r#"{"type":"watch","type":"watch"}"#, "at most once"),
    ] {
        let error = files.ask(connection(), message).await.expect_err(message);
        assert!(error.code == ErrorCode::BadRequest && error.message.contains(words), "{error:?}");
    }
    let reset = files.ask(connection(), r#"{"type":"watch","cursor":"x-1"}"#).await;
    assert!(matches!(reset, Ok(Message::Reset(_))), "{reset:?}");
}

#[tokio::test]
async fn after_a_gap_all_connections_of_the_node_get_everything() {
    let mut files = Files::start().await;
    files.patch("a", &[("add", "x", 2)]).await;
    let seq = files.tell(Subject::Gap { topic: "{files}".to_owned() }).await;
    let Answer::Effects(effects) = files.node.answer(seq).await else { panic!("not for HTTP") };
    let [Effect::Push(push)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(push.topic, "{files}");
    let text = files.node.text(&push.push.body).await;
    let Ok(Message::Reset(snapshot)) = serde_json::from_str(&text) else { panic!("{text}") };
    assert_eq!(pairs(&snapshot), [("x", 1)]);
}

#[tokio::test]
async fn a_large_listing_travels_by_claim_and_is_made_once() {
    let mut files = Files::start().await;
    let names = long_names();
    fill(&mut files, "a", &names).await;
    let first = files.request("GET", "/files", "").await;
    let HttpBody::Claim(claim) = &first.body else { panic!("not by claim") };
    assert_eq!(files.names().await, names);
    let again = files.request("GET", "/files", "").await;
    assert_eq!(again.body, HttpBody::Claim(claim.clone()), "what did not change is not made again");
    files.patch("b", &[("add", "b", 2)]).await;
    let changed = files.request("GET", "/files", "").await;
    assert_ne!(changed.body, first.body);
    let snapshot = files.connect(connection()).await;
    assert_eq!((snapshot.count, pairs(&snapshot).len()), (20_001, 20_001));
}

#[tokio::test]
async fn large_listings_of_the_same_prefix_that_are_asked_for_at_once_are_one_claim() {
    let mut files = Files::start().await;
    fill(&mut files, "a", &long_names()).await;
    let answers = files.request_at_once(&["/files?prefix=a"; 20]).await;
    let HttpBody::Claim(_) = &answers[0].body else { panic!("not by claim") };
    assert!(answers.iter().all(|answer| answer.body == answers[0].body), "{answers:?}");
}

#[tokio::test]
async fn large_listings_of_many_prefixes_are_refused_without_room_and_hold_up_nobody_who_wants_all() {
    // All is a megabyte: two prefixes find room, and all beside them.
    let options = files_options(|options| options.claimed_bytes_max = 5_000_000);
    let mut files = Files::with(1, options).await;
    let names = long_names();
    fill(&mut files, "a", &names).await;
    let targets: Vec<String> =
        (1..20).map(|length| format!("/files?prefix={}", names[0][..length].replace(' ', "+"))).collect();
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    let answers = files.request_at_once(&targets).await;
    let (served, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert!(served.len() >= 2 && !refused.is_empty(), "{answers:?}");
    for answer in refused {
        assert_eq!(files.error(answer).await.code, ErrorCode::Unavailable);
    }
    let all = files.request("GET", "/files", "").await;
    // Had it waited for room, the first of these would be gone.
    for answer in served {
        let HttpBody::Claim(claim) = &answer.body else { panic!("not by claim") };
        assert_eq!(files.redis.cli::<u64>(&format!("EXISTS {}", claim.key)).await, 1);
    }
    assert_eq!(files.body::<protocol::files::Listing>(&all).await.files.len(), names.len());
}

#[tokio::test]
async fn when_a_watcher_with_many_files_goes_nobody_sees_a_part_of_them() {
    let mut files = Files::start().await;
    let names: Vec<String> = (0..40_000).map(|number| format!("{number:06}")).collect();
    fill(&mut files, "a", &names).await;
    files.patch("b", &[("add", "000000", 2), ("add", "999999", 3)]).await;
    files.bye("a").await;
    assert_eq!(files.names().await, ["000000", "999999"]);
    let pages = pages(&mut files, "limit=2").await;
    assert!(pages.iter().all(|page| page.count == 2));
    assert_eq!(pages.iter().flat_map(|page| &page.files).count(), 2);
    // What is left of it is cleared away: two files and nothing else.
    crate::support::within("the order to be clean", async {
        while files.redis.cli::<u64>("ZCARD {files}:order").await != 2 {}
    })
    .await;
    assert_eq!(files.redis.cli::<u64>("EXISTS {files}:gone {files}:names:1").await, 0);
}

#[tokio::test]
async fn a_flushed_store_is_a_new_epoch_and_the_watchers_fill_it_again() {
    let mut files = Files::start().await;
    let original = Original::start(&["a", "b"]).await;
    original.hello(&mut files).await;
    files.until_state(&original.instance, State::Synced).await;
    let snapshot = files.connect(connection()).await;
    let () = files.redis.cli("FLUSHALL").await;
    original.hello(&mut files).await;
    files.until_state(&original.instance, State::Synced).await;
    assert_eq!(files.names().await, ["a", "b"]);
    let message = format!(r#"{{"type":"watch","cursor":"{}"}}"#, snapshot.cursor);
    let Ok(Message::Reset(reset)) = files.ask(connection(), &message).await else { panic!("no reset") };
    assert_ne!(reset.cursor.epoch(), snapshot.cursor.epoch());
}

#[tokio::test]
async fn the_log_is_bounded_and_a_cursor_that_it_has_no_more_gets_everything() {
    let mut files = Files::start().await;
    files.patch("a", &[("add", "first", 2)]).await;
    let page: Page = files.get("/files?limit=1").await;
    let mut seqno = 3;
    // More bytes than entries: each is a name of a kilobyte.
    let name = "x".repeat(1_020);
    for _ in 0..10_050 {
        files.patch("a", &[("add", "flips", seqno), ("remove", "flips", seqno + 1)]).await;
        seqno += 2;
    }
    files.patch("a", &[("add", &name, seqno)]).await;
    assert_eq!(files.redis.cli::<u64>("XLEN {files}:log").await, 10_000);
    let changes: Changes = files.get(&format!("/files?since={}", page.cursor)).await;
    assert!(matches!(changes, Changes::Reset { .. }));
    // The listing in memory was left behind, and is read anew.
    assert_eq!(files.names().await, ["first".to_owned(), name]);
}

#[tokio::test]
async fn a_body_of_a_message_that_is_no_text_is_refused() {
    let mut files = Files::start().await;
    let claim = files.node.store.put_claim(b"\xff\xfe").await.expect("Redis runs");
    let mut request = http("POST", "/hello", "");
    request.body = HttpBody::Claim(claim.clone());
    assert_eq!(files.request_from(HERE, request).await.status, 400);
    let body = Body::Claim(claim);
    let seq = files.tell(Subject::Message(connection().peer(), body)).await;
    let Effect::Send { body, .. } = files.node.effect(seq).await else { panic!("no answer") };
    assert!(files.node.text(&body).await.contains("too_large"));
}
