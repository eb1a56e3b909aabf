//! The files service as watchers and readers see it.

use std::sync::Arc;

use protocol::files::{self, Change, Delta, Gone, Heard, Listing, Message, Nodes, Snapshot, State};
use protocol::{Answer, Body, Effect, HttpBody, HttpRequest, HttpResponse, RequestError, Subject};
use serde::de::DeserializeOwned;
use serde_json::Value;
use worker_layer::services::Options;

use super::{Client, Node, RedisServer, TestWorker, within};

/// Where watchers of the tests are.
pub(crate) const HERE: &str = "127.0.0.1";

/// A node that is played by the test, and workers that it asks in turn.
pub(crate) struct Files {
    pub(crate) redis: Arc<RedisServer>,
    pub(crate) node: Node,
    workers: Arc<Vec<TestWorker>>,
    turn: usize,
}

impl Files {
    pub(crate) async fn start() -> Self {
        Self::with(1, files_options(|_| {})).await
    }

    /// With so many workers.
    pub(crate) async fn with(workers: usize, options: Options) -> Self {
        Self::on(RedisServer::start(), workers, options).await
    }

    pub(crate) async fn on(redis: RedisServer, workers: usize, options: Options) -> Self {
        let mut node = Node::start(&redis).await;
        node.join(files::TOPIC).await;
        let mut started = Vec::new();
        for _ in 0..workers {
            started.push(TestWorker::of(&redis, &mut node, files::SERVICE, options.clone()).await);
        }
        Self { redis: Arc::new(redis), node, workers: Arc::new(started), turn: 0 }
    }

    /// Another node before the same workers. It gets no pushes.
    pub(crate) async fn beside(&self) -> Self {
        let node = Node::start(&self.redis).await;
        Self { redis: Arc::clone(&self.redis), node, workers: Arc::clone(&self.workers), turn: self.turn + 1 }
    }

    /// Tells something to the next worker; the number of the event.
    pub(crate) async fn tell(&mut self, subject: Subject) -> u64 {
        self.turn += 1;
        let worker = self.workers[self.turn % self.workers.len()].id.clone();
        self.node.tell(&worker, files::SERVICE, subject).await
    }

    /// Makes an HTTP request from an address.
    pub(crate) async fn request_from(&mut self, peer: &str, http: HttpRequest) -> HttpResponse {
        let seq = self.tell(Subject::Http { peer: peer.to_owned(), http }).await;
        self.node.response(seq).await
    }

    /// Makes an HTTP request; a body is JSON.
    pub(crate) async fn request(&mut self, method: &str, target: &str, body: &str) -> HttpResponse {
        self.request_from(HERE, http(method, target, body)).await
    }

    /// Gets several things with one publication to one worker, which so hears of all at once; the answers in order.
    pub(crate) async fn request_at_once(&mut self, targets: &[&str]) -> Vec<HttpResponse> {
        let (mut seqs, mut lines) = (Vec::new(), Vec::new());
        for target in targets {
            let subject = Subject::Http { peer: HERE.to_owned(), http: http("GET", target, "") };
            let (seq, line) = self.node.event(files::SERVICE, subject);
            seqs.push(seq);
            lines.extend(line);
        }
        assert_eq!(self.node.publish(&self.workers[0].id, lines).await, 1, "the worker is there");
        let mut responses = Vec::new();
        for seq in seqs {
            responses.push(self.node.response(seq).await);
        }
        responses
    }

    /// Says something as a watcher does, which must be answered with 200.
    pub(crate) async fn say(&mut self, method: &str, path: &str, body: &str) -> Heard {
        let response = self.request(method, path, body).await;
        assert_eq!(response.status, 200, "{method} {path} {body}: {response:?}");
        self.body(&response).await
    }

