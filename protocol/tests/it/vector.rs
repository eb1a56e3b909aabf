//! The files of `protocol/golden`.

use std::path::{Path, PathBuf};
use std::{fs, str};

use protocol::ErrorCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A form of a message that is read, but not written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accepted {
    pub(crate) why: String,
    pub(crate) text: String,
    /// The form that is written.
    pub(crate) means: String,
}

/// A text that is no such message.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refused {
    /// A part of the error.
    pub(crate) why: String,
    pub(crate) text: String,
}

/// A request of the numbers service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NumbersRequest {
    pub(crate) text: String,
    pub(crate) command: Value,
    pub(crate) id: Option<String>,
}

/// What is no request of the numbers service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NumbersRefused {
    pub(crate) text: String,
    /// The whole error message.
    pub(crate) why: String,
    pub(crate) id: Option<String>,
}

/// A request of the sets service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetsRequest {
    pub(crate) text: String,
    pub(crate) request: Value,
    pub(crate) id: Option<String>,
}

/// What is no request of the sets service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetsRefused {
    pub(crate) text: String,
    pub(crate) code: ErrorCode,
    /// The whole error message.
    pub(crate) why: String,
    pub(crate) id: Option<String>,
}

/// The body of an HTTP request to the sets service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetsBody {
    pub(crate) of: String,
    pub(crate) text: String,
    pub(crate) means: Value,
}

/// What is no body of an HTTP request to the sets service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetsBodyRefused {
    pub(crate) of: String,
    pub(crate) text: String,
    pub(crate) code: ErrorCode,
    /// The whole error message.
    pub(crate) why: String,
}

/// A body, an id, and what a node makes of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    pub(crate) body: String,
    pub(crate) id: Option<String>,
    pub(crate) frame: String,
}

/// The channel of something.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Channel {
    pub(crate) of: String,
    pub(crate) name: String,
    pub(crate) channel: String,
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// The lines of a file, which is a payload as it could be published.
pub(crate) fn lines(file: &str) -> Vec<String> {
    let path = folder().join(file);
    let payload = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines: Vec<String> =
        protocol::line::split(&payload).map(|line| str::from_utf8(line).unwrap().to_owned()).collect();
    assert!(!lines.is_empty(), "{file} has a line");
    lines
}

/// The lines of a file of vectors.
pub(crate) fn vectors<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let read =
        |line: &String| serde_json::from_str(line).unwrap_or_else(|error| panic!("{file}: {error}: {line}"));
    lines(file).iter().map(read).collect()
}
