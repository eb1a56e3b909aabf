//! Clients that talk to each other in the chat, at a rate that does not wait for anything: what is due is sent, whatever
//! became of the earlier ones.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use memchr::memmem;
use mio::unix::SourceFd;
use mio::{Events, Interest, Token};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use rustix::time::{timerfd_create, timerfd_settime};

use super::{Clients, Job, PATIENCE_NS};
use crate::clock;
use crate::order::{Conversed, LATE_NS, Quantiles, latencies};
use crate::stamp::Stamp;
use crate::talk::{Said, partner};
use crate::websocket::frame::{Frame, START_BYTES_MAX};
use crate::websocket::link::Phase;

/// The token of the clock: no socket has it.
const CLOCK: Token = Token(usize::MAX - 2);
/// Before the first message, nanoseconds.
const LEAD_NS: u64 = 5_000_000;

/// A run at a rate.
pub(super) struct Converse {
    count: u64,
    interval_ns: f64,
    is_echo: bool,
    run: u64,
    begin_ns: u64,
    /// For each client when what it sent, and what was not acknowledged yet, was due.
    waiting: Vec<VecDeque<u64>>,
    /// For each client the number of the next message that it is to get.
    next: Vec<u64>,
    counts: Counts,
    to_acknowledged: Histogram<u64>,
    to_delivered: Histogram<u64>,
    text: Vec<u8>,
}

#[derive(Default)]
struct Counts {
    sent: u64,
    acknowledged: u64,
    refused: u64,
    delivered: u64,
    lost: u64,
    disordered: u64,
    late: u64,
    /// When something came last, nanoseconds.
    last_ns: u64,
}

impl Converse {
    /// `clients` who say something `rate` times a second together; `run` is another number each time.
    pub(super) fn new(clients: usize, rate: f64, seconds: f64, is_echo: bool, run: u64) -> Result<Self> {
        ensure!(clients > 1 && clients.is_multiple_of(2), "everyone needs a partner");
        Ok(Self {
            count: (rate * seconds) as u64,
            interval_ns: 1e9 / rate,
            is_echo,
            run,
            begin_ns: 0,
            waiting: vec![VecDeque::new(); clients],
            next: vec![1; clients],
            counts: Counts::default(),
            to_acknowledged: latencies()?,
            to_delivered: latencies()?,
            text: Vec::new(),
        })
    }

    /// Runs it on all links, which must be logged in as the users from 0 on.
    pub(super) fn run(&mut self, clients: &mut Clients, events: &mut Events) -> Result<Conversed> {
        ensure!(clients.links.iter().all(|link| link.phase == Phase::Open), "not all sockets are open");
        let timer = Timer::new(clients)?;
        self.begin_ns = clock::now_ns() + LEAD_NS;
        self.counts.last_ns = self.begin_ns;
        while !self.is_done() {
            let mut patience = Duration::from_millis(100);
            while self.counts.sent < self.count {
                let due_ns = self.begin_ns + (self.counts.sent as f64 * self.interval_ns) as u64;
                if due_ns > clock::now_ns() {
                    timer.set(due_ns)?;
                    break;
                }
                self.send(clients, due_ns);
                // What has come meanwhile is looked at between what is sent.
                patience = Duration::ZERO;
                if self.counts.sent.is_multiple_of(16) {
                    break;
                }
            }
            let patience = if self.counts.sent < self.count { patience } else { Duration::from_millis(100) };
            clients.turn(events, Some(patience), self)?;
        }
        timer.end(clients)?;
        let Counts { sent, acknowledged, refused, delivered, lost, disordered, late, .. } = self.counts;
        let to_acknowledged = Quantiles::of(&self.to_acknowledged);
        let to_delivered = Quantiles::of(&self.to_delivered);
        Ok(Conversed {
            sent,
            acknowledged,
            refused,
            delivered,
            lost,
            disordered,
            late,
            to_acknowledged,
            to_delivered,
        })
    }

