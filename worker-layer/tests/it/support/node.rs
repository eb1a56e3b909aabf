//! A node that is played by the test: it publishes events, and takes replies and pushes apart.

use std::collections::{HashMap, VecDeque};

use broker::redis::{self, aio::MultiplexedConnection};
use broker::{Incoming, Received, Store, Subscriber, Tasks};
use protocol::event::Peer;
use protocol::numbers::{self, Listing};
use protocol::{
    Announcement, Answer, Body, ConnectionId, Effect, Event, HttpBody, HttpRequest, HttpResponse, NodeId,
    Push, Reply, Subject, WorkerId, line, name,
};
use serde_json::value::RawValue;

use super::{RedisServer, within};

/// One connection of a client at a node, with the service that it is for.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    pub(crate) conn: ConnectionId,
    pub(crate) service: &'static str,
}

impl Client {
    pub(crate) fn new() -> Self {
        Self::of(numbers::SERVICE)
    }

    pub(crate) fn of(service: &'static str) -> Self {
        Self { conn: ConnectionId::random(), service }
    }

    pub(crate) fn peer(self) -> Peer {
        Peer { conn: self.conn, peer: "10.0.0.7".to_owned(), session: None }
    }
}

pub(crate) struct Node {
    id: NodeId,
    seq: u64,
    connection: MultiplexedConnection,
    pub(crate) store: Store,
    subscriber: Subscriber,
    received: Received,
    /// Replies that nobody has asked for yet, as text.
    replies: HashMap<u64, String>,
    /// Pushes and announcements that nobody has asked for yet.
    pushes: VecDeque<Push>,
    announcements: VecDeque<Announcement>,
    /// How often the link was lost and came back.
    restored: usize,
    tasks: Tasks,
}

impl Node {
    /// A node that is joined to the topic of the numbers.
    pub(crate) async fn start(redis: &RedisServer) -> Self {
        let (id, tasks) = (NodeId::random(), Tasks::new());
        let (subscriber, received) = Subscriber::start(redis.address(), &tasks);
        subscriber.connected().await;
        for channel in [name::node_inbox(&id), name::topic_channel(numbers::TOPIC), name::WORKERS.to_owned()]
        {
            subscriber.subscribe(&channel).await.expect("Redis runs");
        }
        let store = Store::start(redis.address(), &tasks);
        store.connected().await;
        Self {
            id,
            seq: 0,
            connection: redis.connection().await,
            store,
            subscriber,
            received,
            replies: HashMap::new(),
            pushes: VecDeque::new(),
            announcements: VecDeque::new(),
            restored: 0,
            tasks,
        }
    }

    /// The same node, after Redis was restarted once more.
    pub(crate) async fn reconnect(&mut self, redis: &RedisServer) {
        let before = self.restored;
        within("the link", async {
            while self.restored == before {
                self.receive().await;
            }
        })
        .await;
        self.connection = redis.connection().await;
        self.store.connected().await;
    }

    /// Publishes an event without waiting for anything; the number of the event.
    pub(crate) async fn tell(&mut self, worker: &WorkerId, service: &str, subject: Subject) -> u64 {
        let (seq, line) = self.event(service, subject);
        assert_eq!(self.publish(worker, line).await, 1, "the worker is there");
        seq
    }

    /// An event as a line, to be published later.
    pub(crate) fn event(&mut self, service: &str, subject: Subject) -> (u64, Vec<u8>) {
        self.seq += 1;
        let event = Event { node: self.id.clone(), seq: self.seq, service: service.to_owned(), subject };
        (self.seq, line::one(&event))
    }

    /// A message event as a line.
    pub(crate) fn message(&mut self, client: Client, message: &str) -> (u64, Vec<u8>) {
        let body = RawValue::from_string(message.to_owned()).expect("JSON");
        self.event(client.service, Subject::Message(client.peer(), Body::Inline(body)))
    }

    /// Publishes lines; how many workers received them.
    pub(crate) async fn publish(&mut self, worker: &WorkerId, lines: Vec<u8>) -> u64 {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(name::worker_inbox(worker)).arg(lines);
        publish.query_async(&mut self.connection).await.expect("Redis runs")
    }

