//! One HTTP connection that is kept for many requests.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::Failure;
use super::target::{Source, Target};
use crate::wire::Failed;

/// Largest body of a response, bytes: what a node passes on at most.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How long a response may take: a node gives up after 30 s.
const RESPONSE_MAX: Duration = Duration::from_secs(40);

/// One HTTP connection, opened when it is needed.
#[derive(Debug, Default)]
pub struct Http {
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// A response that is not a failure.
#[derive(Debug)]
pub struct Response {
    /// 2xx, or 409 with an outcome.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
}

impl Http {
    /// Whether the next request opens no connection.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| !connection.is_closed())
    }

    /// Breaks the connection, in the middle of whatever it does.
    pub fn cut(&mut self) {
        self.connection = None;
    }

    /// Opens the connection.
    ///
    /// # Errors
    /// [`Failure::Lost`]: nothing was sent.
    pub async fn open(
        &mut self,
        target: &Target,
        source: &Source,
        tracker: &TaskTracker,
    ) -> Result<(), Failure> {
        let lost = |error: &dyn std::fmt::Display| Failure::Lost(error.to_string());
        let stream = target.connect(source).await.map_err(|error| lost(&error))?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| lost(&error))?;
        tracker.spawn(async move {
            // How it ended shows in the requests that it carried.
            let _ = connection.await;
        });
        self.connection = Some(sender);
        Ok(())
    }

    /// Makes a request.
    ///
    /// # Errors
    /// [`Failure`] says whether it may be made again.
    pub async fn request(
        &mut self,
        target: &Target,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Response, Failure> {
        let Some(connection) = &mut self.connection else {
            return Err(Failure::Lost("there is no connection".to_owned()));
        };
        let mut request = Request::builder().method(method).uri(path).header(HOST, target.authority());
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::from(body.unwrap_or_default()))
            .map_err(|error| Failure::Refused(error.to_string()))?;
        let exchange = async {
            connection.ready().await.map_err(|error| error.to_string())?;
            let response = connection.send_request(request).await.map_err(|error| error.to_string())?;
            let status = response.status();
            let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
            Ok((status, body.map_err(|error| error.to_string())?.to_bytes()))
        };
        let late = || Err("no response came in time".to_owned());
        let answered: Result<_, String> = timeout(RESPONSE_MAX, exchange).await.unwrap_or_else(|_| late());
        answered.map_err(Failure::Lost).and_then(|(status, body)| judge(status, body)).inspect_err(
            |failure| {
                if matches!(failure, Failure::Lost(_)) {
                    self.connection = None;
                }
            },
        )
    }
}

fn judge(status: StatusCode, body: Bytes) -> Result<Response, Failure> {
    if status.is_success() || status == StatusCode::CONFLICT {
        return Ok(Response { status, body });
    }
    match serde_json::from_slice::<Failed>(&body) {
        Ok(failed) => Err(failed.error.into()),
        // A proxy in between.
        Err(_) if matches!(status.as_u16(), 502..=504 | 429) => {
            Err(Failure::OutcomeUnknown(format!("the answer was {status}")))
        }
        Err(_) => Err(Failure::Refused(format!("the answer was {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart_by_their_code_and_without_one_by_the_status() {
        let failed = |status: u16, body: &'static str| {
            judge(StatusCode::from_u16(status).unwrap(), Bytes::from_static(body.as_bytes())).unwrap_err()
        };
        let unavailable = r#"{"error":{"code":"unavailable","message":"m"}}"#;
        assert!(matches!(failed(503, unavailable), Failure::Unavailable(_)));
        let unknown = r#"{"error":{"code":"outcome_unknown","message":"m"}}"#;
        assert!(matches!(failed(504, unknown), Failure::OutcomeUnknown(_)));
        let bad = r#"{"error":{"code":"bad_request","message":"m"}}"#;
        assert!(matches!(failed(400, bad), Failure::Refused(_)));
        assert!(matches!(failed(502, "<html>"), Failure::OutcomeUnknown(_)));
        assert!(matches!(failed(404, ""), Failure::Refused(_)));
        assert_eq!(judge(StatusCode::CONFLICT, Bytes::new()).unwrap().status, StatusCode::CONFLICT);
    }
}
