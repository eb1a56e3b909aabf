//! An HTTP client that does only what it is told: one connection, no redirects, no retries.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderMap};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{TestNode, within};

/// One connection that is kept alive.
pub(crate) struct Http {
    sender: SendRequest<Full<Bytes>>,
    connection: JoinSet<()>,
}

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Http {
    pub(crate) async fn connect(node: &TestNode) -> Self {
        let stream =
            within("a connection", TcpStream::connect(node.address)).await.expect("the node listens");
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.expect("a connection");
        let mut connection = JoinSet::new();
        connection.spawn(async move {
            let _ = driver.await;
        });
        Self { sender, connection }
    }

    /// `GET`, without anything special.
    pub(crate) async fn get(&mut self, path: &str) -> Response {
        self.send(Method::GET, path, &[], "").await
    }

    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response {
        self.try_send(method, path, headers, body).await.expect("a response")
    }

    pub(crate) async fn try_send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> hyper::Result<Response> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, "node");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("a request");
        within("a response", async {
            self.sender.ready().await?;
            let response = self.sender.send_request(request).await?;
            let (head, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(Response { status: head.status.as_u16(), headers: head.headers, body })
        })
        .await
    }

    /// Waits until the node has closed the connection.
    pub(crate) async fn ended(mut self) {
        within("the end of the connection", self.connection.join_next()).await;
    }
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).expect("text")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The code of the error that it carries.
    pub(crate) fn error_code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/json");
        self.json()["error"]["code"].as_str().expect("a code").to_owned()
    }
}
