//! Each golden message is read into its type and written back byte for byte; each other form is read as it says, and
//! each refused text is refused for the reason that it names.

use std::collections::BTreeSet;
use std::fmt::Debug;

use protocol::body::{self, message, with_id};
use protocol::numbers::{self, Ack, Command, Listing};
use protocol::{
    Announcement, Answer, Body, Close, Effect, ErrorCode, Event, HttpBody, Json, Push, Reply, RequestError,
    Subject, name,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::vector::{self, Accepted, Channel, NumbersRefused, NumbersRequest, Refused, lines, vectors};

/// Reads a golden file and writes it back; returns what was read.
fn unchanged<T: DeserializeOwned + Serialize>(file: &str) -> Vec<T> {
    let read = |line: &String| {
        let value: T = serde_json::from_str(line).unwrap_or_else(|error| panic!("{file}: {error}: {line}"));
        assert_eq!(serde_json::to_string(&value).unwrap(), *line, "{file}");
        assert_eq!(protocol::line::one(&value), format!("{line}\n").as_bytes(), "{file}");
        value
    };
    lines(file).iter().map(read).collect()
}

/// Checks a message's other two files.
fn read_leniently_and_refused<T: DeserializeOwned + Serialize + Debug>(name: &str) {
    for Accepted { why, text, means } in vectors(&format!("{name}.accepted.jsonl")) {
        let value: T =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}, {why}: {error}: {text}"));
        assert_eq!(serde_json::to_string(&value).unwrap(), means, "{name}, {why}: {text}");
    }
    for Refused { why, text } in vectors(&format!("{name}.refused.jsonl")) {
        let error = serde_json::from_str::<T>(&text).expect_err(&text).to_string();
        assert!(error.contains(&why), "{name}: {text}\n is refused with: {error}\n instead of: {why}");
    }
}

fn raw(text: &str) -> Json {
    RawValue::from_string(text.to_owned()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn labels<'a>(labels: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    labels.into_iter().collect()
}

fn carried(body: &Body, inline: &'static str, claim: &'static str) -> &'static str {
    match body {
        Body::Inline(_) => inline,
        Body::Claim(_) => claim,
    }
}

#[test]
fn events_of_every_kind_are_read_and_written_back() {
    let events: Vec<Event> = unchanged("event.jsonl");
    let kinds = events.iter().map(|event| match &event.subject {
        Subject::Open(_) => "open",
        Subject::Message(peer, Body::Inline(_)) if peer.session.is_some() => "message with session",
        Subject::Message(_, body) => carried(body, "message", "message by claim"),
        Subject::Close(_) => "close",
        Subject::Http { http, .. } => match &http.body {
            HttpBody::Body(text) if text.is_empty() => "http without body",
            HttpBody::Body(_) => "http",
            HttpBody::Claim(_) => "http by claim",
        },
        Subject::Joined { .. } => "joined",
        Subject::Gap { .. } => "gap",
    });
    let all = [
        "open",
        "message",
        "message with session",
        "message by claim",
        "joined",
        "close",
        "http",
        "http without body",
        "http by claim",
        "gap",
    ];
    assert_eq!(labels(kinds), labels(all));
    read_leniently_and_refused::<Event>("event");
}

#[test]
fn replies_with_every_effect_are_read_and_written_back() {
    let replies: Vec<Reply> = unchanged("reply.jsonl");
    let effect = |effect: &Effect| match effect {
        Effect::Send { body, id: None } => carried(body, "send", "send by claim without id"),
        Effect::Send { body, id: Some(_) } => carried(body, "send with id", "send by claim"),
        Effect::Join { then: None, .. } => "join",
        Effect::Join { then: Some(_), .. } => "join, then",
        Effect::Leave(_) => "leave",
        Effect::Session(_) => "session",
        Effect::Close(_) => "close",
        Effect::CloseLater(_) => "close_later",
        Effect::Push(_) => "push",
    };
    let answers = replies.iter().flat_map(|reply| match &reply.answer {
        Answer::Effects(effects) if effects.is_empty() => vec!["no effect"],
        Answer::Effects(effects) => effects.iter().map(effect).collect(),
        Answer::Http(http) => match &http.body {
            HttpBody::Body(_) => vec!["http"],
            HttpBody::Claim(_) => vec!["http by claim"],
        },
    });
    let all = [
        "send",
        "send with id",
        "send by claim",
        "join",
        "join, then",
        "leave",
        "session",
        "close",
        "close_later",
        "push",
        "no effect",
        "http",
        "http by claim",
    ];
    assert_eq!(labels(answers), labels(all));
    read_leniently_and_refused::<Reply>("reply");
}

