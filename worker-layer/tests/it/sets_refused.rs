//! What the sets service refuses: each bad input has an error with a code and a status.

use protocol::{ErrorCode, HttpBody};

use crate::support::sets::{Sets, connection, http};

/// A request over HTTP: method, target, body; and what it gets: status, code, a part of the words.
type Case<'a> = (&'a str, &'a str, &'a str, u16, ErrorCode, &'a str);

#[tokio::test]
async fn each_bad_http_request_has_its_status_code_and_words() {
    let mut sets = Sets::start().await;
    sets.create("a").await;
    let large = format!(r#"{{"operations":[{{"op":"add","value":"{}"}}]}}"#, "x".repeat(1_025));
    let long_path = format!("/sets/a/elements/{}", "x".repeat(1_025));
    let many = format!(r#"{{"operations":[{}]}}"#, vec![r#"{"op":"add","value":"x"}"#; 1_001].join(","));
    let stamped = |stamp: &str| format!(r#"{{"operations":[{{"op":"add","value":"x","stamp":{stamp}}}]}}"#);
    let stamps = ["[-1,\"p\"]", "[9007199254740992,\"p\"]", "[\"1\",\"p\"]", "[1.0,\"p\"]"].map(stamped);
    let replicas = ["[1,\"\"]", "[1,\"a b\"]", "[1,7]", "[1,\"server\"]"].map(stamped);
    let long_name = format!(r#"{{"name":"{}"}}"#, "x".repeat(129));
    use ErrorCode::{BadRequest, MethodNotAllowed, NotFound, TooLarge};
    let (batch, changes) = ("/sets/a/operations", "/sets/a/changes");
    let mut cases: Vec<Case<'_>> = vec![
        ("POST", batch, "", 400, BadRequest, "not JSON"),
        ("POST", batch, "{", 400, BadRequest, "not JSON"),
        ("POST", batch, "[]", 400, BadRequest, "must be one JSON object"),
        ("POST", batch, r#"{"operations":{}}"#, 400, BadRequest, "must be an array"),
        ("POST", batch, r#"{"operations":[]}"#, 400, BadRequest, "give 1 to 1000"),
        (
            "POST",
            batch,
            r#"{"operations":[{"op":"add"}]}"#,
            400,
            BadRequest,
            "operations[0]: value is missing",
        ),
        ("POST", batch, r#"{"operations":[{"op":"put","value":"x"}]}"#, 400, BadRequest, "op must be"),
        ("POST", batch, &large, 413, TooLarge, "value has 1025 bytes"),
        ("POST", batch, &many, 413, TooLarge, "1001 operations"),
        (
            "POST",
            "/sets/b/operations",
            r#"{"operations":[{"op":"add","value":"x"}]}"#,
            404,
            NotFound,
            "no set b",
        ),
        ("PUT", &long_path, "", 413, TooLarge, "value has 1025 bytes"),
        ("PUT", "/sets/a/elements/%FF", "", 400, BadRequest, "not UTF-8"),
        ("PUT", "/sets/a/elements/x", "nonsense", 400, BadRequest, "not JSON"),
        ("DELETE", "/sets/a/elements/x", r#"{"stamp":[-1,"p"]}"#, 400, BadRequest, "not -1"),
        ("PUT", "/sets/b/elements/x", "", 404, NotFound, "no set b"),
        ("GET", "/sets/b/elements/x", "", 404, NotFound, "no set b"),
        ("GET", "/sets/b", "", 404, NotFound, "no set b"),
        ("GET", "/sets/b?tombstones=1", "", 404, NotFound, "no set b"),
        ("GET", "/sets/b/digest", "", 404, NotFound, "no set b"),
        ("GET", "/sets/b/changes", "", 404, NotFound, "no set b"),
        ("GET", "/sets/b/changes?since=e-1&wait=20", "", 404, NotFound, "no set b"),
        ("DELETE", "/sets/b", "", 404, NotFound, "no set b"),
        ("GET", "/sets/a b", "", 404, NotFound, "cannot be used for a set"),
        ("GET", "/sets/", "", 404, NotFound, "cannot be used for a set"),
        ("GET", "/sets/a/nothing", "", 404, NotFound, "nothing here"),
        ("GET", "/sets/a/elements", "", 404, NotFound, "nothing here"),
        ("GET", "/sets/a?tombstones=yes", "", 400, BadRequest, "tombstones must be"),
        ("GET", "/sets?limit=0", "", 400, BadRequest, "limit must be"),
        ("GET", "/sets?limit=1001", "", 400, BadRequest, "limit must be"),
        ("GET", "/sets?after=x", "", 400, BadRequest, "after must be"),
        ("GET", "/sets/a/changes?since=tomorrow", "", 400, BadRequest, "no cursor"),
        ("GET", "/sets/a/changes?since=", "", 400, BadRequest, "no cursor"),
        ("GET", "/sets/a/changes?since=e-1&limit=1001", "", 400, BadRequest, "limit must be"),
        ("GET", "/sets/a/changes?since=e-1&wait=26", "", 400, BadRequest, "wait must be"),
        ("GET", "/sets/a/changes?since=e-1&wait=-1", "", 400, BadRequest, "wait must be"),
        ("POST", "/sets", r#"{"id":"a/b"}"#, 400, BadRequest, "cannot be used for a set"),
        ("POST", "/sets", &long_name, 400, BadRequest, "name has 129 bytes"),
        ("PATCH", "/sets", "", 405, MethodNotAllowed, "GET, HEAD, POST"),
        ("PUT", "/sets/a", "", 405, MethodNotAllowed, "GET, HEAD, DELETE"),
        ("POST", "/sets/a/elements/x", "", 405, MethodNotAllowed, "GET, HEAD, PUT, DELETE"),
        ("GET", batch, "", 405, MethodNotAllowed, "POST"),
        ("DELETE", changes, "", 405, MethodNotAllowed, "GET, HEAD"),
        ("POST", "/sets/a/digest", "", 405, MethodNotAllowed, "GET, HEAD"),
    ];
    cases.extend(stamps.iter().map(|body| ("POST", batch, &**body, 400, BadRequest, "whole number from 0")));
    cases.extend(replicas.iter().map(|body| ("POST", batch, &**body, 400, BadRequest, "replica")));
    for (method, target, body, status, code, words) in cases {
        let response = sets.request(method, target, Some(body)).await;
        let error = sets.error(&response).await;
        assert_eq!((response.status, error.code), (status, code), "{method} {target} {body}: {error}");
        assert!(error.message.contains(words), "{method} {target} {body}: {error}");
        if status == 405 {
            assert_eq!(response.headers["allow"], words);
        }
    }
    assert_eq!(sets.redis.cli::<u64>("EXISTS set:{a}:log set:{b}:meta").await, 0);
}

#[tokio::test]
async fn a_body_that_says_it_is_no_json_is_refused() {
    let mut sets = Sets::start().await;
    sets.create("a").await;
    let all = [
        ("POST", "/sets"),
        ("POST", "/sets/a/operations"),
        ("PUT", "/sets/a/elements/x"),
        ("DELETE", "/sets/a/elements/x"),
    ];
    for (method, target) in all {
        for kind in
            [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/jsonp")]
        {
            let mut request = http(method, target, Some("{}"));
            request.headers =
                kind.map(|kind| ("content-type".to_owned(), kind.to_owned())).into_iter().collect();
            let response = sets.node.request(&sets.worker.id, "sets", request).await;
            let error = sets.error(&response).await;
            assert_eq!(
                (response.status, error.code),
                (415, ErrorCode::BadRequest),
                "{method} {target} {kind:?}"
            );
        }
    }
    let mut request = http("PUT", "/sets/a/elements/x", Some("{}"));
    request.headers.insert("content-type".to_owned(), "Application/JSON; charset=utf-8".to_owned());
    assert_eq!(sets.node.request(&sets.worker.id, "sets", request).await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_no_text_or_is_gone_is_refused() {
    let mut sets = Sets::start().await;
    sets.create("a").await;
    let mut request = http("POST", "/sets/a/operations", Some(""));
    request.body = HttpBody::Claim(sets.node.store.put_claim(b"\xff\xfe").await.expect("stored"));
    let response = sets.node.request(&sets.worker.id, "sets", request.clone()).await;
    assert_eq!((response.status, sets.error(&response).await.code), (400, ErrorCode::BadRequest));
    request.body =
        HttpBody::Claim(protocol::Claim { key: "claim:gone".to_owned(), bytes: 70_000, once: false });
    let response = sets.node.request(&sets.worker.id, "sets", request).await;
    assert_eq!((response.status, sets.error(&response).await.code), (503, ErrorCode::Unavailable));
}

#[tokio::test]
async fn each_bad_message_has_its_code_and_words() {
    let mut sets = Sets::start().await;
    sets.create("a").await;
    let apply = |stamp: &str| {
        format!(r#"{{"type":"apply","set":"a","operations":[{{"op":"add","value":"x","stamp":{stamp}}}]}}"#)
    };
    let large = format!(
        r#"{{"type":"apply","set":"a","operations":[{{"op":"add","value":"{}"}}]}}"#,
        "x".repeat(1_025)
    );
    let many = format!(r#"{{"type":"apply","set":"a","operations":[{}]}}"#, vec!["0"; 1_001].join(","));
    let cases = [
        ("{}".to_owned(), ErrorCode::BadRequest, "type is missing"),
        (r#"{"type":"follow","set":"a"}"#.to_owned(), ErrorCode::BadRequest, "not \"follow\""),
        (r#"{"type":"watch"}"#.to_owned(), ErrorCode::BadRequest, "set is missing"),
        (r#"{"type":"watch","set":"a","cursor":"x"}"#.to_owned(), ErrorCode::BadRequest, "no cursor"),
        (r#"{"type":"apply","set":"a"}"#.to_owned(), ErrorCode::BadRequest, "operations is missing"),
        (
            r#"{"type":"apply","set":"b","operations":[{"op":"add","value":"x"}]}"#.to_owned(),
            ErrorCode::NotFound,
            "no set b",
        ),
        (large, ErrorCode::TooLarge, "value has 1025 bytes"),
        (many, ErrorCode::TooLarge, "1001 operations"),
        (apply("[-1,\"p\"]"), ErrorCode::BadRequest, "not -1"),
        (apply("[9007199254740992,\"p\"]"), ErrorCode::BadRequest, "not 9007199254740992"),
        (apply("[\"1\",\"p\"]"), ErrorCode::BadRequest, "not \"1\""),
        (apply("[0.5,\"p\"]"), ErrorCode::BadRequest, "not 0.5"),
        (apply("[1,\"a b\"]"), ErrorCode::BadRequest, "cannot be used"),
        (apply("[1,\"server\"]"), ErrorCode::BadRequest, "the service's own"),
    ];
    for (message, code, words) in cases {
        let error = sets.say(connection(), &message).await.expect_err("refused");
        assert!(error.code == code && error.message.contains(words), "{message}: {error}");
    }
    let error = sets.watch(connection(), "b", None).await.expect_err("there is no such set");
    assert_eq!(error.code, ErrorCode::NotFound);
}
