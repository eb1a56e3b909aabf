//! What is wrong with a request has a code and a status, over HTTP and on websockets, and changes nothing.

use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Client, bounded};

use super::request::{Deployment, Request};
use super::{FAR_MS, set};

/// What is wrong with operations, the status of the answer, and the code of the error.
fn bad_operations() -> Vec<(&'static str, Value, u16, &'static str)> {
    let add = |stamp: Value| json!([{ "op": "add", "value": "eggs", "stamp": stamp }]);
    let many = |count: usize| Value::Array(vec![json!({ "op": "add", "value": "eggs" }); count]);
    vec![
        ("a time before 1970", add(json!([-1, "phone"])), 400, "bad_request"),
        ("a time beyond 2^53", add(json!([FAR_MS + 1, "phone"])), 400, "bad_request"),
        ("a time beyond 2^64", add(json!([1e30, "phone"])), 400, "bad_request"),
        ("a time with a fraction", add(json!([1.5, "phone"])), 400, "bad_request"),
        ("a time that is a string", add(json!(["1", "phone"])), 400, "bad_request"),
        ("a stamp that is a string", add(json!("1")), 400, "bad_request"),
        ("a stamp without a replica", add(json!([1])), 400, "bad_request"),
        ("a replica that is none", add(json!([1, "my phone"])), 400, "bad_request"),
        ("a replica that is too long", add(json!([1, "x".repeat(65)])), 400, "bad_request"),
        ("the replica of the service", add(json!([1, "server"])), 400, "bad_request"),
        ("a value that is too large", json!([{ "op": "add", "value": "x".repeat(1_025) }]), 413, "too_large"),
        ("a value that is no string", json!([{ "op": "add", "value": 5 }]), 400, "bad_request"),
        ("no value", json!([{ "op": "add" }]), 400, "bad_request"),
        ("another operation", json!([{ "op": "put", "value": "eggs" }]), 400, "bad_request"),
        ("no operation", json!([]), 400, "bad_request"),
        ("too many operations", many(1_001), 413, "too_large"),
        ("operations that are none", json!("eggs"), 400, "bad_request"),
    ]
}

#[test]
fn every_bad_input_has_its_code_and_its_status() {
    bounded(async {
        let deployment = Deployment::start().await;
        let of = |path: &str| format!("/sets/{}{path}", set::FOOD);
        let before = deployment.ask(&Request::get(&of("/digest"))).await.body;
        let operations = of("/operations");
        let mut bad: Vec<(&str, Request, u16, &str)> = bad_operations()
            .into_iter()
            .map(|(what, wrong, status, code)| {
                let body = json!({ "operations": wrong });
                (what, Request::post(&operations, &body), status, code)
            })
            .collect();
        let text = Request::bare(Method::POST, &operations).body("{}".to_owned());
        let json = |body: &str| text.clone().header("content-type", "application/json").body(body.to_owned());
        let long = format!("/elements/{}", "x".repeat(1_025));
        bad.extend([
            ("an unknown set", Request::get("/sets/unknown"), 404, "not_found"),
            ("an unknown set", Request::put("/sets/unknown/elements/x"), 404, "not_found"),
            ("an id that no set can have", Request::get("/sets/not%20one"), 404, "not_found"),
            ("a path that is none", Request::get(&of("/elephants")), 404, "not_found"),
            ("a broken cursor", Request::get(&of("/changes?since=1-x")), 400, "bad_request"),
            ("a wait that is too long", Request::get(&of("/changes?wait=26")), 400, "bad_request"),
            ("a wrong method", Request::bare(Method::PATCH, &of("")), 405, "method_not_allowed"),
            ("no content type", text.clone(), 415, "bad_request"),
            ("a wrong content type", text.clone().header("content-type", "text/plain"), 415, "bad_request"),
            ("a body that is no JSON", json("{"), 400, "bad_request"),
            ("a body that is no object", json("[]"), 400, "bad_request"),
            ("no body", json(""), 400, "bad_request"),
            ("a value that is too large", Request::put(&of(&long)), 413, "too_large"),
            ("a value that is not UTF-8", Request::put(&of("/elements/%ff")), 400, "bad_request"),
        ]);
        for (what, request, status, code) in bad {
            let answer = deployment.ask(&request).await;
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!((answer.status, &body["error"]["code"]), (status, &json!(code)), "{what}: {body}");
            assert!(
                body["error"]["message"].as_str().is_some_and(|words| !words.is_empty()),
                "{what}: {body}"
            );
        }
        let after = deployment.ask(&Request::get(&of("/digest"))).await.body;
        assert_eq!(after, before, "something was changed");
    });
}

#[test]
fn every_bad_request_on_a_websocket_has_its_code_and_the_socket_stays_open() {
    bounded(async {
        let deployment = Deployment::start().await;
        let client = Client::open(&deployment.cluster.nodes[0].ws("/ws/sets")).await;
        let apply =
            |operations: Value| json!({ "type": "apply", "set": set::FOOD, "operations": operations });
        let mut bad: Vec<(&str, Value, &str)> = bad_operations()
            .into_iter()
            .map(|(what, operations, _, code)| (what, apply(operations), code))
            .collect();
        bad.extend([
            ("an unknown set", json!({ "type": "watch", "set": "unknown" }), "not_found"),
            (
                "an unknown set",
                json!({ "type": "apply", "set": "unknown", "operations": [
                { "op": "add", "value": "eggs" }
            ] }),
                "not_found",
            ),
            ("a broken cursor", json!({ "type": "watch", "set": set::FOOD, "cursor": "1-x" }), "bad_request"),
            ("another type", json!({ "type": "destroy", "set": set::FOOD }), "bad_request"),
            ("no type", json!({ "set": set::FOOD }), "bad_request"),
            ("no set", json!({ "type": "watch" }), "bad_request"),
        ]);
        for (what, request, code) in bad {
            let outcome = client.request(request).await;
            assert_eq!(outcome, Err(code.to_owned()), "{what}");
        }
        let answer = client.request(json!({ "type": "watch", "set": set::FOOD })).await.unwrap();
        assert_eq!(answer["type"], "snapshot");
    });
}
