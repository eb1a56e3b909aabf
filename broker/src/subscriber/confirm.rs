//! SUBSCRIBE, PSUBSCRIBE and UNSUBSCRIBE, each awaited until Redis has confirmed it.

use redis::RedisError;
use redis::aio::MultiplexedConnection;

use super::NotConnected;
use super::wanted::{Change, Kind};

/// Channels in one command: its confirmations come long before its answer would be late.
const CHANNELS_PER_COMMAND_MAX: usize = 1_000;

/// Makes changes of one kind, and tells those who wait for them.
pub(super) async fn make(
    connection: &mut MultiplexedConnection,
    kind: Kind,
    changes: Vec<Change>,
) -> Result<(), RedisError> {
    let (channels, waiting): (Vec<_>, Vec<_>) =
        changes.into_iter().map(|change| (change.channel, change.done)).unzip();
    let outcomes = confirm(connection, kind, &channels).await?;
    for (done, outcome) in waiting.into_iter().zip(outcomes) {
        // Whoever asked may have gone.
        let _ = done.send(outcome);
    }
    Ok(())
}

/// Makes changes of one kind. Of each channel it says whether Redis agreed; it fails if the link does.
pub(super) async fn confirm(
    connection: &mut MultiplexedConnection,
    kind: Kind,
    channels: &[String],
) -> Result<Vec<Result<(), NotConnected>>, RedisError> {
    let mut outcomes = Vec::with_capacity(channels.len());
    for channels in channels.chunks(CHANNELS_PER_COMMAND_MAX) {
        if send(connection, kind, channels).await? {
            outcomes.extend(channels.iter().map(|_| Ok(())));
            continue;
        }
        // Redis refuses a command as a whole: now each channel by itself, so that one does not spoil the others.
        for channel in channels {
            let is_confirmed = send(connection, kind, std::slice::from_ref(channel)).await?;
            if !is_confirmed {
                log::error!(channel = channel.as_str(); "Redis refuses a subscription: allow the channel with ACL SETUSER");
            }
            outcomes.push(if is_confirmed { Ok(()) } else { Err(NotConnected) });
        }
    }
    Ok(outcomes)
}

/// One command: true when it is confirmed, false when Redis answers with an error.
async fn send(
    connection: &mut MultiplexedConnection,
    kind: Kind,
    channels: &[String],
) -> Result<bool, RedisError> {
    let outcome = match kind {
        Kind::Subscribe => connection.subscribe(channels).await,
        Kind::SubscribePattern => connection.psubscribe(channels).await,
        Kind::Unsubscribe => connection.unsubscribe(channels).await,
    };
    match outcome {
        Ok(()) => Ok(true),
        Err(error) if error.code().is_some() => Ok(false),
        Err(error) => Err(error),
    }
}
