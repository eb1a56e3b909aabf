//! The chat service as its clients see it: devices that log in, ask, and hear.

use std::collections::{HashMap, VecDeque};

use broker::{Incoming, Received, Subscriber, Tasks};
use protocol::chat::{self, Answer, Change, Conversation, Message, Presence};
use protocol::event::Peer;
use protocol::{Body, ConnectionId, Effect, Json, Push, RequestError, Subject, WorkerId, line, name};
use serde_json::{Value, json};
use worker_layer::services::Options;

use super::sets::raw;
use super::{Node, RedisServer, TestWorker, within};

/// Where the marker of [`Chat::heard`] is published.
const MARKER: &str = "topic:marker";

/// A Redis, a node that is played by the test, and workers.
pub(crate) struct Chat {
    pub(crate) redis: RedisServer,
    pub(crate) node: Node,
    pub(crate) workers: Vec<TestWorker>,
    subscriber: Subscriber,
    received: Received,
    /// Whether the link was lost and came back.
    received_again: bool,
    pushes: HashMap<String, VecDeque<Answer>>,
    tasks: Tasks,
}

/// A connection of a user.
#[derive(Clone)]
pub(crate) struct Device {
    conn: ConnectionId,
    pub(crate) session: Option<Json>,
    pub(crate) topic: String,
    /// Which worker handles its requests.
    pub(crate) worker: usize,
}

impl Device {
    pub(crate) fn new(worker: usize) -> Self {
        Self { conn: ConnectionId::random(), session: None, topic: String::new(), worker }
    }

    pub(crate) fn peer(&self) -> Peer {
        Peer { conn: self.conn, peer: "10.0.0.7".to_owned(), session: self.session.clone() }
    }
}

impl Chat {
    pub(crate) async fn start() -> Self {
        Self::with(1, Options::default()).await
    }

    /// With so many workers.
    pub(crate) async fn with(workers: usize, options: Options) -> Self {
        let redis = RedisServer::start();
        let node = Node::start(&redis).await;
        let tasks = Tasks::new();
        let (subscriber, received) = Subscriber::start(redis.address(), &tasks);
        subscriber.connected().await;
        subscriber.subscribe(MARKER).await.expect("Redis runs");
        let pushes = HashMap::new();
        let mut chat = Self {
            redis,
            node,
            workers: Vec::new(),
            subscriber,
            received,
            received_again: false,
            pushes,
            tasks,
        };
        for _ in 0..workers {
            chat.add_worker(options.clone()).await;
        }
        chat
    }

    pub(crate) async fn add_worker(&mut self, options: Options) {
        let worker = TestWorker::of(&self.redis, &mut self.node, chat::SERVICE, options).await;
        self.workers.push(worker);
    }

    /// A device of a user who is logged in.
    pub(crate) async fn device(&mut self, username: &str, worker: usize) -> Device {
        let mut device = Device::new(worker);
        let login = json!({ "type": "login", "username": username, "device": "test", "id": 1 });
        self.login(&mut device, &login).await.expect("a login");
        device
    }

    /// Logs in as a node does: keeps the session, joins the topic, and tells the worker.
    pub(crate) async fn login(&mut self, device: &mut Device, login: &Value) -> Result<Answer, RequestError> {
        let seq = self.tell(device, login).await;
        let mut effects = self.effects(seq).await;
        let join = effects.pop().expect("an effect");
        let (topic, then) = match (effects.pop(), join) {
            (Some(Effect::Session(session)), Effect::Join { topic, then: Some(then) }) => {
                device.session = Some(session);
                (topic, then)
            }
            (None, Effect::Send { body, .. }) => return Err(self.answer(&body).await.expect_err("an error")),
            other => panic!("{other:?}"),
        };
        assert!(!then.get().contains("token"), "{then}");
        self.subscriber.subscribe(&name::topic_channel(&topic)).await.expect("Redis runs");
        device.topic.clone_from(&topic);
        match self.joined(device, topic, then).await.pop().expect("an effect") {
            Effect::Send { body, id: Some(_) } => self.answer(&body).await,
            other => panic!("{other:?}"),
        }
    }

