//! What the parts of Tercet say to each other.
//!
//! A frame that a client sends becomes an [`Event`], which a node publishes to the inbox of one worker. The worker
//! answers with one [`Reply`]: a list of [`Effect`]s for that connection, or an HTTP response. Whatever concerns many
//! connections is a [`Push`] to a topic. Workers make themselves known with an [`Announcement`].
//!
//! Everything is JSON, one object a line ([`line`](mod@line)), so that many messages share one PUBLISH and a person can read along
//! with `redis-cli PSUBSCRIBE '*'`. What clients say passes through untouched as [`Body`].
//!
//! This crate does no I/O and knows no runtime. Modules, in reading order:
//!
//! - [`id`]: who is who: nodes, workers, connections
//! - [`name`]: the names of channels and keys
//! - [`limit`]: every bound, with its unit and reason
//! - [`body`]: a JSON value carried as it came, inline or by claim
//! - [`line`](mod@line): many messages in one payload
//! - [`event`], [`reply`], [`push`], [`announcement`]: the four messages between the layers
//! - [`http`]: the HTTP requests and responses in them
//! - [`error`], [`close`]: how a client learns that something went wrong
//! - [`numbers`], [`sets`], [`files`], [`chat`]: the messages of the services

pub mod announcement;
pub mod body;
pub mod chat;
pub mod close;
pub mod error;
pub mod event;
pub mod files;
pub mod http;
pub mod id;
pub mod limit;
pub mod line;
pub mod name;
pub mod numbers;
pub mod push;
pub mod reply;
pub mod sets;

pub use announcement::{Announced, Announcement};
pub use body::{Body, Claim, Json};
pub use close::Close;
pub use error::{ErrorCode, RequestError};
pub use event::{Event, Subject};
pub use http::{HttpBody, HttpRequest, HttpResponse};
pub use id::{ConnectionId, NodeId, WorkerId};
pub use push::Push;
pub use reply::{Answer, CloseLater, Effect, Reply, TopicPush};
