//! Clients of one server, and messages published to those of a deployment.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::child::Child;
use crate::clock;
use crate::order::{Ask, Called, ClientsOrder, Closed, Connected, Conversed, Tally};
use crate::server::{PATH, Server};
use crate::stamp::Stamp;

/// Attempts to connect that are under way at a time: enough to keep a server busy, less than any backlog.
pub(crate) const IN_FLIGHT: usize = 256;
/// An audience that got nothing for so long will not get more, nanoseconds.
const QUIET_NS: u64 = 1_000_000_000;
/// How long a number of requests may take, seconds.
const TIMES_S: f64 = 600.0;

/// Many clients of one server, in a process of their own.
pub(crate) struct Audience(Child);

impl Audience {
    /// The clients of `server`, none connected yet.
    pub(crate) fn of(server: &Server) -> Result<Self> {
        Self::at(server, PATH)
    }

    /// The same, at another path of the websocket.
    pub(crate) fn at(server: &Server, path: &str) -> Result<Self> {
        Ok(Self(Child::ordered("clients", &[server.address.to_string(), path.to_owned()])?))
    }

    /// Opens sockets until there are `count`.
    pub(crate) fn connect(&mut self, count: usize) -> Result<Connected> {
        let connected: Connected = self.0.ask(&ClientsOrder::Connect { count, in_flight: IN_FLIGHT })?;
        ensure!(
            connected.open == count,
            "{} of {count} sockets are open: {}",
            connected.open,
            connected.first_error.as_deref().unwrap_or("no reason given")
        );
        Ok(connected)
    }

    /// Runs the closed loop.
    pub(crate) fn call(&mut self, seconds: f64, ask: Ask) -> Result<Called> {
        self.0.ask(&ClientsOrder::Call { seconds, times: None, ask })
    }

    /// Lets every client ask so many times; an error if one is not answered as it should be.
    pub(crate) fn call_times(&mut self, times: u64, ask: Ask) -> Result<Called> {
        let seconds = TIMES_S;
        let called: Called = self.0.ask(&ClientsOrder::Call { seconds, times: Some(times), ask })?;
        ensure!(
            called.refused + called.silent == 0,
            "{} requests were refused, {} not answered: {ask:?}",
            called.refused,
            called.silent
        );
        Ok(called)
    }

    /// Lets the clients talk in the chat.
    pub(crate) fn converse(&mut self, rate: f64, seconds: f64, is_echo: bool) -> Result<Conversed> {
        self.0.ask(&ClientsOrder::Converse { rate, seconds, is_echo })
    }

    /// Sends `text` on every socket, and waits until as many messages have come that are not counted, or no more come; how
    /// many they were.
    pub(crate) fn say(&mut self, text: String, answers: u64) -> Result<u64> {
        let mut tally: Tally = self.0.ask(&ClientsOrder::Say { text })?;
        let (mut seen, mut seen_ns) = (tally.other, clock::now_ns());
        while tally.other < answers && clock::now_ns() < seen_ns + QUIET_NS {
            clock::sleep(Duration::from_millis(20));
            tally = self.0.ask(&ClientsOrder::Tally)?;
            if tally.other > seen {
                (seen, seen_ns) = (tally.other, clock::now_ns());
            }
        }
        Ok(tally.other)
    }

    /// Begins to count messages, from number `first` on.
    pub(crate) fn watch(&mut self, first: u64) -> Result<()> {
        self.0.ask::<Tally>(&ClientsOrder::Watch { first }).map(drop)
    }

    /// Waits until `deliveries` have arrived, or no more come.
    pub(crate) fn wait_for(&mut self, deliveries: u64) -> Result<Tally> {
        let (mut seen, mut seen_ns) = (0, clock::now_ns());
        loop {
            let tally: Tally = self.0.ask(&ClientsOrder::Tally)?;
            let now_ns = clock::now_ns();
            if tally.delivered > seen {
                (seen, seen_ns) = (tally.delivered, now_ns);
            }
            if tally.delivered >= deliveries || now_ns > seen_ns + QUIET_NS {
                return Ok(tally);
            }
            clock::sleep(Duration::from_millis(20));
        }
    }

    /// Closes all sockets.
    pub(crate) fn close(&mut self) -> Result<Closed> {
        self.0.ask(&ClientsOrder::Close)
    }
}

/// Publishes numbered messages to the topic of a deployment, straight into Redis.
pub(crate) struct Publisher {
    connection: redis::Connection,
    channel: String,
    /// The number of the next message.
    pub(crate) next: u64,
}

impl Publisher {
    /// A publisher over `connection`.
    pub(crate) fn over(connection: redis::Connection) -> Self {
        let channel = protocol::name::topic_channel(protocol::numbers::TOPIC);
        Self { connection, channel, next: 1 }
    }

    /// Publishes `count` messages, one every 1/`rate` seconds, whatever becomes of the earlier ones.
    pub(crate) fn paced(&mut self, count: u64, rate: f64) -> Result<()> {
        let begin_ns = clock::now_ns() + 1_000_000;
        let due_ns = |index: u64| begin_ns + (index as f64 * 1e9 / rate) as u64;
        let mut done = 0;
        while done < count {
            clock::sleep_until(due_ns(done));
            // All that are due by now share a round trip, so that the publisher is never what is slow.
            let now_ns = clock::now_ns();
            let due = (done..count).take_while(|&index| due_ns(index) <= now_ns).count() as u64;
            self.publish((done..done + due).map(due_ns))?;
            done += due;
        }
        Ok(())
    }

    /// Publishes `count` messages at once.
    pub(crate) fn volley(&mut self, count: u64) -> Result<()> {
        let now_ns = clock::now_ns();
        self.publish((0..count).map(|_| now_ns))
    }

    fn publish(&mut self, due: impl Iterator<Item = u64>) -> Result<()> {
        let mut pipeline = redis::pipe();
        for due_ns in due {
            let stamp = Stamp { seq: self.next, due_ns, at_ns: clock::now_ns() };
            self.next += 1;
            let push = [b"{\"body\":", stamp.message().as_slice(), b"}\n"].concat();
            pipeline.cmd("PUBLISH").arg(&self.channel).arg(push);
        }
        if pipeline.is_empty() {
            return Ok(());
        }
        let receivers: Vec<u64> = pipeline.query(&mut self.connection)?;
        ensure!(receivers.iter().all(|&nodes| nodes > 0), "no node is subscribed to {}", self.channel);
        Ok(())
    }

    /// Publishes until every one of the `count` sockets gets it: each has joined the topic, which happens a moment after
    /// it was opened.
    pub(crate) fn wait_until_joined(&mut self, audience: &mut Audience, count: usize) -> Result<()> {
        let end_ns = clock::now_ns() + 15_000_000_000;
        loop {
            audience.watch(self.next)?;
            // Before the first has joined, no node listens.
            let arrived = match self.volley(1) {
                Ok(()) => audience.wait_for(count as u64)?.delivered,
                Err(_) => 0,
            };
            if arrived == count as u64 {
                return Ok(());
            }
            ensure!(clock::now_ns() < end_ns, "{arrived} of {count} sockets joined the topic");
            clock::sleep(Duration::from_millis(50));
        }
    }
}
