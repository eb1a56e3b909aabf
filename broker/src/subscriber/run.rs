//! The task of a subscriber: restores the subscriptions on every new link, then makes changes as they come.

use std::sync::Arc;

use redis::RedisError;
use redis::aio::MultiplexedConnection;

use super::inbox::Pushes;
use super::wanted::{Change, Kind};
use super::{NotConnected, Shared};
use crate::address::Address;
use crate::link::Dialer;
use crate::tasks::Tasks;

/// Channels in one SUBSCRIBE: its confirmations come long before its answer would be late.
const CHANNELS_PER_COMMAND_MAX: usize = 1_000;

pub(super) async fn run(shared: Arc<Shared>, address: Address, tasks: Tasks) {
    let mut dialer = Dialer::new(address, &tasks, "subscriber");
    let mut is_first = true;
    loop {
        let pushes = |cut| Pushes::new(Arc::clone(&shared.inbox), cut);
        let Some(link) = dialer.next(pushes).await else {
            break;
        };
        let mut connection = link.connection.clone();
        let was_restored = tokio::select! {
            restored = restore(&shared, &mut connection) => restored.is_ok() && link.is_alive(),
            () = link.ended() => false,
            () = tasks.stop.cancelled() => false,
        };
        if was_restored {
            if !std::mem::take(&mut is_first) {
                shared.inbox.restored();
            }
            dialer.restored();
            *shared.connection.lock() = Some(link.connection.clone());
            shared.connected.notify_waiters();
            tokio::select! {
                () = serve(&shared, &mut connection) => {}
                () = link.ended() => {}
                () = tasks.stop.cancelled() => {}
            }
        }
        shared.connection.lock().take();
        shared.wanted.lock().unlink();
        link.cut();
        link.ended().await;
        if was_restored && !tasks.stop.is_cancelled() {
            shared.inbox.lost();
        }
        dialer.lost("the connection was lost");
        tokio::select! {
            () = shared.inbox.has_room() => {}
            () = tasks.stop.cancelled() => {}
        }
    }
    shared.wanted.lock().unlink();
    shared.inbox.close();
}

/// Subscribes to all that is wanted, and makes the changes that were wished for meanwhile.
async fn restore(shared: &Shared, connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
    let (channels, patterns) = shared.wanted.lock().link();
    for (kind, names) in [(Kind::Subscribe, channels), (Kind::SubscribePattern, patterns)] {
        for names in names.chunks(CHANNELS_PER_COMMAND_MAX) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            confirm(connection, kind, &names, |_, _| {}).await?;
        }
    }
    make_changes(shared, connection).await
}

/// Makes changes until the link fails.
async fn serve(shared: &Shared, connection: &mut MultiplexedConnection) {
    loop {
        shared.changed.notified().await;
        if make_changes(shared, connection).await.is_err() {
            return;
        }
    }
}

/// Makes all changes that wait, in order; those of one kind that follow each other share a command.
async fn make_changes(shared: &Shared, connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
    loop {
        let mut changes = shared.wanted.lock().take();
        if changes.is_empty() {
            return Ok(());
        }
        while !changes.is_empty() {
            let kind = changes[0].kind;
            let same = changes
                .iter()
                .take(CHANNELS_PER_COMMAND_MAX)
                .take_while(|change| change.kind == kind)
                .count();
            let rest = changes.split_off(same);
            make(connection, kind, std::mem::replace(&mut changes, rest)).await?;
        }
    }
}

async fn make(
    connection: &mut MultiplexedConnection,
    kind: Kind,
    changes: Vec<Change>,
) -> Result<(), RedisError> {
    let names: Vec<&str> = changes.iter().map(|change| change.channel.as_str()).collect();
    let mut outcomes = vec![Err(NotConnected); changes.len()];
    confirm(connection, kind, &names, |index, outcome| {
        outcomes[index] = outcome
    })
    .await?;
    for (change, outcome) in changes.into_iter().zip(outcomes) {
        // Whoever asked may have gone.
        let _ = change.done.send(outcome);
    }
    Ok(())
}

/// Sends one command for all names. Redis refuses a command as a whole: then each name is asked for by itself.
async fn confirm(
    connection: &mut MultiplexedConnection,
    kind: Kind,
    names: &[&str],
    mut outcome: impl FnMut(usize, Result<(), NotConnected>),
) -> Result<(), RedisError> {
    if is_done(send(connection, kind, names).await)? {
        (0..names.len()).for_each(|index| outcome(index, Ok(())));
        return Ok(());
    }
    for (index, name) in names.iter().enumerate() {
        if is_done(send(connection, kind, &[name]).await)? {
            outcome(index, Ok(()));
        } else {
            log::error!(channel = *name; "Redis refuses a subscription: grant it with ACL SETUSER … &{name}");
            outcome(index, Err(NotConnected));
        }
    }
    Ok(())
}

async fn send(connection: &mut MultiplexedConnection, kind: Kind, names: &[&str]) -> Result<(), RedisError> {
    match kind {
        Kind::Subscribe => connection.subscribe(names).await,
        Kind::SubscribePattern => connection.psubscribe(names).await,
        Kind::Unsubscribe => connection.unsubscribe(names).await,
    }
}

/// Whether it was confirmed; an error if the link failed.
fn is_done(outcome: Result<(), RedisError>) -> Result<bool, RedisError> {
    match outcome {
        Ok(()) => Ok(true),
        Err(error) if error.code().is_some() => Ok(false),
        Err(error) => Err(error),
    }
}
