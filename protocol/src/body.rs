//! A JSON value that is carried as it came: checked to be JSON, never re-encoded.

mod readable;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::limit;

/// JSON text that is written on one line.
pub type Json = Box<RawValue>;

/// What a message carries: one JSON object, or where it can be fetched.
#[derive(Debug, Clone)]
pub enum Body {
    /// The object.
    Inline(Json),
    /// An object too large to be published.
    Claim(Claim),
}

/// A ticket for a body that is kept in Redis under `key`, because publishing more than
/// [`crate::limit::CLAIM_OVER_BYTES`] would endanger every subscriber. Whoever receives it fetches it in pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The key; it expires after [`crate::limit::CLAIM_KEPT_S`].
    pub key: String,
    /// The length of the value, bytes, so that a body that expired half-way is noticed.
    pub bytes: usize,
    /// It is for whoever gets it alone, who removes it once it is fetched. So it takes room in Redis for milliseconds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
}

impl Claim {
    /// The same, for one who fetches it and removes it.
    #[must_use]
    pub fn once(self) -> Self {
        Self { once: true, ..self }
    }
}

impl Body {
    /// The two forms as two optional members of a message.
    #[must_use]
    pub fn parts(&self) -> (Option<&RawValue>, Option<&Claim>) {
        match self {
            Self::Inline(json) => (Some(json), None),
            Self::Claim(claim) => (None, Some(claim)),
        }
    }

    /// A body from its two optional members, if one of them is there.
    pub(crate) fn from_parts(body: Option<Json>, claim: Option<Claim>) -> Result<Option<Self>, &'static str> {
        match (body, claim) {
            (Some(_), Some(_)) => Err("a message carries a body or a claim, not both"),
            // Its answer could not carry an id, and a client could not tell what it is.
            (Some(body), None) if !body.get().starts_with('{') => Err("a body is one JSON object"),
            (Some(body), None) => Ok(Some(Self::Inline(body))),
            (None, Some(claim)) => Ok(Some(Self::Claim(claim))),
            (None, None) => Ok(None),
        }
    }
}

/// Why a client's text is not a message.
#[derive(Debug, thiserror::Error)]
pub enum NotAMessage {
    /// It is not JSON.
    #[error("this is not JSON: {0}")]
    Syntax(#[from] serde_json::Error),
    /// It is JSON, but not an object.
    #[error("a message is one JSON object, like {{\"Cmd\":2}}")]
    NotAnObject,
    /// It nests deeper than [`crate::limit::NESTING_MAX`].
    #[error("objects and arrays nest deeper than {max} here: make it flatter", max = limit::NESTING_MAX)]
    TooDeep,
    /// It is JSON, but a string in it is no Unicode text.
    #[error("a \\u escape here is half a character: write both halves, like \\ud83d\\ude00")]
    HalfCharacter,
}

/// Checks that `text` is one JSON object that every JSON reader can read, and puts it on one line.
///
/// # Errors
/// [`NotAMessage`] says what a client did wrong.
pub fn message(text: &str) -> Result<Json, NotAMessage> {
    let json: &RawValue = serde_json::from_str(text)?;
    if !json.get().starts_with('{') {
        return Err(NotAMessage::NotAnObject);
    }
    // No client sends so much. What a worker made need not be looked through.
    if text.len() <= limit::MESSAGE_BYTES_MAX {
        readable::check(json.get())?;
    }
    Ok(on_one_line(json))
}

/// The same value without line breaks. In valid JSON they are white space only, so they may become spaces.
#[must_use]
pub fn on_one_line(json: &RawValue) -> Json {
    let text = json.get();
    if memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_some() {
        let line = text.replace(['\n', '\r'], " ");
        RawValue::from_string(line).unwrap_or_else(|_| json.to_owned())
    } else {
        json.to_owned()
    }
}

/// Encodes a value that always can be JSON.
///
/// # Panics
/// If `value` has map keys that are not strings or its `Serialize` fails: a mistake in this code base, not in input.
#[must_use]
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Json {
    serde_json::value::to_raw_value(value).expect("own types are JSON")
}

/// The `"id"` that a client gave to a request, to be echoed in its answer: any JSON value, `null` too, of at most
/// [`crate::limit::REQUEST_ID_BYTES_MAX`].
#[must_use]
pub fn request_id(message: &RawValue) -> Option<Json> {
    #[derive(Deserialize)]
    struct Identified<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        id: Option<&'a RawValue>,
    }
    let Identified { id } = serde_json::from_str(message.get()).ok()?;
    id.filter(|id| id.get().len() <= limit::REQUEST_ID_BYTES_MAX).map(ToOwned::to_owned)
}

