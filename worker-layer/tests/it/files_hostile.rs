//! What no watcher should say is refused with words, or does no harm.

use protocol::files::{Gone, State};
use protocol::{ErrorCode, HttpBody, Subject};

use crate::support::files::{Files, HERE, files_options, http, patch};
use crate::support::original::Original;
use crate::support::within;

/// A host that is not this one.
const THERE: &str = "10.0.0.9";

async fn with_a_watcher() -> (Files, Original) {
    let mut files = Files::with(2, files_options(|_| {})).await;
    let original = Original::start(&["a", "b"]).await;
    original.hello(&mut files).await;
    files.until_state(&original.instance, State::Synced).await;
    (files, original)
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused_with_words_and_changes_nothing() {
    let (mut files, original) = with_a_watcher().await;
    let own = &original.instance;
    let operation = |text: &str| text.replace("OWN", own);
    let cases = [
        ("POST", "/hello", "", 400, "not JSON"),
        ("POST", "/hello", "[]", 400, "one JSON object"),
        ("POST", "/hello", r#"{"port":1}"#, 400, "instance is missing"),
        ("POST", "/hello", r#"{"instance":7,"port":1}"#, 400, "instance must be a string"),
        ("POST", "/hello", r#"{"instance":"a b","port":1}"#, 400, "cannot be used"),
        ("POST", "/hello", r#"{"instance":"a"}"#, 400, "port is missing"),
        ("POST", "/hello", r#"{"instance":"a","port":0}"#, 400, "1 to 65535, not 0"),
        ("POST", "/hello", r#"{"instance":"a","port":99999}"#, 400, "1 to 65535, not 99999"),
        ("POST", "/hello", r#"{"instance":"a","port":-1}"#, 400, "not -1"),
        ("POST", "/hello", r#"{"instance":"a","port":"4001"}"#, 400, "not \"4001\""),
        ("POST", "/hello", r#"{"instance":"a","port":1,"seqno":-1}"#, 400, "seqno must be"),
        ("POST", "/bye", r#"{"instance":null}"#, 400, "instance is missing"),
        ("PATCH", "/files", "{}", 400, "an array of operations"),
        ("PATCH", "/files", "[]", 400, "no operation"),
        ("PATCH", "/files", "[1]", 400, "operation 0: an operation is one object"),
        (
            "PATCH",
            "/files",
            r#"[{"instance":"OWN","op":"move","value":{"filename":"x"},"seqno":2}]"#,
            400,
            "op must be",
        ),
        ("PATCH", "/files", r#"[{"instance":"OWN","op":"add","value":"x","seqno":2}]"#, 400, "value must be"),
        (
            "PATCH",
            "/files",
            r#"[{"instance":"OWN","op":"add","value":{"filename":5},"seqno":2}]"#,
            400,
            "filename must be",
        ),
        (
            "PATCH",
            "/files",
            r#"[{"instance":"OWN","op":"add","value":{"filename":""},"seqno":2}]"#,
            400,
            "empty",
        ),
        (
            "PATCH",
            "/files",
            r#"[{"instance":"OWN","op":"add","value":{"filename":"\u0000"},"seqno":2}]"#,
            400,
            "U+0000",
        ),
        (
            "PATCH",
            "/files",
            r#"[{"instance":"OWN","op":"add","value":{"filename":"\ud800"},"seqno":2}]"#,
            400,
            "Unicode",
        ),
        (
            "PATCH",
            "/files",
            r#"[{"instance":"OWN","op":"add","value":{"filename":"x"},"seqno":2.5}]"#,
            400,
            "not 2.5",
        ),
        (
            "PATCH",
            "/files",
            r#"[{"instance":"OWN","op":"add","value":{"filename":"x"},"seqno":1e99}]"#,
            400,
            "not 1e99",
        ),
        (
            "PATCH",
            "/files",
            r#"[{"instance":"OWN","op":"add","value":{"filename":"x"},"seqno":99999999999999999}]"#,
            400,
            "seqno",
        ),
        (
            "PATCH",
            "/files",
            r#"[{"instance":"OWN","op":"add","value":{"filename":"x"},"seqno":3},{"instance":"OWN","op":"add","value":{"filename":"y"},"seqno":3}]"#,
            400,
            "operation 1: seqno must grow",
        ),
        (
            "PATCH",
            "/files",
            r#"[{"instance":"OWN","op":"add","value":{"filename":"x"},"seqno":2},{"instance":"b","op":"add","value":{"filename":"x"},"seqno":3}]"#,
            400,
            "of one instance",
        ),
        ("DELETE", "/files", "", 405, "GET, HEAD, PATCH"),
        ("GET", "/hello", "", 405, "POST"),
        ("PUT", "/files/x", "", 404, "nothing here"),
    ];
    for (method, path, body, status, words) in cases {
        let response = files.request(method, path, &operation(body)).await;
        let error = files.error(&response).await;
        assert!(
            response.status == status && error.message.contains(words),
            "{method} {path} {body}: {error:?}"
        );
        let code = match status {
            404 => ErrorCode::NotFound,
            405 => ErrorCode::MethodNotAllowed,
            _ => ErrorCode::BadRequest,
        };
        assert_eq!(error.code, code, "{body}");
    }
    assert_eq!(files.names().await, ["a", "b"]);
    assert_eq!(files.nodes().await.nodes.len(), 1);
    assert_eq!(files.state(&original.instance).await, Some(State::Synced));
}

#[tokio::test]
async fn what_is_too_large_is_refused_as_that() {
    let mut files = Files::start().await;
    let many: Vec<_> = (2..1_003).map(|seqno| ("add", "x", seqno)).collect();
    let long = "x".repeat(1_025);
    for body in [patch("a", &many), patch("a", &[("add", &long, 2)])] {
        let response = files.request("PATCH", "/files", &body).await;
        assert_eq!((response.status, files.error(&response).await.code), (413, ErrorCode::TooLarge));
    }
    let huge = format!(r#"{{"instance":"a","port":1,"more":"{}"}}"#, "x".repeat(70_000));
    for path in ["/hello", "/bye"] {
        let mut request = http("POST", path, "");
        request.body =
            HttpBody::Claim(files.node.store.put_claim(huge.as_bytes()).await.expect("Redis runs"));
        let response = files.request_from(HERE, request).await;
        assert_eq!((response.status, files.error(&response).await.code), (413, ErrorCode::TooLarge));
    }
    assert!(files.nodes().await.nodes.is_empty());
}

#[tokio::test]
async fn what_a_web_page_could_make_a_browser_send_is_refused() {
    let mut files = Files::start().await;
    let mut request = http("POST", "/hello", r#"{"instance":"a","port":1}"#);
    request.headers.insert("content-type".to_owned(), "text/plain".to_owned());
    let response = files.request_from(HERE, request).await;
    assert_eq!((response.status, files.error(&response).await.code), (415, ErrorCode::BadRequest));
    assert!(files.nodes().await.nodes.is_empty());
}

#[tokio::test]
async fn an_instance_belongs_to_the_host_that_it_came_from() {
    let (mut files, original) = with_a_watcher().await;
    let own = &original.instance;
    let hello = format!(r#"{{"instance":"{own}","port":9}}"#);
    let bye = format!(r#"{{"instance":"{own}"}}"#);
    let patch = patch(own, &[("remove", "a", 2)]);
    for (method, path, body) in
        [("POST", "/hello", &hello), ("POST", "/bye", &bye), ("PATCH", "/files", &patch)]
    {
        let response = files.request_from(THERE, http(method, path, body)).await;
        let error = files.error(&response).await;
        assert_eq!((response.status, error.code), (409, ErrorCode::Conflict));
        assert!(error.message.contains("another host"), "{error:?}");
    }
    assert_eq!(files.names().await, ["a", "b"]);
    // One host has several loopback addresses.
    let response = files.request_from("::ffff:127.0.0.1", http("PATCH", "/files", &patch)).await;
    assert_eq!(response.status, 200);
    assert_eq!(files.names().await, ["b"]);
}

#[tokio::test]
async fn an_instance_that_has_expired_may_come_from_anywhere() {
    let options = files_options(|options| (options.stale_ms, options.expire_ms) = (100, 200));
    let mut files = Files::with(1, options).await;
    files.patch("a", &[("add", "x", 2)]).await;
    let said = patch("a", &[("add", "y", 2)]);
    within("it to be accepted from there", async {
        while files.request_from(THERE, http("PATCH", "/files", &said)).await.status != 200 {}
    })
    .await;
    assert_eq!(files.names().await, ["y"]);
}

#[tokio::test]
async fn numbers_that_go_back_or_far_ahead_spoil_nothing_for_long() {
    let (mut files, original) = with_a_watcher().await;
    let own = original.instance.clone();
    // Nobody said these.
    files.patch(&own, &[("add", "forged", 1_000_000), ("remove", "a", 9_007_199_254_740_991)]).await;
    files.until_state(&own, State::Dirty).await;
    // What it says itself is too old now, so it does not count.
    original.add(&mut files, "c").await;
    assert_eq!(files.names().await, ["b", "forged"]);
    files.until_state(&own, State::Synced).await;
    assert_eq!(files.names().await, ["a", "b", "c"]);
    original.add(&mut files, "d").await;
    files.patch(&own, &[("remove", "d", 2)]).await;
    assert_eq!(files.names().await, ["a", "b", "c", "d"]);
    assert_eq!(files.state(&own).await, Some(State::Synced));
}

#[tokio::test]
async fn a_storm_of_hellos_with_invented_instances_drives_out_no_real_watcher() {
    let mut files = Files::with(2, files_options(|options| options.watchers_max = 20)).await;
    let originals = [Original::start(&["a"]).await, Original::start(&["b"]).await];
    for original in &originals {
        original.hello(&mut files).await;
        files.until_state(&original.instance, State::Synced).await;
    }
    let mut seqs = Vec::new();
    for number in 0..500 {
        // At the address of a real one, and at addresses where nobody is.
        let port = if number % 2 == 0 { originals[0].port } else { 1 + number };
        let hello = http("POST", "/hello", &format!(r#"{{"instance":"invented-{number}","port":{port}}}"#));
        seqs.push(files.tell(Subject::Http { peer: HERE.to_owned(), http: hello }).await);
    }
    for seq in seqs {
        assert_eq!(files.node.response(seq).await.status, 200);
    }
    assert!(files.nodes().await.nodes.len() <= 20);
    assert_eq!(files.names().await, ["a", "b"]);
    // A third one comes all the same.
    let third = Original::start(&["c"]).await;
    third.hello(&mut files).await;
    files.until_state(&third.instance, State::Synced).await;
    assert_eq!(files.names().await, ["a", "b", "c"]);
    originals[0].hello(&mut files).await;
    // The real one was asked who it is, but not for each hello.
    within("all invented ones at its address to be gone", async {
        loop {
            let nodes = files.nodes().await.nodes;
            let address = format!("{HERE}:{}", originals[0].port);
            let there: Vec<_> = nodes.iter().filter(|node| node.watcher.address == address).collect();
            if there.len() == 1 {
                return assert_eq!(there[0].watcher.instance.as_str(), originals[0].instance);
            }
            let _ = files.pushed().await;
        }
    })
    .await;
    assert!(originals[0].gets() <= 5 && originals[0].gets_at_once() == 1, "{}", originals[0].gets());
}

#[tokio::test]
async fn an_invented_hello_neither_drives_out_a_watcher_that_does_not_answer_nor_keeps_out_a_new_run() {
    let options = files_options(|options| (options.stale_ms, options.fetch_ms) = (4_000, 300));
    let mut files = Files::with(1, options).await;
    let mute = Original::gated(&[]).await;
    mute.add(&mut files, "said").await;
    mute.hello(&mut files).await;
    let _ = trouble_of(&mut files, &mute).await;
    files.hello("invented", mute.port).await;
    assert_eq!(files.nodes().await.nodes.len(), 2);
    // Its list does not come, but it speaks: so it is there.
    mute.hello(&mut files).await;
    files.until_gone(&[Gone::Replaced]).await;
    assert_eq!(files.names().await, ["said"]);
    // A new run, and before anyone was asked another invention.
    let old = Original::start(&["a"]).await;
    old.hello(&mut files).await;
    files.until_state(&old.instance, State::Synced).await;
    let new = old.restarted().await;
    new.add(&mut files, "b").await;
    new.hello(&mut files).await;
    files.hello("invented-too", new.port).await;
    files.until_state(&new.instance, State::Synced).await;
    assert_eq!(files.names().await, ["a", "b", "said"]);
    assert_eq!(files.nodes().await.nodes.len(), 2);
}

#[tokio::test]
async fn when_there_are_too_many_real_watchers_a_further_one_is_told_to_come_again() {
    let mut files = Files::with(1, files_options(|options| options.watchers_max = 2)).await;
    let mut originals = Vec::new();
    for name in ["a", "b", "c"] {
        let original = Original::start(&[name]).await;
        if name == "c" {
            let body = format!(r#"{{"instance":"{}","port":{}}}"#, original.instance, original.port);
            let response = files.request("POST", "/hello", &body).await;
            assert_eq!((response.status, files.error(&response).await.code), (503, ErrorCode::Unavailable));
        } else {
            original.hello(&mut files).await;
            files.until_state(&original.instance, State::Synced).await;
        }
        originals.push(original);
    }
    assert_eq!(files.names().await, ["a", "b"]);
    originals[0].bye(&mut files).await;
    originals[2].hello(&mut files).await;
    files.until_state(&originals[2].instance, State::Synced).await;
    assert_eq!(files.names().await, ["b", "c"]);
}

#[tokio::test]
async fn when_there_are_too_many_files_a_further_one_is_refused_and_the_others_stay() {
    let mut files = Files::with(1, files_options(|options| options.files_max = 3)).await;
    files.patch("a", &[("add", "1", 2), ("add", "2", 3)]).await;
    let response = files.request("PATCH", "/files", &patch("b", &[("add", "3", 2), ("add", "4", 3)])).await;
    assert_eq!((response.status, files.error(&response).await.code), (413, ErrorCode::TooLarge));
    assert_eq!(files.names().await, ["1", "2", "3"]);
    files.patch("a", &[("remove", "1", 4)]).await;
    files.patch("b", &[("add", "4", 3)]).await;
    assert_eq!(files.names().await, ["2", "3", "4"]);
    // A list that has too many says so to whoever looks at the watchers.
    let original = Original::start(&["5", "6"]).await;
    original.hello(&mut files).await;
    original.asked(1).await;
    let trouble = trouble_of(&mut files, &original).await;
    assert!(trouble.contains("more files than can be listed"), "{trouble}");
}

/// Why the list of a watcher could not be fetched, once that is known.
async fn trouble_of(files: &mut Files, original: &Original) -> String {
    within("trouble", async {
        loop {
            let nodes = files.nodes().await.nodes;
            let node = nodes.into_iter().find(|node| node.watcher.instance.as_str() == original.instance);
            if let Some(trouble) = node.and_then(|node| node.trouble) {
                return trouble;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_list_that_is_none_is_not_applied_and_operators_see_why() {
    let mut files = Files::with(1, files_options(|options| options.fetch_bytes_max = 1_000)).await;
    let long = format!(r#"{{"instance":"OWN","files":[{{"filename":"{}"}}],"seqno":1}}"#, "x".repeat(1_000));
    let cases = [
        (200, "not JSON", "no list like"),
        (200, r#"{"instance":"OWN","files":{},"seqno":1}"#, "no list like"),
        (200, r#"{"instance":"OWN","files":[],"seqno":-1}"#, "no list like"),
        (200, r#"{"instance":"OWN","files":[],"seqno":9999999999999999}"#, "seqno of its list"),
        (200, r#"{"instance":"other","files":[],"seqno":1}"#, "another watcher answers there: other"),
        (200, &long, "more than 1000 bytes"),
        (301, "", "status 301"),
        (404, "", "status 404"),
        (500, "", "status 500"),
    ];
    for (status, body, words) in cases {
        let original = Original::start(&[]).await;
        original.answers(status, &body.replace("OWN", &original.instance));
        original.add(&mut files, "said").await;
        original.hello(&mut files).await;
        let trouble = trouble_of(&mut files, &original).await;
        assert!(trouble.contains(words), "{body}: {trouble}");
        assert_eq!(files.names().await, ["said"], "what it said itself stays");
        original.bye(&mut files).await;
    }
}

#[tokio::test]
async fn a_watcher_that_does_not_answer_is_given_up_in_time_and_holds_up_nobody() {
    let mut files = Files::with(1, files_options(|options| options.fetch_ms = 500)).await;
    let mut mute = Vec::new();
    for _ in 0..6 {
        let original = Original::gated(&["never heard"]).await;
        original.hello(&mut files).await;
        mute.push(original);
    }
    let trouble = trouble_of(&mut files, &mute[0]).await;
    assert!(trouble.contains("did not answer in 500 ms"), "{trouble}");
    let original = Original::start(&["a"]).await;
    original.hello(&mut files).await;
    files.until_state(&original.instance, State::Synced).await;
    assert_eq!(files.names().await, ["a"]);
}

#[tokio::test]
async fn lists_are_fetched_only_from_networks_that_the_operator_allows() {
    let options = files_options(|options| options.networks = vec!["10.0.0.0/8".parse().expect("a network")]);
    let mut files = Files::with(1, options).await;
    let original = Original::start(&["a"]).await;
    original.hello(&mut files).await;
    let trouble = trouble_of(&mut files, &original).await;
    assert!(trouble.contains("--files-networks"), "{trouble}");
    // What it says counts all the same.
    original.add(&mut files, "b").await;
    assert_eq!((files.names().await, original.gets()), (vec!["b".to_owned()], 0));
}

#[tokio::test]
async fn with_a_secret_only_those_who_know_it_are_heard_and_they_are_shown_it() {
    let secret = |options: &mut worker_layer::files::Options| options.secret = "s3cret".parse().ok();
    let mut files = Files::with(1, files_options(secret)).await;
    let original = Original::start(&["a"]).await;
    let hello = format!(r#"{{"instance":"{}","port":{}}}"#, original.instance, original.port);
    for shown in [None, Some("Bearer wrong"), Some("s3cret")] {
        let mut request = http("POST", "/hello", &hello);
        request.headers.extend(shown.map(|shown| ("authorization".to_owned(), shown.to_owned())));
        let response = files.request_from(HERE, request).await;
        assert_eq!((response.status, files.error(&response).await.code), (401, ErrorCode::Unauthorized));
    }
    let mut request = http("POST", "/hello", &hello);
    request.headers.insert("authorization".to_owned(), "Bearer s3cret".to_owned());
    assert_eq!(files.request_from(HERE, request).await.status, 200);
    files.until_state(&original.instance, State::Synced).await;
    assert_eq!(original.shown().as_deref(), Some("Bearer s3cret"));
    // Whoever only reads needs none.
    assert_eq!(files.names().await, ["a"]);
}

#[tokio::test]
async fn huge_and_odd_requests_of_many_leave_the_listing_right() {
    let (mut files, original) = with_a_watcher().await;
    let deep = "[".repeat(60_000);
    let huge = format!("[{}]", vec!["1"; 30_000].join(","));
    let bodies = [deep.as_str(), huge.as_str(), "\u{feff}{}", "null", "\"\"", "{\"instance\":{}}", "9e999"];
    let mut seqs = Vec::new();
    for number in 0..300 {
        let (method, path) = [("POST", "/hello"), ("POST", "/bye"), ("PATCH", "/files")][number % 3];
        let request = http(method, path, bodies[number % bodies.len()]);
        assert!(matches!(&request.body, HttpBody::Body(_)));
        seqs.push(files.tell(Subject::Http { peer: HERE.to_owned(), http: request }).await);
    }
    for seq in seqs {
        let status = files.node.response(seq).await.status;
        assert!(matches!(status, 400 | 413), "{status}");
    }
    original.add(&mut files, "c").await;
    assert_eq!(files.names().await, ["a", "b", "c"]);
}