#[test]
fn pushes_of_events_and_of_state_are_read_and_written_back() {
    let pushes: Vec<Push> = unchanged("push.jsonl");
    let forms = pushes.iter().map(|push| match (&push.key, push.version, push.except) {
        (None, None, None) => carried(&push.body, "event", "event by claim"),
        (None, None, Some(_)) => carried(&push.body, "event, except", "event by claim, except"),
        (Some(_), Some(_), None) => carried(&push.body, "state", "state by claim"),
        (Some(_), None, None) => "state without version",
        other => panic!("{other:?}"),
    });
    let all = [
        "event",
        "event, except",
        "event by claim, except",
        "state",
        "state by claim",
        "state without version",
    ];
    assert_eq!(labels(forms), labels(all));
    read_leniently_and_refused::<Push>("push");
}

#[test]
fn announcements_are_read_and_written_back() {
    let announcements: Vec<Announcement> = unchanged("announcement.jsonl");
    assert!(announcements.iter().any(|announcement| announcement.draining));
    read_leniently_and_refused::<Announcement>("announcement");
}

#[test]
fn every_error_code_has_its_golden_message() {
    #[derive(serde::Deserialize)]
    struct Failed {
        error: RequestError,
    }
    let mut codes = Vec::new();
    for line in lines("error.jsonl") {
        let Failed { error } = serde_json::from_str(&line).unwrap();
        let id = body::request_id(&raw(&line));
        assert_eq!(with_id(error.body().get(), id.as_deref()), line);
        codes.push(error.code);
    }
    assert_eq!(codes, ErrorCode::ALL);
}

#[test]
fn every_close_code_has_its_golden_message() {
    let closes: Vec<Close> = unchanged("close.jsonl");
    let codes: BTreeSet<u64> = closes.iter().map(|close| close.code.into()).collect();
    let constants = crate::source::constants(include_str!("../../src/close.rs"), "u16");
    assert_eq!(codes, constants.into_values().collect());
    assert!(closes.contains(&Close::restart(1_500)));
}

#[test]
fn an_id_becomes_the_first_member_of_an_answer() {
    for vector::Answer { body, id, frame } in vectors("answer.jsonl") {
        assert_eq!(with_id(&body, id.map(|id| raw(&id)).as_deref()), frame);
    }
}

#[test]
fn channels_have_their_names() {
    for Channel { of, name, channel } in vectors("channel.jsonl") {
        let built = match of.as_str() {
            "worker" => name::worker_inbox(&name.parse().unwrap()),
            "node" => name::node_inbox(&name.parse().unwrap()),
            "topic" => name::topic_channel(&name),
            "workers" => name::WORKERS.to_owned(),
            other => panic!("{other}"),
        };
        assert_eq!(built, channel);
    }
}

#[test]
fn a_frame_that_is_one_json_object_passes_and_others_are_refused() {
    for Accepted { why, text, means } in vectors("message.accepted.jsonl") {
        assert_eq!(message(&text).unwrap().get(), means, "{why}");
    }
    for Refused { why, text } in vectors("message.refused.jsonl") {
        let error = message(&text).expect_err(&text).to_string();
        assert!(error.contains(&why), "{text}\n is refused with: {error}\n instead of: {why}");
    }
}

#[test]
fn requests_of_numbers_are_understood() {
    for NumbersRequest { text, command, id } in vectors("numbers_request.accepted.jsonl") {
        let (read, read_id) = numbers::read(&raw(&text));
        let read: Value = match read.unwrap_or_else(|error| panic!("{error}: {text}")) {
            Command::Set(user) => json!({ "set": user }),
            Command::List => json!("list"),
        };
        assert_eq!(read, command, "{text}");
        assert_eq!(read_id.as_ref().map(|id| id.get()), id.as_deref(), "{text}");
    }
}

#[test]
fn each_bad_request_of_numbers_gets_words_that_fit() {
    for NumbersRefused { text, why, id } in vectors("numbers_request.refused.jsonl") {
        let (read, read_id) = numbers::read(&raw(&text));
        let error = read.expect_err(&text);
        assert_eq!((error.code, error.message.as_str()), (ErrorCode::BadRequest, why.as_str()), "{text}");
        assert_eq!(read_id.as_ref().map(|id| id.get()), id.as_deref(), "{text}");
    }
}

#[test]
fn listings_and_acks_of_numbers_are_read_and_written_back() {
    let _: Vec<Listing> = unchanged("numbers_listing.jsonl");
    for line in lines("numbers_ack.jsonl") {
        let ack: Ack = serde_json::from_str(&line).unwrap();
        assert_eq!(with_id(body::encode(&ack).get(), body::request_id(&raw(&line)).as_deref()), line);
    }
}

#[test]
fn each_golden_file_is_named_in_the_readme() {
    let readme = std::fs::read_to_string(vector::folder().join("README.md")).unwrap();
    for entry in vector::folder().read_dir().unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        assert!(file == "README.md" || readme.contains(&format!("`{file}`")), "{file} is not in the README");
    }
}
