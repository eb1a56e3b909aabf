//! Clients that only receive: they check that every message arrives once, in order and in time.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::Job;
use crate::order::{LATE_NS, Quantiles, Tally, latencies};
use crate::stamp::{MESSAGE_BYTES, Stamp};
use crate::websocket::frame::Frame;
use crate::websocket::link::Link;

/// What has arrived since the order to watch.
#[derive(Default)]
pub(super) struct Watch {
    /// The number of the next message on each link.
    next: Vec<u64>,
    first: u64,
    counts: Tally,
    /// From published, or sent, to received.
    latency: Option<Histogram<u64>>,
}

impl Watch {
    /// Watches messages from number `first` on, on `links` links.
    pub(super) fn from(first: u64, links: usize) -> Self {
        Self {
            next: vec![first; links],
            first,
            counts: Tally { first_ns: u64::MAX, ..Tally::default() },
            latency: latencies().ok(),
        }
    }

    /// What is known so far; `open` links are open.
    pub(super) fn tally(&self, open: usize) -> Tally {
        let Tally { delivered, lost, disordered, late, other, first_ns, last_ns, .. } = self.counts;
        let closed: BTreeMap<u16, u64> = self.counts.closed.clone();
        let latency = self.latency.as_ref().map(Quantiles::of).unwrap_or_default();
        Tally { delivered, lost, disordered, late, other, open, closed, first_ns, last_ns, latency }
    }
}

impl Job for Watch {
    fn message(&mut self, link: usize, frame: &Frame<'_>, now_ns: u64) {
        let is_whole = frame.payload_bytes == MESSAGE_BYTES as u64;
        let stamp = is_whole.then_some(frame.start).and_then(Stamp::read);
        let Some(stamp) = stamp.or_else(|| Stamp::read_delta(frame.start)) else {
            self.counts.other += 1;
            return;
        };
        // What was still on its way when the watch began belongs to the one before.
        if stamp.seq < self.first {
            return;
        }
        let Some(next) = self.next.get_mut(link) else { return };
        if stamp.seq < *next {
            self.counts.disordered += 1;
        } else {
            self.counts.lost += stamp.seq - *next;
            *next = stamp.seq + 1;
        }
        self.counts.delivered += 1;
        self.counts.late += u64::from(now_ns > stamp.due_ns + LATE_NS);
        self.counts.first_ns = self.counts.first_ns.min(stamp.at_ns);
        self.counts.last_ns = now_ns;
        if let Some(latency) = &mut self.latency {
            latency.saturating_record(now_ns.saturating_sub(stamp.at_ns));
        }
    }

    fn ended(&mut self, link: &Link) {
        *self.counts.closed.entry(link.close_code.unwrap_or(0)).or_default() += 1;
    }
}
