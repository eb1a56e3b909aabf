//! Bringing both users of a conversation up to where it stands.
//!
//! The conversation is what counts; the logs and home screens of its users follow it. `deliver.lua` takes a user's messages in
//! order from the first that the user lacks, so it does no harm to call it twice, or from two workers at a time; and whoever
//! calls it for a later message brings the earlier ones along.

use std::collections::BTreeMap;

use broker::redis::Cmd;
use protocol::chat::CHAT_LOG_ENTRIES_MAX;
use protocol::{RequestError, name};

use super::key::{ConversationKeys, UserKeys};
use super::limit::DELIVERED_MAX;
use super::shared::Shared;
use super::stored::{Stored, json, reading};
use super::trouble::Doing;
use super::user::{Pair, Side};

/// Where a conversation stands, and what is known of what its users may lack.
pub(super) struct Delivery {
    pub(super) pair: Pair,
    pub(super) keys: ConversationKeys,
    /// Up to which message both are to have all.
    pub(super) newest: u64,
    /// How far each side has read and received, as far as is known.
    pub(super) marks: [Mark; 2],
    /// How the users are called, if they have not said so themselves.
    pub(super) names: [Option<String>; 2],
    messages: BTreeMap<u64, Stored>,
}

/// How far somebody has read and received.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    /// Up to which message,
    pub(super) read: u64,
    /// and how many of the other side's there are up to there.
    pub(super) met: u64,
    /// Up to which message it has received.
    pub(super) got: u64,
}

/// One user who is to be brought up to date.
struct Target<'a> {
    delivery: usize,
    side: Side,
    keys: &'a UserKeys,
    /// The first message that the user lacks, once that is known.
    next: Option<u64>,
}

impl Delivery {
    pub(super) fn new(pair: Pair) -> Self {
        let keys = ConversationKeys::of(&pair.a, &pair.b);
        Self {
            pair,
            keys,
            newest: 0,
            marks: Default::default(),
            names: Default::default(),
            messages: BTreeMap::new(),
        }
    }

    /// A message that is in the conversation now.
    pub(super) fn add(&mut self, message: Stored) {
        self.newest = self.newest.max(message.seq);
        self.messages.insert(message.seq, message);
    }

    /// How far both have read now, `a` first.
    pub(super) fn mark(&mut self, newest: u64, marks: [Mark; 2]) {
        self.newest = self.newest.max(newest);
        for (kept, mark) in self.marks.iter_mut().zip(marks) {
            let got = kept.got.max(mark.got);
            if mark.read > kept.read {
                *kept = mark;
            }
            kept.got = got;
        }
    }

    /// The call for one side, with the messages from `next` on, or those that are known.
    fn call(&self, shared: &Shared, keys: &UserKeys, side: Side, next: Option<u64>) -> Cmd {
        let other = self.pair.user(side.other());
        let with = format!("{}{other}", keys.with);
        let is_alone = self.pair.sides().len() == 1;
        let own = self.marks[side as usize];
        let theirs = if is_alone { Mark::default() } else { self.marks[side.other() as usize] };
        let name = self.names[side.other() as usize].as_deref().unwrap_or(other);
        let mut call =
            shared.scripts.deliver.call(&[&keys.meta, &keys.log, &keys.home, &keys.changed, &with]);
        call.arg(name::topic_channel(&keys.topic)).arg(epoch()).arg(CHAT_LOG_ENTRIES_MAX);
        call.arg(other).arg(json(other)).arg(json(name)).arg(own.read).arg(own.met);
        call.arg(theirs.read).arg(theirs.got);
        for (seq, message) in self.messages.range(next.unwrap_or(0)..).take(DELIVERED_MAX) {
            call.arg(seq).arg(message.json()).arg(message.met(side));
            call.arg(message.name_of(other).unwrap_or_default());
        }
        call
    }
}

/// The epoch of a log that is begun now.
pub(super) fn epoch() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// Brings the users of these conversations up to date, all together; what became of each.
pub(super) async fn deliver(shared: &Shared, deliveries: &mut [Delivery]) -> Vec<Result<(), RequestError>> {
    let mut results: Vec<Result<(), RequestError>> = deliveries.iter().map(|_| Ok(())).collect();
    let keys: Vec<Vec<UserKeys>> = deliveries
        .iter()
        .map(|it| it.pair.sides().iter().map(|side| UserKeys::of(it.pair.user(*side))).collect())
        .collect();
    let mut targets: Vec<Target<'_>> = Vec::with_capacity(2 * deliveries.len());
    for (delivery, keys) in keys.iter().enumerate() {
        let sides = deliveries[delivery].pair.sides().iter();
        targets.extend(sides.zip(keys).map(|(side, keys)| Target {
            delivery,
            side: *side,
            keys,
            next: None,
        }));
    }
    while !targets.is_empty() {
        let call = |it: &Target<'_>| deliveries[it.delivery].call(shared, it.keys, it.side, it.next);
        let calls = targets.iter().map(call).collect();
        let mut left = Vec::new();
        match shared.run(calls, Doing::Changing).await {
            Ok(values) => {
                for (target, value) in targets.into_iter().zip(values) {
                    match reached(shared, &deliveries[target.delivery], &target, Some(value)) {
                        Ok(Some(next)) => left.push(Target { next: Some(next), ..target }),
                        Ok(None) => {}
                        Err(error) => results[target.delivery] = Err(error),
                    }
                }
            }
            Err(error) => {
                targets.iter().for_each(|target| results[target.delivery] = Err(error.clone()));
                return results;
            }
        }
        targets = left;
        if let Err(error) = fetch(shared, deliveries, &targets).await {
            targets.iter().for_each(|target| results[target.delivery] = Err(error.clone()));
            return results;
        }
    }
    results
}

/// The first message that the user still lacks, if any.
fn reached(
    shared: &Shared,
    delivery: &Delivery,
    target: &Target<'_>,
    value: Option<broker::redis::Value>,
) -> Result<Option<u64>, RequestError> {
    let delivered: String = shared.log.understood(value)?;
    let next = delivered.parse::<u64>().map_err(|_| shared.log.odd("deliver.lua answers no number"))? + 1;
    if next > delivery.newest {
        Ok(None)
    } else if target.next.is_some_and(|before| next <= before) {
        Err(shared.log.odd("a message of a conversation is missing"))
    } else {
        Ok(Some(next))
    }
}

/// Reads the messages that users lack and that are not known yet.
async fn fetch(
    shared: &Shared,
    deliveries: &mut [Delivery],
    targets: &[Target<'_>],
) -> Result<(), RequestError> {
    let lacks =
        |it: &&Target<'_>| it.next.is_some_and(|next| !deliveries[it.delivery].messages.contains_key(&next));
    let lacking: Vec<(usize, u64)> =
        targets.iter().filter(lacks).map(|it| (it.delivery, it.next.unwrap_or(0))).collect();
    let readings =
        lacking.iter().map(|(at, next)| reading(&deliveries[*at].keys, *next, DELIVERED_MAX)).collect();
    let values = shared.run(readings, Doing::Reading).await?;
    for ((at, _), value) in lacking.into_iter().zip(values) {
        let found = Stored::range(value)
            .ok_or_else(|| shared.log.odd("a conversation is not as this service writes it"))?;
        deliveries[at].messages.extend(found.into_iter().map(|message| (message.seq, message)));
    }
    Ok(())
}
