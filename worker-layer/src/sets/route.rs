//! What an HTTP request asks for: paths, methods, queries, content types.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use protocol::sets::{
    self, CHANGES_DEFAULT, CHANGES_MAX, Change, Cursor, Op, SETS_DEFAULT, SETS_MAX, SetId, VALUE_BYTES_MAX,
    WAIT_S_MAX,
};
use protocol::{ErrorCode, HttpRequest, HttpResponse, RequestError};

use super::ask::{Ask, Form, To, since};
use super::read::Reading;

/// Where a path leads.
enum Place {
    Index,
    Set(SetId),
    Value(SetId, String),
    Operations(SetId),
    Changes(SetId),
    Digest(SetId),
}

/// What a request with this body asks for, or the response that says why it asks for nothing.
pub(super) fn ask(http: &HttpRequest, body: &str) -> Result<Ask, Box<HttpResponse>> {
    let place = place(&http.path).map_err(|error| Box::new(HttpResponse::error(&error)))?;
    let method = if http.method == "HEAD" { "GET" } else { &http.method };
    let allowed = allowed(&place);
    if !allowed.split(", ").any(|allowed| allowed == method) {
        return Err(Box::new(not_allowed(allowed)));
    }
    if method != "GET" && !body.is_empty() && !is_json(http) {
        return Err(Box::new(unsupported()));
    }
    let query = Query(&http.query);
    let asked = match (place, method) {
        (Place::Index, "GET") => index(&query),
        (Place::Index, _) => create(body),
        (Place::Set(set), "GET") => {
            let removed = query.is_set("tombstones");
            removed.map(|removed| all(set, Form::Set { removed, known: known(http) }))
        }
        (Place::Set(set), _) => Ok(Ask::Delete { set }),
        (Place::Value(set, value), "GET") => Ok(Ask::Value { set, value }),
        (Place::Value(set, value), "PUT") => one(set, Op::Add, value, body),
        (Place::Value(set, value), _) => one(set, Op::Remove, value, body),
        (Place::Operations(set), _) => {
            sets::read_operations(body).map(|changes| Ask::Apply { set, changes, to: To::Web })
        }
        (Place::Changes(set), _) => changes(set, &query),
        (Place::Digest(set), _) => Ok(all(set, Form::Digest)),
    };
    asked.map_err(|error| Box::new(HttpResponse::error(&error)))
}

fn place(path: &str) -> Result<Place, RequestError> {
    let nothing = || RequestError::new(ErrorCode::NotFound, "there is nothing here: all sets are at /sets");
    let below = path.strip_prefix(sets::PATH).ok_or_else(nothing)?;
    let Some(below) = below.strip_prefix('/') else { return Ok(Place::Index) };
    let (id, rest) = below.split_once('/').map_or((below, None), |(id, rest)| (id, Some(rest)));
    let id = decoded(id, "the id of a set")?;
    // An id that no set can have is the id of no set.
    let set: SetId = id
        .parse()
        .map_err(|error: sets::BadSetId| RequestError::new(ErrorCode::NotFound, error.to_string()))?;
    match rest {
        None => Ok(Place::Set(set)),
        Some("operations") => Ok(Place::Operations(set)),
        Some("changes") => Ok(Place::Changes(set)),
        Some("digest") => Ok(Place::Digest(set)),
        // A slash may stand in a value, for there is nothing below one.
        Some(rest) => match rest.strip_prefix("elements/") {
            Some(value) => Ok(Place::Value(set, value_of(value)?)),
            None => Err(nothing()),
        },
    }
}

fn value_of(encoded: &str) -> Result<String, RequestError> {
    let value = decoded(encoded, "the value")?;
    if value.len() > VALUE_BYTES_MAX {
        let words = format!("value has {} bytes: at most {VALUE_BYTES_MAX} are allowed", value.len());
        return Err(RequestError::new(ErrorCode::TooLarge, words));
    }
    Ok(value)
}

fn decoded(encoded: &str, what: &str) -> Result<String, RequestError> {
    let text = percent_decode_str(encoded).decode_utf8();
    let words = || bad(format!("{what} in the path is not UTF-8: percent-encode its bytes"));
    text.map(|text| text.into_owned()).map_err(|_| words())
}

