//! A request for changes that waits until there are some.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use protocol::sets::{Cursor, SetId};
use protocol::{Answer, HttpResponse, RequestError};
use tokio::time::Instant;

use super::answer::refused;
use super::ask::To;
use super::read::{Page, Since};
use super::render::{Kind, page, web};
use super::shared::Shared;
use crate::service::Outcome;

/// What is asked for.
struct Poll {
    shared: Arc<Shared>,
    set: SetId,
    cursor: Cursor,
    limit: usize,
}

/// Waits for what comes after a cursor, if there is room; if not, what is known now is the answer.
pub(super) fn poll(
    shared: &Arc<Shared>,
    set: &SetId,
    cursor: &Cursor,
    limit: usize,
    wait: Duration,
    known: &Page,
) -> Outcome {
    let Some(seat) = shared.waiting.seat() else {
        return Outcome::Now(Answer::Http(HttpResponse::json(200, page(known))));
    };
    let deadline = Instant::now() + wait;
    let poll = Poll { shared: Arc::clone(shared), set: set.clone(), cursor: cursor.clone(), limit };
    let answer = async move {
        let mut watch = poll.shared.waiting.begin(seat, &poll.set, deadline).await;
        let mut is_over = false;
        let answer = loop {
            match poll.look(is_over).await {
                Ok(None) => is_over = !poll.shared.waiting.next(&mut watch, deadline).await,
                Ok(Some(answer)) => break answer,
                Err(error) => break refused(&To::Web, &error),
            }
        };
        poll.shared.waiting.end(watch).await;
        answer
    };
    Outcome::Later(answer.boxed())
}

impl Poll {
    /// The answer, if there is something to tell, or it is time to tell that there is nothing.
    async fn look(&self, is_over: bool) -> Result<Option<Answer>, RequestError> {
        match self.shared.read_since(&self.set, &self.cursor, self.limit).await? {
            Since::Page(page) if page.operations.is_empty() && !is_over => Ok(None),
            Since::Page(found) => Ok(Some(Answer::Http(HttpResponse::json(200, page(&found))))),
            Since::Lost => {
                let body = self.shared.read_all(&self.set, Kind::ChangesReset).await?;
                Ok(Some(Answer::Http(HttpResponse::json(200, web(body)))))
            }
        }
    }
}
