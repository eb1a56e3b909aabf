//! Many clients in one process, on one thread and one epoll. The same ones measure the system and its limits.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use mio::{Events, Interest, Poll, Token};

use super::stdin;
use crate::clock;
use crate::order::{ClientsOrder, Closed, Connected};
use crate::websocket::frame::Frame;
use crate::websocket::link::{Link, Phase};

mod call;
mod converse;
mod watch;
mod words;

use call::Call;
use converse::Converse;
use watch::Watch;
use words::Words;

/// What one read takes at most, bytes: many messages when the clients are behind.
const READ_BYTES: usize = 256 * 1024;
/// Sockets on one source address: an address has 28,000 ports, which the clients of several servers share.
const SOCKETS_PER_SOURCE: usize = 8_000;
/// How long an attempt to connect, a request, or a close may take, nanoseconds.
const PATIENCE_NS: u64 = 15_000_000_000;

/// Carries out orders until the bench ends.
pub(super) fn play(target: SocketAddr, path: String) -> Result<()> {
    let poll = Poll::new()?;
    stdin::register(&poll)?;
    let mut clients = Clients {
        poll,
        links: Vec::new(),
        buffer: vec![0; READ_BYTES],
        target,
        path,
        started: 0,
        tries: Tries::default(),
    };
    let mut watch = Watch::default();
    let mut words = Words::new();
    let mut events = Events::with_capacity(1024);
    loop {
        if clients.turn(&mut events, None, &mut watch)? {
            match stdin::read()? {
                ClientsOrder::Connect { count, in_flight } => {
                    stdin::answer(&clients.connect(count, in_flight, &mut events, &mut watch)?)?;
                }
                ClientsOrder::Call { seconds, times, ask } => {
                    words.ask(ask);
                    stdin::answer(&Call::run(&mut clients, &mut events, seconds, times, &mut words)?)?;
                }
                ClientsOrder::Converse { rate, seconds, is_echo } => {
                    let run = words.next_run();
                    let mut talk = Converse::new(clients.links.len(), rate, seconds, is_echo, run)?;
                    stdin::answer(&talk.run(&mut clients, &mut events)?)?;
                }
                ClientsOrder::Say { text } => {
                    // A link that fails ends in the next turn, and then no longer counts as open.
                    let _ = clients.links.iter_mut().try_for_each(|link| link.send_text(text.as_bytes()));
                    stdin::answer(&watch.tally(clients.open()))?;
                }
                ClientsOrder::Watch { first } => {
                    watch = Watch::from(first, clients.links.len());
                    stdin::answer(&watch.tally(clients.open()))?;
                }
                ClientsOrder::Tally => stdin::answer(&watch.tally(clients.open()))?,
                ClientsOrder::Close => stdin::answer(&clients.close(&mut events, &mut watch)?)?,
            }
        }
    }
}

/// What is done with what the sockets bring.
trait Job {
    /// A message has come on a link.
    fn message(&mut self, link: usize, frame: &Frame<'_>, now_ns: u64);
    /// All that came in one read has been told.
    fn after_read(&mut self, _link: usize, _to: &mut Link) {}
    /// The server has ended the link.
    fn ended(&mut self, _link: &Link) {}
}

struct Clients {
    poll: Poll,
    links: Vec<Link>,
    buffer: Vec<u8>,
    target: SocketAddr,
    path: String,
    /// Sockets so far, which choose the source addresses.
    started: usize,
    tries: Tries,
}

/// Attempts to connect since the last order to.
#[derive(Default)]
struct Tries {
    opened: usize,
    failed: usize,
    first_error: Option<String>,
}

impl Clients {
    fn open(&self) -> usize {
        self.links.iter().filter(|link| link.phase == Phase::Open).count()
    }