    /// Tells the worker that the connection has joined a topic.
    pub(crate) async fn joined(&mut self, device: &Device, topic: String, then: Json) -> Vec<Effect> {
        let joined = Subject::Joined { peer: device.peer(), topic, body: then };
        let worker = self.workers[device.worker].id.clone();
        let seq = self.node.tell(&worker, chat::SERVICE, joined).await;
        self.effects(seq).await
    }

    /// Watches users as a node does: joins their topics, and tells the worker when the last one is joined.
    pub(crate) async fn watch(&mut self, device: &Device, users: &[&str]) -> Vec<Presence> {
        let seq = self.tell(device, &json!({ "type": "watch", "users": users, "id": 3 })).await;
        let mut effects = self.effects(seq).await;
        while let Some(Effect::Join { topic, then }) = effects.first().cloned() {
            self.subscriber.subscribe(&name::topic_channel(&topic)).await.expect("Redis runs");
            effects.remove(0);
            if let Some(then) = then {
                effects = self.joined(device, topic, then).await;
            }
        }
        let Some(Effect::Send { body, id: Some(_) }) = effects.pop() else { panic!("{effects:?}") };
        match self.answer(&body).await {
            Ok(Answer::Presence { users }) => users,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until the topics are subscribed again, after Redis was restarted once more.
    pub(crate) async fn again(&mut self) {
        within("the subscriptions", async {
            while !self.received_again {
                self.receive().await;
            }
        })
        .await;
        self.received_again = false;
    }

    /// The last connection to a topic is gone, and nobody says so.
    pub(crate) async fn lose(&mut self, device: &Device) {
        self.subscriber.unsubscribe(&name::topic_channel(&device.topic)).await.expect("Redis runs");
    }

    /// Tells the worker that a connection is gone.
    pub(crate) async fn closed(&mut self, device: &Device) {
        let worker = self.workers[device.worker].id.clone();
        let seq = self.node.tell(&worker, chat::SERVICE, Subject::Close(device.peer())).await;
        assert!(self.effects(seq).await.is_empty());
    }

    /// Sends a request without waiting for the answer.
    pub(crate) async fn tell(&mut self, device: &Device, request: &Value) -> u64 {
        let worker: WorkerId = self.workers[device.worker].id.clone();
        let body = Body::Inline(raw(&request.to_string()));
        self.node.tell(&worker, chat::SERVICE, Subject::Message(device.peer(), body)).await
    }

    /// The effects that an event is answered with.
    pub(crate) async fn effects(&mut self, seq: u64) -> Vec<Effect> {
        match self.node.answer(seq).await {
            protocol::Answer::Effects(effects) => effects,
            other => panic!("{other:?}"),
        }
    }

    /// What a request is answered.
    pub(crate) async fn answered(&mut self, seq: u64) -> Result<Answer, RequestError> {
        match self.effects(seq).await.pop() {
            Some(Effect::Send { body, .. }) => self.answer(&body).await,
            other => panic!("{other:?}"),
        }
    }

    /// Sends a request; the answer.
    pub(crate) async fn ask(&mut self, device: &Device, request: Value) -> Result<Answer, RequestError> {
        let seq = self.tell(device, &request).await;
        self.answered(seq).await
    }

    /// Sends a message; its number.
    pub(crate) async fn send(&mut self, device: &Device, to: &str, text: &str, message_id: &str) -> u64 {
        let request = json!({ "type": "send", "to": to, "text": text, "message_id": message_id });
        match self.ask(device, request).await {
            Ok(Answer::Sent { seq, .. }) => seq,
            other => panic!("{other:?}"),
        }
    }

    /// A whole conversation, page by page.
    pub(crate) async fn history(&mut self, device: &Device, with: &str) -> Vec<Message> {
        let mut all: Vec<Message> = Vec::new();
        loop {
            let after = all.last().map_or(0, |message| message.seq);
            let request = json!({ "type": "history", "with": with, "after": after, "limit": 7 });
            let Ok(Answer::History { messages, more, .. }) = self.ask(device, request).await else {
                panic!("no history");
            };
            all.extend(messages);
            if !more {
                return all;
            }
        }
    }

    /// The whole home screen, page by page.
    pub(crate) async fn home(&mut self, device: &Device) -> Vec<Conversation> {
        let (mut all, mut before) = (Vec::new(), None::<String>);
        loop {
            let request = json!({ "type": "home", "before": before, "limit": 2 });
            let Ok(Answer::Home { conversations, more, next, .. }) = self.ask(device, request).await else {
                panic!("no home");
            };
            all.extend(conversations);
            if !more {
                return all;
            }
            before = next;
        }
    }

    /// What was pushed to a topic and not asked for yet: all that was published before.
    pub(crate) async fn heard(&mut self, topic: &str) -> Vec<Answer> {
        let _: u64 = self.redis.cli(&format!("PUBLISH {MARKER} {{}}")).await;
        within("the marker", async { while self.receive().await.as_deref() != Some(MARKER) {} }).await;
        self.pushes.remove(topic).unwrap_or_default().into()
    }

    /// The next push to a topic.
    pub(crate) async fn hear(&mut self, topic: &str) -> Answer {
        within("a push", async {
            loop {
                if let Some(push) = self.pushes.get_mut(topic).and_then(VecDeque::pop_front) {
                    return push;
                }
                self.receive().await;
            }
        })
        .await
    }

    /// The changes that were pushed to a topic.
    pub(crate) async fn changes(&mut self, topic: &str) -> Vec<Change> {
        let change = |push| match push {
            Answer::Change(change) => change,
            other => panic!("no change: {other:?}"),
        };
        self.heard(topic).await.into_iter().map(change).collect()
    }

    /// The channel of what came.
    async fn receive(&mut self) -> Option<String> {
        let (channel, payload) = match self.received.recv().await.expect("the link is kept") {
            Incoming::Message { channel, payload } => (channel, payload),
            Incoming::Lost => return None,
            Incoming::Restored => {
                self.received_again = true;
                return None;
            }
        };
        if let Some(topic) = name::topic_of(&channel).filter(|_| *channel != *MARKER) {
            for line in line::split(&payload) {
                let push: Push = serde_json::from_slice(line).expect("a push");
                let Body::Inline(body) = &push.body else { panic!("a large push") };
                let answer: Answer = serde_json::from_str(body.get()).expect("a push of the chat");
                assert_eq!(serde_json::to_string(&answer).expect("JSON"), body.get(), "as it is written");
                self.pushes.entry(topic.to_owned()).or_default().push_back(answer);
            }
        }
        Some(channel)
    }

    /// An answer, or an error.
    async fn answer(&self, body: &Body) -> Result<Answer, RequestError> {
        let text = self.node.text(body).await;
        let value: Value = serde_json::from_str(&text).expect("JSON");
        if let Some(error) = value.get("error") {
            return Err(serde_json::from_value(error.clone()).expect("an error"));
        }
        let answer: Answer = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(serde_json::to_string(&answer).expect("JSON"), text, "as it is written");
        Ok(answer)
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        self.tasks.stop.cancel();
    }
}

/// The cursors of a change that was pushed: before it and behind it.
pub(crate) fn cursors(change: &Change) -> (String, String) {
    let (Change::Message { prev, cursor, .. }
    | Change::Read { prev, cursor, .. }
    | Change::Receipt { prev, cursor, .. }
    | Change::Delivered { prev, cursor, .. }) = change;
    let text = |cursor: &Option<chat::Cursor>| cursor.as_ref().expect("of a push").to_string();
    (text(prev), text(cursor))
}

/// The same change, as a page of changes has it.
pub(crate) fn without_cursors(mut change: Change) -> Change {
    let (Change::Message { prev, cursor, .. }
    | Change::Read { prev, cursor, .. }
    | Change::Receipt { prev, cursor, .. }
    | Change::Delivered { prev, cursor, .. }) = &mut change;
    (*prev, *cursor) = (None, None);
    change
}
