//! The way back: answers become replies, those for one node share a payload, and large bodies travel by
//! claim.

use std::sync::Arc;
use std::time::Instant;

use broker::{Publisher, Store, StoreError};
use futures_util::future::BoxFuture;
use protocol::{
    Answer, Body, Effect, ErrorCode, Event, HttpBody, NodeId, Reply, RequestError, Subject, line, name,
};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::cause::Causes;
use crate::limit;
use crate::refusal::refusal;
use crate::service::Outcome;
use crate::unpublished::{Payload, Receipt, Unpublished};

/// Publishes replies.
pub(crate) struct Replies {
    publisher: Publisher<Receipt>,
    unpublished: Arc<Unpublished>,
    store: Store,
    /// Replies that Redis has not yet taken, and answers that are still to come.
    owed: TaskTracker,
    later: Arc<Semaphore>,
}

impl Replies {
    pub(crate) fn new(
        publisher: Publisher<Receipt>,
        unpublished: Arc<Unpublished>,
        store: Store,
    ) -> Arc<Self> {
        let later = Arc::new(Semaphore::new(limit::LATER_MAX));
        Arc::new(Self { publisher, unpublished, store, owed: TaskTracker::new(), later })
    }

    /// Sends the answers to a batch, one payload a node.
    pub(crate) async fn send(self: &Arc<Self>, batch: &[Event], outcomes: Vec<Outcome>) {
        let mut payloads: Vec<(&NodeId, Vec<u8>)> = Vec::with_capacity(1);
        for (event, outcome) in batch.iter().zip(outcomes) {
            let answer = match outcome {
                Outcome::Now(answer) => answer,
                Outcome::Later(answer) => match self.wait_for(event, answer) {
                    Ok(()) => continue,
                    Err(refused) => refused,
                },
            };
            let reply = Reply { seq: event.seq, answer: self.claimed(&event.subject, answer).await };
            let place = payloads.iter().position(|(node, _)| **node == event.node).unwrap_or_else(|| {
                payloads.push((&event.node, Vec::with_capacity(128 * batch.len().min(512))));
                payloads.len() - 1
            });
            let payload = &mut payloads[place].1;
            line::append(payload, &reply);
            if payload.len() > protocol::limit::PUBLISH_BYTES_MAX {
                self.publish(&event.node, std::mem::take(payload)).await;
            }
        }
        for (node, payload) in payloads {
            if !payload.is_empty() {
                self.publish(node, payload).await;
            }
        }
    }

    /// Waits until every reply was taken by Redis. Nothing may be sent after it was called.
    pub(crate) async fn settled(&self) {
        self.owed.close();
        self.owed.wait().await;
    }

    async fn publish(&self, node: &NodeId, payload: Vec<u8>) {
        let channel: Arc<str> = name::node_inbox(node).into();
        let born = Instant::now();
        let reply =
            Payload { channel: Arc::clone(&channel), bytes: payload.clone(), born, _owed: self.owed.token() };
        if self.unpublished.is_some() {
            self.unpublished.add(reply);
        } else {
            self.publisher.publish(channel, payload, Receipt::Reply(reply)).await;
        }
    }

    /// Answers beside the lane, when there is an answer.
    fn wait_for(self: &Arc<Self>, event: &Event, answer: BoxFuture<'static, Answer>) -> Result<(), Answer> {
        let Ok(permit) = Arc::clone(&self.later).try_acquire_owned() else {
            return Err(refusal(&event.subject, &RequestError::unavailable()));
        };
        let (replies, node, seq, subject) =
            (Arc::clone(self), event.node.clone(), event.seq, event.subject.clone());
        self.owed.spawn(async move {
            let answer = answer.await;
            let reply = Reply { seq, answer: replies.claimed(&subject, answer).await };
            replies.publish(&node, line::one(&reply)).await;
            drop(permit);
        });
        Ok(())
    }

    /// The same answer, with a claim in the place of each large body.
    async fn claimed(&self, subject: &Subject, mut answer: Answer) -> Answer {
        match self.claim_large(&mut answer).await {
            Ok(()) => answer,
            Err(error) => refusal(subject, &error),
        }
    }

    async fn claim_large(&self, answer: &mut Answer) -> Result<(), RequestError> {
        match answer {
            Answer::Http(response) => match &response.body {
                HttpBody::Body(text) if text.len() > protocol::limit::CLAIM_OVER_BYTES => {
                    response.body = HttpBody::Claim(self.claim(text.as_bytes()).await?.once());
                }
                _ => {}
            },
            Answer::Effects(effects) => {
                for effect in effects {
                    let (Effect::Send { body, .. }
                    | Effect::Push(protocol::TopicPush { push: protocol::Push { body, .. }, .. })) = effect
                    else {
                        continue;
                    };
                    if let Body::Inline(json) = body
                        && json.get().len() > protocol::limit::CLAIM_OVER_BYTES
                    {
                        *body = Body::Claim(self.claim(json.get().as_bytes()).await?);
                    }
                }
            }
        }
        Ok(())
    }

    async fn claim(&self, bytes: &[u8]) -> Result<protocol::Claim, RequestError> {
        self.store.put_claim(bytes).await.map_err(|error| {
            log::warn!(error:% = Causes(&error), bytes = bytes.len(); "a large answer could not be stored");
            let code = match error {
                StoreError::ClaimTooLarge(_) => ErrorCode::TooLarge,
                _ => ErrorCode::OutcomeUnknown,
            };
            RequestError::new(code, "the request was handled, but its answer could not be stored")
        })
    }
}
