//! The files service: watchers say what is in their folders, and everyone reads one sorted listing, live.
//!
//! The facts are in Redis. Whatever a watcher says is one call of a script, which compares it with what is known, changes the
//! listing, logs the change and publishes it; so it does not matter which worker gets it. The listing is a sorted set, so one
//! change costs the same however many files there are, and a page is read in one call. Two tasks stand beside: one fetches the
//! lists of watchers that missed something, one retires those that fell silent. Each does what it does by scripts, too, so it
//! may run in every worker.
//!
//! ```text
//! watcher ──▶ hello, bye, apply ──▶ order, log, push ──▶ page, changes, nodes ──▶ readers
//!    ▲                                   ▲                        └──▶ mirror ──▶ those who want all
//!    └── fetch ◀── take … found ─▶ merge ┘ … settle                       tick: stale, expired
//! ```
//!
//! `library.lua` says what is stored, and how watchers come and go. Why a list can be applied in pieces while operations go on:
//! for each name the number of the operation that listed it is kept, or that removed it; a list has all operations up to its
//! own number, so it says nothing of names that have a newer one (ADR 0031).
//!
//! Modules, in reading order: `script` and `records` (what is stored), `route` and `respond` (HTTP), `place` (the order),
//! `listing`, `mirror`, `render`, `budget`, `claims`, `reader` (all of the listing), `fetch`, `difference`, `pieces`, `fetcher` (lists of
//! watchers), `keeper` (time), `limit`, `option`, `secret`, `trouble`.

mod budget;
mod claims;
mod difference;
mod fetch;
mod fetcher;
mod keeper;
mod limit;
mod listing;
mod mirror;
mod option;
mod pieces;
mod place;
mod reader;
mod records;
mod render;
mod respond;
mod route;
mod script;
mod secret;
mod trouble;

use std::net::IpAddr;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use protocol::files::{self, Message, Operation, Request};
use protocol::limit::CLAIM_OVER_BYTES;
use protocol::reply::TopicPush;
use protocol::{
    Answer, Body, Effect, ErrorCode, Event, HttpBody, HttpRequest, HttpResponse, Json, Push, RequestError,
    Subject, body as json,
};
use tokio::sync::Notify;

use self::fetcher::Fetcher;
pub use self::option::Options;
use self::pieces::cut;
use self::reader::Reader;
use self::records::{Records, Told};
use self::render::Form;
use self::respond::Respond;
use self::route::Ask;
pub use self::secret::{BadSecret, Secret};
use self::trouble::Trouble;
use crate::refusal::refusal;
use crate::service::{Context, Outcome, Service};

/// How often a gap is looked into while Redis fails, before nobody is told.
const GAP_ATTEMPTS_MAX: usize = 5;

/// The service.
pub struct Files {
    respond: Arc<Respond>,
    options: Options,
    /// Woken when a list has become due.
    due: Arc<Notify>,
}

impl Files {
    /// Starts the service, and what runs beside it.
    #[must_use]
    pub fn start(context: &Context, options: &Options) -> Self {
        let records = Arc::new(Records::new(context.store.clone(), options));
        keeper::start(&records, &context.worker, &context.tasks);
        let due = Fetcher::start(&records, options, &context.tasks);
        let reader = Reader::start(&records, options.claimed_bytes_max, &context.tasks);
        let respond = Arc::new(Respond { records, reader, log: trouble::Log::default() });
        Self { respond, options: options.clone(), due }
    }

    async fn outcome(&self, event: &Event) -> Outcome {
        match &event.subject {
            Subject::Open(_) => {
                let then = json::encode(&serde_json::json!({ "type": "watch" }));
                let join = Effect::Join { topic: files::TOPIC.to_owned(), then: Some(then) };
                Outcome::Now(Answer::Effects(vec![join]))
            }
            Subject::Close(_) => Outcome::Now(Answer::Effects(Vec::new())),
            Subject::Message(_, Body::Inline(message)) | Subject::Joined { body: message, .. } => {
                self.message(message)
            }
            Subject::Message(_, Body::Claim(_)) => {
                let error =
                    RequestError::new(ErrorCode::TooLarge, "no message to this service is that large");
                Outcome::Now(refusal(&event.subject, &error))
            }
            Subject::Gap { topic } => {
                let (respond, topic) = (Arc::clone(&self.respond), topic.clone());
                Outcome::Later(async move { gap(&respond, topic).await }.boxed())
            }
            Subject::Http { peer, http } => self.http(peer, http).await,
        }
    }

    fn message(&self, message: &Json) -> Outcome {
        match files::read(message) {
            (Ok(Request::Watch { cursor }), id) => {
                let respond = Arc::clone(&self.respond);
                let answer = async move {
                    let effect = match watch(&respond, cursor).await {
                        Ok(body) => Effect::Send { body, id },
                        Err(trouble) => Effect::error(&respond.log.reading(&trouble), id),
                    };
                    Answer::Effects(vec![effect])
                };
                Outcome::Later(answer.boxed())
            }
            (Err(error), id) => Outcome::Now(Answer::Effects(vec![Effect::error(&error, id)])),
        }
    }

