//! The task of a publisher: one round after the other, on one link after the other.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::queue::Line;
use super::round::Round;
use super::{PublishError, Shared};
use crate::address::Address;
use crate::link::{self, Dialer, Link, NoPushes};
use crate::tasks::Tasks;

pub(super) async fn run<R: Send + 'static>(shared: Arc<Shared<R>>, address: Address, tasks: Tasks) {
    let mut dialer = Dialer::new(address, &tasks, "publisher");
    while let Some(mut link) = dialer.next(|_| NoPushes).await {
        dialer.restored();
        shared.queue.open();
        serve(&shared, &mut link, &tasks.stop).await;
        link.cut("the publisher ended");
        not_sent(&shared);
        dialer.lost(link.reason());
    }
}

/// Publishes until the link is lost or the process stops.
async fn serve<R: Send + 'static>(shared: &Shared<R>, link: &mut Link, stop: &CancellationToken) {
    let mut lines: Vec<Line<R>> = Vec::new();
    let mut round = Round::new();
    loop {
        let stopping = tokio::select! {
            () = shared.queue.filled() => false,
            () = link.ended() => return,
            () = stop.cancelled() => true,
        };
        // Whoever else is about to hand over a line does so now: one PUBLISH for all of them costs three processes less.
        tokio::task::yield_now().await;
        if stopping {
            shared.queue.close(&mut lines);
        } else {
            shared.queue.take(&mut lines);
        }
        let mut waiting = lines.drain(..);
        loop {
            round.fill(&mut waiting);
            if round.is_empty() {
                break;
            }
            send(&mut round, link, shared).await;
        }
        drop(waiting);
        if stopping || !link.is_alive() {
            return;
        }
    }
}

/// Sends one round and tells its outcome. After a round without an answer the link is cut.
async fn send<R: 'static>(round: &mut Round<R>, link: &mut Link, shared: &Shared<R>) {
    if !link.is_alive() {
        return round.failed(PublishError::NotSent, &*shared.receipt);
    }
    let pipeline = round.pipeline();
    match link.connection.send_packed_commands(&pipeline, 0, round.len()).await {
        Ok(answers) => round.answered(&answers, &*shared.receipt),
        Err(error) => {
            // An error reply would be an answer; this is the end of the link, so the next round must not be tried on it.
            link.cut(if error.is_timeout() { "Redis did not answer a PUBLISH" } else { link::CLOSED });
            round.failed(PublishError::Unknown, &*shared.receipt);
        }
    }
}

/// Takes no more lines, and says of those that wait that they were not sent.
fn not_sent<R: 'static>(shared: &Shared<R>) {
    let mut lines = Vec::new();
    shared.queue.close(&mut lines);
    for line in lines {
        (shared.receipt)(line.tag, Err(PublishError::NotSent));
    }
}
