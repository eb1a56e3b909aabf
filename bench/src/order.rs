//! What the conductor orders its children to do, and what they answer: one line of JSON each.

use std::collections::BTreeMap;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// A message that comes later than this after it was due is late, nanoseconds.
pub(crate) const LATE_NS: u64 = 250_000_000;

/// An order to clients.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum ClientsOrder {
    /// Open sockets until there are `count`, `in_flight` at a time. Answer: [`Connected`].
    Connect { count: usize, in_flight: usize },
    /// Every client asks, waits for the answer, and asks again, for `seconds`, and at most so many `times`. Answer: [`Called`].
    Call { seconds: f64, times: Option<u64>, ask: Ask },
    /// The clients, logged in to the chat, say something to their partners in turns, `rate` times a second. To an echo, if it
    /// is one. Answer: [`Conversed`].
    Converse { rate: f64, seconds: f64, is_echo: bool },
    /// Every client sends this text. Answer: [`Tally`].
    Say { text: String },
    /// Forget the messages so far; the next one is number `first`. Answer: [`Tally`], of nothing.
    Watch { first: u64 },
    /// Tell of the messages so far. Answer: [`Tally`].
    Tally,
    /// Close all sockets with the handshake. Answer: [`Closed`].
    Close,
}

/// What a client asks for in the closed loop.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// To set a number. With `changing`, to a new one each time.
    Number { changing: bool },
    /// To apply so many operations to a set, each of which wins: the clients share so many sets. With `removing`,
    /// every other operation removes a value that is contained.
    Apply { operations: usize, sets: usize, removing: bool },
    /// To be logged in to the chat, as one user after the other from `first` on.
    Login { first: usize },
    /// To say something in the chat. The clients are the users from `first` on.
    Send { first: usize, to: To },
}

/// To whom something is said.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum To {
    /// The partner.
    Partner,
    /// All to this one.
    One { user: usize },
    /// The next so many in turn, in the circle of `users` from this one on.
    Following { count: usize, from: usize, users: usize },
}

/// An order to the bare loop: write messages `first..first + count` to every socket. Answer: [`Sent`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Send {
    pub(crate) first: u64,
    pub(crate) count: u64,
}

/// The first line of a server: where it listens.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listening {
    pub(crate) port: u16,
}

/// Sockets that are open.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Connected {
    /// All that are open now.
    pub(crate) open: usize,
    /// Those that were opened now.
    pub(crate) opened: usize,
    /// Attempts that failed, and the first reason.
    pub(crate) failed: usize,
    pub(crate) first_error: Option<String>,
    /// From the first attempt to the last success.
    pub(crate) seconds: f64,
}

/// Requests that were answered.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Called {
    /// Answered as they should be, within the time.
    pub(crate) answered: u64,
    /// Answered with an error, or with somebody else's answer.
    pub(crate) refused: u64,
    /// Never answered.
    pub(crate) silent: u64,
    /// Other messages that came meanwhile: listings.
    pub(crate) pushes: u64,
    pub(crate) seconds: f64,
    pub(crate) latency: Quantiles,
}

/// What was said in the chat at a rate, and what became of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Conversed {
    pub(crate) sent: u64,
    /// Sends that were acknowledged, and those that were not.
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
    /// Messages that came to the one whom they were for.
    pub(crate) delivered: u64,
    /// Left out before a later one.
    pub(crate) lost: u64,
    /// Not after the one before.
    pub(crate) disordered: u64,
    /// More than [`LATE_NS`] after they were due.
    pub(crate) late: u64,
    /// From due to be sent until it was acknowledged, and until it was delivered.
    pub(crate) to_acknowledged: Quantiles,
    pub(crate) to_delivered: Quantiles,
}

/// Messages that arrived, over all sockets.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) delivered: u64,
    /// Left out before a later one.
    pub(crate) lost: u64,
    /// Not after the one before.
    pub(crate) disordered: u64,
    /// More than [`LATE_NS`] after they were due.
    pub(crate) late: u64,
    /// Other messages.
    pub(crate) other: u64,
    /// Sockets that are open now.
    pub(crate) open: usize,
    /// Sockets that the server has ended since the last `Watch`, by close code; 0 without one.
    pub(crate) closed: BTreeMap<u16, u64>,
    /// When the first of them was published and when the last arrived, nanoseconds.
    pub(crate) first_ns: u64,
    pub(crate) last_ns: u64,
    /// From published to received.
    pub(crate) latency: Quantiles,
}

/// Sockets that were closed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Closed {
    /// With the whole handshake, ended by the server.
    pub(crate) clean: usize,
    pub(crate) unclean: usize,
    pub(crate) seconds: f64,
}

/// The bare loop has written everything.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub(crate) sockets: usize,
    /// How often a socket took nothing and the loop had to wait for it.
    pub(crate) waits: u64,
}

impl Called {
    /// Requests a second.
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.seconds
    }
}

/// How long things took, milliseconds.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Quantiles {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

/// A histogram of nanoseconds, up to a minute and a half.
pub(crate) fn latencies() -> Result<Histogram<u64>> {
    // Three digits are true. One that grows by itself would cut off what does not fit when recording must not fail.
    Ok(Histogram::new_with_bounds(1_000, 90_000_000_000, 3)?)
}

impl Quantiles {
    /// Of a histogram of nanoseconds.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let quantile_ms = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e6;
        Self { p50_ms: quantile_ms(0.5), p99_ms: quantile_ms(0.99), max_ms: histogram.max() as f64 / 1e6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let mut histogram = latencies().unwrap();
        for millisecond in 1..=100 {
            histogram.saturating_record(millisecond * 1_000_000);
        }
        let Quantiles { p50_ms, p99_ms, max_ms } = Quantiles::of(&histogram);
        assert!(
            (49.9..50.2).contains(&p50_ms)
                && (98.9..99.2).contains(&p99_ms)
                && (99.9..100.2).contains(&max_ms)
        );
    }
}
