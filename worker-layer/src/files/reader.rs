//! Asking for all of the listing: one task alone reads, so all who ask meanwhile share what is read next.

mod task;

use std::sync::Arc;

use broker::Tasks;
use protocol::files::Cursor;
use protocol::{Body, Claim, HttpBody};
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use self::task::Task;
use super::limit::READERS_MAX;
use super::records::Records;
use super::render::Form;
use super::trouble::Trouble;

/// Asks the task.
#[derive(Clone)]
pub(super) struct Reader {
    requests: mpsc::Sender<Request>,
}

/// Somebody who asks.
struct Request {
    form: Form,
    since: Instant,
    answer: oneshot::Sender<Result<Rendered, Arc<Trouble>>>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Rendered {
    /// The place in the log at which it is true.
    pub(super) cursor: Cursor,
    pub(super) text: Text,
}

/// Its text, or where that is.
#[derive(Debug, Clone)]
pub(super) enum Text {
    Inline(Arc<str>),
    Claim(Claim),
}

impl Text {
    /// As the body of a response.
    pub(super) fn to_http(&self) -> HttpBody {
        match self {
            Self::Inline(text) => HttpBody::Body(text.to_string()),
            Self::Claim(claim) => HttpBody::Claim(claim.clone()),
        }
    }

    /// As the body of a message.
    pub(super) fn to_body(&self) -> Result<Body, Trouble> {
        match self {
            Self::Inline(text) => {
                let json = RawValue::from_string(text.to_string());
                json.map(Body::Inline).map_err(|_| Trouble::Odd("a message is no JSON"))
            }
            Self::Claim(claim) => Ok(Body::Claim(claim.clone())),
        }
    }
}

impl Reader {
    /// Starts the task.
    pub(super) fn start(records: &Arc<Records>, claimed_bytes_max: usize, tasks: &Tasks) -> Self {
        let (requests, receiver) = mpsc::channel(READERS_MAX);
        let task = Task::new(Arc::clone(records), claimed_bytes_max, receiver);
        let stop = tasks.stop.clone();
        tasks.tracker.spawn(async move { stop.run_until_cancelled(task.run()).await });
        Self { requests }
    }

    /// The listing with every change that was made before this was called.
    pub(super) async fn read(&self, form: Form) -> Result<Rendered, Arc<Trouble>> {
        let (answer, answered) = oneshot::channel();
        let request = Request { form, since: Instant::now(), answer };
        self.requests.try_send(request).map_err(|_| Arc::new(Trouble::Busy))?;
        answered.await.unwrap_or_else(|_| Err(Arc::new(Trouble::Busy)))
    }
}
