//! The golden messages of the chat service: each is read into its type and written back byte for byte; what clients send is
//! understood as it says; what is wrong is refused with the words, the code and the id that it says.

use std::collections::BTreeSet;

use protocol::body::{self, with_id};
use protocol::chat::{self, Answer, Around, Change, Request, TEXT_BYTES_MAX, Uploaded};
use protocol::{ErrorCode, Json, RequestError};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::vector::{lines, vectors};

/// A request that is understood.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Understood {
    text: String,
    request: Value,
    id: Option<String>,
}

/// What is no request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    text: String,
    code: ErrorCode,
    /// The whole error message.
    why: String,
    id: Option<String>,
}

fn raw(text: &str) -> Json {
    RawValue::from_string(text.to_owned()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn messages_of_every_type_are_read_and_written_back() {
    let mut types = BTreeSet::new();
    for line in lines("chat_message.jsonl") {
        let answer: Answer = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(with_id(body::encode(&answer).get(), body::request_id(&raw(&line)).as_deref()), line);
        types.insert(match answer {
            Answer::LoggedIn { .. } => "logged_in",
            Answer::Sent { .. } => "sent",
            Answer::History { .. } => "history",
            Answer::Changes { .. } => "changes",
            Answer::Reset { .. } => "reset",
            Answer::Home { next: Some(_), .. } => "home with more",
            Answer::Home { reset: Some(true), .. } => "home, reset",
            Answer::Home { .. } => "home",
            Answer::Marked { .. } => "marked",
            Answer::Ok {} => "ok",
            Answer::Typing { .. } => "typing",
            Answer::Presence { .. } => "presence",
            Answer::Gap { .. } => "gap",
            Answer::Change(Change::Message { cursor: Some(_), .. }) => "message",
            Answer::Change(Change::Read { cursor: Some(_), .. }) => "read",
            Answer::Change(Change::Receipt { cursor: Some(_), .. }) => "receipt",
            Answer::Change(Change::Delivered { cursor: Some(_), .. }) => "delivered",
            Answer::Change(other) => panic!("a push has a cursor: {other:?}"),
        });
    }
    assert_eq!(types.len(), 17, "{types:?}");
}

#[test]
fn requests_are_understood() {
    for Understood { text, request, id } in vectors("chat_request.accepted.jsonl") {
        let (read, read_id) = chat::read(&raw(&text));
        let read = match read.unwrap_or_else(|error| panic!("{error}: {text}")) {
            Request::Login { username, device, token } => {
                json!({ "login": { "username": username, "device": device, "token": token } })
            }
            Request::Send { to, text, message_id, picture: None } => {
                json!({ "send": { "to": to, "text": text, "message_id": message_id } })
            }
            Request::Send { to, text, message_id, picture } => {
                json!({ "send": { "to": to, "text": text, "message_id": message_id, "picture": picture } })
            }
            Request::History { with, around, limit } => {
                let around = match around {
                    Around::Newest => json!("newest"),
                    Around::Before(seq) => json!({ "before": seq }),
                    Around::After(seq) => json!({ "after": seq }),
                };
                json!({ "history": { "with": with, "around": around, "limit": limit } })
            }
            Request::Sync { since, limit } => json!({ "sync": { "since": since, "limit": limit } }),
            Request::Home { since, before, limit } => {
                json!({ "home": { "since": since, "before": before, "limit": limit } })
            }
            Request::Read { with, seq } => json!({ "read": { "with": with, "seq": seq } }),
            Request::Received { with, seq } => json!({ "received": { "with": with, "seq": seq } }),
            Request::Watch { users } => json!({ "watch": { "users": users } }),
            Request::Unwatch { users } => json!({ "unwatch": { "users": users } }),
            Request::Typing { to } => json!({ "typing": { "to": to } }),
        };
        assert_eq!(read, request, "{text}");
        assert_eq!(read_id.as_ref().map(|id| id.get()), id.as_deref(), "{text}");
    }
}

#[test]
fn each_bad_request_gets_words_that_fit() {
    for Refused { text, code, why, id } in vectors("chat_request.refused.jsonl") {
        let (read, read_id) = chat::read(&raw(&text));
        assert_eq!(read.expect_err(&text), RequestError::new(code, why), "{text}");
        assert_eq!(read_id.as_ref().map(|id| id.get()), id.as_deref(), "{text}");
    }
}

#[test]
fn a_text_is_bounded_in_bytes() {
    let send = |text: &str| {
        chat::read(&raw(&json!({ "type": "send", "to": "b", "text": text, "message_id": "1" }).to_string())).0
    };
    assert!(send(&"é".repeat(TEXT_BYTES_MAX / 2)).is_ok());
    let refused = send(&"é".repeat(TEXT_BYTES_MAX / 2 + 1)).unwrap_err();
    assert_eq!(refused.code, ErrorCode::TooLarge);
}

#[test]
fn the_response_to_an_upload_is_read_and_written_back_and_says_where_the_picture_is() {
    for line in lines("chat_response.jsonl") {
        let uploaded: Uploaded = serde_json::from_str(&line).unwrap();
        assert_eq!(serde_json::to_string(&uploaded).unwrap(), line);
        let Uploaded { picture, url, thumbnail_url } = uploaded;
        assert_eq!((picture.url(), picture.thumbnail_url()), (url, thumbnail_url));
    }
}
