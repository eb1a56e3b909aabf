//! The answers: what was read or done, in the form in which it was asked for.

use std::sync::Arc;
use std::time::Duration;

use broker::redis::Value;
use futures_util::FutureExt as _;
use protocol::reply::TopicPush;
use protocol::sets::{self, Applied, AppliedOne, Cursor, Message, SetId};
use protocol::{Answer, Body, Effect, ErrorCode, HttpBody, HttpResponse, Push, RequestError, body as json};

use super::ask::{Form, To};
use super::call::Done;
use super::limit::GAP_ATTEMPTS_MAX;
use super::poll::poll;
use super::read::{Page, Reading, Since, read_head};
use super::render::{self, Kind, Rendered, etag, web};
use super::round::Batch;
use super::shared::Shared;
use super::step::Job;
use crate::service::Outcome;

/// How far attempts are apart that look into a gap.
const GAP_PAUSE: Duration = Duration::from_millis(200);

/// The answer to a request that failed.
pub(super) fn refused(to: &To, error: &RequestError) -> Answer {
    match to {
        To::Socket(id) => Answer::Effects(vec![Effect::error(error, id.clone())]),
        To::Web | To::WebOne => Answer::Http(HttpResponse::error(error)),
        To::Node => Answer::Effects(Vec::new()),
    }
}

/// The outcome of a request to read that failed.
pub(super) fn failed(shared: &Arc<Shared>, reading: &Reading, job: &Job, error: &RequestError) -> Outcome {
    let mut answer = refused(&job.to, error);
    match (&job.to, &mut answer) {
        // There is nothing to be told of.
        (To::Socket(_), Answer::Effects(effects)) if error.code == ErrorCode::NotFound => {
            effects.push(Effect::Leave(reading.set().topic()));
        }
        (To::Node, _) if error.code == ErrorCode::NotFound => answer = deleted(reading.set()),
        // Nobody is told that this failed, so it must not: whoever watches would show what is past.
        (To::Node, _) => {
            let (shared, set) = (Arc::clone(shared), reading.set().clone());
            return Outcome::Later(async move { gap(&shared, &set).await }.boxed());
        }
        _ => {}
    }
    Outcome::Now(answer)
}

/// Answers all who wanted what was read.
pub(super) async fn read(batch: &mut Batch<'_>, reading: &Reading, jobs: Vec<Job>, value: Value) {
    let shared = batch.shared;
    match reading {
        Reading::All(set) => match shared.all(set, value) {
            Ok(mut rendered) => {
                for job in jobs {
                    let answer = all(shared, &mut rendered, &job).await;
                    let outcome = match answer {
                        Ok(answer) => Outcome::Now(answer),
                        Err(error) => failed(shared, reading, &job, &error),
                    };
                    batch.set(job.place, outcome);
                }
            }
            Err(error) => fail(batch, reading, &jobs, &error),
        },
        Reading::Newest(set) => {
            let head = shared.log.checked(value);
            match head.and_then(|head| read_head(head).map_err(|error| shared.told(set, error))) {
                Ok((_, cursor)) => newest(batch, set, &cursor, jobs),
                Err(error) => fail(batch, reading, &jobs, &error),
            }
        }
        Reading::Since(set, cursor, limit) => match shared.since(set, value) {
            Ok(since) => {
                for job in jobs {
                    match (&since, &job.form) {
                        (Since::Page(page), Form::Changes { wait })
                            if page.operations.is_empty() && !wait.is_zero() =>
                        {
                            let outcome = poll(shared, set, cursor, *limit, *wait, page);
                            batch.set(job.place, outcome);
                        }
                        (Since::Page(page), _) => batch.set(job.place, Outcome::Now(paged(set, page, &job))),
                        (Since::Lost, _) => batch.then_all(set, job),
                    }
                }
            }
            Err(error) => fail(batch, reading, &jobs, &error),
        },
    }
}

