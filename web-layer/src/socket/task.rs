//! The task of one connection: from its first byte to its last.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::io::Interest;
use tokio::time::Instant;

use protocol::{ErrorCode, RequestError, body, limit};

use crate::node::Node;
use crate::socket::connection::Phase;
use crate::socket::reader::{End, Reader, Taken, has_close};
use crate::socket::{Connection, Frames};

/// Bytes that are read from a socket at a time.
const READ_BYTES: usize = 16 * 1024;

thread_local! {
    /// Where bytes are read to. What is not a whole frame yet is copied out, so one buffer serves all connections.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// Serves a connection until it has ended. `early` is what came right behind the handshake.
pub(crate) async fn serve(node: Arc<Node>, conn: Arc<Connection>, early: bytes::Bytes) {
    node.relay.open(&conn);
    let mut reader = Reader::default();
    if !early.is_empty() {
        take(&node, &conn, &mut reader, &early);
    }
    // It holds the 8 KiB into which the handshake was read.
    drop(early);
    let mut pace = Pace::new(node.bounds.frames_per_second_max);
    loop {
        let (phase, all_sent) = conn.flush();
        match phase {
            Phase::Open => {}
            Phase::Closing { by_peer } => break Box::pin(say_goodbye(&conn, by_peer)).await,
            Phase::Dead => break,
        }
        if !node.is_stopping() {
            relay(&node, &conn, &mut reader, false);
        }
        let may_read = reader.unrelayed.is_empty() && node.relay.has_room(&conn) && !node.is_stopping();
        if may_read && pace.exceeded() {
            tokio::select! {
                () = tokio::time::sleep(pace.pause()) => {}
                () = conn.wake.notified() => {}
            }
            continue;
        }
        let interest = match (may_read, all_sent) {
            (true, true) => Interest::READABLE,
            (true, false) => Interest::READABLE | Interest::WRITABLE,
            (false, false) => Interest::WRITABLE,
            (false, true) => {
                conn.wake.notified().await;
                continue;
            }
        };
        tokio::select! {
            ready = conn.stream.ready(interest) => match ready {
                Ok(ready) if ready.is_readable() || ready.is_read_closed() => {
                    pace.count(read(&node, &conn, &mut reader));
                }
                Ok(_) => {}
                Err(_) => conn.abort(),
            },
            () = conn.wake.notified() => {}
        }
    }
    conn.abort();
    Box::pin(node.hub.leave_all(&conn)).await;
    node.relay.close(&conn);
}

/// Reads once and handles what came. Returns the number of frames.
fn read(node: &Arc<Node>, conn: &Arc<Connection>, reader: &mut Reader) -> u32 {
    SCRATCH.with_borrow_mut(|scratch| match receive(conn, scratch) {
        Ok(0) => {
            conn.abort();
            0
        }
        Ok(length) => {
            conn.heard(node.clock.now_s());
            take(node, conn, reader, &scratch[..length])
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        Err(_) => {
            conn.abort();
            0
        }
    })
}

/// Reads what is there. Less than there is room for means that nothing more is: the runtime is told so, which saves the
/// read that would find it out.
fn receive(conn: &Connection, scratch: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    let outcome = conn.stream.try_io(Interest::READABLE, || {
        length = (&*socket2::SockRef::from(&conn.stream)).read(scratch)?;
        if (1..scratch.len()).contains(&length) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    });
    match outcome {
        Err(error) if length == 0 => Err(error),
        _ => Ok(length),
    }
}

fn take(node: &Arc<Node>, conn: &Arc<Connection>, reader: &mut Reader, bytes: &[u8]) -> u32 {
    let Taken { texts, frames, answer, end } = reader.take(bytes, node.bounds.message_bytes_max);
    node.metrics.frames(frames);
    reader.unrelayed.extend(texts);
    // What a client said before it closed, or broke a rule, counts.
    relay(node, conn, reader, end.is_some());
    match end {
        Some(End::ByPeer) => conn.closed_by_peer(answer),
        Some(End::Fault(close)) => conn.close(&close),
        None if !answer.is_empty() && conn.send(Frames::control(answer)).is_err() => {
            node.metrics.slow_reader();
        }
        None => {}
    }
    frames
}

/// Relays messages as long as the connection may have one more in flight, or all of them.
fn relay(node: &Arc<Node>, conn: &Arc<Connection>, reader: &mut Reader, all: bool) {
    while !reader.unrelayed.is_empty() && (all || node.relay.has_room(conn)) {
        let Some(text) = reader.unrelayed.pop_front() else { break };
        match body::message(&text) {
            Ok(message) => node.relay.message(conn, message),
            Err(error) => refuse(node, conn, &text, error.to_string()),
        }
    }
    if reader.unrelayed.is_empty() {
        reader.unrelayed = VecDeque::new();
    }
}

/// Answers what is no message, with its id if that can be read.
fn refuse(node: &Node, conn: &Connection, text: &str, why: String) {
    let json = serde_json::from_str::<&RawValue>(text).ok().filter(|json| json.get().starts_with('{'));
    let id = json.and_then(body::request_id);
    let error = RequestError::new(ErrorCode::BadRequest, why).body();
    if conn.send(Frames::event(&body::with_id(error.get(), id.as_deref()))).is_err() {
        node.metrics.slow_reader();
    }
}

/// The closing handshake: write what is left, then wait until the client has closed too, so that it surely reads the
/// Close frame (a socket that is closed with unread bytes is reset, and takes down what was on its way).
async fn say_goodbye(conn: &Connection, by_peer: bool) {
    let end = Instant::now() + Duration::from_millis(limit::CLOSE_HANDSHAKE_MS);
    let _ = tokio::time::timeout_at(end, async {
        while !conn.flush().1 {
            if conn.phase() == Phase::Dead || conn.stream.writable().await.is_err() {
                return;
            }
        }
        let mut closed = by_peer;
        if closed {
            let _ = socket2::SockRef::from(&conn.stream).shutdown(Shutdown::Write);
        }
        while conn.stream.readable().await.is_ok() {
            match discard(conn) {
                Ok(None) => return,
                Ok(Some(close)) if close && !closed => {
                    closed = true;
                    let _ = socket2::SockRef::from(&conn.stream).shutdown(Shutdown::Write);
                }
                Ok(Some(_)) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    })
    .await;
}

/// Reads and forgets. Says whether a Close frame was among it; `None` at the end of the stream.
fn discard(conn: &Connection) -> io::Result<Option<bool>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let length = conn.stream.try_read(scratch)?;
        Ok((length > 0).then(|| has_close(&scratch[..length])))
    })
}

/// Keeps a client to its number of frames a second: a token bucket that holds one second's worth.
struct Pace {
    per_second: f32,
    tokens: f32,
    last: Instant,
}

impl Pace {
    fn new(per_second: u32) -> Self {
        Self { per_second: per_second as f32, tokens: per_second as f32, last: Instant::now() }
    }

    fn count(&mut self, frames: u32) {
        let now = Instant::now();
        let earned = (now - self.last).as_secs_f32() * self.per_second;
        self.tokens = (self.tokens + earned).min(self.per_second) - frames as f32;
        self.last = now;
    }

    fn exceeded(&self) -> bool {
        self.tokens < 0.0 && self.pause() > Duration::ZERO
    }

    /// Until the bucket is no longer in debt.
    fn pause(&self) -> Duration {
        Duration::from_secs_f32((-self.tokens / self.per_second).max(0.0)).saturating_sub(self.last.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_too_fast_is_paused_for_as_long_as_it_was_too_fast() {
        let mut pace = Pace::new(100);
        pace.count(100);
        assert!(!pace.exceeded(), "a burst of a second's worth is fine");
        pace.count(50);
        assert!(pace.exceeded());
        tokio::time::advance(Duration::from_millis(501)).await;
        assert!(!pace.exceeded());
        pace.count(0);
        assert!(!pace.exceeded());
    }
}
