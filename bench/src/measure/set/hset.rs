//! The limit: HSETs of the very values that the service keeps, pipelined by one client that never waits.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::SETS;
use crate::clock;
use crate::element::{VALUES, Value, kept};

/// How long Redis may be silent.
const PATIENCE: Duration = Duration::from_secs(30);
/// What one read takes at most, bytes.
const READ_BYTES: usize = 64 * 1024;
/// A time of as many digits as those of today, milliseconds.
const MS: u64 = 1_760_000_000_000;
/// The answer to an HSET is as long whether the value is new, `:1`, or not, `:0`.
const ANSWER_BYTES: usize = b":0\r\n".len();

/// One client, and what it sends over and over.
pub(super) struct Pipelining {
    stream: TcpStream,
    /// Commands of one client's turn, as they are sent.
    turns: Vec<Vec<u8>>,
}

impl Pipelining {
    /// Connects; the hashes are as those of `clients`.
    pub(super) fn open(redis: SocketAddr, clients: usize) -> Result<Self> {
        let stream = TcpStream::connect(redis)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, turns: (0..clients).map(turn).collect() })
    }

    /// Sets `count` values, or a few more so that all turns are whole; how many they were, and how many a second. Sending
    /// does not wait for answers, so Redis always has something to do.
    pub(super) fn rate(&self, count: u64) -> Result<(u64, f64)> {
        let turns = count.div_ceil(VALUES).max(1);
        let begin_ns = clock::now_ns();
        let sent: Result<()> = thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let mut turns = self.turns.iter().cycle().take(turns as usize);
                turns.try_for_each(|turn| (&self.stream).write_all(turn)).inspect_err(|_| self.hang_up())
            });
            self.receive((turns * VALUES) as usize).inspect_err(|_| self.hang_up())?;
            Ok(sender.join().map_err(|_| anyhow::anyhow!("the sender panicked"))??)
        });
        sent?;
        let set = turns * VALUES;
        Ok((set, set as f64 / clock::seconds(begin_ns, clock::now_ns())))
    }

    /// Whoever else uses the stream would otherwise wait for ever.
    fn hang_up(&self) {
        // It may have ended already, and then there is nothing to do.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn receive(&self, answers: usize) -> Result<()> {
        let (mut buffer, mut missing) = (vec![0; READ_BYTES], answers * ANSWER_BYTES);
        while missing > 0 {
            let bytes = (&self.stream).read(&mut buffer).context("Redis does not answer")?;
            let is_refusal = memchr::memchr(b'-', &buffer[..bytes]).is_some();
            ensure!(bytes > 0 && bytes <= missing && !is_refusal, "Redis refuses to set");
            missing -= bytes;
        }
        Ok(())
    }
}

/// All values of a client, a command each.
fn turn(client: usize) -> Vec<u8> {
    let mut pipeline = redis::pipe();
    let key = format!("bench:hash:{}", client % SETS);
    for number in 0..VALUES {
        let value = Value { client, number }.to_string();
        pipeline.cmd("HSET").arg(&key).arg(value).arg(kept(client, MS));
    }
    pipeline.get_packed_pipeline()
}
