//! The sets service in memory, without I/O, and with faults on demand. It merges by itself, so that it stays right when the rule
//! of the monkeys is broken on purpose.

use std::collections::{BTreeMap, BTreeSet};

use lww_set::{Op, Operation, Stamp, digest};
use serde_json::{Value, json};

/// How far a stamp may be ahead, milliseconds.
pub(crate) const AHEAD_MS_MAX: u64 = 60_000;

/// What the service does wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sabotage {
    /// It acknowledges every so many-th operation that it would apply, and forgets it.
    pub(crate) forget_every: Option<u64>,
    /// It pushes every so many-th change with another value.
    pub(crate) garble_every: Option<u64>,
    /// It forgets to push every so many-th change, and hides that.
    pub(crate) hide_every: Option<u64>,
    /// It lets whoever comes last win.
    pub(crate) last_wins: bool,
}

/// A set.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) name: String,
    kept: BTreeMap<String, (Stamp, u8)>,
    epoch: String,
    position: u64,
    /// Position and operations of each entry, the newest last.
    log: Vec<(u64, Vec<Operation>)>,
    log_max: usize,
    sabotage: Sabotage,
    done: u64,
}

/// A change that is pushed.
pub(crate) type Push = Option<Value>;

fn rank(op: Op) -> u8 {
    u8::from(op == Op::Remove)
}

fn op(rank: u8) -> Op {
    if rank == 0 { Op::Add } else { Op::Remove }
}

impl Set {
    pub(crate) fn new(name: &str, log_max: usize, sabotage: Sabotage) -> Self {
        Self {
            name: name.to_owned(),
            kept: BTreeMap::new(),
            epoch: "e1".to_owned(),
            position: 100,
            log: Vec::new(),
            log_max,
            sabotage,
            done: 0,
        }
    }

    pub(crate) fn cursor(&self) -> String {
        format!("{}-{}", self.epoch, self.position)
    }

    /// From now on no older cursor is known.
    pub(crate) fn turn_epoch(&mut self) {
        self.epoch.push('x');
        self.log.clear();
    }

    /// Applies operations; the outcomes, and what is pushed.
    pub(crate) fn apply(&mut self, operations: Vec<Value>, now_ms: u64) -> (Vec<Value>, Push) {
        let prev = self.cursor();
        let mut applied = Vec::new();
        let outcomes =
            operations.into_iter().map(|operation| self.one(operation, now_ms, &mut applied)).collect();
        if applied.is_empty() {
            return (outcomes, None);
        }
        self.position += 7;
        self.log.push((self.position, applied.clone()));
        if self.log.len() > self.log_max {
            self.log.remove(0);
        }
        if happens(self.sabotage.garble_every, self.done) {
            applied[0].value.push('?');
        }
        if happens(self.sabotage.hide_every, self.done) {
            applied.clear();
        }
        let push = json!({
            "type": "delta", "prev": prev, "cursor": self.cursor(), "operations": applied, "server_ms": now_ms
        });
        (outcomes, Some(push))
    }

    fn one(&mut self, mut operation: Value, now_ms: u64, applied: &mut Vec<Operation>) -> Value {
        if operation.get("stamp").is_none() {
            let kept = operation["value"].as_str().and_then(|value| self.kept.get(value));
            let after = kept.map_or(0, |(stamp, _)| stamp.ms() + 1);
            operation["stamp"] = json!([now_ms.max(after), "server"]);
        }
        let operation: Operation = serde_json::from_value(operation).expect("monkeys send good operations");
        let stamp = operation.stamp.clone();
        if stamp.ms() > now_ms + AHEAD_MS_MAX {
            return json!({"outcome": "clock_ahead", "server_ms": now_ms, "ahead_ms_max": AHEAD_MS_MAX});
        }
        let arrived = (stamp.clone(), rank(operation.op));
        if let Some(kept) = self.kept.get(&operation.value) {
            if *kept == arrived {
                return json!({"outcome": "duplicate", "stamp": stamp});
            }
            if *kept > arrived && !self.sabotage.last_wins {
                return json!({"outcome": "superseded", "op": op(kept.1), "stamp": kept.0});
            }
        }
        self.done += 1;
        if !happens(self.sabotage.forget_every, self.done) {
            self.kept.insert(operation.value.clone(), arrived);
            applied.push(operation);
        }
        json!({"outcome": "applied", "stamp": stamp})
    }

    /// The answer to a `watch`.
    pub(crate) fn watch(&self, cursor: Option<&str>, limit: usize) -> Value {
        let Some(cursor) = cursor else { return self.whole("snapshot") };
        let known =
            cursor.strip_prefix(&format!("{}-", self.epoch)).and_then(|position| position.parse().ok());
        let from = known.and_then(|position: u64| {
            let at = self.log.iter().position(|(entry, _)| *entry == position);
            at.map(|at| at + 1).or((position == self.position).then_some(self.log.len()))
        });
        let Some(from) = from else { return self.whole("reset") };
        let page = &self.log[from..self.log.len().min(from + limit)];
        let operations: Vec<&Operation> = page.iter().flat_map(|(_, operations)| operations).collect();
        let last =
            page.last().map_or(cursor.to_owned(), |(position, _)| format!("{}-{position}", self.epoch));
        let more = from + page.len() < self.log.len();
        json!({"type": "delta", "cursor": last, "operations": operations, "more": more})
    }

    /// All of it.
    pub(crate) fn whole(&self, kind: &str) -> Value {
        let of = |wanted: u8| {
            let some = self.kept.iter().filter(move |(_, (_, rank))| *rank == wanted);
            some.map(|(value, (stamp, _))| json!({"value": value, "stamp": stamp})).collect::<Vec<_>>()
        };
        json!({
            "type": kind, "name": self.name, "cursor": self.cursor(), "server_ms": 0, "elements": of(0), "removed": of(1)
        })
    }

    /// The digest of it.
    pub(crate) fn digest(&self) -> Value {
        let contained: Vec<(&str, &Stamp)> = self.contained().collect();
        json!({"cursor": self.cursor(), "count": contained.len(), "digest": digest::of(contained.iter().copied())})
    }

    pub(crate) fn values(&self) -> BTreeSet<&str> {
        self.contained().map(|(value, _)| value).collect()
    }

    fn contained(&self) -> impl Iterator<Item = (&str, &Stamp)> {
        self.kept
            .iter()
            .filter(|(_, (_, rank))| *rank == 0)
            .map(|(value, (stamp, _))| (value.as_str(), stamp))
    }
}

fn happens(every: Option<u64>, done: u64) -> bool {
    every.is_some_and(|every| done % every == every - 1)
}
