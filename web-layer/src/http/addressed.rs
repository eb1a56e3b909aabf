//! Which service a request is for, also at a node that has only just begun to listen to the workers.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::{Duration, sleep};

use protocol::{ErrorCode, RequestError};

use crate::node::Node;
use crate::relay::registry::View;

/// How often a node that does not know all workers yet looks whether it has heard of the right one.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The service that `find` names among those that were announced. A node that has listened for less than a round of announcements
/// waits for them, no longer than it holds an event.
///
/// # Errors
/// `not_found` with the words `what` if there is no such service, `unavailable` while nobody can tell.
pub(super) async fn service(
    node: &Node,
    what: &str,
    find: impl Fn(&View) -> Option<&Arc<str>>,
) -> Result<Arc<str>, RequestError> {
    let asked = Instant::now();
    loop {
        let view = node.relay.registry.view();
        if let Some(service) = find(&view) {
            return Ok(service.clone());
        }
        let now = Instant::now();
        let has_heard_all = node.health.has_heard_all_workers(now);
        if has_heard_all && !view.is_blank() {
            return Err(RequestError::new(ErrorCode::NotFound, what));
        }
        if has_heard_all || now.saturating_duration_since(asked) > node.bounds.relay.hold {
            let words = "no worker is known yet: try again in a moment";
            return Err(RequestError::new(ErrorCode::Unavailable, words));
        }
        sleep(LOOK_EVERY).await;
    }
}
