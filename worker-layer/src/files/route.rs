//! What an HTTP request asks for: paths, methods, queries, content types.

use protocol::files::{
    self, Bye, CHANGES_MAX, Cursor, Hello, Operation, PAGE_FILES_MAX, read_bye, read_hello, read_operations,
};
use protocol::{ErrorCode, HttpRequest, HttpResponse, RequestError};

use super::option::Options;
use super::place;

/// Files in a page, if nobody says how many.
const PAGE_FILES: usize = 1_000;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// To be told that a watcher is there.
    Hello(Hello),
    /// To be told that it leaves.
    Bye(Bye),
    /// To be told what happened in its folder.
    Patch(Vec<Operation>),
    /// Something to read.
    Read(Reading),
}

/// What is to be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) what: What,
    /// For a person, who looks at it in a browser.
    pub(super) is_indented: bool,
    /// The ETags that the client has.
    pub(super) known: Vec<String>,
}

/// Of what.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// All files with this prefix.
    All { prefix: String },
    /// A page of them, behind this place; with what is known of their watchers.
    Page { prefix: String, after: Option<Box<[u8]>>, limit: usize, has_details: bool },
    /// What came since.
    Since { cursor: Cursor, limit: usize },
    /// The watchers.
    Nodes,
}

/// What a request with this body asks for, or the response that says why it asks for nothing.
pub(super) fn ask(http: &HttpRequest, body: &str, options: &Options) -> Result<Ask, Box<HttpResponse>> {
    let path = http.path.strip_suffix('/').unwrap_or(&http.path);
    let allowed = match path {
        files::PATH => "GET, HEAD, PATCH",
        files::NODES_PATH => "GET, HEAD",
        files::HELLO_PATH | files::BYE_PATH => "POST",
        _ => return Err(Box::new(HttpResponse::error(&not_found()))),
    };
    let method = if http.method == "HEAD" { "GET" } else { &http.method };
    if !allowed.split(", ").any(|allowed| allowed == method) {
        return Err(not_allowed(allowed));
    }
    let asked = if method == "GET" {
        read(path, http)
    } else {
        check_watcher(http, options)?;
        match path {
            files::HELLO_PATH => read_hello(body).map(Ask::Hello),
            files::BYE_PATH => read_bye(body).map(Ask::Bye),
            _ => read_operations(body).map(Ask::Patch),
        }
    };
    asked.map_err(|error| Box::new(HttpResponse::error(&error)))
}

/// A request that changes something must be one that no foreign web page can make a browser send, and must show the secret,
/// if there is one.
fn check_watcher(http: &HttpRequest, options: &Options) -> Result<(), Box<HttpResponse>> {
    let kind = http.headers.get("content-type").map_or("", String::as_str);
    let is_json =
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if !is_json {
        let mut response =
            HttpResponse::error(&bad("a body must be JSON: send it with content-type: application/json"));
        response.status = 415;
        return Err(Box::new(response));
    }
    match &options.secret {
        Some(secret) if !secret.is(http.headers.get("authorization")) => {
            let words = "watchers must show the secret here: authorization: Bearer …";
            let mut response = HttpResponse::error(&RequestError::new(ErrorCode::Unauthorized, words));
            response.headers.insert("www-authenticate".to_owned(), "Bearer".to_owned());
            Err(Box::new(response))
        }
        _ => Ok(()),
    }
}

fn read(path: &str, http: &HttpRequest) -> Result<Ask, RequestError> {
    let what = if path == files::NODES_PATH { What::Nodes } else { what(&Query(&http.query))? };
    let accepts = http.headers.get("accept").map_or("", String::as_str);
    Ok(Ask::Read(Reading { what, is_indented: accepts.contains("text/html"), known: known(http) }))
}

fn what(query: &Query<'_>) -> Result<What, RequestError> {
    if let Some(since) = query.get("since") {
        let cursor = since.parse().map_err(|error: files::BadCursor| bad(error.to_string()))?;
        return Ok(What::Since { cursor, limit: query.number("limit", CHANGES_MAX, 1, CHANGES_MAX)? });
    }
    let prefix = query.get("prefix").unwrap_or_default();
    if prefix.len() > files::FILENAME_BYTES_MAX || prefix.contains('\0') {
        return Err(bad(format!(
            "prefix must be the beginning of a name of at most {} bytes",
            files::FILENAME_BYTES_MAX
        )));
    }
    let has_details = query.number("details", 0, 0, 1)? == 1;
    let after = query.get("after");
    if after.is_none() && !has_details && query.get("limit").is_none() {
        return Ok(What::All { prefix });
    }
    let limit = query.number("limit", PAGE_FILES, 1, PAGE_FILES_MAX)?;
    let wrong = || bad("after must be the next of the page before, as it is");
    let after = after.map(|after| place::of_token(&after).ok_or_else(wrong)).transpose()?;
    Ok(What::Page { prefix, after, limit, has_details })
}

