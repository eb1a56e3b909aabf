//! Asking for the listing: one task alone reads, so all who ask meanwhile share what is read next.

mod task;
mod waiting;

use std::sync::Arc;

use broker::Subscriber;
use parking_lot::Mutex;
use protocol::RequestError;
use tokio::sync::{mpsc, oneshot};

use self::task::Task;
use super::body::Listed;
use super::feed::Feed;
use super::listing::Listing;
use crate::service::Context;

/// Requests that wait for the task while it is busy: mostly each is a lane with a batch.
const REQUESTS_MAX: usize = 64;
/// How often somebody asks who must get an answer.
const ATTEMPTS_MAX: usize = 3;

/// Asks the task that keeps the listing.
#[derive(Clone)]
pub(super) struct Keeper {
    requests: mpsc::Sender<Request>,
}

/// What the task is asked.
enum Request {
    /// For the listing as it is after now.
    Read(Reader),
    /// To publish what is pending and to give the lease back.
    Leave(oneshot::Sender<()>),
}

/// Somebody who waits for the listing.
type Reader = oneshot::Sender<Result<Arc<Listed>, RequestError>>;

impl Keeper {
    /// Starts the task.
    pub(super) fn start(context: &Context, listing: Arc<Mutex<Listing>>) -> Self {
        let (subscriber, received) = Subscriber::start(context.address.clone(), &context.tasks);
        let feed = Feed::new(subscriber, received, context.address.db());
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        let task = Task::new(feed, listing, context, requests);
        context.tasks.tracker.spawn(task.run(context.tasks.stop.clone()));
        Self { requests: sender }
    }

    /// The listing with every change that was made before this was called.
    pub(super) async fn read(&self) -> Result<Arc<Listed>, RequestError> {
        let (sender, listed) = oneshot::channel();
        // A task that has ended has dropped the sender.
        let _ = self.requests.send(Request::Read(sender)).await;
        listed.await.unwrap_or_else(|_| Err(RequestError::unavailable()))
    }

    /// The same for somebody who cannot ask again.
    pub(super) async fn read_again(&self) -> Result<Arc<Listed>, RequestError> {
        let mut listed = self.read().await;
        for _ in 1..ATTEMPTS_MAX {
            if listed.is_ok() {
                break;
            }
            listed = self.read().await;
        }
        listed
    }

    /// Publishes what is pending, and gives the lease back.
    pub(super) async fn leave(&self) {
        let (sender, left) = oneshot::channel();
        let _ = self.requests.send(Request::Leave(sender)).await;
        let _ = left.await;
    }
}
