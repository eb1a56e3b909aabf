//! What is answered, as text: made once, shared by all of a batch who get the same.

use std::io::{self, Write};
use std::sync::Arc;

use lww_set::digest;
use parking_lot::Mutex;
use protocol::sets::{Cursor, Digest, Element, SetId, Snapshot};
use protocol::{Body, HttpBody, Json, RequestError, limit};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::OnceCell;

use super::limit::READ_AT_ONCE_MAX;
use super::read::Page;
use super::scan::Extent;
use super::shared::Shared;
use super::trouble::{Doing, too_large};

/// The forms of all of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The message `snapshot`.
    Snapshot,
    /// The message `reset`.
    Reset,
    /// The set over HTTP, with the removed values or without.
    Set { removed: bool },
    /// The answer to a request for changes.
    ChangesReset,
    /// The digest.
    Digest,
}

impl Kind {
    /// What of a set it is made of.
    pub(super) fn extent(self) -> Extent {
        match self {
            Self::Snapshot | Self::Reset | Self::ChangesReset | Self::Set { removed: true } => Extent::All,
            Self::Set { removed: false } => Extent::Contained,
            Self::Digest => Extent::Digested,
        }
    }
}

/// All of a set, and the forms in which it was asked for so far.
pub(super) struct Rendered {
    pub(super) snapshot: Arc<Snapshot>,
    bodies: Mutex<Vec<(Kind, Made)>>,
}

/// A body, once it is made.
type Made = Arc<OnceCell<Result<Body, RequestError>>>;

impl Rendered {
    pub(super) fn new(snapshot: Snapshot) -> Self {
        Self { snapshot: Arc::new(snapshot), bodies: Mutex::default() }
    }

    /// The body in a form. A large one is stored, once for all who get it.
    pub(super) async fn body(&self, kind: Kind, shared: &Shared) -> Result<Body, RequestError> {
        let made = {
            let mut bodies = self.bodies.lock();
            match bodies.iter().find(|(other, _)| *other == kind) {
                Some((_, made)) => Arc::clone(made),
                None => {
                    let made = Made::default();
                    bodies.push((kind, Arc::clone(&made)));
                    made
                }
            }
        };
        made.get_or_init(|| self.make(kind, shared)).await.clone()
    }

    async fn make(&self, kind: Kind, shared: &Shared) -> Result<Body, RequestError> {
        let (snapshot, bytes_max) = (Arc::clone(&self.snapshot), shared.options.snapshot_bytes_max);
        if snapshot.elements.len() + snapshot.removed.len() <= READ_AT_ONCE_MAX {
            return claimed(text(&snapshot, kind, bytes_max)?, shared).await;
        }
        claimed(shared.beside(move || text(&snapshot, kind, bytes_max)).await??, shared).await
    }
}

/// The ETag of a set at a cursor: RFC 9110, section 8.8.3.
pub(super) fn etag(cursor: &Cursor, removed: bool) -> String {
    format!("\"{cursor}{}\"", if removed { "-tombstones" } else { "" })
}

/// A page of changes, as the message that answers a watch.
pub(super) fn delta(set: &SetId, page: &Page) -> Json {
    let Page { cursor, server_ms, operations, more } = page;
    let head = format!(r#"{{"type":"delta","set":"{set}","cursor":"{cursor}","operations":[{operations}]"#);
    json(format!(r#"{head},"more":{more},"server_ms":{server_ms}}}"#))
}

/// A page of changes behind a cursor, as the push of a change.
pub(super) fn pushed(set: &SetId, prev: &Cursor, page: &Page) -> Json {
    let Page { cursor, server_ms, operations, .. } = page;
    let head = format!(r#"{{"type":"delta","set":"{set}","prev":"{prev}","cursor":"{cursor}""#);
    json(format!(r#"{head},"operations":[{operations}],"server_ms":{server_ms}}}"#))
}

/// A page of changes over HTTP.
pub(super) fn page(Page { cursor, server_ms, operations, more }: &Page) -> HttpBody {
    let head = format!(r#"{{"operations":[{operations}],"cursor":"{cursor}""#);
    HttpBody::Body(format!(r#"{head},"more":{more},"server_ms":{server_ms}}}"#))
}

/// The body of a response.
pub(super) fn web(body: Body) -> HttpBody {
    match body {
        Body::Inline(json) => HttpBody::Body(json.get().to_owned()),
        Body::Claim(claim) => HttpBody::Claim(claim),
    }
}

/// Text that is JSON because we made it.
pub(super) fn json(text: String) -> Json {
    RawValue::from_string(text).expect("what was made of JSON is JSON")
}

/// The text of a form, unless it has more than so many bytes.
fn text(snapshot: &Snapshot, kind: Kind, bytes_max: usize) -> Result<String, RequestError> {
    #[derive(Serialize)]
    struct Typed<'a> {
        r#type: &'a str,
        #[serde(flatten)]
        snapshot: &'a Snapshot,
    }
    #[derive(Serialize)]
    struct Reset<'a> {
        reset: &'a Snapshot,
    }
    #[derive(Serialize)]
    struct Set<'a> {
        id: &'a SetId,
        name: &'a str,
        cursor: &'a Cursor,
        server_ms: u64,
        elements: &'a [Element],
        #[serde(skip_serializing_if = "Option::is_none")]
        removed: Option<&'a [Element]>,
    }
    let Snapshot { set: id, name, cursor, server_ms, elements, removed } = snapshot;
    match kind {
        Kind::Snapshot => encoded(&Typed { r#type: "snapshot", snapshot }, bytes_max),
        Kind::Reset => encoded(&Typed { r#type: "reset", snapshot }, bytes_max),
        Kind::ChangesReset => encoded(&Reset { reset: snapshot }, bytes_max),
        Kind::Set { removed: with } => {
            let removed = with.then_some(removed.as_slice());
            encoded(&Set { id, name, cursor, server_ms: *server_ms, elements, removed }, bytes_max)
        }
        Kind::Digest => {
            let digest = digest::of(elements.iter().map(|element| (&*element.value, &element.stamp)));
            encoded(&Digest { cursor: cursor.clone(), count: elements.len(), digest }, bytes_max)
        }
    }
}

/// Text that is being made: what is too large is noticed before all of it is made.
struct Bounded {
    text: Vec<u8>,
    bytes_max: usize,
}

impl Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.text.len() + more.len() > self.bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.text.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn encoded<T: Serialize>(value: &T, bytes_max: usize) -> Result<String, RequestError> {
    let mut bounded = Bounded { text: Vec::new(), bytes_max };
    // Own types are JSON: nothing else fails.
    serde_json::to_writer(&mut bounded, value).map_err(|_| too_large(bytes_max))?;
    Ok(String::from_utf8(bounded.text).expect("JSON is UTF-8"))
}

async fn claimed(text: String, shared: &Shared) -> Result<Body, RequestError> {
    if text.len() <= limit::CLAIM_OVER_BYTES {
        return Ok(Body::Inline(json(text)));
    }
    let claim = shared.claims.put(&shared.store, &text).await;
    claim.map(Body::Claim).map_err(|error| shared.log.lost(&error, Doing::Reading))
}
