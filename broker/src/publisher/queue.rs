//! The lines that wait for the next round.

use std::sync::Arc;

use parking_lot::Mutex;
use protocol::limit;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Bytes that wait to be published by a process: 16 Ki lines of 4 KiB. It bounds memory where lines are long.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One line on its way.
pub(super) struct Line<R> {
    pub(super) channel: Arc<str>,
    pub(super) line: Vec<u8>,
    pub(super) tag: R,
}

/// Why a line was not taken.
pub(super) enum Full<R> {
    /// There is no room now.
    Now(Line<R>),
    /// There is no link.
    Closed(Line<R>),
}

/// A bounded queue that is emptied at one go: one lock a line to fill it, one lock and one wake-up a round to empty it.
/// It is open only while there is a link, so that no line can be left in it.
pub(super) struct Queue<R> {
    waiting: Mutex<Waiting<R>>,
    filled: Notify,
    emptied: Notify,
    opened: Notify,
}

struct Waiting<R> {
    is_open: bool,
    bytes: usize,
    lines: Vec<Line<R>>,
}

impl<R> Default for Queue<R> {
    fn default() -> Self {
        Self {
            waiting: Mutex::new(Waiting { is_open: false, bytes: 0, lines: Vec::new() }),
            filled: Notify::new(),
            emptied: Notify::new(),
            opened: Notify::new(),
        }
    }
}

impl<R> Queue<R> {
    /// Adds a line; the first one wakes whoever waits in [`Queue::filled`].
    pub(super) fn push(&self, line: Line<R>) -> Result<(), Full<R>> {
        let mut waiting = self.waiting.lock();
        if !waiting.is_open {
            return Err(Full::Closed(line));
        }
        // A line that is larger than the bound still goes alone.
        let has_room = waiting.lines.is_empty()
            || (waiting.lines.len() < limit::PUBLISH_WAITING_MAX
                && waiting.bytes + line.line.len() <= WAITING_BYTES_MAX);
        if !has_room {
            return Err(Full::Now(line));
        }
        waiting.bytes += line.line.len();
        waiting.lines.push(line);
        let is_first = waiting.lines.len() == 1;
        drop(waiting);
        if is_first {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Moves all lines to `lines`, which is empty.
    pub(super) fn take(&self, lines: &mut Vec<Line<R>>) {
        let mut waiting = self.waiting.lock();
        waiting.bytes = 0;
        std::mem::swap(&mut waiting.lines, lines);
        drop(waiting);
        if !lines.is_empty() {
            self.emptied.notify_waiters();
        }
    }

    /// Takes lines from now on.
    pub(super) fn open(&self) {
        self.waiting.lock().is_open = true;
        self.opened.notify_waiters();
    }

    /// Takes no more lines, and moves those that it has to `lines`, which is empty.
    pub(super) fn close(&self, lines: &mut Vec<Line<R>>) {
        self.waiting.lock().is_open = false;
        self.take(lines);
        self.emptied.notify_waiters();
    }

    pub(super) fn is_open(&self) -> bool {
        self.waiting.lock().is_open
    }

    /// When there may be lines.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// When there may be room again.
    pub(super) fn room(&self) -> Notified<'_> {
        self.emptied.notified()
    }

    /// When it is open.
    pub(super) async fn opened(&self) {
        loop {
            let opened = self.opened.notified();
            tokio::pin!(opened);
            opened.as_mut().enable();
            if self.is_open() {
                return;
            }
            opened.await;
        }
    }
}