    pub(crate) async fn send(&mut self, worker: &WorkerId, client: Client, message: &str) -> u64 {
        let (seq, line) = self.message(client, message);
        assert_eq!(self.publish(worker, line).await, 1, "the worker is there");
        seq
    }

    /// Sends a message and waits for its reply, as text.
    pub(crate) async fn ask(&mut self, worker: &WorkerId, client: Client, message: &str) -> String {
        let seq = self.send(worker, client, message).await;
        self.reply(seq).await
    }

    /// Opens a connection; the reply, as text.
    pub(crate) async fn open(&mut self, worker: &WorkerId, client: Client) -> String {
        let seq = self.tell(worker, client.service, Subject::Open(client.peer())).await;
        self.reply(seq).await
    }

    /// Closes a connection; the reply, as text.
    pub(crate) async fn close(&mut self, worker: &WorkerId, client: Client) -> String {
        let seq = self.tell(worker, client.service, Subject::Close(client.peer())).await;
        self.reply(seq).await
    }

    pub(crate) async fn http(
        &mut self,
        worker: &WorkerId,
        service: &str,
        method: &str,
        path: &str,
    ) -> HttpResponse {
        let http = HttpRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query: String::new(),
            headers: [].into(),
            body: HttpBody::default(),
        };
        self.request(worker, service, http).await
    }

    /// Makes an HTTP request.
    pub(crate) async fn request(
        &mut self,
        worker: &WorkerId,
        service: &str,
        http: HttpRequest,
    ) -> HttpResponse {
        let seq = self.tell(worker, service, Subject::Http { peer: "10.0.0.9".to_owned(), http }).await;
        self.response(seq).await
    }

    /// The response to an HTTP request.
    pub(crate) async fn response(&mut self, seq: u64) -> HttpResponse {
        match self.answer(seq).await {
            Answer::Http(response) => response,
            Answer::Effects(effects) => panic!("not for HTTP: {effects:?}"),
        }
    }

    /// Joins one more topic.
    pub(crate) async fn join(&mut self, topic: &str) {
        self.subscriber.subscribe(&name::topic_channel(topic)).await.expect("Redis runs");
    }

    /// Sets a number and waits until it is stored.
    pub(crate) async fn set(&mut self, worker: &WorkerId, user: &str, number: i64) {
        let reply = self.ask(worker, Client::new(), &set(user, number, Some(7))).await;
        assert!(reply.ends_with("\"effects\":[{\"send\":{\"ok\":true},\"id\":7}]}"), "{reply}");
    }

    /// Asks for the listing.
    pub(crate) async fn list(&mut self, worker: &WorkerId) -> Listing {
        let seq = self.send(worker, Client::new(), "{\"Cmd\":2}").await;
        self.listing_of(seq).await
    }

    /// The reply to an event, as text.
    pub(crate) async fn reply(&mut self, seq: u64) -> String {
        within("a reply", async {
            loop {
                if let Some(reply) = self.replies.remove(&seq) {
                    return reply;
                }
                self.receive().await;
            }
        })
        .await
    }

    /// How many replies came that nobody has asked for: waits for so many, and takes all that were published before.
    pub(crate) async fn replies_at_least(&mut self, count: usize) -> usize {
        within("replies", async {
            while self.replies.len() < count {
                self.receive().await;
            }
        })
        .await;
        self.here().await;
        self.replies.len()
    }

    /// The answer to an event.
    pub(crate) async fn answer(&mut self, seq: u64) -> Answer {
        let reply: Reply = serde_json::from_str(&self.reply(seq).await).expect("a reply");
        reply.answer
    }

    /// The one effect that an event is answered with.
    pub(crate) async fn effect(&mut self, seq: u64) -> Effect {
        match self.answer(seq).await {
            Answer::Effects(mut effects) if effects.len() == 1 => effects.remove(0),
            other => panic!("not one effect: {other:?}"),
        }
    }

    /// The listing that an event is answered with.
    pub(crate) async fn listing_of(&mut self, seq: u64) -> Listing {
        match self.effect(seq).await {
            Effect::Send { body, .. } => self.listing(&body).await,
            other => panic!("no listing: {other:?}"),
        }
    }

    /// The listing in a body.
    pub(crate) async fn listing(&self, body: &Body) -> Listing {
        let text = self.text(body).await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// A body as text, wherever it is.
    pub(crate) async fn text(&self, body: &Body) -> String {
        match body {
            Body::Inline(json) => json.get().to_owned(),
            Body::Claim(claim) => {
                let bytes = self.store.fetch_claim(claim).await.expect("it is kept");
                String::from_utf8(bytes.to_vec()).expect("text")
            }
        }
    }

    /// The next push to the topic.
    pub(crate) async fn push(&mut self) -> Push {
        within("a push", async {
            loop {
                if let Some(push) = self.pushes.pop_front() {
                    return push;
                }
                self.receive().await;
            }
        })
        .await
    }

    /// The listing in the next push.
    pub(crate) async fn pushed(&mut self) -> Listing {
        let push = self.push().await;
        assert_eq!(push.key.as_deref(), Some(numbers::LISTING));
        let listing = self.listing(&push.body).await;
        assert_eq!(Some(listing.version), push.version);
        listing
    }

    /// Waits for pushes until one shows these users.
    pub(crate) async fn pushed_until(&mut self, users: &[(&str, i64)]) -> Listing {
        loop {
            let listing = self.pushed().await;
            if shown(&listing) == users {
                return listing;
            }
        }
    }

    /// How many pushes came so far that nobody has asked for. All that were published before the call are
    /// counted.
    pub(crate) async fn unread_pushes(&mut self) -> usize {
        self.here().await;
        self.pushes.len()
    }

    /// Forgets the pushes and announcements that came so far.
    pub(crate) async fn forget(&mut self) {
        self.here().await;
        self.pushes.clear();
        self.announcements.clear();
    }

    /// The next announcement of a worker.
    pub(crate) async fn announcement(&mut self, worker: &WorkerId) -> Announcement {
        within("an announcement", async {
            loop {
                while let Some(announcement) = self.announcements.pop_front() {
                    if announcement.worker == *worker {
                        return announcement;
                    }
                }
                self.receive().await;
            }
        })
        .await
    }

    pub(crate) async fn hears_of(&mut self, worker: &WorkerId) {
        assert!(!self.announcement(worker).await.draining);
    }

    /// Takes all that was published before: a message to itself comes after it.
    async fn here(&mut self) {
        let marker = format!("{{\"seq\":0,\"effects\":[],\"marker\":{}}}\n", self.seq);
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(name::node_inbox(&self.id)).arg(marker);
        let _: u64 = publish.query_async(&mut self.connection).await.expect("Redis runs");
        let _ = self.reply(0).await;
    }

    async fn receive(&mut self) {
        let (channel, payload) = match self.received.recv().await.expect("the link is kept") {
            Incoming::Message { channel, payload } => (channel, payload),
            Incoming::Lost => return,
            Incoming::Restored => return self.restored += 1,
        };
        for line in line::split(&payload) {
            if channel == name::WORKERS {
                self.announcements.push_back(serde_json::from_slice(line).expect("an announcement"));
            } else if name::topic_of(&channel).is_some() {
                self.pushes.push_back(serde_json::from_slice(line).expect("a push"));
            } else {
                let reply: Reply = serde_json::from_slice(line).expect("a reply");
                let text = String::from_utf8(line.to_vec()).expect("text");
                let twice = self.replies.insert(reply.seq, text);
                assert!(twice.is_none(), "two replies to event {}", reply.seq);
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.tasks.stop.cancel();
    }
}

/// The message that sets a number.
pub(crate) fn set(user: &str, number: i64, id: Option<u64>) -> String {
    let id = id.map(|id| format!(",\"id\":{id}")).unwrap_or_default();
    let user = serde_json::to_string(user).expect("text");
    format!("{{\"Cmd\":1,\"CmdData\":{{\"UserName\":{user},\"FavoriteNumber\":{number}}}{id}}}")
}

/// What a listing shows.
pub(crate) fn shown(listing: &Listing) -> Vec<(&str, i64)> {
    listing.users.iter().map(|user| (user.user_name.as_str(), user.favorite_number)).collect()
}