/// What became of a batch of operations.
pub(super) fn applied(set: &SetId, to: &To, outcomes: Vec<sets::Outcome>, done: &Done) -> Answer {
    let (cursor, server_ms) = (done.cursor.clone(), done.server_ms);
    let response = |status, json: protocol::Json| {
        Answer::Http(HttpResponse::json(status, HttpBody::Body(json.get().to_owned())))
    };
    match to {
        To::Socket(id) => {
            let message =
                Message::Outcomes { set: set.clone(), applied: Applied { outcomes, cursor, server_ms } };
            Answer::Effects(vec![Effect::send(&message, id.clone())])
        }
        To::WebOne => match outcomes.into_iter().next() {
            Some(outcome) if outcome.is_merged() => {
                response(200, json::encode(&AppliedOne { outcome, cursor, server_ms }))
            }
            outcome => response(409, json::encode(&outcome)),
        },
        To::Web | To::Node => response(200, json::encode(&Applied { outcomes, cursor, server_ms })),
    }
}

fn fail(batch: &mut Batch<'_>, reading: &Reading, jobs: &[Job], error: &RequestError) {
    for job in jobs {
        let outcome = failed(batch.shared, reading, job, error);
        batch.set(job.place, outcome);
    }
}

/// Who has the newest already is told so; the others read all.
fn newest(batch: &mut Batch<'_>, set: &SetId, cursor: &Cursor, jobs: Vec<Job>) {
    for job in jobs {
        match &job.form {
            Form::Set { removed, known }
                if known.iter().any(|tag| tag == "*" || *tag == etag(cursor, *removed)) =>
            {
                let headers = [("etag".to_owned(), etag(cursor, *removed))].into();
                let response = HttpResponse { status: 304, headers, body: HttpBody::default() };
                batch.set(job.place, Outcome::Now(Answer::Http(response)));
            }
            _ => batch.then_all(set, job),
        }
    }
}

/// All of a set.
async fn all(shared: &Shared, rendered: &mut Rendered, job: &Job) -> Result<Answer, RequestError> {
    let kind = match &job.form {
        Form::Snapshot => Kind::Snapshot,
        Form::Reset | Form::Delta => Kind::Reset,
        Form::Set { removed, .. } => Kind::Set { removed: *removed },
        Form::Changes { .. } | Form::ChangesReset => Kind::ChangesReset,
        Form::Digest => Kind::Digest,
    };
    let body = rendered.body(kind, shared).await?;
    Ok(match &job.to {
        To::Socket(id) => Answer::Effects(vec![Effect::Send { body, id: id.clone() }]),
        To::Node => pushed(&rendered.snapshot.set, body),
        To::Web | To::WebOne => {
            let mut response = HttpResponse::json(200, web(body));
            if let Kind::Set { removed } = kind {
                response.headers.insert("etag".to_owned(), etag(&rendered.snapshot.cursor, removed));
            }
            Answer::Http(response)
        }
    })
}

/// A page of changes.
fn paged(set: &SetId, page: &Page, job: &Job) -> Answer {
    match &job.to {
        To::Socket(id) => {
            let body = Body::Inline(render::delta(set, page));
            Answer::Effects(vec![Effect::Send { body, id: id.clone() }])
        }
        To::Web | To::WebOne | To::Node => Answer::Http(HttpResponse::json(200, render::page(page))),
    }
}

/// All of a set, for all of a node who watch it, as soon as Redis answers.
async fn gap(shared: &Shared, set: &SetId) -> Answer {
    for _ in 0..GAP_ATTEMPTS_MAX {
        tokio::time::sleep(GAP_PAUSE).await;
        shared.store.connected().await;
        let body = match shared.read_all(set).await {
            Ok(mut rendered) => rendered.body(Kind::Reset, shared).await,
            Err(error) => Err(error),
        };
        match body {
            Ok(body) => return pushed(set, body),
            Err(error) if error.code == ErrorCode::NotFound => return deleted(set),
            Err(_) => {}
        }
    }
    log::warn!(set:% = set; "a node that missed changes of a set cannot be given the whole of it");
    Answer::Effects(Vec::new())
}

fn pushed(set: &SetId, body: Body) -> Answer {
    let push = Push { body, key: None, version: None, except: None };
    Answer::Effects(vec![Effect::Push(TopicPush { topic: set.topic(), push })])
}

fn deleted(set: &SetId) -> Answer {
    pushed(set, Body::Inline(json::encode(&Message::Deleted { set: set.clone() })))
}
