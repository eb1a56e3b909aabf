//! The golden messages of the sets service: each is read into its type and written back byte for byte; what clients send is
//! understood as it says; what is wrong is refused with the words, the code and the id that it says.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use protocol::body::{self, with_id};
use protocol::sets::{
    self, Applied, AppliedOne, Change, Changes, Contained, Created, Creation, Delta, Digest, Index, Message,
    Outcome, Request, Set,
};
use protocol::{ErrorCode, Json, RequestError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::property::has_internals;
use crate::vector::{SetsBody, SetsBodyRefused, SetsRefused, SetsRequest, lines, vectors};

/// The body of a response, of whatever kind.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Response {
    AppliedOne(AppliedOne),
    Outcome(Outcome),
    Applied(Applied),
    Changes(Changes),
    Digest(Digest),
    Created(Created),
    Set(Set),
    Index(Index),
    Contained(Contained),
}

fn raw(text: &str) -> Json {
    RawValue::from_string(text.to_owned()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn change(Change { op, value, stamp }: &Change) -> Value {
    json!({ "op": op, "value": value, "stamp": stamp })
}

fn changes(changes: &[Change]) -> Value {
    changes.iter().map(change).collect()
}

#[test]
fn messages_of_every_type_are_read_and_written_back() {
    let mut forms = BTreeSet::new();
    for line in lines("sets_message.jsonl") {
        let message: Message = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(with_id(body::encode(&message).get(), body::request_id(&raw(&line)).as_deref()), line);
        forms.insert(match message {
            Message::Snapshot(_) => "snapshot",
            Message::Reset(_) => "reset",
            Message::Delta(Delta { prev: Some(_), more: None, .. }) => "pushed delta",
            Message::Delta(Delta { prev: None, more: Some(_), .. }) => "answered delta",
            Message::Delta(other) => panic!("neither pushed nor answered: {other:?}"),
            Message::Outcomes { .. } => "outcomes",
            Message::Unwatched { .. } => "unwatched",
            Message::Deleted { .. } => "deleted",
        });
    }
    let all = ["snapshot", "reset", "pushed delta", "answered delta", "outcomes", "unwatched", "deleted"];
    assert_eq!(forms, all.into());
}

#[test]
fn responses_of_every_kind_are_read_and_written_back() {
    let mut kinds = BTreeSet::new();
    for line in lines("sets_response.jsonl") {
        let response: Response =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(serde_json::to_string(&response).unwrap(), line);
        kinds.insert(match response {
            Response::AppliedOne(_) => "one operation",
            Response::Outcome(outcome) => {
                assert!(!outcome.is_merged());
                "a refused operation"
            }
            Response::Applied(_) => "a batch",
            Response::Changes(Changes::Page(_)) => "changes",
            Response::Changes(Changes::Reset { .. }) => "changes of a lost cursor",
            Response::Digest(_) => "digest",
            Response::Created(_) => "created",
            Response::Set(Set { removed: None, .. }) => "set",
            Response::Set(_) => "set with removed values",
            Response::Index(_) => "index",
            Response::Contained(_) => "contained",
        });
    }
    assert_eq!(kinds.len(), 11, "{kinds:?}");
}

#[test]
fn requests_are_understood() {
    for SetsRequest { text, request, id } in vectors("sets_request.accepted.jsonl") {
        let (read, read_id) = sets::read(&raw(&text));
        let read = match read.unwrap_or_else(|error| panic!("{error}: {text}")) {
            Request::Watch { set, cursor } => json!({ "watch": { "set": set, "cursor": cursor } }),
            Request::Unwatch { set } => json!({ "unwatch": { "set": set } }),
            Request::Apply { set, operations } => {
                json!({ "apply": { "set": set, "operations": changes(&operations) } })
            }
        };
        assert_eq!(read, request, "{text}");
        assert_eq!(read_id.as_ref().map(|id| id.get()), id.as_deref(), "{text}");
    }
}

#[test]
fn each_bad_request_gets_words_that_fit() {
    for SetsRefused { text, code, why, id } in vectors("sets_request.refused.jsonl") {
        let (read, read_id) = sets::read(&raw(&text));
        assert_eq!(read.expect_err(&text), RequestError::new(code, why), "{text}");
        assert_eq!(read_id.as_ref().map(|id| id.get()), id.as_deref(), "{text}");
    }
}

/// The body of a request, and what it means.
fn read_body(of: &str, text: &str) -> Result<Value, RequestError> {
    match of {
        "creation" => {
            sets::read_creation(text).map(|Creation { id, name }| json!({ "id": id, "name": name }))
        }
        "operations" => sets::read_operations(text).map(|operations| changes(&operations)),
        "stamp" => sets::read_stamp(text).map(|stamp| json!(stamp)),
        other => panic!("{other}"),
    }
}

#[test]
fn bodies_are_understood() {
    for SetsBody { of, text, means } in vectors("sets_body.accepted.jsonl") {
        assert_eq!(read_body(&of, &text), Ok(means), "{text}");
    }
}

#[test]
fn each_bad_body_gets_words_that_fit() {
    for SetsBodyRefused { of, text, code, why } in vectors("sets_body.refused.jsonl") {
        assert_eq!(read_body(&of, &text), Err(RequestError::new(code, why)), "{text}");
    }
}

#[test]
fn an_id_over_the_bound_is_refused_and_not_echoed() {
    let with = |bytes: usize| {
        raw(&format!("{{\"type\":\"unwatch\",\"set\":\"a\",\"id\":\"{}\"}}", "x".repeat(bytes - 2)))
    };
    assert!(matches!(sets::read(&with(1_024)), (Ok(Request::Unwatch { .. }), Some(_))));
    let (refused, id) = sets::read(&with(1_025));
    assert_eq!(refused.unwrap_err().message, "id has 1025 bytes: at most 1024 are allowed");
    assert!(id.is_none());
}

#[test]
fn all_operations_that_may_stand_in_a_batch_are_read() {
    let batch =
        |count| format!("{{\"operations\":[{}]}}", std::vec![r#"{"op":"add","value":"x"}"#; count].join(","));
    assert_eq!(sets::read_operations(&batch(sets::OPERATIONS_MAX)).unwrap().len(), sets::OPERATIONS_MAX);
    let refused = sets::read_operations(&batch(sets::OPERATIONS_MAX + 1)).unwrap_err();
    assert_eq!(refused.code, ErrorCode::TooLarge);
}

/// Something like a request of sets, or like the body of one: right and wrong members, of right and wrong types.
fn like_a_request() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        "type",
        "set",
        "cursor",
        "operations",
        "op",
        "value",
        "stamp",
        "name",
        "id",
        "[a-z]{0,3}"
    ];
    let leaf = prop_oneof![
        "1|-1|0|1\\.5|1e3|null|true|9007199254740992|[1-9][0-9]{0,30}",
        "\"(watch|unwatch|apply|add|remove|a|phone|server|8f3a-17|\\\\ud800|\\\\u0000|.{0,3})\"",
        "\\[[0-9]{1,17},\"[a-z]{0,3}\"\\]",
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        let member = (key.clone(), inner.clone()).prop_map(|(key, value)| format!("\"{key}\":{value}"));
        prop_oneof![
            3 => vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
            1 => vec(inner, 0..3).prop_map(|items| format!("[{}]", items.join(","))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_looks_like_a_request_is_read_or_refused_in_plain_words(text in like_a_request()) {
        let mut errors = Vec::new();
        for of in ["creation", "operations", "stamp"] {
            errors.extend(read_body(of, &text).err());
        }
        if let Ok(raw) = RawValue::from_string(text) {
            errors.extend(sets::read(&raw).0.err());
        }
        for error in errors {
            // A member is shown as the client wrote it: that is not ours.
            let ours = error.message.split(", not ").next().unwrap_or_default();
            prop_assert!(!ours.is_empty() && !has_internals(ours), "{error}");
            prop_assert!(error.message.len() < 400, "{error}");
        }
    }
}
