//! The answers: what was read or done, in the form in which it was asked for.

use std::sync::Arc;
use std::time::Duration;

use broker::redis::Value;
use futures_util::FutureExt as _;
use protocol::reply::TopicPush;
use protocol::sets::{self, Applied, AppliedOne, CHANGES_MAX, Cursor, Message, SetId};
use protocol::{Answer, Body, Effect, ErrorCode, HttpBody, HttpResponse, Push, RequestError, body as json};

use super::ask::{Form, To};
use super::call::Done;
use super::limit::{GAP_ATTEMPTS_MAX, READ_AT_ONCE_MAX};
use super::poll::poll;
use super::read::{Head, Page, Reading, Since};
use super::render::{self, Kind, Rendered, etag, web};
use super::round::Batch;
use super::shared::Shared;
use super::step::Job;
use super::trouble::unavailable;
use crate::service::Outcome;

/// How far attempts are apart that look into a gap.
const GAP_PAUSE: Duration = Duration::from_millis(200);

/// The answer to a request that failed.
pub(super) fn refused(to: &To, error: &RequestError) -> Answer {
    match to {
        To::Connection(id) => Answer::Effects(vec![Effect::error(error, id.clone())]),
        To::Web | To::WebOne => Answer::Http(HttpResponse::error(error)),
        To::Node => Answer::Effects(Vec::new()),
    }
}

/// The outcome of a request to read that failed.
pub(super) fn failed(shared: &Arc<Shared>, set: &SetId, job: &Job, error: &RequestError) -> Outcome {
    match settled(set, &job.to, error) {
        Some(answer) => Outcome::Now(answer),
        None => {
            let (shared, set, error) = (Arc::clone(shared), set.clone(), error.clone());
            Outcome::Later(async move { gap(&shared, &set, error).await }.boxed())
        }
    }
}

/// The answer to a request to read that failed. None: nobody would be told that it failed, so it must not, or whoever watches
/// goes on showing what is past.
fn settled(set: &SetId, to: &To, error: &RequestError) -> Option<Answer> {
    let mut answer = refused(to, error);
    match (to, &mut answer) {
        (To::Connection(_), Answer::Effects(effects)) if error.code == ErrorCode::NotFound => {
            effects.push(Effect::Leave(set.topic()));
        }
        (To::Node, _) if error.code == ErrorCode::NotFound => answer = deleted(set),
        (To::Node, _) => return None,
        _ => {}
    }
    Some(answer)
}

/// Answers all who wanted what was read.
pub(super) async fn read(batch: &mut Batch<'_>, reading: &Reading, jobs: Vec<Job>, value: Value) {
    let (shared, set) = (batch.shared, reading.set());
    let failure = match reading {
        Reading::Head(_) => match shared.head(set, value) {
            Ok(head) => return standing(batch, set, &head, jobs),
            Err(error) => error,
        },
        Reading::All(_) => match shared.all(set, value) {
            Ok(snapshot) => {
                let rendered = Rendered::new(snapshot);
                for job in jobs {
                    let outcome = match all(shared, &rendered, &job).await {
                        Ok(answer) => Outcome::Now(answer),
                        Err(error) => failed(shared, set, &job, &error),
                    };
                    batch.set(job.place, outcome);
                }
                return;
            }
            Err(error) => error,
        },
        Reading::Since(_, cursor, limit) => match shared.since(set, value) {
            Ok(found) => return since(batch, set, (cursor, *limit), &found, jobs),
            Err(error) => error,
        },
    };
    for job in jobs {
        let outcome = failed(shared, set, &job, &failure);
        batch.set(job.place, outcome);
    }
}

/// Who has the newest already is told so; the others read all, at one go or in pieces.
fn standing(batch: &mut Batch<'_>, set: &SetId, head: &Head, jobs: Vec<Job>) {
    for job in jobs {
        let tag = match &job.form {
            Form::Set { removed, known } => {
                let tag = etag(&head.cursor, *removed);
                known.iter().any(|known| known == "*" || *known == tag).then_some(tag)
            }
            _ => None,
        };
        if let Some(tag) = tag {
            let headers = [("etag".to_owned(), tag)].into();
            let response = HttpResponse { status: 304, headers, body: HttpBody::default() };
            batch.set(job.place, Outcome::Now(Answer::Http(response)));
        } else if head.values > READ_AT_ONCE_MAX {
            let outcome = in_pieces(batch.shared, set, job.clone());
            batch.set(job.place, outcome);
        } else {
            batch.then_read(Reading::All(set.clone()), job);
        }
    }
}

