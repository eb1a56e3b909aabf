//! Orders on the standard input of a role that waits in an event loop.

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;

use anyhow::{Context as _, Result};
use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The token under which orders arrive; sockets have those below.
pub(super) const ORDERS: Token = Token(usize::MAX);

/// Lets `poll` wake up for orders.
pub(super) fn register(poll: &Poll) -> Result<()> {
    let stdin = io::stdin().as_raw_fd();
    Ok(poll.registry().register(&mut SourceFd(&stdin), ORDERS, Interest::READABLE)?)
}

/// Reads the order that `poll` told of. The conductor waits for the answer to one before it gives the next, so what is
/// there is one line. The end of the input is the end of the conductor: an error.
pub(super) fn read<T: DeserializeOwned>() -> Result<T> {
    let mut buffer = [0; 4096];
    let bytes = io::stdin().read(&mut buffer)?;
    let line = buffer[..bytes].strip_suffix(b"\n").context("the bench has ended")?;
    Ok(serde_json::from_slice(line)?)
}

/// Answers an order.
pub(super) fn answer(answer: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    Ok(stdout.flush()?)
}
