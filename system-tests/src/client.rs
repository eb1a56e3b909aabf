//! A websocket client that keeps a record of everything that it receives.

mod record;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::listing::Listing;
use crate::patience::{SOON, within};
pub use record::{Closed, Heard, Record};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How long a request may be without an outcome: the bound after which a node itself says `outcome_unknown`, and some.
const OUTCOME_MAX: Duration = Duration::from_secs(40);

/// A websocket client that keeps a record of everything that it receives.
#[derive(Debug)]
pub struct Client {
    outgoing: Mutex<SplitSink<Socket, Message>>,
    record: Arc<Record>,
    last_id: AtomicU64,
    _reader: JoinSet<()>,
}

/// What became of a request: the answer, or the code of the error.
pub type Outcome = Result<Value, String>;

impl Client {
    /// Opens a websocket.
    pub async fn open(url: &str) -> Self {
        Self::try_open(url).await.unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    /// Opens a websocket, if it is let in.
    ///
    /// # Errors
    /// Why it was not.
    pub async fn try_open(url: &str) -> Result<Self, tungstenite::Error> {
        let (socket, _) = within("the upgrade", SOON, connect_async(url)).await?;
        let (outgoing, mut incoming) = socket.split();
        let record = Arc::new(Record::default());
        let mut reader = JoinSet::new();
        let written = Arc::clone(&record);
        reader.spawn(async move {
            while let Some(received) = incoming.next().await {
                written.add(received);
            }
            written.end();
        });
        let outgoing = Mutex::new(outgoing);
        Ok(Self { outgoing, record, last_id: AtomicU64::new(0), _reader: reader })
    }

    /// What it has received.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Sends a message of any kind.
    pub async fn send(&self, message: Message) {
        self.try_send(message).await.expect("the socket is open");
    }

    /// Sends a message of any kind, if the socket is open.
    ///
    /// # Errors
    /// Why it was not sent.
    pub async fn try_send(&self, message: Message) -> Result<(), tungstenite::Error> {
        self.outgoing.lock().await.send(message).await
    }

    /// Sends a text.
    pub async fn say(&self, text: &str) {
        self.send(Message::text(text)).await;
    }

    /// Sends a request with an id, which it returns.
    pub async fn ask(&self, mut request: Value) -> u64 {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        request["id"] = id.into();
        self.say(&request.to_string()).await;
        id
    }

    /// Waits for the outcome of the request with this id: there must be one in time.
    pub async fn outcome(&self, id: u64) -> Outcome {
        let answered =
            self.record.find(|heard| heard.answers.get(&id).and_then(|answers| answers.first()).cloned());
        let answer = within("the outcome of a request", OUTCOME_MAX, answered).await;
        match answer["error"]["code"].as_str() {
            Some(code) => Err(code.to_owned()),
            None => Ok(answer),
        }
    }

    /// Makes a request and waits for its outcome.
    pub async fn request(&self, request: Value) -> Outcome {
        let id = self.ask(request).await;
        self.outcome(id).await
    }

    /// Sets a number; the outcome says whether it was.
    pub async fn try_set(&self, name: &str, number: i64) -> Outcome {
        self.request(set(name, number)).await
    }

    /// Sets a number, which must be acknowledged.
    pub async fn set(&self, name: &str, number: i64) {
        self.try_set(name, number).await.unwrap_or_else(|code| panic!("setting {name} to {number}: {code}"));
    }

    /// Asks for the listing, which must come.
    pub async fn list(&self) -> Listing {
        let answer = self.request(json!({"Cmd": 2})).await;
        Listing::from_value(&answer.unwrap_or_else(|code| panic!("asking for the listing: {code}")))
    }

    /// Waits until `look` finds something in what was received, which must happen soon.
    pub async fn until<T>(&self, what: &str, look: impl FnMut(&Heard) -> Option<T>) -> T {
        within(what, SOON, self.record.find(look)).await
    }

    /// Waits until the newest listing that was pushed is as `look` wants it.
    pub async fn until_pushed(&self, what: &str, mut look: impl FnMut(&Listing) -> bool) -> Listing {
        self.until(what, |heard| heard.newest().filter(&mut look)).await
    }

    /// How many listings were pushed so far.
    #[must_use]
    pub fn pushes(&self) -> usize {
        self.record.look(|heard| heard.versions.len())
    }

    /// Waits until it is closed, and says how.
    pub async fn closed(&self) -> Closed {
        self.until("the socket is closed", |heard| heard.closed.clone()).await
    }

    /// It must be open, and no listing that was pushed to it may be older than one before it.
    pub fn assert_well(&self) {
        self.record.look(|heard| {
            assert_eq!(heard.closed, None, "the socket was closed");
            let back = heard.versions.windows(2).find(|pair| pair[1] <= pair[0]);
            assert_eq!(back, None, "a listing was not newer than the one before it");
        });
    }
}

/// The request that sets a number.
#[must_use]
pub fn set(name: &str, number: i64) -> Value {
    json!({"Cmd": 1, "CmdData": {"UserName": name, "FavoriteNumber": number}})
}
