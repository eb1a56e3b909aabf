//! Talking to the files service over HTTP.

use std::error::Error as _;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use protocol::files::{BYE_PATH, Bye, File, HELLO_PATH, Heard, Instance, Operation, PATH};
use serde::Serialize;
use tokio::time::timeout;

use crate::dialogue::{Outcome, Word};
use crate::limit;
use crate::secret::Secret;

/// Where the files service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

/// An address that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{0:?} is no address like http://127.0.0.1:9999: http:// (watchers speak no TLS), a host, a port if it is not 80, and \
     the path to the service if there is one"
)]
pub struct BadAddress(String);

/// Why the service did not take something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No connection, or it broke.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// No answer in time.
    #[error("it has not answered within {} ms", limit::REQUEST_MS)]
    Silent,
    /// The wrong secret, or none.
    #[error("it asks for another secret (401): give both the same one")]
    Stranger,
    /// Any other answer than 200.
    #[error("it answered {0}{1}")]
    Status(u16, String),
}

/// The files service, as this watcher talks to it: one connection, kept open.
pub struct Aggregator {
    client: Client<HttpConnector, Full<Bytes>>,
    address: Address,
    authorization: Option<HeaderValue>,
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bad = || BadAddress(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| bad())?;
        let authority = uri.authority().ok_or_else(bad)?;
        let rest = authority.as_str().strip_prefix(authority.host()).ok_or_else(bad)?;
        let has_port =
            rest.strip_prefix(':').is_some_and(|port| port.parse().is_ok_and(|port: u16| port > 0));
        let is_host = !authority.host().is_empty() && (rest.is_empty() || has_port);
        if uri.scheme_str() != Some("http") || !is_host || uri.query().is_some() {
            return Err(bad());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Aggregator {
    /// Nothing is sent yet.
    #[must_use]
    pub fn new(address: Address, secret: Option<&Secret>) -> Self {
        let mut connector = HttpConnector::new();
        // Without it, a second small request waits for the acknowledgement of the first one.
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_millis(limit::REQUEST_MS)));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(1)
            .build(connector);
        Self { client, address, authorization: secret.map(Secret::header) }
    }

    /// Says something, and says what became of it.
    pub async fn say(&self, word: &Word) -> (Outcome, Option<Trouble>) {
        let (method, path, body) = match word {
            Word::Hello(hello) => (Method::POST, HELLO_PATH, json(hello)),
            Word::Operations(instance, operations) => {
                let operation = |one: &crate::ledger::Numbered| Operation {
                    instance: instance.clone(),
                    op: one.op,
                    value: File { filename: one.name.as_str().to_owned() },
                    seqno: one.seqno,
                };
                (Method::PATCH, PATH, json(&operations.iter().map(operation).collect::<Vec<_>>()))
            }
        };
        match self.send(method, path, body).await {
            Ok(heard) => (Outcome::Accepted(heard), None),
            // What a request is refused for, not its sender or its time.
            Err(trouble @ Trouble::Status(400 | 413 | 422, _)) => (Outcome::Refused, Some(trouble)),
            Err(trouble) => (Outcome::Failed, Some(trouble)),
        }
    }

    /// Says that the watcher leaves.
    ///
    /// # Errors
    /// [`Trouble`] if the service has not taken it.
    pub async fn bye(&self, instance: Instance) -> Result<(), Trouble> {
        self.send(Method::POST, BYE_PATH, json(&Bye { instance })).await.map(drop)
    }

    /// The answer is none if it is not one of the files service. Redirections are not followed: they are no 200.
    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Option<Heard>, Trouble> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = format!("{}{path}", self.address)
            .parse()
            .map_err(|_| Trouble::Unreachable("no such URL".into()))?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| unreachable_for(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), limit::ANSWER_BYTES_MAX).collect().await;
            Ok((status, body.map(http_body_util::Collected::to_bytes).unwrap_or_default()))
        };
        match timeout(Duration::from_millis(limit::REQUEST_MS), exchange)
            .await
            .map_err(|_| Trouble::Silent)??
        {
            (StatusCode::OK, body) => Ok(serde_json::from_slice(&body).ok()),
            (StatusCode::UNAUTHORIZED, _) => Err(Trouble::Stranger),
            (status, body) => Err(Trouble::Status(status.as_u16(), message(&body))),
        }
    }
}

fn json(value: &impl Serialize) -> Bytes {
    Bytes::from(String::from(Box::<str>::from(protocol::body::encode(value))))
}

/// The innermost cause says the most: "Connection refused".
fn unreachable_for(error: &hyper_util::client::legacy::Error) -> Trouble {
    let mut cause = error.source();
    let mut words = error.to_string();
    while let Some(inner) = cause {
        (words, cause) = (inner.to_string(), inner.source());
    }
    Trouble::Unreachable(words)
}

/// What an error of the service says.
fn message(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Wire {
        error: protocol::RequestError,
    }
    serde_json::from_slice(body)
        .map_or_else(|_| String::new(), |Wire { error }| format!(": {}", error.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_url_without_tls() {
        for good in
            ["http://127.0.0.1:9999", "http://localhost", "http://[::1]:80/", "http://a.b:1/under/this/"]
        {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good.trim_end_matches('/'));
        }
        let bad =
            ["", "a", "127.0.0.1:9999", "https://a", "http://", "http://a:0", "http://a:99999", "http://a?b"];
        for bad in bad.into_iter().chain(["http://me:secret@a", "ftp://a", "http://a b"]) {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
