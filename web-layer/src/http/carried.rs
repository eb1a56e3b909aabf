//! Bodies of requests and responses, large and binary ones too, on their way over Redis.
//!
//! What a node holds of them is bounded: a body that turns out to be large takes room as it comes, and a response that is too
//! large to be published waits in Redis until there is room for it here.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use broker::{Store, Tasks, redis};
use protocol::{Claim, ErrorCode, HttpBody, RequestError, limit};

use crate::node::Node;

/// The body of a request, with the room that it takes if it is large.
pub(super) struct Taken {
    bytes: Bytes,
    room: Option<OwnedSemaphorePermit>,
}

/// A body in Redis that nobody needs any more once this is dropped.
pub(super) struct Kept {
    store: Store,
    tasks: Tasks,
    key: String,
    room: Option<OwnedSemaphorePermit>,
}

/// A response's body with the room that it takes until the client has it.
struct Held {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
    _taken: DropGuard,
}

/// Reads the body of a request.
///
/// # Errors
/// `too_large` beyond `bytes_max`, `unavailable` if there is no room for it, `bad_request` if it does not come.
pub(super) async fn read<B: Buf>(
    node: &Node,
    body: impl Stream<Item = Result<B, warp::Error>>,
    bytes_max: usize,
) -> Result<Taken, RequestError> {
    let mut body = std::pin::pin!(body);
    let reading = timeout(Duration::from_millis(limit::BODY_READ_MS), take(node, body.as_mut(), bytes_max));
    let taken = reading
        .await
        .map_err(|_| RequestError::new(ErrorCode::BadRequest, "the body of the request came too slowly"))?;
    if taken.as_ref().is_err_and(|error| error.code != ErrorCode::BadRequest) {
        // Whoever is cut off while writing does not read why.
        let rest = async { while let Some(Ok(_)) = body.next().await {} };
        let _ = timeout(Duration::from_millis(limit::REFUSED_BODY_MS), rest).await;
    }
    taken
}

async fn take<B: Buf>(
    node: &Node,
    mut body: impl Stream<Item = Result<B, warp::Error>> + Unpin,
    bytes_max: usize,
) -> Result<Taken, RequestError> {
    let (mut whole, mut room) = (BytesMut::new(), None::<OwnedSemaphorePermit>);
    while let Some(part) = body.next().await {
        let part =
            part.map_err(|_| RequestError::new(ErrorCode::BadRequest, "the body of the request broke off"))?;
        let bytes = whole.len() + part.remaining();
        if bytes > bytes_max {
            let message = format!("the body of a request may have at most {bytes_max} bytes");
            return Err(RequestError::new(ErrorCode::TooLarge, message));
        }
        if bytes > limit::CLAIM_OVER_BYTES {
            let had = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            let more = place(node, bytes - had)?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
        }
        bytes::BufMut::put(&mut whole, part);
    }
    Ok(Taken { bytes: whole.freeze(), room })
}

/// Room for so many bytes of a request's body.
fn place(node: &Node, bytes: usize) -> Result<OwnedSemaphorePermit, RequestError> {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    node.claim_room.clone().try_acquire_many_owned(bytes).map_err(|_| {
        let message = "this node has too many large requests at the moment, nothing was done: try again";
        RequestError::new(ErrorCode::Unavailable, message)
    })
}

/// The body of a request as it travels: text if it is short and UTF-8, otherwise by claim.
///
/// # Errors
/// `unavailable` if Redis does not take it.
pub(super) async fn kept(node: &Node, body: Taken) -> Result<(HttpBody, Option<Kept>), RequestError> {
    let Taken { bytes, room } = body;
    match std::str::from_utf8(&bytes) {
        Ok(text) if text.len() <= limit::CLAIM_OVER_BYTES => Ok((HttpBody::Body(text.to_owned()), None)),
        _ => {
            let room = match room {
                Some(room) => room,
                None => place(node, bytes.len())?,
            };
            let claim = node.store.put_claim(&bytes).await.map_err(|error| {
                log::warn!(node:% = node.id, error:%; "the body of a request could not be kept");
                RequestError::unavailable()
            })?;
            let kept = Kept::new(node, &claim, Some(room));
            Ok((HttpBody::Claim(claim), Some(kept)))
        }
    }
}

