//! One connection to Redis: how it is made, how it is found to be dead, and how it is cut.

mod cut;
mod dial;
mod stream;
pub(crate) mod tls;

use std::sync::OnceLock;
use std::time::Duration;

use protocol::name;
use redis::aio::{AsyncPushSender, MultiplexedConnection, SendError};
use redis::{AsyncConnectionConfig, PushInfo, RedisError};
use tokio_util::sync::CancellationToken;

pub(crate) use self::cut::Cut;
pub(crate) use self::dial::Dialer;
use crate::address::Address;
use crate::tasks::Tasks;

/// How long Redis may take to answer a command. redis-rs has 500 ms, which one large command of a neighbour exceeds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may take to be made, TLS and login included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a link is asked whether it lives, so that a peer that vanished without a word is noticed.
const PING_EVERY: Duration = Duration::from_secs(2);
/// Commands that wait to be written on one link before those that send them have to wait.
const COMMANDS_WAITING_MAX: usize = 1_024;
/// Bytes that are gathered before a write; the 8 KiB of redis-rs would split every large round into many writes.
const WRITE_BYTES: usize = 256 * 1024;

/// The reason when nobody on this side cut a link.
pub(crate) const CLOSED: &str = "Redis or the network closed the connection";

/// A live connection. Dropping it does not end the connection while clones of it are in use; [`Link::cut`] does.
pub(crate) struct Link {
    pub(crate) connection: MultiplexedConnection,
    cut: Cut,
    ended: CancellationToken,
}

/// Takes pushes that nobody has subscribed to.
pub(crate) struct NoPushes;

impl AsyncPushSender for NoPushes {
    fn send(&self, _: PushInfo) -> Result<(), SendError> {
        Ok(())
    }
}

impl Link {
    /// Connects and logs in. `part` is what the link is for. `cut` cuts it, also from the outside.
    async fn open(
        address: &Address,
        tasks: &Tasks,
        part: &'static str,
        pushes: impl AsyncPushSender,
        cut: Cut,
    ) -> Result<Self, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(Some(ANSWER_TIMEOUT))
            .set_pipeline_buffer_size(COMMANDS_WAITING_MAX)
            .set_write_backpressure_boundary(WRITE_BYTES)
            .set_push_sender(pushes);
        let opening = async {
            let stream = stream::connect(address.transport()).await?;
            MultiplexedConnection::new_with_config(address.login(), stream, config).await
        };
        let (connection, driver) = tokio::time::timeout(CONNECT_TIMEOUT, opening)
            .await
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
        let ended = CancellationToken::new();
        let link = Self { connection: connection.clone(), cut: cut.clone(), ended: ended.clone() };
        let stop = tasks.stop.clone();
        tasks.tracker.spawn(async move {
            let _ended = ended.drop_guard();
            tokio::select! {
                () = driver => cut.now(CLOSED),
                () = cut.done() => {}
                () = silence(connection, part, &stop) => cut.now("Redis did not answer a PING"),
            }
        });
        Ok(link)
    }

    /// Ends the connection at once, whoever still uses it.
    pub(crate) fn cut(&self, reason: &'static str) {
        self.cut.now(reason);
    }

    /// When the connection has ended. Nothing comes from it after that.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// What cuts it.
    pub(crate) fn cutter(&self) -> &Cut {
        &self.cut
    }

    /// Why it ended.
    pub(crate) fn reason(&self) -> &'static str {
        self.cut.reason()
    }

    /// Whether it was not cut.
    pub(crate) fn is_alive(&self) -> bool {
        !self.cut.is_done()
    }
}

/// Ends when Redis has not answered a PING; never after `stop`, when the connection is let go.
///
/// Before that it gives the link its name in Redis, by which others tell whose it is when its process is silent.
async fn silence(mut connection: MultiplexedConnection, part: &str, stop: &CancellationToken) {
    let mut name = redis::cmd("CLIENT");
    name.arg("SETNAME").arg(name::link(process(), part));
    if connection.send_packed_command(&name).await.is_err() {
        return;
    }
    let ping = redis::cmd("PING");
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(PING_EVERY) => {}
        }
        // An error reply is a sign of life, too: it is an `Ok` here.
        if connection.send_packed_command(&ping).await.is_err() {
            return;
        }
    }
    drop(connection);
    std::future::pending::<()>().await;
}

/// This run of this process, like no other.
fn process() -> &'static str {
    static PROCESS: OnceLock<String> = OnceLock::new();
    PROCESS.get_or_init(|| format!("{:016x}", rand::random::<u64>()))
}