/// Writes `"id"` as the first member of the JSON object `object`, if there is one to write. An `"id"` that the object
/// has already gives way, because of two equal members each reader takes another.
#[must_use]
pub fn with_id<'a>(object: &'a str, id: Option<&RawValue>) -> Cow<'a, str> {
    let Some(id) = id else {
        return Cow::Borrowed(object);
    };
    let without = without_id(object);
    let Some(members) = without.as_deref().unwrap_or(object).strip_prefix('{') else {
        return Cow::Borrowed(object);
    };
    let comma = if members.trim_start().starts_with('}') { "" } else { "," };
    Cow::Owned(format!("{{\"id\":{}{comma}{members}", id.get()))
}

/// For members that may be any JSON value: tells one that is `null` from one that is missing.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// The object without its `"id"`, if it has one.
fn without_id(object: &str) -> Option<String> {
    // The second is how an escaped `i` or `d` begins.
    if !object.contains("\"id\"") && !object.contains("\\u006") {
        return None;
    }
    let mut members: BTreeMap<String, &RawValue> = serde_json::from_str(object).ok()?;
    members.remove("id")?;
    serde_json::to_string(&members).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Json {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn a_message_is_put_on_one_line_and_otherwise_left_alone() {
        let json = message("{\"a\" : 1.50,\r\n \"b\":\"x\\ny\"}").unwrap();
        assert_eq!(json.get(), "{\"a\" : 1.50,   \"b\":\"x\\ny\"}");
    }

    #[test]
    fn what_is_no_object_is_no_message() {
        for bad in ["", "{", "[1]", "7", "\"x\"", "null", "{} {}", "{\"a\":1}x"] {
            assert!(message(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_id_is_found_and_a_huge_one_is_not_kept() {
        assert_eq!(request_id(&raw("{\"x\":1,\"id\":[7, 8]}")).unwrap().get(), "[7, 8]");
        assert!(request_id(&raw("{\"x\":1}")).is_none());
        let huge = format!("{{\"id\":\"{}\"}}", "x".repeat(2_000));
        assert!(request_id(&raw(&huge)).is_none());
    }

    #[test]
    fn an_id_that_is_null_is_an_id() {
        assert_eq!(request_id(&raw("{\"id\":null}")).unwrap().get(), "null");
    }

    #[test]
    fn an_id_becomes_the_first_member() {
        let id = raw("\"a\"");
        assert_eq!(with_id("{\"ok\":true}", Some(&id)), "{\"id\":\"a\",\"ok\":true}");
        assert_eq!(with_id("{ }", Some(&id)), "{\"id\":\"a\" }");
        assert_eq!(with_id("{\"ok\":true}", None), "{\"ok\":true}");
    }

    #[test]
    fn an_id_takes_the_place_of_an_elder() {
        let id = raw("7");
        assert_eq!(with_id("{\"id\":1,\"ok\":true}", Some(&id)), "{\"id\":7,\"ok\":true}");
        assert_eq!(with_id("{\"\\u0069d\":1}", Some(&id)), "{\"id\":7}");
        assert_eq!(with_id("{\"a\":{\"id\":1}}", Some(&id)), "{\"id\":7,\"a\":{\"id\":1}}");
    }
}