/// The ETags that the client has: RFC 9110, section 13.1.2.
fn known(http: &HttpRequest) -> Vec<String> {
    let tags = http.headers.get("if-none-match").map_or("", String::as_str).split(',');
    tags.map(|tag| tag.trim().trim_start_matches("W/").to_owned()).filter(|tag| !tag.is_empty()).collect()
}

fn not_found() -> RequestError {
    let words = format!(
        "there is nothing here: the listing is at {}, the watchers at {}",
        files::PATH,
        files::NODES_PATH
    );
    RequestError::new(ErrorCode::NotFound, words)
}

fn not_allowed(allowed: &str) -> Box<HttpResponse> {
    let words = format!("this path knows {allowed}");
    let mut response = HttpResponse::error(&RequestError::new(ErrorCode::MethodNotAllowed, words));
    response.headers.insert("allow".to_owned(), allowed.to_owned());
    Box::new(response)
}

/// What came after the question mark.
struct Query<'a>(&'a str);

impl Query<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.0.as_bytes());
        pairs.find(|(other, _)| other == name).map(|(_, value)| value.into_owned())
    }

    fn number(&self, name: &str, default: usize, min: usize, max: usize) -> Result<usize, RequestError> {
        let Some(text) = self.get(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| (min..=max).contains(number));
        number.ok_or_else(|| bad(format!("{name} must be a whole number from {min} to {max}")))
    }
}

fn bad(message: impl Into<String>) -> RequestError {
    RequestError::new(ErrorCode::BadRequest, message)
}

#[cfg(test)]
mod tests {
    use protocol::HttpBody;

    use super::*;

    fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> HttpRequest {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        HttpRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: HttpBody::default(),
        }
    }

    fn asked(target: &str) -> Result<What, u16> {
        match ask(&request("GET", target, &[]), "", &Options::default()) {
            Ok(Ask::Read(Reading { what, .. })) => Ok(what),
            Ok(other) => panic!("{other:?}"),
            Err(response) => Err(response.status),
        }
    }

    #[test]
    fn the_listing_is_asked_for_whole_or_in_part() {
        let all = |prefix: &str| Ok(What::All { prefix: prefix.to_owned() });
        assert_eq!(asked("/files"), all(""));
        assert_eq!(asked("/files/"), all(""));
        assert_eq!(asked("/files?prefix=a%20b%2fc&x=1"), all("a b/c"));
        let page = |prefix: &str, after, limit, has_details| {
            Ok(What::Page { prefix: prefix.to_owned(), after, limit, has_details })
        };
        assert_eq!(asked("/files?limit=10"), page("", None, 10, false));
        assert_eq!(asked("/files?details=1&prefix=c"), page("c", None, 1_000, true));
        assert_eq!(asked("/files/?after=17%3Acat"), page("", Some(place::of("cat", 17)), 1_000, false));
        let cursor = "0a-5".parse().unwrap();
        assert_eq!(asked("/files?since=0a-5&limit=3"), Ok(What::Since { cursor, limit: 3 }));
        assert_eq!(asked("/nodes"), Ok(What::Nodes));
        for bad in
            ["/files?limit=0", "/files?limit=10001", "/files?after=x", "/files?since=x", "/files?details=yes"]
        {
            assert_eq!(asked(bad), Err(400), "{bad}");
        }
        for nothing in ["/files/x", "/files//", "/nodes/1", "/", "/hello/x"] {
            assert_eq!(asked(nothing), Err(404), "{nothing}");
        }
    }

    #[test]
    fn what_changes_something_must_be_json_and_show_the_secret() {
        let json = ("content-type", "application/json; charset=utf-8");
        let said = |method, path, headers: &[(&str, &str)], options: &Options| {
            let body = r#"{"instance":"a","port":1}"#;
            ask(&request(method, path, headers), body, options).map_err(|response| response.status)
        };
        let open = Options::default();
        assert!(matches!(said("POST", "/hello", &[json], &open), Ok(Ask::Hello(_))));
        assert!(matches!(said("POST", "/bye/", &[json], &open), Ok(Ask::Bye(_))));
        assert_eq!(said("PATCH", "/files", &[json], &open), Err(400));
        assert_eq!(said("POST", "/hello", &[], &open), Err(415));
        assert_eq!(said("POST", "/hello", &[("content-type", "text/plain")], &open), Err(415));
        for (method, path) in [("POST", "/files"), ("GET", "/hello"), ("PATCH", "/nodes"), ("DELETE", "/bye")]
        {
            assert_eq!(said(method, path, &[json], &open), Err(405), "{method} {path}");
        }
        let closed = Options { secret: Some("s3cret".parse().unwrap()), ..Options::default() };
        assert_eq!(said("POST", "/hello", &[json], &closed), Err(401));
        assert_eq!(said("POST", "/hello", &[json, ("authorization", "Bearer no")], &closed), Err(401));
        let shown = [json, ("authorization", "Bearer s3cret")];
        assert!(matches!(said("POST", "/hello", &shown, &closed), Ok(Ask::Hello(_))));
    }
}
