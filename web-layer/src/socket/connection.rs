//! One websocket as the rest of the node sees it: a name, a place to deliver frames to, and what is in flight.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use protocol::{Close, CloseLater, ConnectionId, close};

use crate::relay::lane::Lane;
use crate::socket::frame::{Frames, close_frame};
use crate::socket::outbox::{Outbox, OutboxBounds, Overflow};

/// How many waiting frames one write takes along.
const WRITE_SLICES: usize = 64;

/// One websocket. Frames are written by whoever delivers them as long as the socket takes them, so that a push costs no
/// switch to another task; what it does not take waits in the outbox, and the connection's own task writes it later.
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) service: Arc<str>,
    pub(crate) peer: Box<str>,
    pub(crate) stream: TcpStream,
    /// Wakes the connection's task: something waits in the outbox, room for requests came back, it is to end.
    pub(crate) wake: Notify,
    pub(crate) lane: Mutex<Lane>,
    /// When the client was last heard, in seconds of the node's clock.
    pub(crate) heard_s: AtomicU32,
    pub(crate) pinged: AtomicBool,
    /// Whether it has an end, so that the others need not be asked which.
    has_end: AtomicBool,
    /// When it is to be closed, and how. In a box, because few connections have it.
    end: Mutex<Option<Box<(Instant, Close)>>>,
    sending: Mutex<Sending>,
    bounds: OutboxBounds,
}

#[derive(Default)]
struct Sending {
    outbox: Outbox,
    phase: Phase,
}

/// How far the end of a connection has come.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not ending.
    #[default]
    Open,
    /// A Close frame is the last thing that is sent.
    Closing {
        /// The client has sent one already, so none is waited for.
        by_peer: bool,
    },
    /// Nothing can be sent any more.
    Dead,
}

impl Connection {
    pub(crate) fn new(
        id: ConnectionId,
        service: Arc<str>,
        peer: &str,
        stream: TcpStream,
        bounds: OutboxBounds,
    ) -> Self {
        Self {
            id,
            service,
            peer: peer.into(),
            stream,
            wake: Notify::new(),
            lane: Mutex::default(),
            heard_s: AtomicU32::new(0),
            pinged: AtomicBool::new(false),
            has_end: AtomicBool::new(false),
            end: Mutex::default(),
            sending: Mutex::default(),
            bounds,
        }
    }

    /// Sends frames, or queues what the socket does not take at once. `together` are the same frames in one piece: they
    /// are written in one go if nothing waits.
    ///
    /// An outbox that overflows with events ends the connection with 4008.
    pub(crate) fn deliver(&self, together: &[u8], parts: &[Frames]) -> Result<(), Overflow> {
        self.write(|stream| stream.try_write(together), together.len(), parts)
    }

    /// Sends one piece.
    pub(crate) fn send(&self, frames: Frames) -> Result<(), Overflow> {
        if frames.tail.is_empty() {
            return self.deliver(&frames.bytes, std::slice::from_ref(&frames));
        }
        let slices = [IoSlice::new(&frames.bytes), IoSlice::new(&frames.tail)];
        self.write(|stream| stream.try_write_vectored(&slices), frames.len(), std::slice::from_ref(&frames))
    }

    /// `now` writes as much as the socket takes of all `length` bytes of `parts`.
    fn write(
        &self,
        now: impl FnOnce(&TcpStream) -> io::Result<usize>,
        length: usize,
        parts: &[Frames],
    ) -> Result<(), Overflow> {
        let mut sending = self.sending.lock();
        if sending.phase != Phase::Open {
            return Ok(());
        }
        let mut written = 0;
        if sending.outbox.is_empty() {
            written = match now(&self.stream) {
                Ok(written) if written == length => return Ok(()),
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(_) => return self.die(&mut sending),
            };
        }
        for frames in parts {
            let length = frames.len();
            if written >= length {
                written -= length;
                continue;
            }
            if sending.outbox.add(frames.clone(), written, self.bounds).is_err() {
                let slow = Close::new(close::SLOW, "reads too slowly: come back and fetch what was missed");
                sending.outbox.clear();
                self.end(&mut sending, Frames::control(close_frame(&slow)), false);
                return Err(Overflow);
            }
            written = 0;
        }
        drop(sending);
        self.wake.notify_one();
        Ok(())
    }

    /// Closes the connection after all that waits has been sent.
    pub(crate) fn close(&self, close: &Close) {
        let mut sending = self.sending.lock();
        if sending.phase == Phase::Open {
            self.end(&mut sending, Frames::control(close_frame(close)), false);
        }
    }

    /// Closes the connection after so long ([`Self::close_if_due`]), unless that is longer than a process can live.
    pub(crate) fn close_later(&self, CloseLater { after_ms, close }: CloseLater) {
        let end = Instant::now().checked_add(Duration::from_millis(after_ms)).map(|at| Box::new((at, close)));
        *self.end.lock() = end;
        self.has_end.store(true, Ordering::Relaxed);
    }

    /// Closes the connection if its time has come.
    pub(crate) fn close_if_due(&self, now: Instant) {
        if !self.has_end.load(Ordering::Relaxed) {
            return;
        }
        let end = self.end.lock().take_if(|end| end.0 <= now);
        if let Some(end) = end {
            self.close(&end.1);
        }
    }

    /// Sends the answer to the client's Close frame as the last thing.
    pub(crate) fn closed_by_peer(&self, answer: Vec<u8>) {
        let mut sending = self.sending.lock();
        match sending.phase {
            Phase::Open => self.end(&mut sending, Frames::control(answer), true),
            Phase::Closing { .. } => sending.phase = Phase::Closing { by_peer: true },
            Phase::Dead => {}
        }
    }

    /// Gives the connection up at once.
    pub(crate) fn abort(&self) {
        let mut sending = self.sending.lock();
        let _ = self.die(&mut sending);
    }

    /// Writes what waits, as much as the socket takes. Says how far the connection has come, and whether all is sent.
    pub(crate) fn flush(&self) -> (Phase, bool) {
        let mut sending = self.sending.lock();
        while !sending.outbox.is_empty() && sending.phase != Phase::Dead {
            let mut slices = [IoSlice::new(&[]); WRITE_SLICES];
            let filled = sending.outbox.slices(&mut slices);
            match self.stream.try_write_vectored(&slices[..filled]) {
                Ok(written) => sending.outbox.written(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    let _ = self.die(&mut sending);
                }
            }
        }
        (sending.phase, sending.outbox.is_empty())
    }

    /// How far the connection has come.
    pub(crate) fn phase(&self) -> Phase {
        self.sending.lock().phase
    }

    /// Notes that the client was heard.
    pub(crate) fn heard(&self, now_s: u32) {
        self.heard_s.store(now_s, Ordering::Relaxed);
        self.pinged.store(false, Ordering::Relaxed);
    }

    fn end(&self, sending: &mut Sending, last: Frames, by_peer: bool) {
        let unbounded = OutboxBounds { bytes_max: usize::MAX, messages_max: usize::MAX };
        let _ = sending.outbox.add(last, 0, unbounded);
        sending.phase = Phase::Closing { by_peer };
        self.wake.notify_one();
    }

    fn die(&self, sending: &mut Sending) -> Result<(), Overflow> {
        *sending = Sending { outbox: Outbox::default(), phase: Phase::Dead };
        // Its descriptor lives on until the worker has heard of the end; the client must not wait for that.
        let _ = socket2::SockRef::from(&self.stream).shutdown(std::net::Shutdown::Both);
        self.wake.notify_one();
        Ok(())
    }
}