    async fn http(&self, peer: &str, http: &HttpRequest) -> Outcome {
        let asked = match self.body(http).await {
            Ok(body) => route::ask(http, &body, &self.options),
            Err(error) => Err(Box::new(HttpResponse::error(&error))),
        };
        let response = match asked {
            Ok(Ask::Read(reading)) => {
                let (respond, is_head) = (Arc::clone(&self.respond), http.method == "HEAD");
                let answer = async move {
                    let mut response = respond.read(reading).await;
                    if is_head {
                        response.body = HttpBody::default();
                    }
                    Answer::Http(response)
                };
                return Outcome::Later(answer.boxed());
            }
            Ok(said) => self.hear(peer, said).await,
            Err(response) => *response,
        };
        Outcome::Now(Answer::Http(response))
    }

    /// Takes in what a watcher says, and answers it.
    async fn hear(&self, peer: &str, said: Ask) -> HttpResponse {
        let Ok(ip) = peer.parse::<IpAddr>().map(|ip| ip.to_canonical()) else {
            log::error!(peer = peer; "a node tells no IP address of a watcher");
            return HttpResponse::error(&crate::refusal::internal());
        };
        let records = &self.respond.records;
        let (instance, told) = match said {
            Ask::Hello(hello) => (hello.instance.clone(), records.hello(&hello, ip).await),
            Ask::Bye(bye) => (bye.instance.clone(), records.bye(&bye.instance, ip).await),
            Ask::Patch(operations) => match operations.first() {
                Some(first) => (first.instance.clone(), self.patch(&operations, ip).await),
                None => return HttpResponse::error(&crate::refusal::internal()),
            },
            Ask::Read(_) => return HttpResponse::error(&crate::refusal::internal()),
        };
        match told {
            Ok(told) => {
                if matches!(told, Told::Here { is_due: true, .. }) {
                    self.due.notify_one();
                }
                respond::told(told, instance)
            }
            Err(trouble) => HttpResponse::error(&self.respond.log.saying(&trouble)),
        }
    }

    /// Applies operations, piece by piece.
    async fn patch(&self, operations: &[Operation], ip: IpAddr) -> Result<Told, Trouble> {
        let mut told = Err(Trouble::Odd("no operation"));
        for piece in cut(operations, |operation: &Operation| &operation.value.filename) {
            told = self.respond.records.apply(piece, ip).await;
            if !matches!(told, Ok(Told::Here { .. })) {
                break;
            }
        }
        told
    }

    /// The body of a request, which must be text. Only operations are ever so many that they are large.
    async fn body(&self, http: &HttpRequest) -> Result<String, RequestError> {
        let claim = match &http.body {
            HttpBody::Body(text) => return Ok(text.clone()),
            HttpBody::Claim(claim) if claim.bytes > CLAIM_OVER_BYTES && http.method != "PATCH" => {
                return Err(RequestError::new(ErrorCode::TooLarge, "no such request has a body that large"));
            }
            HttpBody::Claim(claim) => claim,
        };
        let bytes = self.respond.records.body(claim).await;
        let bytes = bytes.map_err(|trouble| {
            self.respond.log.line(&trouble, "the body of a request could not be fetched");
            RequestError::unavailable()
        })?;
        let words = "the body is not JSON: it is not UTF-8";
        String::from_utf8(bytes).map_err(|_| RequestError::new(ErrorCode::BadRequest, words))
    }
}

impl Service for Files {
    fn name(&self) -> &'static str {
        files::SERVICE
    }

    fn paths(&self) -> Vec<String> {
        [files::PATH, files::HELLO_PATH, files::BYE_PATH, files::NODES_PATH].map(ToOwned::to_owned).into()
    }

    fn handle<'a>(&'a self, batch: &'a [Event]) -> BoxFuture<'a, Vec<Outcome>> {
        // All at once: each is a call of its own, and they share the way to Redis.
        join_all(batch.iter().map(|event| self.outcome(event))).boxed()
    }

    fn drain(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

/// What a connection is told that wants to know what came since a cursor, or everything.
async fn watch(respond: &Respond, cursor: Option<files::Cursor>) -> Result<Body, Arc<Trouble>> {
    let form = match cursor {
        None => Form::Snapshot,
        Some(cursor) => match respond.records.changes(&cursor, files::CHANGES_MAX).await? {
            Some(changes) => {
                let message = Message::Changes(respond::delta(&changes)?);
                return Ok(Body::Inline(json::encode(&message)));
            }
            None => Form::Reset,
        },
    };
    Ok(respond.reader.read(form).await?.text.to_body()?)
}

/// Everything for all connections of a node, which may have missed changes.
async fn gap(respond: &Respond, topic: String) -> Answer {
    if topic != files::TOPIC {
        return Answer::Effects(Vec::new());
    }
    for _ in 0..GAP_ATTEMPTS_MAX {
        let read = respond.reader.read(Form::Reset).await;
        let read = read.and_then(|rendered| Ok(rendered.text.to_body()?));
        match read {
            Ok(body) => {
                let push = Push { body, key: None, version: None, except: None };
                return Answer::Effects(vec![Effect::Push(TopicPush { topic, push })]);
            }
            Err(trouble) => {
                respond.log.line(&trouble, "connections that missed changes could not be told");
                respond.records.connected().await;
            }
        }
    }
    Answer::Effects(Vec::new())
}
