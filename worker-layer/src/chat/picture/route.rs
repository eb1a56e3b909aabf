//! What an HTTP request asks for.

use protocol::chat::PICTURES_PATH;
use protocol::{ErrorCode, HttpRequest, HttpResponse, RequestError};

use super::link::{Link, unknown};
use crate::chat::token::{TokenKey, unauthorized};

/// What a request asks for.
#[derive(Debug)]
pub(super) enum Asked {
    /// To take in its body.
    Upload,
    /// To have a picture, or only what is said about it; the entity tags that the client has.
    Read { link: Link, form: Form, known: Vec<String>, is_head: bool },
}

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Whole,
    Thumbnail,
}

impl Form {
    /// The name of the file.
    pub(super) fn file(self, hash: &str) -> String {
        match self {
            Self::Whole => hash.to_owned(),
            Self::Thumbnail => format!("{hash}.thumbnail"),
        }
    }
}

/// What a request asks for, or the response that says why it asks for nothing.
pub(super) fn asked(http: &HttpRequest, token_key: Option<&TokenKey>) -> Result<Asked, Box<HttpResponse>> {
    let rest = http.path.strip_prefix(PICTURES_PATH).unwrap_or_default();
    if rest.is_empty() {
        return match http.method.as_str() {
            "POST" => upload(http, token_key),
            _ => Err(not_allowed("POST")),
        };
    }
    if !matches!(http.method.as_str(), "GET" | "HEAD") {
        return Err(not_allowed("GET, HEAD"));
    }
    let name = rest.strip_prefix('/').unwrap_or_default();
    let (id, form) = match name.strip_suffix("/thumbnail") {
        Some(id) => (id, Form::Thumbnail),
        None => (name, Form::Whole),
    };
    let link = Link::read(id).ok_or_else(|| Box::new(HttpResponse::error(&unknown())))?;
    let known = http.headers.get("if-none-match").map_or("", String::as_str);
    // RFC 9110, section 13.1.2: a list, compared weakly.
    let tag = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let (known, is_head) = (known.split(',').map(tag).collect(), http.method == "HEAD");
    Ok(Asked::Read { link, form, known, is_head })
}

/// Who may log in may upload. A request must be one that no foreign web page can make a browser send.
fn upload(http: &HttpRequest, token_key: Option<&TokenKey>) -> Result<Asked, Box<HttpResponse>> {
    if let Some(key) = token_key {
        let shown = http.headers.get("authorization").and_then(|shown| {
            let (scheme, token) = shown.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        let proof = match shown {
            Some(token) => key.bearer(token).map(drop),
            None => Err(unauthorized("a token is missing: send it as authorization: Bearer …")),
        };
        proof.map_err(|error| {
            let mut response = HttpResponse::error(&error);
            response.headers.insert("www-authenticate".to_owned(), "Bearer".to_owned());
            Box::new(response)
        })?;
    }
    let kind = http.headers.get("content-type").map_or("", String::as_str).trim().to_ascii_lowercase();
    if kind.starts_with("image/") || kind == "application/octet-stream" {
        return Ok(Asked::Upload);
    }
    let words = "the body must be the file of a picture, as it is: send it with content-type: image/png, image/jpeg, \
                 image/webp or image/gif, and not as a form";
    let mut response = HttpResponse::error(&RequestError::new(ErrorCode::BadRequest, words));
    response.status = 415;
    Err(Box::new(response))
}

fn not_allowed(allowed: &str) -> Box<HttpResponse> {
    let words = format!("this path takes {allowed}");
    let mut response = HttpResponse::error(&RequestError::new(ErrorCode::MethodNotAllowed, words));
    response.headers.insert("allow".to_owned(), allowed.to_owned());
    Box::new(response)
}
