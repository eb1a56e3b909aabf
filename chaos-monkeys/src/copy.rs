//! Copies of a set, shared by all who hold the same one.
//!
//! Each viewer merges what it receives into its own copy. Thousands of viewers of one set receive the same texts in the same
//! order, so their copies are the same; they are kept once. Nothing is taken for granted by that: who holds the same copy as
//! another and receives the very same text holds the same copy afterwards, and who receives anything else gets a copy
//! of its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use lww_set::{LwwSet, Operation};
use parking_lot::Mutex;
use serde_json::value::RawValue;

use crate::cursor::Cursor;
use crate::sent::Sent;
use crate::wire;

/// Copies of one set that are remembered, so that others who come to the same one share it, and so that they can be compared
/// with what the server says of their position. Who is further behind makes copies of its own.
const COPIES_MAX: usize = 16;

/// Digests that wait for a copy at their position.
const AUDITS_MAX: usize = 16;

static LAST_ID: AtomicU64 = AtomicU64::new(0);

/// What a replica holds of a set at a position.
#[derive(Debug)]
pub struct Copy {
    id: u64,
    /// Where in the change log.
    pub cursor: Cursor,
    /// What it holds.
    pub set: LwwSet,
    /// When the operations that led here from the copy before it were first sent, as far as that is known.
    pub sent: Vec<Instant>,
    digest: OnceLock<String>,
}

/// The newest copies of one set.
#[derive(Debug, Default)]
pub struct Copies {
    newest: Mutex<Newest>,
}

#[derive(Debug, Default)]
struct Newest {
    /// The newest last.
    derived: VecDeque<Derived>,
    audits: VecDeque<(Cursor, String)>,
}

/// A copy and where it came from: another one and a text, or a text alone.
#[derive(Debug)]
struct Derived {
    from: Option<u64>,
    text: Box<str>,
    copy: Arc<Copy>,
}

/// A copy that is not what the server said that it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The position of both.
    pub cursor: Cursor,
    /// The digest of the copy.
    pub held: String,
    /// The digest that the server told.
    pub told: String,
}

impl Copy {
    fn new(cursor: Cursor, set: LwwSet, sent: Vec<Instant>) -> Arc<Self> {
        let id = LAST_ID.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { id, cursor, set, sent, digest: OnceLock::new() })
    }

    /// The digest of what it holds.
    pub fn digest(&self) -> &str {
        self.digest.get_or_init(|| self.set.digest())
    }
}

impl Copies {
    /// The copy that a snapshot or reset makes.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn whole(
        &self,
        cursor: Cursor,
        elements: &RawValue,
        removed: Option<&RawValue>,
    ) -> Result<(Arc<Copy>, Option<Mismatch>), serde_json::Error> {
        let text = [elements.get(), removed.map_or("", RawValue::get)].concat();
        let mut newest = self.newest.lock();
        if let Some(copy) = newest.find(None, &cursor, &text) {
            return Ok((copy, None));
        }
        let set = wire::whole(elements, removed)?;
        Ok(newest.keep(None, text.into(), cursor, set, Vec::new()))
    }

    /// The copy that operations make of another one.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn advance(
        &self,
        base: &Arc<Copy>,
        cursor: Cursor,
        operations: &RawValue,
        sent: &Sent,
    ) -> Result<(Arc<Copy>, Option<Mismatch>), serde_json::Error> {
        let mut newest = self.newest.lock();
        if let Some(copy) = newest.find(Some(base.id), &cursor, operations.get()) {
            return Ok((copy, None));
        }
        let list: Vec<Operation> = serde_json::from_str(operations.get())?;
        let times = sent.find(&list);
        let mut set = base.set.clone();
        set.extend(list);
        Ok(newest.keep(Some(base.id), operations.get().into(), cursor, set, times))
    }

    /// Compares what the server says of a position with all copies that are, or come, there.
    pub fn audit(&self, cursor: &Cursor, digest: &str) -> Vec<Mismatch> {
        let mut newest = self.newest.lock();
        if newest.audits.len() == AUDITS_MAX {
            newest.audits.pop_front();
        }
        newest.audits.push_back((cursor.clone(), digest.to_owned()));
        let there = newest.derived.iter().map(|derived| &derived.copy).filter(|copy| copy.cursor == *cursor);
        there.filter_map(|copy| mismatch(copy, digest)).collect()
    }
}

