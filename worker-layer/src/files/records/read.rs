//! How the answers of the scripts are read.

use std::str::FromStr;

use broker::redis::{Value, from_redis_value};
use protocol::files::{Cursor, Node, Nodes, State, Watcher};
use serde_json::value::RawValue;

use super::{Candidate, Changes, Page, Taken, Told};
use crate::files::trouble::Trouble;

/// Parts of an answer, one after the other.
struct Parts(std::vec::IntoIter<Value>);

impl Parts {
    fn of(value: Value) -> Result<Self, Trouble> {
        match value {
            Value::Array(parts) => Ok(Self(parts.into_iter())),
            _ => Err(Trouble::Odd("an answer of a script")),
        }
    }

    fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    fn value(&mut self) -> Result<Value, Trouble> {
        self.0.next().ok_or(Trouble::Odd("a part of an answer is missing"))
    }

    fn text(&mut self) -> Result<String, Trouble> {
        from_redis_value(self.value()?).map_err(|_| Trouble::Odd("a part is no text"))
    }

    fn parsed<T: FromStr>(&mut self) -> Result<T, Trouble> {
        parsed(&self.text()?)
    }

    fn bytes(&mut self) -> Result<Vec<u8>, Trouble> {
        from_redis_value(self.value()?).map_err(|_| Trouble::Odd("a part is no text"))
    }

    fn state(&mut self) -> Result<State, Trouble> {
        match self.text()?.as_str() {
            "synced" => Ok(State::Synced),
            "dirty" => Ok(State::Dirty),
            "stale" => Ok(State::Stale),
            _ => Err(Trouble::Odd("a state")),
        }
    }

    fn watcher(&mut self) -> Result<Watcher, Trouble> {
        Ok(Watcher {
            watcher: self.parsed()?,
            instance: self.parsed()?,
            address: self.text()?,
            state: self.state()?,
        })
    }
}

fn parsed<T: FromStr>(text: &str) -> Result<T, Trouble> {
    text.parse().map_err(|_| Trouble::Odd("a part cannot be read"))
}

pub(super) fn told(value: Value) -> Result<Told, Trouble> {
    let mut parts = Parts::of(value)?;
    let kind = parts.text()?;
    match kind.as_str() {
        "elsewhere" => Ok(Told::Elsewhere),
        "full" => Ok(Told::Crowded),
        "files" => Ok(Told::Full),
        "gone" => Ok(Told::Gone(parts.parsed()?)),
        "here" => Ok(Told::Here {
            cursor: parts.parsed()?,
            state: parts.state()?,
            seqno: parts.parsed()?,
            is_due: parts.parsed::<u8>()? == 1,
        }),
        _ => Err(Trouble::Odd("what a watcher is told")),
    }
}

pub(super) fn taken(token: &str, value: Value) -> Result<(u64, Vec<Taken>), Trouble> {
    let mut parts = Parts::of(value)?;
    let wait_ms = parts.parsed()?;
    let mut taken = Vec::new();
    while !parts.is_empty() {
        let (address, mut candidates) = (parts.parsed()?, Vec::with_capacity(1));
        for _ in 0..2 {
            let (instance, progress) = (parts.text()?, parts.text()?);
            if !instance.is_empty() {
                candidates.push(candidate(&instance, &progress)?);
            }
        }
        taken.push(Taken { address, token: token.to_owned(), candidates });
    }
    Ok((wait_ms, taken))
}

fn candidate(instance: &str, progress: &str) -> Result<Candidate, Trouble> {
    let mut numbers = progress.split(' ').map(parsed::<u64>);
    let mut next = || numbers.next().unwrap_or(Err(Trouble::Odd("how far a watcher is")));
    Ok(Candidate { instance: parsed(instance)?, seqno: next()?, turn: next()?, gaps: next()? })
}

pub(super) fn page(value: Value) -> Result<Page, Trouble> {
    let mut parts = Parts::of(value)?;
    let (cursor, count, next) = (parts.parsed()?, parts.parsed()?, parts.bytes()?);
    let places = from_redis_value(parts.value()?).map_err(|_| Trouble::Odd("the order"))?;
    let mut watchers = Vec::new();
    let mut told = Parts::of(parts.value()?)?;
    while !told.is_empty() {
        let mut one = Parts::of(told.value()?)?;
        watchers.push((one.watcher()?, one.parsed()?));
    }
    Ok(Page { cursor, count, next: (!next.is_empty()).then_some(next), places, watchers })
}

pub(super) fn changes(value: Value) -> Result<Option<Changes>, Trouble> {
    let mut parts = Parts::of(value)?;
    if parts.is_empty() {
        return Ok(None);
    }
    let (cursor, server_ms, texts) = (parts.parsed()?, parts.parsed()?, parts.text()?);
    let changes = RawValue::from_string(format!("[{texts}]")).map_err(|_| Trouble::Odd("the log"))?;
    Ok(Some(Changes { cursor, server_ms, changes, more: parts.parsed::<u8>()? == 1 }))
}

pub(super) fn nodes(value: Value) -> Result<(Nodes, u64), Trouble> {
    let mut parts = Parts::of(value)?;
    let (cursor, server_ms, count): (Cursor, u64, usize) =
        (parts.parsed()?, parts.parsed()?, parts.parsed()?);
    let mut nodes = Vec::new();
    while !parts.is_empty() {
        let (watcher, files, seqno) = (parts.watcher()?, parts.parsed()?, parts.parsed()?);
        let (lag_ms, trouble) = (parts.parsed()?, parts.text()?);
        let trouble = (!trouble.is_empty()).then_some(trouble);
        nodes.push(Node { watcher, files, seqno, lag_ms, trouble });
    }
    Ok((Nodes { nodes, count, cursor }, server_ms))
}