    /// Waits for what the sockets bring and does it. True if an order has come as well.
    fn turn(&mut self, events: &mut Events, patience: Option<Duration>, job: &mut impl Job) -> Result<bool> {
        match self.poll.poll(events, patience) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(false),
            other => other?,
        }
        let mut ordered = false;
        for event in events.iter() {
            let Token(index) = event.token();
            let Some(link) = self.links.get_mut(index) else {
                ordered |= event.token() == stdin::ORDERS;
                continue;
            };
            let before = link.phase;
            if matches!(before, Phase::Closed { .. }) {
                continue;
            }
            let mut result = Ok(());
            if event.is_writable() {
                result = link.on_writable();
            }
            if result.is_ok() && event.is_readable() {
                let now_ns = clock::now_ns();
                result = link.on_readable(&mut self.buffer, event.is_read_closed(), |frame| {
                    job.message(index, &frame, now_ns);
                });
                job.after_read(index, link);
            }
            if result.is_err() {
                link.phase = Phase::Closed { clean: false };
            }
            self.tries.count(before, link, result.err());
            if matches!(link.phase, Phase::Closed { .. }) {
                job.ended(link);
                self.poll.registry().deregister(&mut link.stream)?;
            }
        }
        Ok(ordered)
    }

    fn connect(
        &mut self,
        count: usize,
        in_flight_max: usize,
        events: &mut Events,
        job: &mut impl Job,
    ) -> Result<Connected> {
        self.tries = Tries::default();
        let mut wanted: Vec<usize> = (0..count.max(self.links.len()))
            .filter(|&index| {
                self.links.get(index).is_none_or(|link| matches!(link.phase, Phase::Closed { .. }))
            })
            .collect();
        // Places are filled from the lowest, so that new ones come last, one after the other.
        wanted.reverse();
        let (begin_ns, mut last_ns, mut begun) = (clock::now_ns(), clock::now_ns(), 0);
        let all = wanted.len();
        while self.tries.done() < all && clock::now_ns() < last_ns + PATIENCE_NS {
            while begun - self.tries.done() < in_flight_max
                && let Some(index) = wanted.pop()
            {
                self.start(index)?;
                begun += 1;
            }
            let done = self.tries.done();
            self.turn(events, Some(Duration::from_millis(100)), job)?;
            if self.tries.done() > done {
                last_ns = clock::now_ns();
            }
        }
        let Tries { opened, failed, first_error } = std::mem::take(&mut self.tries);
        let seconds = clock::seconds(begin_ns, last_ns);
        let failed = failed + (all - opened - failed);
        Ok(Connected { open: self.open(), opened, failed, first_error, seconds })
    }

    fn start(&mut self, index: usize) -> Result<()> {
        // A different network for each process, and a new address every few thousand sockets.
        let third = 1 + (std::process::id() as usize * 7 + self.started / SOCKETS_PER_SOURCE) % 250;
        let source = SocketAddr::from((Ipv4Addr::new(127, 0, third as u8, 1), 0));
        self.started += 1;
        let mut link = Link::connect(source, self.target, &self.path)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut link.stream, Token(index), interest)?;
        if index < self.links.len() {
            self.links[index] = link;
        } else {
            self.links.push(link);
        }
        Ok(())
    }

    fn close(&mut self, events: &mut Events, job: &mut impl Job) -> Result<Closed> {
        let begin_ns = clock::now_ns();
        for link in &mut self.links {
            if link.phase == Phase::Open && link.close().is_err() {
                link.phase = Phase::Closed { clean: false };
            }
        }
        let is_closing = |link: &Link| !matches!(link.phase, Phase::Closed { .. });
        while self.links.iter().any(is_closing) && clock::now_ns() < begin_ns + PATIENCE_NS {
            self.turn(events, Some(Duration::from_millis(100)), job)?;
        }
        let clean = self.links.iter().filter(|link| link.phase == Phase::Closed { clean: true }).count();
        let unclean = self.links.len() - clean;
        self.links.clear();
        Ok(Closed { clean, unclean, seconds: clock::seconds(begin_ns, clock::now_ns()) })
    }
}

impl Tries {
    fn done(&self) -> usize {
        self.opened + self.failed
    }

    fn count(&mut self, before: Phase, link: &Link, error: Option<std::io::Error>) {
        let was_on_the_way = matches!(before, Phase::Connecting | Phase::Upgrading);
        match link.phase {
            Phase::Closed { .. } if was_on_the_way => {
                self.failed += 1;
                let reason = || error.map_or("the connection ended".to_owned(), |error| error.to_string());
                self.first_error.get_or_insert_with(reason);
            }
            Phase::Open | Phase::Closing if was_on_the_way => self.opened += 1,
            _ => {}
        }
    }
}
