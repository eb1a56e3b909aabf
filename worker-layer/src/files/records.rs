//! What is stored of watchers and their files: each method is one call of a script.

mod read;

use std::net::{IpAddr, SocketAddr};

use broker::redis::{self, FromRedisValue, ScriptInvocation};
use broker::{Store, StoreError};
use protocol::files::{Change, Cursor, Hello, Instance, Nodes, Op, Operation, State, TOPIC, Watcher};
use protocol::{Claim, Json, limit as spine};

use super::difference::Sign;
use super::limit::CHANGES_BYTES_MAX;
use super::option::Options;
use super::script::{Scripts, call};
use super::trouble::Trouble;

/// Asks and tells Redis.
pub(super) struct Records {
    store: Store,
    scripts: Scripts,
}

/// What a watcher is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// It is known.
    Here {
        cursor: Cursor,
        state: State,
        seqno: u64,
        /// Its list is to be fetched soon.
        is_due: bool,
    },
    /// It has left.
    Gone(Cursor),
    /// The instance belongs to another host.
    Elsewhere,
    /// There are too many watchers.
    Crowded,
    /// There are too many files.
    Full,
}

/// An address that was taken to fetch from.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    /// The address.
    pub(super) address: SocketAddr,
    /// The word that ends the taking.
    pub(super) token: String,
    /// Who says to be there: the one that is listed, and one that contends for the address, if there is one.
    pub(super) candidates: Vec<Candidate>,
}

/// How far a watcher was when its address was taken.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) instance: Instance,
    /// Its newest operation.
    pub(super) seqno: u64,
    /// How often it had said something.
    turn: u64,
    /// How often something was missed.
    gaps: u64,
}

/// A list that is being applied.
pub(super) struct Answered<'a> {
    pub(super) taken: &'a Taken,
    pub(super) candidate: &'a Candidate,
    /// The number up to which the list has all operations.
    pub(super) seqno: u64,
}

/// How a fetch ended.
pub(super) enum End<'a> {
    /// The list was applied.
    Applied(&'a Answered<'a>),
    /// The list was out of date when it was applied: it has to be fetched again.
    Outdated(&'a Answered<'a>),
    /// It could not be applied.
    Refused(&'a Answered<'a>, &'a str),
    /// It could not be fetched.
    Failed {
        why: &'a str,
        /// Nobody listens at the address.
        is_deserted: bool,
    },
}

/// Who answered at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The watcher of this number, which said hello from there before.
    Known(u64),
    /// Another one, which can be asked from now on.
    New,
    /// Somebody who cannot be there; or it is too late to ask.
    Stranger,
}

/// When to fetch again.
pub(super) struct Again {
    /// If all is well, milliseconds; 0: not without cause.
    pub(super) check_ms: u64,
    /// After a first failure, milliseconds.
    pub(super) first_ms: u64,
    /// After many, milliseconds.
    pub(super) last_ms: u64,
}

/// A part of the listing.
pub(super) struct Range {
    /// Where it begins and ends, as ZRANGEBYLEX takes it.
    pub(super) low: Vec<u8>,
    pub(super) high: Vec<u8>,
    /// Where the count begins; none to count all.
    pub(super) counted_from: Option<Vec<u8>>,
    /// How many files at most.
    pub(super) limit: usize,
    /// Whether to tell of the watchers, too.
    pub(super) has_watchers: bool,
}

/// A page of the listing.
pub(super) struct Page {
    pub(super) cursor: Cursor,
    pub(super) count: usize,
    /// The place behind which more may follow.
    pub(super) next: Option<Vec<u8>>,
    /// The places of the files in the order.
    pub(super) places: Vec<Vec<u8>>,
    /// The watchers of these files, and for how long nothing was heard of each, milliseconds.
    pub(super) watchers: Vec<(Watcher, u64)>,
}

/// A page of the log.
pub(super) struct Changes {
    /// The place behind it.
    pub(super) cursor: Cursor,
    pub(super) server_ms: u64,
    /// An array.
    pub(super) changes: Json,
    pub(super) more: bool,
}

impl Changes {
    /// The changes, read.
    pub(super) fn read(&self) -> Result<Vec<Change>, Trouble> {
        serde_json::from_str(self.changes.get()).map_err(|_| Trouble::Odd("the log"))
    }
}

impl Records {
    pub(super) fn new(store: Store, options: &Options) -> Self {
        Self { store, scripts: Scripts::new(options) }
    }