/// Fetches the body of a response, when there is room for it; the room has to be kept as long as the body.
///
/// # Errors
/// `outcome_unknown` if it cannot be had: what it tells of has been done.
pub(super) async fn fetch(node: &Node, claim: Claim) -> Result<(Bytes, OwnedSemaphorePermit), RequestError> {
    let _kept = claim.once.then(|| Kept::new(node, &claim, None));
    let Some(room) = room_for(node, &claim).await else {
        log::warn!(node:% = node.id; "there was no room for the body of a response: clients take theirs too slowly");
        return Err(RequestError::outcome_unknown());
    };
    let bytes = node.store.fetch_claim(&claim).await.map_err(|error| {
        log::warn!(node:% = node.id, error:%; "the body of a response could not be fetched");
        RequestError::outcome_unknown()
    })?;
    Ok((bytes, room))
}

/// Waits for room, in a queue that is bounded too: what waits is in Redis meanwhile.
async fn room_for(node: &Node, claim: &Claim) -> Option<OwnedSemaphorePermit> {
    // A claim can say anything.
    let bytes = u32::try_from(claim.bytes.min(limit::RESPONSE_CLAIMS_BYTES_MAX)).unwrap_or(u32::MAX);
    if let Ok(room) = Arc::clone(&node.response_room).try_acquire_many_owned(bytes) {
        return Some(room);
    }
    let _place = node.response_queue.try_acquire_many(bytes).ok()?;
    let room = Arc::clone(&node.response_room).acquire_many_owned(bytes);
    timeout(Duration::from_secs(limit::CLAIM_KEPT_S), room).await.ok()?.ok()
}

/// A body that keeps its room until the client has taken it. One that takes it too slowly is cut off.
pub(super) fn held(
    node: &Node,
    bytes: Bytes,
    mut room: OwnedSemaphorePermit,
    cut: &CancellationToken,
) -> Bytes {
    // What compression saved is given back.
    drop(room.split(room.num_permits().saturating_sub(bytes.len())));
    let taken = CancellationToken::new();
    let patience = Duration::from_millis(limit::HTTP_STALL_MS)
        + Duration::from_secs_f64(bytes.len() as f64 / limit::RESPONSE_BYTES_PER_SECOND_MIN as f64);
    let watching = cut_unless(taken.clone(), node.tasks.stop.clone(), patience, cut.clone());
    node.tasks.tracker.spawn(watching);
    Bytes::from_owner(Held { bytes, _room: room, _taken: taken.drop_guard() })
}

/// Cuts a connection off, unless its client has taken the body in time.
async fn cut_unless(
    taken: CancellationToken,
    stop: CancellationToken,
    patience: Duration,
    cut: CancellationToken,
) {
    tokio::select! {
        () = taken.cancelled() => {}
        () = stop.cancelled() => {}
        () = sleep(patience) => cut.cancel(),
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Kept {
    fn new(node: &Node, claim: &Claim, room: Option<OwnedSemaphorePermit>) -> Self {
        Self { store: node.store.clone(), tasks: node.tasks.clone(), key: claim.key.clone(), room }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let (store, key, room) = (self.store.clone(), std::mem::take(&mut self.key), self.room.take());
        self.tasks.tracker.spawn(async move {
            // If it cannot be removed now, it expires.
            let _ = store.query::<()>(redis::cmd("UNLINK").arg(key)).await;
            drop(room);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_takes_a_body_in_time_is_not_cut_off_and_others_are() {
        let patience = Duration::from_secs(60);
        for (takes_s, is_cut) in [(59, false), (61, true)] {
            let (taken, stop, cut) =
                (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
            let takes = async {
                sleep(Duration::from_secs(takes_s)).await;
                taken.cancel();
            };
            tokio::join!(cut_unless(taken.clone(), stop, patience, cut.clone()), takes);
            assert_eq!(cut.is_cancelled(), is_cut, "{takes_s} s");
        }
    }
}
