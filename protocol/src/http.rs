//! HTTP as it is relayed: what stands in an `http` event and in the reply to it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::body::Claim;
use crate::error::RequestError;

/// An HTTP request as it is relayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RequestWire")]
pub struct HttpRequest {
    /// In capital letters.
    pub method: String,
    /// Still percent-encoded, with the leading slash.
    pub path: String,
    /// What came after the question mark, or nothing.
    pub query: String,
    /// Names in small letters. Values of a repeated name are joined with `, `. Hop-by-hop headers are left out.
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(flatten)]
    pub body: HttpBody,
}

/// An HTTP response as it is relayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ResponseWire")]
pub struct HttpResponse {
    /// From 200 to 599.
    pub status: u16,
    /// Names in small letters.
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(flatten)]
    pub body: HttpBody,
}

/// The body of an HTTP request or response: text, or any bytes by claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpBody {
    /// UTF-8 text of at most [`crate::limit::CLAIM_OVER_BYTES`].
    Body(String),
    /// Everything else.
    Claim(Claim),
}

impl Default for HttpBody {
    fn default() -> Self {
        Self::Body(String::new())
    }
}

impl HttpResponse {
    /// A response with a JSON body.
    #[must_use]
    pub fn json(status: u16, body: HttpBody) -> Self {
        let headers = [("content-type", "application/json"), ("cache-control", "no-cache")];
        Self { status, headers: headers.map(|(k, v)| (k.to_owned(), v.to_owned())).into(), body }
    }

    /// The response that a failed request gets.
    #[must_use]
    pub fn error(error: &RequestError) -> Self {
        let mut response = Self::json(error.code.status(), HttpBody::Body(error.body().get().to_owned()));
        if let Some(seconds) = error.code.retry_after_s() {
            response.headers.insert("retry-after".to_owned(), seconds.to_string());
        }
        response
    }
}

impl HttpBody {
    /// A body from its two optional members. Without either it is empty.
    pub(crate) fn from_parts(body: Option<String>, claim: Option<Claim>) -> Result<Self, &'static str> {
        match (body, claim) {
            (Some(_), Some(_)) => Err("http has a body or a claim, not both"),
            (Some(body), None) => Ok(Self::Body(body)),
            (None, Some(claim)) => Ok(Self::Claim(claim)),
            (None, None) => Ok(Self::default()),
        }
    }
}

#[derive(Deserialize)]
struct RequestWire {
    method: String,
    path: String,
    #[serde(default)]
    query: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    claim: Option<Claim>,
}

impl TryFrom<RequestWire> for HttpRequest {
    type Error = &'static str;

    fn try_from(wire: RequestWire) -> Result<Self, Self::Error> {
        Ok(Self {
            method: wire.method,
            path: wire.path,
            query: wire.query,
            headers: wire.headers,
            body: HttpBody::from_parts(wire.body, wire.claim)?,
        })
    }
}

#[derive(Deserialize)]
struct ResponseWire {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    claim: Option<Claim>,
}

impl TryFrom<ResponseWire> for HttpResponse {
    type Error = &'static str;

    fn try_from(wire: ResponseWire) -> Result<Self, Self::Error> {
        if !(200..=599).contains(&wire.status) {
            return Err("the status of a response is 200 to 599");
        }
        Ok(Self {
            status: wire.status,
            headers: wire.headers,
            body: HttpBody::from_parts(wire.body, wire.claim)?,
        })
    }
}