    /// A watcher says that it is there.
    pub(super) async fn hello(&self, hello: &Hello, ip: IpAddr) -> Result<Told, Trouble> {
        let seqno = hello.seqno.map(|seqno| seqno.to_string()).unwrap_or_default();
        let address = SocketAddr::new(ip, hello.port).to_string();
        let mut asked = call(&self.scripts.hello);
        asked.arg(hello.instance.as_str()).arg(ip.to_string()).arg(address).arg(seqno);
        read::told(self.run(&asked).await?)
    }

    /// A watcher says that it leaves.
    pub(super) async fn bye(&self, instance: &Instance, ip: IpAddr) -> Result<Told, Trouble> {
        let mut asked = call(&self.scripts.bye);
        asked.arg(instance.as_str()).arg(ip.to_string());
        read::told(self.run(&asked).await?)
    }

    /// Applies operations of one watcher.
    pub(super) async fn apply(&self, operations: &[Operation], ip: IpAddr) -> Result<Told, Trouble> {
        let Some(first) = operations.first() else { return Err(Trouble::Odd("no operation")) };
        let mut asked = call(&self.scripts.apply);
        asked.arg(first.instance.as_str()).arg(ip.to_string());
        for Operation { op, value, seqno, .. } in operations {
            asked.arg(if *op == Op::Add { "+" } else { "-" }).arg(*seqno).arg(&value.filename);
        }
        read::told(self.run(&asked).await?)
    }

    /// Takes up to `count` addresses to fetch from, but none of these hosts. In how many milliseconds to ask again.
    pub(super) async fn take(&self, count: usize, busy: &[IpAddr]) -> Result<(u64, Vec<Taken>), Trouble> {
        let token = format!("{:032x}", rand::random::<u128>());
        let mut asked = call(&self.scripts.take);
        asked.arg(&token).arg(count);
        for ip in busy {
            asked.arg(ip.to_string());
        }
        read::taken(&token, self.run(&asked).await?)
    }

    /// An address has told who is there.
    pub(super) async fn found(&self, taken: &Taken, instance: &Instance) -> Result<Found, Trouble> {
        let mut asked = call(&self.scripts.found);
        asked.arg(taken.address.to_string()).arg(&taken.token).arg(instance.as_str());
        asked.arg(taken.address.ip().to_string());
        let number: Option<u64> = self.run(&asked).await?;
        Ok(match number {
            Some(0) => Found::New,
            Some(number) => Found::Known(number),
            None => Found::Stranger,
        })
    }

    /// One page of the names that are listed of a watcher, each with the number of the operation that listed it, and where to
    /// go on: 0 at the end. A name may come twice, or not at all if it comes or goes meanwhile.
    pub(super) async fn names(&self, number: u64, from: u64) -> Result<(u64, Vec<(String, u64)>), Trouble> {
        let mut scan = redis::cmd("HSCAN");
        scan.arg(format!("{TOPIC}:names:{number}")).arg(from).arg("COUNT").arg(super::limit::LOAD_PAGE);
        Ok(self.store.query(&scan).await?)
    }

    /// Applies a piece of the difference between what is listed and the list of a watcher. False if the list is out of date,
    /// none if there are too many files.
    pub(super) async fn merge(
        &self,
        answered: &Answered<'_>,
        piece: &[(Sign, &str)],
    ) -> Result<Option<bool>, Trouble> {
        let mut asked = call(&self.scripts.merge);
        answered.name(&mut asked);
        asked.arg(answered.seqno).arg(answered.step_back());
        for (sign, name) in piece {
            asked.arg(sign.as_str()).arg(*name);
        }
        let outcome: i64 = self.run(&asked).await?;
        Ok((outcome >= 0).then_some(outcome == 1))
    }

    /// Ends a fetch.
    pub(super) async fn settle(&self, taken: &Taken, end: End<'_>, again: &Again) -> Result<(), Trouble> {
        let mut asked = call(&self.scripts.settle);
        let (answered, is_applied, trouble, is_deserted) = match end {
            End::Applied(answered) => (Some(answered), true, "", false),
            End::Outdated(answered) => (Some(answered), false, "", false),
            End::Refused(answered, why) => (Some(answered), false, why, false),
            End::Failed { why, is_deserted } => (None, false, why, is_deserted),
        };
        match answered {
            Some(answered) => {
                answered.name(&mut asked);
                let gaps = if is_applied { answered.candidate.gaps.to_string() } else { String::new() };
                asked.arg(answered.seqno).arg(gaps).arg(answered.step_back());
            }
            None => _ = asked.arg(taken.address.to_string()).arg(&taken.token).arg("").arg(0).arg("").arg(""),
        }
        asked
            .arg(trouble)
            .arg(u8::from(is_deserted))
            .arg(again.check_ms)
            .arg(again.first_ms)
            .arg(again.last_ms);
        self.run::<i64>(&asked).await.map(drop)
    }

