//! Clients in a closed loop: each asks for something, waits until that is acknowledged, and asks for the next.

use std::time::Duration;

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use memchr::memmem;
use mio::Events;

use super::words::Words;
use super::{Clients, Job, PATIENCE_NS};
use crate::clock;
use crate::order::{Called, Quantiles, latencies};
use crate::websocket::frame::{Frame, START_BYTES_MAX};
use crate::websocket::link::{Link, Phase};

/// A run of the loop.
pub(super) struct Call<'a> {
    callers: Vec<Caller>,
    words: &'a mut Words,
    end_ns: u64,
    /// How often each asks at most.
    times: u64,
    waiting: usize,
    latency: Histogram<u64>,
    answered: u64,
    refused: u64,
    pushes: u64,
    text: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Caller {
    id: u64,
    sent_ns: u64,
    is_waiting: bool,
}

impl<'a> Call<'a> {
    /// Runs it on all links for `seconds`, or until each has asked so many `times`.
    pub(super) fn run(
        clients: &mut Clients,
        events: &mut Events,
        seconds: f64,
        times: Option<u64>,
        words: &'a mut Words,
    ) -> Result<Called> {
        ensure!(clients.links.iter().all(|link| link.phase == Phase::Open), "not all sockets are open");
        let begin_ns = clock::now_ns();
        let mut call = Self {
            callers: vec![Caller { id: 0, sent_ns: 0, is_waiting: false }; clients.links.len()],
            words,
            end_ns: begin_ns + (seconds * 1e9) as u64,
            times: times.unwrap_or(u64::MAX),
            waiting: 0,
            latency: latencies()?,
            answered: 0,
            refused: 0,
            pushes: 0,
            text: Vec::new(),
        };
        for (index, link) in clients.links.iter_mut().enumerate() {
            call.next(index, link);
        }
        while call.waiting > 0 && clock::now_ns() < call.end_ns + PATIENCE_NS {
            clients.turn(events, Some(Duration::from_millis(100)), &mut call)?;
        }
        Ok(Called {
            answered: call.answered,
            refused: call.refused,
            silent: call.waiting as u64,
            pushes: call.pushes,
            seconds: if times.is_some() { clock::seconds(begin_ns, clock::now_ns()) } else { seconds },
            latency: Quantiles::of(&call.latency),
        })
    }

    fn next(&mut self, index: usize, link: &mut Link) {
        let caller = &mut self.callers[index];
        caller.id += 1;
        caller.sent_ns = clock::now_ns();
        caller.is_waiting = true;
        self.waiting += 1;
        self.text.clear();
        self.words.write(&mut self.text, index, caller.id);
        // A link that fails ends in the next turn, and its request counts as silent.
        let _ = link.send_text(&self.text);
    }
}

impl Job for Call<'_> {
    fn message(&mut self, link: usize, frame: &Frame<'_>, now_ns: u64) {
        let start = &frame.start[..frame.start.len().min(START_BYTES_MAX)];
        let caller = &mut self.callers[link];
        match id_of(start) {
            Some(id) if id == caller.id && caller.is_waiting && self.words.are_answered(frame) => {
                if now_ns <= self.end_ns {
                    self.answered += 1;
                    self.latency.saturating_record(now_ns.saturating_sub(caller.sent_ns));
                }
            }
            Some(_) => self.refused += 1,
            None => {
                self.pushes += 1;
                return;
            }
        }
        if std::mem::take(&mut caller.is_waiting) {
            self.waiting -= 1;
        }
    }

    fn after_read(&mut self, index: usize, link: &mut Link) {
        let Caller { id, is_waiting, .. } = self.callers[index];
        if !is_waiting && id < self.times && clock::now_ns() < self.end_ns {
            self.next(index, link);
        }
    }
}

/// The number after `"id":`, if there is one.
fn id_of(start: &[u8]) -> Option<u64> {
    let after = memmem::find(start, b"\"id\":")? + 5;
    let digits = start[after..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |id, digit| id * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_from_a_listing() {
        assert_eq!(id_of(b"{\"id\":17,\"ok\":true}"), Some(17));
        assert_eq!(id_of(b"{\"ok\":true,\"id\":3}"), Some(3));
        assert_eq!(id_of(b"{\"Users\":[{\"UserName\":\"u1\",\"FavoriteNumber\":5}]}"), None);
    }
}