/// What came since a cursor, or all.
fn since(
    batch: &mut Batch<'_>,
    set: &SetId,
    (cursor, limit): (&Cursor, usize),
    found: &Since,
    jobs: Vec<Job>,
) {
    for job in jobs {
        match (found, &job.form) {
            (Since::Page(page), Form::Changes { wait }) if page.operations.is_empty() && !wait.is_zero() => {
                let outcome = poll(batch.shared, set, cursor, limit, *wait, page);
                batch.set(job.place, outcome);
            }
            (Since::Page(page), _) => batch.set(job.place, Outcome::Now(paged(set, page, &job))),
            (Since::Lost, _) => batch.then_read(Reading::Head(set.clone()), job),
        }
    }
}

/// All of a large set, beside the lane: others go on meanwhile.
fn in_pieces(shared: &Arc<Shared>, set: &SetId, job: Job) -> Outcome {
    let (shared, set) = (Arc::clone(shared), set.clone());
    let answer = async move {
        let answered = match shared.scans.all(&shared, &set, job.form.kind().extent()).await {
            Ok(rendered) => all(&shared, &rendered, &job).await,
            Err(error) => Err(error),
        };
        match answered {
            Ok(answer) => answer,
            Err(error) => match settled(&set, &job.to, &error) {
                Some(answer) => answer,
                None => gap(&shared, &set, error).await,
            },
        }
    };
    Outcome::Later(answer.boxed())
}

/// What became of a batch of operations.
pub(super) fn applied(set: &SetId, to: &To, outcomes: Vec<sets::Outcome>, done: &Done) -> Answer {
    let (cursor, server_ms) = (done.cursor.clone(), done.server_ms);
    let response = |status, json: protocol::Json| {
        Answer::Http(HttpResponse::json(status, HttpBody::Body(json.get().to_owned())))
    };
    match to {
        To::Connection(id) => {
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

/// All of a set.
async fn all(shared: &Shared, rendered: &Rendered, job: &Job) -> Result<Answer, RequestError> {
    let kind = job.form.kind();
    let body = rendered.body(kind, shared).await?;
    Ok(match &job.to {
        To::Connection(id) => Answer::Effects(vec![Effect::Send { body, id: id.clone() }]),
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
        To::Connection(id) => {
            let body = Body::Inline(render::delta(set, page));
            Answer::Effects(vec![Effect::Send { body, id: id.clone() }])
        }
        To::Web | To::WebOne | To::Node => Answer::Http(HttpResponse::json(200, render::page(page))),
    }
}

/// All of a set, for all of a node who watch it, as soon as Redis answers after this failure.
async fn gap(shared: &Arc<Shared>, set: &SetId, mut failure: RequestError) -> Answer {
    for _ in 0..GAP_ATTEMPTS_MAX {
        let body = if failure.code == ErrorCode::TooLarge {
            behind(shared, set).await
        } else {
            tokio::time::sleep(GAP_PAUSE).await;
            shared.store.connected().await;
            shared.read_all(set, Kind::Reset).await
        };
        match body {
            Ok(body) => return pushed(set, body),
            Err(error) if error.code == ErrorCode::NotFound => return deleted(set),
            Err(error) => failure = error,
        }
    }
    log::warn!(set:% = set; "a node that missed changes of a set cannot be given the whole of it");
    Answer::Effects(Vec::new())
}

/// In the place of a set that is too large to be sent: a delta behind its newest cursor. Who is there already drops it, and who
/// is not sees that something was missed, and asks for that.
async fn behind(shared: &Shared, set: &SetId) -> Result<Body, RequestError> {
    let newest = shared.read_head(set).await?.cursor;
    match shared.read_since(set, &newest, CHANGES_MAX).await? {
        Since::Page(page) => Ok(Body::Inline(render::pushed(set, &newest, &page))),
        Since::Lost => Err(unavailable("this set was made anew")),
    }
}

fn pushed(set: &SetId, body: Body) -> Answer {
    let push = Push { body, key: None, version: None, except: None };
    Answer::Effects(vec![Effect::Push(TopicPush { topic: set.topic(), push })])
}

fn deleted(set: &SetId) -> Answer {
    pushed(set, Body::Inline(json::encode(&Message::Deleted { set: set.clone() })))
}