    pub(crate) async fn hello(&mut self, instance: &str, port: u16) -> Heard {
        self.say("POST", "/hello", &format!(r#"{{"instance":"{instance}","port":{port}}}"#)).await
    }

    pub(crate) async fn bye(&mut self, instance: &str) -> Heard {
        self.say("POST", "/bye", &format!(r#"{{"instance":"{instance}"}}"#)).await
    }

    pub(crate) async fn patch(&mut self, instance: &str, operations: &[(&str, &str, u64)]) -> Heard {
        self.say("PATCH", "/files", &patch(instance, operations)).await
    }

    /// Gets something that is there.
    pub(crate) async fn get<T: DeserializeOwned>(&mut self, target: &str) -> T {
        let response = self.request("GET", target, "").await;
        assert_eq!(response.status, 200, "{target}: {response:?}");
        self.body(&response).await
    }

    /// The names in the listing.
    pub(crate) async fn names(&mut self) -> Vec<String> {
        let listing: Listing = self.get("/files").await;
        listing.files.into_iter().map(|file| file.filename).collect()
    }

    pub(crate) async fn nodes(&mut self) -> Nodes {
        self.get("/nodes").await
    }

    /// How the one watcher stands.
    pub(crate) async fn state(&mut self, instance: &str) -> Option<State> {
        let nodes = self.nodes().await.nodes;
        nodes
            .into_iter()
            .find(|node| node.watcher.instance.as_str() == instance)
            .map(|node| node.watcher.state)
    }

    /// The text of a response, wherever it is.
    pub(crate) async fn text(&self, response: &HttpResponse) -> String {
        match &response.body {
            HttpBody::Body(text) => text.clone(),
            HttpBody::Claim(claim) => self.node.text(&Body::Claim(claim.clone())).await,
        }
    }

    /// The body of a response, read.
    pub(crate) async fn body<T: DeserializeOwned>(&self, response: &HttpResponse) -> T {
        let text = self.text(response).await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The error in a response.
    pub(crate) async fn error(&self, response: &HttpResponse) -> RequestError {
        let body: Value = self.body(response).await;
        serde_json::from_value(body["error"].clone()).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    /// The next push.
    pub(crate) async fn pushed(&mut self) -> Delta {
        let push = self.node.push().await;
        assert!(push.key.is_none() && push.except.is_none(), "{push:?}");
        let text = self.node.text(&push.body).await;
        match serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")) {
            Message::Changes(delta) => delta,
            other => panic!("no changes: {other:?}"),
        }
    }

    /// The changes that are pushed until one is as wanted.
    pub(crate) async fn until(&mut self, what: &str, mut is_it: impl FnMut(&Change) -> bool) -> Vec<Change> {
        within(what, async {
            let mut seen = Vec::new();
            loop {
                let changes = self.pushed().await.changes;
                let found = changes.iter().any(&mut is_it);
                seen.extend(changes);
                if found {
                    return seen;
                }
            }
        })
        .await
    }

    /// Waits until a watcher is told to stand so.
    pub(crate) async fn until_state(&mut self, instance: &str, state: State) -> Vec<Change> {
        let is_it = |change: &Change| {
            matches!(change, Change::Watcher(watcher)
                if watcher.instance.as_str() == instance && watcher.state == state)
        };
        self.until(&format!("{instance} to be {state:?}"), is_it).await
    }

    /// Waits until watchers are gone for these reasons, in this order.
    pub(crate) async fn until_gone(&mut self, reasons: &[Gone]) {
        for wanted in reasons {
            let is_it = |change: &Change| matches!(change, Change::Gone { reason, .. } if reason == wanted);
            self.until(&format!("a watcher to be gone: {wanted:?}"), is_it).await;
        }
    }

    /// Opens a connection as a node does: joins the topic, and tells the worker; the first message.
    pub(crate) async fn connect(&mut self, client: Client) -> Snapshot {
        let seq = self.tell(Subject::Open(client.peer())).await;
        let Effect::Join { topic, then: Some(then) } = self.node.effect(seq).await else { panic!("no join") };
        assert_eq!(topic, files::TOPIC);
        self.node.join(&topic).await;
        let seq = self.tell(Subject::Joined { peer: client.peer(), topic, body: then }).await;
        match self.message(seq).await {
            Ok(Message::Snapshot(snapshot)) => snapshot,
            other => panic!("no snapshot: {other:?}"),
        }
    }

    /// Sends a message; the answer.
    pub(crate) async fn ask(&mut self, client: Client, message: &str) -> Result<Message, RequestError> {
        let body = super::sets::raw(message);
        let seq = self.tell(Subject::Message(client.peer(), Body::Inline(body))).await;
        self.message(seq).await
    }

    async fn message(&mut self, seq: u64) -> Result<Message, RequestError> {
        let Answer::Effects(effects) = self.node.answer(seq).await else { panic!("not for HTTP") };
        let [Effect::Send { body, .. }] = effects.as_slice() else { panic!("{effects:?}") };
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

/// Options of a worker, changed for a test.
pub(crate) fn files_options(change: impl FnOnce(&mut worker_layer::files::Options)) -> Options {
    let mut options = Options::default();
    change(&mut options.files);
    options
}

/// The body of a PATCH.
pub(crate) fn patch(instance: &str, operations: &[(&str, &str, u64)]) -> String {
    let operation = |(op, name, seqno): &(&str, &str, u64)| {
        let filename = serde_json::to_string(name).expect("text");
        format!(
            r#"{{"instance":"{instance}","op":"{op}","value":{{"filename":{filename}}},"seqno":{seqno}}}"#
        )
    };
    format!("[{}]", operations.iter().map(operation).collect::<Vec<_>>().join(","))
}

/// An HTTP request as a node relays it, with the header that the original watcher sends.
pub(crate) fn http(method: &str, target: &str, body: &str) -> HttpRequest {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    HttpRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
        body: HttpBody::Body(body.to_owned()),
    }
}

/// The files that are added by changes.
pub(crate) fn added(changes: &[Change]) -> Vec<&str> {
    let added = changes.iter().filter_map(|change| match change {
        Change::Add { filename, .. } => Some(filename.as_str()),
        _ => None,
    });
    added.collect()
}