impl Newest {
    fn find(&self, from: Option<u64>, cursor: &Cursor, text: &str) -> Option<Arc<Copy>> {
        let same = |derived: &&Derived| {
            derived.from == from && derived.copy.cursor == *cursor && *derived.text == *text
        };
        self.derived.iter().rev().find(same).map(|derived| Arc::clone(&derived.copy))
    }

    /// Keeps a copy, or the one of the same content and position that came about in another way.
    fn keep(
        &mut self,
        from: Option<u64>,
        text: Box<str>,
        cursor: Cursor,
        set: LwwSet,
        sent: Vec<Instant>,
    ) -> (Arc<Copy>, Option<Mismatch>) {
        let twin = self.derived.iter().find(|other| other.copy.cursor == cursor && other.copy.set == set);
        if let Some(twin) = twin {
            return (Arc::clone(&twin.copy), None);
        }
        let copy = Copy::new(cursor, set, sent);
        let told = self.audits.iter().find(|(cursor, _)| *cursor == copy.cursor);
        let mismatch = told.and_then(|(_, digest)| mismatch(&copy, digest));
        if self.derived.len() == COPIES_MAX {
            self.derived.pop_front();
        }
        self.derived.push_back(Derived { from, text, copy: Arc::clone(&copy) });
        (copy, mismatch)
    }
}

fn mismatch(copy: &Copy, told: &str) -> Option<Mismatch> {
    let held = copy.digest();
    (held != told).then(|| Mismatch {
        cursor: copy.cursor.clone(),
        held: held.to_owned(),
        told: told.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(position: u64) -> Cursor {
        format!("e-{position}").parse().unwrap()
    }

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn start(copies: &Copies) -> Arc<Copy> {
        copies.whole(at(1), &raw(r#"[{"value":"x","stamp":[1,"a"]}]"#), None).unwrap().0
    }

    const ADD: &str = r#"[{"op":"add","value":"y","stamp":[2,"a"]}]"#;
    const OTHER: &str = r#"[{"op":"add","value":"z","stamp":[2,"a"]}]"#;

    #[test]
    fn who_receives_the_same_shares_a_copy_and_who_does_not_has_its_own() {
        let (copies, sent) = (Copies::default(), Sent::default());
        let (one, two) = (start(&copies), start(&copies));
        assert!(Arc::ptr_eq(&one, &two));
        let (one, _) = copies.advance(&one, at(2), &raw(ADD), &sent).unwrap();
        let (same, _) = copies.advance(&two, at(2), &raw(ADD), &sent).unwrap();
        let (other, _) = copies.advance(&two, at(2), &raw(OTHER), &sent).unwrap();
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &other));
        assert_ne!(one.digest(), other.digest());
    }

    #[test]
    fn the_same_content_at_the_same_position_is_kept_once_however_it_came_about() {
        let (copies, sent) = (Copies::default(), Sent::default());
        let (by_delta, _) = copies.advance(&start(&copies), at(2), &raw(ADD), &sent).unwrap();
        let whole = raw(r#"[{"value":"x","stamp":[1,"a"]},{"value":"y","stamp":[2,"a"]}]"#);
        let (by_snapshot, _) = copies.whole(at(2), &whole, None).unwrap();
        assert!(Arc::ptr_eq(&by_delta, &by_snapshot));
    }

    #[test]
    fn an_audit_finds_copies_that_differ_before_and_after_it() {
        let (copies, sent) = (Copies::default(), Sent::default());
        let base = start(&copies);
        let (good, _) = copies.advance(&base, at(2), &raw(ADD), &sent).unwrap();
        assert_eq!(copies.audit(&at(2), good.digest()), []);
        let (bad, mismatch) = copies.advance(&base, at(2), &raw(OTHER), &sent).unwrap();
        assert_eq!(mismatch.unwrap().held, bad.digest());
        assert_eq!(copies.audit(&at(2), good.digest()).len(), 1);
    }

    #[test]
    fn only_the_newest_copies_are_kept() {
        let (copies, sent) = (Copies::default(), Sent::default());
        let mut copy = start(&copies);
        for position in 2..100 {
            copy = copies.advance(&copy, at(position), &raw(ADD), &sent).unwrap().0;
        }
        assert_eq!(copies.newest.lock().derived.len(), COPIES_MAX);
    }
}
