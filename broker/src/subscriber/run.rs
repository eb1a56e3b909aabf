//! The task of a subscriber: restores the subscriptions on every new link, then makes changes as they come.

use std::sync::Arc;

use redis::RedisError;
use redis::aio::MultiplexedConnection;

use super::Shared;
use super::confirm::{confirm, make};
use super::pushes::Pushes;
use super::wanted::Kind;
use crate::address::Address;
use crate::link::{Cut, Dialer, Link};
use crate::tasks::Tasks;

pub(super) async fn run(shared: Arc<Shared>, address: Address, tasks: Tasks) {
    let mut dialer = Dialer::new(address, &tasks, "subscriber");
    loop {
        let pushes = |cut: Cut| Pushes::new(Arc::clone(&shared.inbox), cut);
        let Some(link) = dialer.next(pushes).await else {
            break;
        };
        tokio::select! {
            () = live(&shared, &link, &mut dialer) => {}
            () = link.ended() => {}
            () = tasks.stop.cancelled() => {}
        }
        shared.connection.lock().take();
        shared.wanted.lock().unlink();
        link.cut("a subscription was not confirmed");
        // Nothing of this link may come after the notice.
        link.ended().await;
        if tasks.stop.is_cancelled() {
            break;
        }
        shared.inbox.lost();
        dialer.lost(link.reason());
        tokio::select! {
            () = shared.inbox.has_room() => {}
            () = tasks.stop.cancelled() => {}
        }
    }
    shared.wanted.lock().unlink();
    shared.inbox.close();
}

/// Brings a link to life, and keeps its subscriptions as they are wanted until it fails.
async fn live(shared: &Shared, link: &Link, dialer: &mut Dialer) {
    let mut connection = link.connection.clone();
    if restore(shared, &mut connection).await.is_err() || !shared.inbox.restored(link.cutter()) {
        return;
    }
    dialer.restored();
    *shared.connection.lock() = Some(connection.clone());
    shared.connected.notify_waiters();
    loop {
        shared.changed.notified().await;
        if make_changes(shared, &mut connection).await.is_err() {
            return;
        }
    }
}

/// Subscribes to all that is wanted, and makes the changes that were wished for meanwhile.
async fn restore(shared: &Shared, connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
    let (channels, patterns) = shared.wanted.lock().link();
    confirm(connection, Kind::Subscribe, &channels).await?;
    confirm(connection, Kind::SubscribePattern, &patterns).await?;
    make_changes(shared, connection).await
}

/// Makes all changes that wait.
async fn make_changes(shared: &Shared, connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
    loop {
        let commands = shared.wanted.lock().take();
        if commands.is_empty() {
            return Ok(());
        }
        for (kind, changes) in commands {
            make(connection, kind, changes).await?;
        }
    }
}