    fn is_done(&self) -> bool {
        let Counts { sent, acknowledged, refused, delivered, last_ns, .. } = self.counts;
        let is_answered = acknowledged + refused >= self.count && delivered >= self.count;
        let all_came = sent == self.count && (is_answered || clock::now_ns() > last_ns + PATIENCE_NS);
        // A server that takes nothing must not keep this going.
        all_came || clock::now_ns() > last_ns.max(self.begin_ns) + 2 * PATIENCE_NS
    }

    fn send(&mut self, clients: &mut Clients, due_ns: u64) {
        let number = self.counts.sent;
        let user = (number % self.waiting.len() as u64) as usize;
        let seq = 1 + number / self.waiting.len() as u64;
        let said = Said { user, stamp: Stamp { seq, due_ns, at_ns: clock::now_ns() } };
        self.text.clear();
        // Writing to memory does not fail. A link that fails ends in the next turn, and what is missing is seen.
        let _ = said.write(&mut self.text, seq, partner(user), self.run);
        let _ = clients.links[user].send_text(&self.text);
        self.waiting[user].push_back(due_ns);
        self.counts.sent += 1;
    }

    fn deliver(&mut self, link: usize, stamp: Stamp, now_ns: u64) {
        let next = &mut self.next[link];
        if stamp.seq < *next {
            self.counts.disordered += 1;
            return;
        }
        self.counts.lost += stamp.seq - *next;
        *next = stamp.seq + 1;
        self.counts.delivered += 1;
        self.counts.late += u64::from(now_ns > stamp.due_ns + LATE_NS);
        self.to_delivered.saturating_record(now_ns.saturating_sub(stamp.due_ns));
    }

    /// An answer: they come in the order of what was sent.
    fn answer(&mut self, link: usize, is_acknowledged: bool, now_ns: u64) {
        let due_ns = self.waiting[link].pop_front();
        if is_acknowledged && let Some(due_ns) = due_ns {
            self.counts.acknowledged += 1;
            self.to_acknowledged.saturating_record(now_ns.saturating_sub(due_ns));
        } else {
            self.counts.refused += 1;
        }
    }
}

impl Job for Converse {
    fn message(&mut self, link: usize, frame: &Frame<'_>, now_ns: u64) {
        let start = &frame.start[..frame.start.len().min(START_BYTES_MAX)];
        self.counts.last_ns = now_ns;
        if let Some(said) = Said::read(start).filter(|said| said.stamp.due_ns >= self.begin_ns) {
            // The one who said it hears it, too; of an echo there is nobody else.
            let from = if self.is_echo { link } else { partner(link) };
            if said.user == from {
                self.deliver(link, said.stamp, now_ns);
            }
            if self.is_echo {
                self.answer(link, true, now_ns);
            }
        } else if start.starts_with(b"{\"id\":") {
            self.answer(link, memmem::find(start, b"\"type\":\"sent\"").is_some(), now_ns);
        }
    }
}

/// Wakes the clients at a time that `poll` alone knows to a millisecond only.
struct Timer(OwnedFd);

impl Timer {
    fn new(clients: &Clients) -> Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
        clients.poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), CLOCK, Interest::READABLE)?;
        Ok(Self(timer))
    }

    /// Setting it anew forgets that it went off before, so it need not be read.
    fn set(&self, due_ns: u64) -> Result<()> {
        let tv_sec = (due_ns / 1_000_000_000) as i64;
        let it_value = Timespec { tv_sec, tv_nsec: (due_ns % 1_000_000_000) as i64 };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
        timerfd_settime(&self.0, TimerfdTimerFlags::ABSTIME, &once)?;
        Ok(())
    }

    fn end(self, clients: &Clients) -> Result<()> {
        Ok(clients.poll.registry().deregister(&mut SourceFd(&self.0.as_raw_fd()))?)
    }
}
