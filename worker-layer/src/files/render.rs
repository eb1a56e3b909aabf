//! Answers that are all of the listing, as text.

use std::fmt::Write as _;

use protocol::files::{Cursor, Snapshot};
use protocol::limit::CLAIM_BYTES_MAX;
use tokio::task::yield_now;

use super::limit::RENDERED_AT_ONCE;
use super::listing::Listing;
use super::trouble::Trouble;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// `{"files":[…]}`: those with this prefix, for programs or for people.
    Files { prefix: String, is_indented: bool },
    /// The message that tells everything to a connection.
    Snapshot,
    /// The same in the place of what it had.
    Reset,
    /// The same over HTTP, for a cursor that the log does not have.
    HttpReset,
}

impl Form {
    /// Whether many ask for it, so that it is kept: there are as many others as there are prefixes.
    pub(super) fn is_kept(&self) -> bool {
        !matches!(self, Self::Files { prefix, .. } if !prefix.is_empty())
    }
}

/// Writes an answer. Others run meanwhile, so a large one does not hold them up.
///
/// # Errors
/// [`Trouble::TooLarge`] if it is more than can be sent at once. A snapshot is then told without files.
pub(super) async fn render(
    form: &Form,
    listing: &Listing,
    cursor: &Cursor,
    server_ms: u64,
) -> Result<String, Trouble> {
    match form {
        Form::Files { prefix, is_indented } => files(listing, prefix, *is_indented).await,
        Form::Snapshot => snapshot(r#"{"type":"snapshot","#, "}", listing, cursor, server_ms).await,
        Form::Reset => snapshot(r#"{"type":"reset","#, "}", listing, cursor, server_ms).await,
        Form::HttpReset => snapshot(r#"{"reset":{"#, "}}", listing, cursor, server_ms).await,
    }
}

async fn files(listing: &Listing, prefix: &str, is_indented: bool) -> Result<String, Trouble> {
    let (before, between, after) =
        if is_indented { ("\n    ", ",\n    ", "\n  ]\n}\n") } else { ("", ",", "]}") };
    let mut text = String::from(if is_indented { "{\n  \"files\": [" } else { "{\"files\":[" });
    let mut lead = before;
    for (number, (name, _)) in listing.files(prefix).enumerate() {
        text.push_str(lead);
        text.push_str(if is_indented { "{ \"filename\": " } else { "{\"filename\":" });
        push_json(&mut text, name);
        text.push_str(if is_indented { " }" } else { "}" });
        lead = between;
        pause(number, &text).await?;
    }
    text.push_str(if is_indented && lead == before { "]\n}\n" } else { after });
    Ok(text)
}

async fn snapshot(
    head: &str,
    tail: &str,
    listing: &Listing,
    cursor: &Cursor,
    server_ms: u64,
) -> Result<String, Trouble> {
    let watchers = listing.watchers().cloned().collect();
    let snapshot =
        Snapshot { cursor: cursor.clone(), server_ms, count: listing.len(), watchers, files: None };
    let members = protocol::body::encode(&snapshot);
    let members = members.get().strip_prefix('{').and_then(|members| members.strip_suffix('}'));
    let members = members.unwrap_or_default();
    match pairs(listing).await {
        Ok(pairs) => Ok(format!("{head}{members},\"files\":{pairs}{tail}")),
        Err(Trouble::TooLarge) => Ok(format!("{head}{members}{tail}")),
        Err(trouble) => Err(trouble),
    }
}

/// Each file with the number of its watcher.
async fn pairs(listing: &Listing) -> Result<String, Trouble> {
    let mut text = String::from("[");
    for (number, (name, watcher)) in listing.files("").enumerate() {
        text.push_str(if number == 0 { "[" } else { ",[" });
        push_json(&mut text, name);
        let _ = write!(text, ",{watcher}]");
        pause(number, &text).await?;
    }
    text.push(']');
    Ok(text)
}

/// From time to time: lets others run, and gives up on what has become too large.
async fn pause(number: usize, text: &str) -> Result<(), Trouble> {
    if number % RENDERED_AT_ONCE == RENDERED_AT_ONCE - 1 {
        yield_now().await;
    }
    // With room for what stands around it.
    if text.len() > CLAIM_BYTES_MAX - CLAIM_BYTES_MAX / 16 { Err(Trouble::TooLarge) } else { Ok(()) }
}

fn push_json(text: &mut String, name: &str) {
    // Most names need no escape, and then are as they are.
    if name.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        text.push('"');
        text.push_str(name);
        text.push('"');
    } else {
        text.push_str(&serde_json::to_string(name).unwrap_or_default());
    }
}
