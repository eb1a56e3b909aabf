//! What a request is answered with.

use std::sync::Arc;

use protocol::files::{Changes, Cursor, Delta, Detail, Details, File, Heard, Instance, Page, State};
use protocol::{ErrorCode, HttpBody, HttpResponse, RequestError, body as json};
use serde::Serialize;

use super::place;
use super::reader::{Reader, Rendered};
use super::records::{self, Range, Records, Told};
use super::render::Form;
use super::route::{Reading, What};
use super::trouble::{Log, Trouble};

/// What follows every name with a prefix: no UTF-8 has this byte.
const BEYOND: u8 = 0xff;

/// Answers a watcher.
pub(super) fn told(told: Told, instance: Instance) -> HttpResponse {
    let heard = match told {
        Told::Here { cursor, state, seqno, .. } => Heard { instance, state, seqno: Some(seqno), cursor },
        Told::Gone(cursor) => Heard { instance, state: State::Gone, seqno: None, cursor },
        Told::Elsewhere => {
            let words = "this instance belongs to another host: give each run of a watcher an id of its own";
            return HttpResponse::error(&RequestError::new(ErrorCode::Conflict, words));
        }
        Told::Crowded => {
            let words = "there are too many watchers, nothing was done: try again in a moment";
            return HttpResponse::error(&RequestError::new(ErrorCode::Unavailable, words));
        }
        Told::Full => {
            let words = "there are too many files: the first operations may have been applied";
            return HttpResponse::error(&RequestError::new(ErrorCode::TooLarge, words));
        }
    };
    response(&heard, false)
}

/// Answers readers.
pub(super) struct Respond {
    pub(super) records: Arc<Records>,
    pub(super) reader: Reader,
    pub(super) log: Log,
}

impl Respond {
    /// Answers a reader over HTTP.
    pub(super) async fn read(&self, reading: Reading) -> HttpResponse {
        let read = match &reading.what {
            What::All { prefix } => self.all(prefix.clone(), &reading).await,
            What::Page { prefix, after, limit, has_details } => {
                self.page(range(prefix, after.as_deref(), *limit, *has_details), &reading).await
            }
            What::Since { cursor, limit } => self.since(cursor, *limit, reading.is_indented).await,
            What::Nodes => self.nodes(reading.is_indented).await,
        };
        read.unwrap_or_else(|trouble| HttpResponse::error(&self.log.reading(&trouble)))
    }

    async fn all(&self, prefix: String, reading: &Reading) -> Result<HttpResponse, Arc<Trouble>> {
        if !reading.known.is_empty()
            && let Some(newest) = self.records.newest().await?
            && is_known(reading, &newest)
        {
            return Ok(unchanged(&newest, reading));
        }
        let form = Form::Files { prefix, is_indented: reading.is_indented };
        let Rendered { cursor, text } = self.reader.read(form).await?;
        Ok(tagged(HttpResponse::json(200, text.to_http()), &cursor, reading))
    }

    async fn page(&self, range: Range, reading: &Reading) -> Result<HttpResponse, Arc<Trouble>> {
        let page = self.records.page(&range).await?;
        if range.has_watchers {
            return Ok(response(&details(&page), reading.is_indented));
        }
        if is_known(reading, &page.cursor) {
            return Ok(unchanged(&page.cursor, reading));
        }
        let names = page.places.iter().filter_map(|place| place::parts(place));
        let files = names.map(|(name, _)| File { filename: name.to_owned() }).collect();
        let cursor = page.cursor.clone();
        let body = Page { files, next: next(&page), count: page.count, cursor: page.cursor };
        Ok(tagged(response(&body, reading.is_indented), &cursor, reading))
    }

    async fn since(
        &self,
        cursor: &Cursor,
        limit: usize,
        is_indented: bool,
    ) -> Result<HttpResponse, Arc<Trouble>> {
        match self.records.changes(cursor, limit).await? {
            Some(changes) => Ok(response(&Changes::Page(delta(&changes)?), is_indented)),
            None => {
                let rendered = self.reader.read(Form::HttpReset).await?;
                Ok(HttpResponse::json(200, rendered.text.to_http()))
            }
        }
    }