/// The methods of a place, as they stand in the header `allow`.
fn allowed(place: &Place) -> &'static str {
    match place {
        Place::Index => "GET, HEAD, POST",
        Place::Set(_) => "GET, HEAD, DELETE",
        Place::Value(..) => "GET, HEAD, PUT, DELETE",
        Place::Operations(_) => "POST",
        Place::Changes(_) | Place::Digest(_) => "GET, HEAD",
    }
}

fn not_allowed(allowed: &str) -> HttpResponse {
    let words = format!("this path knows {allowed}");
    let mut response = HttpResponse::error(&RequestError::new(ErrorCode::MethodNotAllowed, words));
    response.headers.insert("allow".to_owned(), allowed.to_owned());
    response
}

fn unsupported() -> HttpResponse {
    let mut response =
        HttpResponse::error(&bad("a body must be JSON: send it with content-type: application/json"));
    response.status = 415;
    response
}

fn is_json(http: &HttpRequest) -> bool {
    let kind = http.headers.get("content-type").map_or("", String::as_str);
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn index(query: &Query<'_>) -> Result<Ask, RequestError> {
    let limit = query.number("limit", SETS_DEFAULT as u64, 1, SETS_MAX as u64)?;
    let after = query.get("after").map(|after| {
        let wrong = || bad("after must be the next of the page before");
        let (ms, id) = after.split_once('-').ok_or_else(wrong)?;
        Ok((ms.parse().map_err(|_| wrong())?, id.parse().map_err(|_| wrong())?))
    });
    Ok(Ask::Index { limit: limit as usize, after: after.transpose()? })
}

fn create(body: &str) -> Result<Ask, RequestError> {
    let sets::Creation { id, name } = sets::read_creation(body)?;
    let random = || format!("{:032x}", rand::random::<u128>()).parse().ok();
    let set = id.or_else(random).ok_or_else(crate::refusal::internal)?;
    Ok(Ask::Create { set, name })
}

fn all(set: SetId, form: Form) -> Ask {
    Ask::Read { reading: Reading::Head(set), form, to: To::Web }
}

fn one(set: SetId, op: Op, value: String, body: &str) -> Result<Ask, RequestError> {
    let stamp = sets::read_stamp(body)?;
    Ok(Ask::Apply { set, changes: vec![Change { op, value, stamp }], to: To::WebOne })
}

fn changes(set: SetId, query: &Query<'_>) -> Result<Ask, RequestError> {
    let limit = query.number("limit", CHANGES_DEFAULT as u64, 1, CHANGES_MAX as u64)?;
    let wait = Duration::from_secs(query.number("wait", 0, 0, WAIT_S_MAX)?);
    let Some(cursor) = query.get("since") else { return Ok(all(set, Form::ChangesReset)) };
    let cursor: Cursor = cursor.parse().map_err(|error: sets::BadCursor| bad(error.to_string()))?;
    Ok(since(set, cursor, limit as usize, Form::Changes { wait }, To::Web))
}

/// The ETags that the client has: RFC 9110, section 13.1.2.
fn known(http: &HttpRequest) -> Vec<String> {
    let tags = http.headers.get("if-none-match").map_or("", String::as_str).split(',');
    tags.map(|tag| tag.trim().trim_start_matches("W/").to_owned()).filter(|tag| !tag.is_empty()).collect()
}

/// What came after the question mark.
struct Query<'a>(&'a str);

impl Query<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.0.as_bytes());
        pairs.find(|(other, _)| other == name).map(|(_, value)| value.into_owned())
    }

    fn number(&self, name: &str, default: u64, min: u64, max: u64) -> Result<u64, RequestError> {
        let Some(text) = self.get(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| (min..=max).contains(number));
        number.ok_or_else(|| bad(format!("{name} must be a whole number from {min} to {max}")))
    }

    fn is_set(&self, name: &str) -> Result<bool, RequestError> {
        self.number(name, 0, 0, 1).map(|number| number == 1)
    }
}

fn bad(message: impl Into<String>) -> RequestError {
    RequestError::new(ErrorCode::BadRequest, message)
}