    /// Lets time pass, if this worker is the keeper: whether there is more to do at once.
    pub(super) async fn tick(&self, keeper: &str) -> Result<bool, Trouble> {
        let mut asked = call(&self.scripts.tick);
        asked.arg(keeper);
        self.run(&asked).await
    }

    /// A page of the listing.
    pub(super) async fn page(&self, range: &Range) -> Result<Page, Trouble> {
        let mut asked = call(&self.scripts.page);
        asked.arg(&range.low).arg(&range.high).arg(range.limit);
        asked.arg(range.counted_from.as_deref().unwrap_or_default()).arg(u8::from(range.has_watchers));
        read::page(self.run(&asked).await?)
    }

    /// What came since a cursor, or none if the log does not have it: at most so many changes, or the first entry.
    pub(super) async fn changes(&self, since: &Cursor, limit: usize) -> Result<Option<Changes>, Trouble> {
        let mut asked = call(&self.scripts.changes);
        asked.arg(since.epoch()).arg(since.position()).arg(limit).arg(CHANGES_BYTES_MAX);
        read::changes(self.run(&asked).await?)
    }

    /// All watchers, and the time in milliseconds.
    pub(super) async fn nodes(&self) -> Result<(Nodes, u64), Trouble> {
        read::nodes(self.run(&call(&self.scripts.nodes)).await?)
    }

    /// The newest place in the log, if there is one yet.
    pub(super) async fn newest(&self) -> Result<Option<Cursor>, Trouble> {
        let mut asked = redis::cmd("HMGET");
        asked.arg(format!("{TOPIC}:meta")).arg("epoch").arg("position");
        let (epoch, position): (Option<String>, Option<String>) = self.store.query(&asked).await?;
        let Some((epoch, position)) = epoch.zip(position) else { return Ok(None) };
        format!("{epoch}-{position}").parse().map(Some).map_err(|_| Trouble::Odd("the cursor"))
    }

    /// Stores a large answer for the nodes to fetch.
    pub(super) async fn claim(&self, bytes: &[u8]) -> Result<Claim, Trouble> {
        match self.store.put_claim(bytes).await {
            Err(StoreError::ClaimTooLarge(_)) => Err(Trouble::TooLarge),
            claim => Ok(claim?),
        }
    }

    /// Lets a claim expire in so many milliseconds; in how many it will.
    pub(super) async fn expire(&self, claim: &Claim, ms: u64) -> u64 {
        let mut expire = redis::cmd("PEXPIRE");
        expire.arg(&claim.key).arg(ms);
        match self.store.query::<()>(&expire).await {
            Ok(()) => ms,
            // It has the time that it was given when it was made.
            Err(_) => spine::CLAIM_KEPT_S * 1_000,
        }
    }

    /// A body of a request that came by claim.
    pub(super) async fn body(&self, claim: &Claim) -> Result<Vec<u8>, Trouble> {
        Ok(self.store.fetch_claim(claim).await?.to_vec())
    }

    /// Waits until Redis can be asked.
    pub(super) async fn connected(&self) {
        self.store.connected().await;
    }

    async fn run<T: FromRedisValue>(&self, asked: &ScriptInvocation<'_>) -> Result<T, Trouble> {
        Ok(self.store.script(asked).await?)
    }
}

impl Candidate {
    /// One of which nothing is known.
    pub(super) fn unknown(instance: Instance) -> Self {
        Self { instance, seqno: 0, turn: 0, gaps: 0 }
    }
}

impl Answered<'_> {
    fn name(&self, asked: &mut ScriptInvocation<'_>) {
        let Taken { address, token, .. } = self.taken;
        asked.arg(address.to_string()).arg(token).arg(self.candidate.instance.as_str());
    }

    /// If the watcher's number is below what it had said before: how often it had said something.
    pub(super) fn is_step_back(&self) -> bool {
        self.seqno < self.candidate.seqno
    }

    fn step_back(&self) -> String {
        if self.is_step_back() { self.candidate.turn.to_string() } else { String::new() }
    }
}