    async fn nodes(&self, is_indented: bool) -> Result<HttpResponse, Arc<Trouble>> {
        Ok(response(&self.records.nodes().await?.0, is_indented))
    }
}

/// What came since, as it is told.
pub(super) fn delta(changes: &records::Changes) -> Result<Delta, Trouble> {
    Ok(Delta {
        prev: None,
        cursor: changes.cursor.clone(),
        changes: changes.read()?,
        more: Some(changes.more),
        server_ms: changes.server_ms,
    })
}

fn range(prefix: &str, after: Option<&[u8]>, limit: usize, has_watchers: bool) -> Range {
    let prefixed = [b"[", prefix.as_bytes()].concat();
    let high = if prefix.is_empty() { b"+".to_vec() } else { [b"(", prefix.as_bytes(), &[BEYOND]].concat() };
    let low = match after {
        // A place before the prefix would make a page of what has not the prefix.
        Some(after) if after >= prefix.as_bytes() => [b"(", after].concat(),
        _ if prefix.is_empty() => b"-".to_vec(),
        _ => prefixed.clone(),
    };
    Range { low, high, counted_from: (!prefix.is_empty()).then_some(prefixed), limit, has_watchers }
}

fn details(page: &records::Page) -> Details {
    let detail = |place: &Vec<u8>| {
        let (name, number) = place::parts(place)?;
        let (watcher, lag_ms) = page.watchers.iter().find(|(watcher, _)| watcher.watcher == number)?;
        Some(Detail { filename: name.to_owned(), watcher: watcher.clone(), lag_ms: *lag_ms })
    };
    Details {
        files: page.places.iter().filter_map(detail).collect(),
        next: next(page),
        count: page.count,
        cursor: page.cursor.clone(),
    }
}

fn next(page: &records::Page) -> Option<String> {
    page.next.as_deref().and_then(place::token)
}

fn response<T: Serialize>(value: &T, is_indented: bool) -> HttpResponse {
    let compact = || json::encode(value).get().to_owned();
    let text = if is_indented {
        serde_json::to_string_pretty(value).map_or_else(|_| compact(), |text| text + "\n")
    } else {
        compact()
    };
    HttpResponse::json(200, HttpBody::Body(text))
}

/// The two forms of a text are two representations.
fn tag(cursor: &Cursor, reading: &Reading) -> String {
    format!("\"{cursor}{}\"", if reading.is_indented { "-indented" } else { "" })
}

fn is_known(reading: &Reading, cursor: &Cursor) -> bool {
    let tag = tag(cursor, reading);
    reading.known.iter().any(|known| known == "*" || *known == tag)
}

fn tagged(mut response: HttpResponse, cursor: &Cursor, reading: &Reading) -> HttpResponse {
    response.headers.insert("etag".to_owned(), tag(cursor, reading));
    response.headers.insert("vary".to_owned(), "accept".to_owned());
    response
}

fn unchanged(cursor: &Cursor, reading: &Reading) -> HttpResponse {
    let mut response = tagged(HttpResponse::json(304, HttpBody::default()), cursor, reading);
    response.headers.remove("content-type");
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_a_prefix_begins_at_it_and_never_before() {
        let whole = range("", None, 1, false);
        assert_eq!((&*whole.low, &*whole.high, whole.counted_from), (&b"-"[..], &b"+"[..], None));
        let prefixed = range("cat", None, 1, false);
        assert_eq!((&*prefixed.low, &*prefixed.high), (&b"[cat"[..], &b"(cat\xff"[..]));
        assert_eq!(range("cat", Some(b"apple\0"), 1, false).low, b"[cat");
        assert_eq!(range("cat", Some(b"cat.jpg\x007"), 1, false).low, b"(cat.jpg\x007");
    }
}
