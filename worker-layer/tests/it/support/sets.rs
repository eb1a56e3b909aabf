//! The sets service as its clients see it: HTTP requests, and connections that watch.

use protocol::sets::{self, Applied, Created, Delta, Element, Message, SetId, Snapshot};
use protocol::{
    Answer, Body, Effect, ErrorCode, HttpBody, HttpRequest, HttpResponse, Json, RequestError, Subject,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use worker_layer::services::Options;

use super::{Client, Node, RedisServer, TestWorker};

/// Longer than the time since 1970.
const HORIZON_MS: u64 = 10_000_000_000_000;

/// A Redis, a node that is played by the test, and a worker.
pub(crate) struct Sets {
    pub(crate) redis: RedisServer,
    pub(crate) node: Node,
    pub(crate) worker: TestWorker,
}

impl Sets {
    /// With a horizon before the time of any stamp, so that tests may use small ones.
    pub(crate) async fn start() -> Self {
        Self::with(sets_options(None, Some(HORIZON_MS))).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        Self::on(RedisServer::start(), options).await
    }

    pub(crate) async fn on(redis: RedisServer, options: Options) -> Self {
        let mut node = Node::start(&redis).await;
        let worker = TestWorker::of(&redis, &mut node, sets::SERVICE, options).await;
        Self { redis, node, worker }
    }

    /// Creates a set, and joins its topic.
    pub(crate) async fn create(&mut self, id: &str) -> Created {
        self.node.join(&set(id).topic()).await;
        let response = self.request("POST", "/sets", Some(&format!("{{\"id\":\"{id}\"}}"))).await;
        assert_eq!(response.status, 201, "{response:?}");
        self.body(&response).await
    }

    /// Makes an HTTP request; a body is JSON.
    pub(crate) async fn request(&mut self, method: &str, target: &str, body: Option<&str>) -> HttpResponse {
        let http = http(method, target, body);
        self.node.request(&self.worker.id, sets::SERVICE, http).await
    }

    /// Gets something that is there.
    pub(crate) async fn get<T: DeserializeOwned>(&mut self, target: &str) -> T {
        let response = self.request("GET", target, None).await;
        assert_eq!(response.status, 200, "{target}: {response:?}");
        self.body(&response).await
    }

    /// Applies a batch.
    pub(crate) async fn apply(&mut self, id: &str, operations: &str) -> Applied {
        let body = format!("{{\"operations\":[{operations}]}}");
        let response = self.request("POST", &format!("/sets/{id}/operations"), Some(&body)).await;
        assert_eq!(response.status, 200, "{operations}: {response:?}");
        self.body(&response).await
    }

    /// The body of a response, wherever it is.
    pub(crate) async fn body<T: DeserializeOwned>(&self, response: &HttpResponse) -> T {
        let text = match &response.body {
            HttpBody::Body(text) => text.clone(),
            HttpBody::Claim(claim) => self.node.text(&Body::Claim(claim.clone())).await,
        };
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The error in a response.
    pub(crate) async fn error(&self, response: &HttpResponse) -> RequestError {
        let body: Value = self.body(response).await;
        serde_json::from_value(body["error"].clone()).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    /// Sends a message; the one message that it is answered with.
    pub(crate) async fn say(&mut self, client: Client, message: &str) -> Result<Message, RequestError> {
        let seq = self.node.send(&self.worker.id, client, message).await;
        let Effect::Send { body, .. } = self.node.effect(seq).await else { panic!("no answer to {message}") };
        self.read(&body).await
    }

    /// Watches as a node does: joins the topic, and tells the worker.
    pub(crate) async fn watch(
        &mut self,
        client: Client,
        id: &str,
        cursor: Option<&str>,
    ) -> Result<Message, RequestError> {
        let cursor = cursor.map(|cursor| format!(",\"cursor\":\"{cursor}\"")).unwrap_or_default();
        let message = format!("{{\"type\":\"watch\",\"set\":\"{id}\"{cursor},\"id\":7}}");
        let seq = self.node.send(&self.worker.id, client, &message).await;
        let Effect::Join { topic, then: Some(then) } = self.node.effect(seq).await else { panic!("no join") };
        assert_eq!((topic.as_str(), then.get()), (set(id).topic().as_str(), message.as_str()));
        self.node.join(&topic).await;
        let joined = Subject::Joined { peer: client.peer(), topic: topic.clone(), body: then };
        let seq = self.node.tell(&self.worker.id, sets::SERVICE, joined).await;
        let Answer::Effects(effects) = self.node.answer(seq).await else { panic!("not for HTTP") };
        match effects.as_slice() {
            [Effect::Send { body, id: Some(id) }] if id.get() == "7" => self.read(body).await,
            [Effect::Send { body, id: Some(_) }, Effect::Leave(left)] if *left == topic => {
                self.read(body).await
            }
            other => panic!("{other:?}"),
        }
    }

    /// The next push to any topic of a set.
    pub(crate) async fn pushed(&mut self) -> Message {
        let push = self.node.push().await;
        assert!(push.key.is_none() && push.except.is_none(), "{push:?}");
        self.read(&push.body).await.expect("a message")
    }

    /// A message, or an error.
    async fn read(&self, body: &Body) -> Result<Message, RequestError> {
        let text = self.node.text(body).await;
        let value: Value = serde_json::from_str(&text).expect("JSON");
        if let Some(error) = value.get("error") {
            return Err(serde_json::from_value(error.clone()).expect("an error"));
        }
        let message: Message = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(
            serde_json::to_string(&message).expect("JSON"),
            text,
            "as the golden messages are written"
        );
        Ok(message)
    }
}

/// The id of a set.
pub(crate) fn set(id: &str) -> SetId {
    id.parse().expect("an id")
}

/// A connection to the service.
pub(crate) fn connection() -> Client {
    Client::of(sets::SERVICE)
}

/// Options of a worker with these of the sets.
pub(crate) fn sets_options(ahead_ms_max: Option<u64>, horizon_ms: Option<u64>) -> Options {
    let mut options = Options::default();
    options.sets.ahead_ms_max = ahead_ms_max.unwrap_or(options.sets.ahead_ms_max);
    options.sets.horizon_ms = horizon_ms.unwrap_or(options.sets.horizon_ms);
    options
}

/// An HTTP request as a node relays it; a body is JSON.
pub(crate) fn http(method: &str, target: &str, body: Option<&str>) -> HttpRequest {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let kind = body.map(|_| ("content-type".to_owned(), "application/json".to_owned()));
    HttpRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: kind.into_iter().collect(),
        body: HttpBody::Body(body.unwrap_or_default().to_owned()),
    }
}

/// JSON text.
pub(crate) fn raw(text: &str) -> Json {
    RawValue::from_string(text.to_owned()).expect("JSON")
}

/// The outcomes of a batch, in short: their names.
pub(crate) fn named(applied: &Applied) -> Vec<String> {
    let name = |outcome| {
        serde_json::to_value(outcome).expect("JSON")["outcome"].as_str().expect("a name").to_owned()
    };
    applied.outcomes.iter().map(name).collect()
}

/// What a client is told who asks for what is not there.
pub(crate) fn is_not_found(error: &RequestError) -> bool {
    error.code == ErrorCode::NotFound
}

/// What a set contains, or what was removed.
pub(crate) fn values(elements: &[Element]) -> Vec<&str> {
    elements.iter().map(|element| element.value.as_str()).collect()
}

/// All of a set.
pub(crate) fn snapshot(message: Message) -> Snapshot {
    match message {
        Message::Snapshot(snapshot) | Message::Reset(snapshot) => snapshot,
        other => panic!("no snapshot: {other:?}"),
    }
}

/// What changed.
pub(crate) fn delta(message: Message) -> Delta {
    match message {
        Message::Delta(delta) => delta,
        other => panic!("no delta: {other:?}"),
    }
}
