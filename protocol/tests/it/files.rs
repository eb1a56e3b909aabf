//! The golden messages of the files service: each is read into its type and written back byte for byte; what watchers and
//! readers send is understood as it says; what is wrong is refused with the words, the code and the id that it says.

use std::collections::BTreeSet;

use protocol::body::{self, with_id};
use protocol::files::{
    self, Changes, Delta, Details, Gone, Heard, Listing, Message, Nodes, Page, Request, Snapshot, State,
};
use protocol::{ErrorCode, Json, RequestError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::vector::{SetsBody, SetsBodyRefused, SetsRefused, SetsRequest, lines, vectors};

/// The body of a response, of whatever kind.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Response {
    Nodes(Nodes),
    Heard(Heard),
    Details(Details),
    Page(Page),
    Changes(Changes),
    Listing(Listing),
}

fn raw(text: &str) -> Json {
    RawValue::from_string(text.to_owned()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn read_message(line: &str) -> Message {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn messages_of_every_type_are_read_and_written_back() {
    let mut forms = BTreeSet::new();
    for line in lines("files_message.jsonl") {
        let message = read_message(&line);
        assert_eq!(with_id(body::encode(&message).get(), body::request_id(&raw(&line)).as_deref()), line);
        forms.insert(match message {
            Message::Snapshot(Snapshot { files: Some(_), .. }) => "snapshot",
            Message::Snapshot(_) => "snapshot without files",
            Message::Reset(_) => "reset",
            Message::Changes(Delta { prev: Some(_), more: None, .. }) => "pushed changes",
            Message::Changes(Delta { prev: None, more: Some(_), .. }) => "answered changes",
            Message::Changes(other) => panic!("neither pushed nor answered: {other:?}"),
        });
    }
    let all = ["snapshot", "snapshot without files", "reset", "pushed changes", "answered changes"];
    assert_eq!(forms, all.into());
}

#[test]
fn every_state_and_every_reason_stands_in_a_message() {
    let all = lines("files_message.jsonl").concat() + &lines("files_response.jsonl").concat();
    let has = |value: Value| assert!(all.contains(&value.to_string()), "{value}");
    [State::Synced, State::Dirty, State::Stale, State::Gone].into_iter().for_each(|state| has(json!(state)));
    [Gone::Bye, Gone::Expired, Gone::Replaced, Gone::Evicted].into_iter().for_each(|gone| has(json!(gone)));
}

#[test]
fn responses_of_every_kind_are_read_and_written_back() {
    let mut kinds = BTreeSet::new();
    for line in lines("files_response.jsonl") {
        let response: Response =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(serde_json::to_string(&response).unwrap(), line);
        kinds.insert(match response {
            Response::Nodes(_) => "nodes",
            Response::Heard(Heard { state: State::Gone, .. }) => "heard of one that is gone",
            Response::Heard(_) => "heard",
            Response::Details(_) => "details",
            Response::Page(_) => "page",
            Response::Changes(Changes::Page(_)) => "changes",
            Response::Changes(Changes::Reset { .. }) => "changes of a lost cursor",
            Response::Listing(_) => "listing",
        });
    }
    assert_eq!(kinds.len(), 8, "{kinds:?}");
}

#[test]
fn requests_are_understood() {
    for SetsRequest { text, request, id } in vectors("files_request.accepted.jsonl") {
        let (read, read_id) = files::read(&raw(&text));
        let Request::Watch { cursor } = read.unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(json!({ "watch": { "cursor": cursor } }), request, "{text}");
        assert_eq!(read_id.as_ref().map(|id| id.get()), id.as_deref(), "{text}");
    }
}

#[test]
fn each_bad_request_gets_words_that_fit() {
    for SetsRefused { text, code, why, id } in vectors("files_request.refused.jsonl") {
        let (read, read_id) = files::read(&raw(&text));
        assert_eq!(read.expect_err(&text), RequestError::new(code, why), "{text}");
        assert_eq!(read_id.as_ref().map(|id| id.get()), id.as_deref(), "{text}");
    }
}

/// What a watcher sends, and what it means.
fn read_body(of: &str, text: &str) -> Result<Value, RequestError> {
    match of {
        "hello" => files::read_hello(text).map(|hello| json!(hello)),
        "bye" => files::read_bye(text).map(|bye| json!(bye)),
        "operations" => files::read_operations(text).map(|operations| json!(operations)),
        // Nobody is told but the operator.
        "report" => files::read_report(text.as_bytes())
            .map(
                |report| json!({ "instance": report.instance, "files": report.files, "seqno": report.seqno }),
            )
            .map_err(|error| RequestError::new(ErrorCode::BadRequest, error.to_string())),
        other => panic!("{other}"),
    }
}

#[test]
fn bodies_are_understood() {
    for SetsBody { of, text, means } in vectors("files_body.accepted.jsonl") {
        assert_eq!(read_body(&of, &text), Ok(means), "{text}");
    }
}

#[test]
fn each_bad_body_gets_words_that_fit() {
    for SetsBodyRefused { of, text, code, why } in vectors("files_body.refused.jsonl") {
        assert_eq!(read_body(&of, &text), Err(RequestError::new(code, why)), "{text}");
    }
}

#[test]
fn all_operations_that_may_stand_in_a_request_are_read() {
    let operation =
        |seqno: usize| format!(r#"{{"instance":"a","op":"add","value":{{"filename":"x"}},"seqno":{seqno}}}"#);
    let body = |count| format!("[{}]", (2..count + 2).map(operation).collect::<Vec<_>>().join(","));
    assert_eq!(files::read_operations(&body(files::OPERATIONS_MAX)).unwrap().len(), files::OPERATIONS_MAX);
    let refused = files::read_operations(&body(files::OPERATIONS_MAX + 1)).unwrap_err();
    assert_eq!(refused.code, ErrorCode::TooLarge);
}
