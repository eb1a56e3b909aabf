//! Properties that hold for any input.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use protocol::body::{message, with_id};
use protocol::{Close, close, limit, line, numbers};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Strings with a taste for what is special in JSON and in UTF-8.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,20}",
        "[\"\\\\{}\\[\\]:,\n\r\t\u{0}a-c\u{e9}\u{1F600}\u{2028}]{0,20}",
        Just("id".to_owned())
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // Eighths: serde_json reads a float of many digits only to its last bit but one.
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![vec(inner.clone(), 0..6).prop_map(Value::from), members(inner).prop_map(Value::from)]
    })
}

fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    btree_map(text(), value, 0..6).prop_map(|members| members.into_iter().collect())
}

fn object() -> impl Strategy<Value = Value> {
    members(value()).prop_map(Value::from)
}

/// The same value written compactly or over many lines, with either line break.
fn written(value: &Value, style: u8) -> String {
    match style {
        0 => value.to_string(),
        1 => serde_json::to_string_pretty(value).unwrap(),
        _ => serde_json::to_string_pretty(value).unwrap().replace('\n', "\r\n"),
    }
}

/// Something like a request of numbers: right and wrong members, of right and wrong types.
fn like_a_request() -> impl Strategy<Value = String> {
    let key = prop_oneof!["Cmd", "CmdData", "UserName", "FavoriteNumber", "id", "[a-z]{0,3}"];
    let leaf = prop_oneof![
        "1|2|-0|0|11\\.0|1e3|1e999|null|true|9223372036854775808|-9223372036854775808|[1-9][0-9]{0,60}",
        "\"[a-z\u{e9}]{0,300}\"",
        "\"(\\\\ud800|\\\\u0000|\\\\n|\u{7f}|x){0,4}\"",
    ];
    leaf.prop_recursive(3, 24, 5, move |inner| {
        let member = (key.clone(), inner.clone()).prop_map(|(key, value)| format!("\"{key}\":{value}"));
        prop_oneof![
            3 => vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(","))),
            1 => vec(inner, 0..3).prop_map(|items| format!("[{}]", items.join(","))),
        ]
    })
}

/// What no client should see: names of types, libraries and files.
pub(crate) fn has_internals(message: &str) -> bool {
    [
        "::",
        "serde",
        "panick",
        ".rs",
        "struct ",
        "RawValue",
        "Option",
        "i64",
        "u64",
        "invalid type",
        "invalid value",
    ]
    .iter()
    .any(|internal| message.contains(internal))
}

fn check_read(text: &str) -> Result<(), TestCaseError> {
    let json = match message(text) {
        Ok(json) => json,
        Err(error) => {
            let words = error.to_string();
            prop_assert!(!words.is_empty() && !has_internals(&words), "{words}");
            // What a node would have refused must not harm a worker either.
            let Ok(json) = RawValue::from_string(text.to_owned()) else {
                return Ok(());
            };
            json
        }
    };
    let (command, id) = numbers::read(&json);
    prop_assert!(id.is_none_or(|id| id.get().len() <= limit::REQUEST_ID_BYTES_MAX));
    match command {
        Ok(numbers::Command::Set(user)) => prop_assert!(numbers::check_user_name(&user.user_name).is_ok()),
        Ok(numbers::Command::List) => {}
        Err(error) => {
            // A member's text is shown as the client wrote it: that is not ours.
            let ours = error.message.split(", not ").next().unwrap_or_default();
            prop_assert!(!ours.is_empty() && !has_internals(ours), "{error}");
            prop_assert!(error.message.len() < 300, "{error}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_come_out_of_a_payload_as_they_went_in(values in vec((value(), 0_u8..3), 0..8)) {
        let mut payload = Vec::new();
        for (value, style) in &values {
            let raw = RawValue::from_string(written(value, *style)).unwrap();
            line::append(&mut payload, &raw);
        }
        let read: Vec<Value> = line::split(&payload).map(|line| serde_json::from_slice(line).unwrap()).collect();
        prop_assert_eq!(read, values.into_iter().map(|(value, _)| value).collect::<Vec<_>>());
    }

    #[test]
    fn a_message_stands_on_one_line_and_keeps_its_value(object in object(), style in 0_u8..3) {
        let json = message(&written(&object, style)).unwrap();
        prop_assert!(!json.get().contains(['\n', '\r']));
        prop_assert_eq!(serde_json::from_str::<Value>(json.get()).unwrap(), object);
    }

    #[test]
    fn an_answer_is_its_body_with_the_id(object in object(), style in 0_u8..3, id in value()) {
        let body = written(&object, style);
        let raw_id = RawValue::from_string(id.to_string()).unwrap();
        let answer = with_id(&body, Some(&raw_id));
        let Value::Object(mut expected) = object else { unreachable!() };
        expected.insert("id".to_owned(), id);
        prop_assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), Value::from(expected));
        prop_assert!(with_id(&body, None) == body);
    }

    #[test]
    fn any_text_is_read_or_refused_in_plain_words(text in text()) {
        check_read(&text)?;
    }

    #[test]
    fn any_json_is_read_or_refused_in_plain_words(value in value(), style in 0_u8..3) {
        check_read(&written(&value, style))?;
    }

    #[test]
    fn whatever_looks_like_a_request_is_read_or_refused_in_plain_words(text in like_a_request()) {
        check_read(&text)?;
    }

    #[test]
    fn a_close_frame_always_fits(code: u16, reason in "\\PC{0,200}") {
        let close = Close::new(code, &reason);
        prop_assert!(close.reason.len() <= close::REASON_BYTES_MAX);
        prop_assert!(reason.starts_with(&close.reason));
        prop_assert!(reason.len() - close.reason.len() < 4 || close.reason.len() > close::REASON_BYTES_MAX - 4);
        let read: Result<Close, _> = serde_json::from_slice(&line::one(&Close { code, reason }));
        prop_assert!(read.is_err() || read.is_ok_and(|read| read == close));
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    for depth in [100, 127, 128, 129, 1_000, 30_000, 1_000_000] {
        let deep = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let text = format!("{{\"Cmd\":2,\"x\":{deep}}}");
        assert_eq!(message(&text).is_err(), text.len() <= limit::MESSAGE_BYTES_MAX, "no client sends more");
        let raw = |text: String| RawValue::from_string(text).unwrap();
        assert!(numbers::read(&raw(deep.clone())).0.is_err());
        assert!(numbers::read(&raw(format!("{{\"Cmd\":{deep}}}"))).0.is_err());
        assert!(numbers::read(&raw(format!("{{\"Cmd\":1,\"CmdData\":{{\"UserName\":{deep}}}}}"))).0.is_err());
        let http = format!("{{\"seq\":1,\"http\":{{\"status\":200,\"body\":{deep}}}}}");
        assert!(serde_json::from_str::<protocol::Reply>(&http).is_err());
    }
}
