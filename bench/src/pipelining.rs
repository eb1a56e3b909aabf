//! A limit: commands to Redis, pipelined by one client that never waits for answers. So Redis always has something to do.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use memchr::{memchr_iter, memmem};
use redis::Pipeline;

use crate::clock;

/// How long Redis may be silent.
const PATIENCE: Duration = Duration::from_secs(30);
/// What one read takes at most, bytes.
const READ_BYTES: usize = 64 * 1024;

/// Commands that are sent together, over and over.
pub(crate) struct Turn {
    bytes: Vec<u8>,
    /// Lines of the answers to them: they are counted, not read.
    lines: usize,
}

/// The client.
pub(crate) struct Pipelining {
    stream: TcpStream,
    turns: Vec<Turn>,
}

impl Turn {
    /// These commands, whose answers have so many lines: one each, and of texts one more. No text may hold a line feed.
    pub(crate) fn new(commands: &Pipeline, lines: usize) -> Self {
        Self { bytes: commands.get_packed_pipeline(), lines }
    }
}

impl Pipelining {
    /// Connects.
    pub(crate) fn open(redis: SocketAddr, turns: Vec<Turn>) -> Result<Self> {
        let stream = TcpStream::connect(redis)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, turns })
    }

    /// Sends so many turns, the first one again after the last; how long it took until all were answered, seconds.
    pub(crate) fn run(&self, turns: usize) -> Result<f64> {
        let begin_ns = clock::now_ns();
        let sent: Result<()> = thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let mut turns = self.turns.iter().cycle().take(turns);
                turns
                    .try_for_each(|turn| (&self.stream).write_all(&turn.bytes))
                    .inspect_err(|_| self.hang_up())
            });
            let lines = self.turns.iter().cycle().take(turns).map(|turn| turn.lines).sum();
            self.receive(lines).inspect_err(|_| self.hang_up())?;
            Ok(sender.join().map_err(|_| anyhow::anyhow!("the sender panicked"))??)
        });
        sent?;
        Ok(clock::seconds(begin_ns, clock::now_ns()))
    }

    /// Whoever else uses the stream would otherwise wait for ever.
    fn hang_up(&self) {
        // It may have ended already, and then there is nothing to do.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn receive(&self, mut missing: usize) -> Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        let refusal = memmem::Finder::new(b"\n-");
        let mut begins_line = true;
        while missing > 0 {
            let bytes = (&self.stream).read(&mut buffer).context("Redis does not answer")?;
            let received = &buffer[..bytes];
            let lines = memchr_iter(b'\n', received).count();
            let is_refusal =
                begins_line && received.first() == Some(&b'-') || refusal.find(received).is_some();
            ensure!(bytes > 0 && lines <= missing && !is_refusal, "Redis refuses a command");
            begins_line = received.last() == Some(&b'\n');
            missing -= lines;
        }
        Ok(())
    }
}
