//! What is in the folder, and what the service was told of it.
//!
//! No operation is ever queued. For each name there is whether it is in the folder, and whether the service has it listed
//! once it has heard all operations that have a number; those that differ wait for their turn. An operation is made of a
//! difference at the moment at which it gets its number, so what is told cannot drift from what is, a file that came and
//! went in between costs nothing, and there is never more to tell than there are names.
//!
//! Only operations with a number are fixed ([`Ledger::number`]): the service may have them although its answer was lost, so
//! they are repeated as they are, until it takes them. Their numbers have no holes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::files::Op;

use crate::name::Name;

/// The number before the first operation.
const SEQNO_BEFORE: u64 = 1;
/// What an operation is as JSON, with the longest instance and without its name, bytes.
const OPERATION_BYTES: usize = 160;
/// What a byte of a name is as JSON at most, bytes: a control character is `\u0001`.
const BYTE_BYTES_MAX: usize = 6;

/// What is in the folder, and what the service was told of it.
pub struct Ledger {
    /// Names that are in the folder, or that the service may have listed.
    names: BTreeMap<Name, Standing>,
    /// Names of which something is to be told, each once, by when that began. Some may have become true again.
    waiting: VecDeque<Name>,
    /// Operations that have a number and were not accepted, by number.
    numbered: VecDeque<Numbered>,
    /// The newest number that was given.
    seqno: u64,
    /// How many names are in the folder.
    files: usize,
    files_max: usize,
    is_over: bool,
    is_shown: bool,
}

/// What is known of a name.
struct Standing {
    is_there: bool,
    told: Told,
    is_waiting: bool,
}

/// What the service has of a name once it has heard all operations that have a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Listed,
    NotListed,
    /// It may have either, because it was shown a list ahead of the operations: one must follow.
    Unsure,
}

/// What there is to say of a name that nobody has heard of.
const UNKNOWN: Standing = Standing { is_there: false, told: Told::NotListed, is_waiting: false };

/// An operation that has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    /// The number: one more than that of the operation before.
    pub seqno: u64,
    /// What happened.
    pub op: Op,
    /// To which name.
    pub name: Name,
}

/// The folder as it is, for the service to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// All names, sorted.
    pub names: Vec<Name>,
    /// Every operation up to this one is in the list. Of what is newer in it, operations follow.
    pub seqno: u64,
}

impl Standing {
    fn is_told(&self) -> bool {
        self.told == if self.is_there { Told::Listed } else { Told::NotListed }
    }

    fn tell(&mut self) -> Op {
        let (told, op) = if self.is_there { (Told::Listed, Op::Add) } else { (Told::NotListed, Op::Remove) };
        self.told = told;
        op
    }
}

impl Ledger {
    /// Nothing is there, and nothing was told. Of more than `files_max` names at a time, further ones are left out.
    #[must_use]
    pub fn new(files_max: usize) -> Self {
        Self {
            names: BTreeMap::new(),
            waiting: VecDeque::new(),
            numbered: VecDeque::new(),
            seqno: SEQNO_BEFORE,
            files: 0,
            files_max,
            is_over: false,
            is_shown: false,
        }
    }

    /// Takes down whether a name is in the folder.
    pub fn observe(&mut self, name: &Name, is_there: bool) {
        let was_there = self.names.get(name).is_some_and(|standing| standing.is_there);
        if is_there && !was_there && self.files >= self.files_max {
            self.is_over = true;
        } else if is_there != was_there {
            self.files = if is_there { self.files + 1 } else { self.files - 1 };
            self.names.entry(name.clone()).or_insert(UNKNOWN).is_there = is_there;
            self.queue(name);
        }
    }

    /// Takes down all that is in the folder.
    pub fn observe_all(&mut self, all: &BTreeSet<Name>) {
        self.is_over = false;
        let gone = |(name, standing): (&Name, &Standing)| {
            (standing.is_there && !all.contains(name)).then(|| name.clone())
        };
        let gone: Vec<Name> = self.names.iter().filter_map(gone).collect();
        gone.iter().for_each(|name| self.observe(name, false));
        all.iter().for_each(|name| self.observe(name, true));
    }

    /// Whether names were left out and there is room for some of them by now: then the folder is to be read again.
    #[must_use]
    pub fn has_room_again(&self) -> bool {
        self.is_over && self.files < self.files_max
    }

    /// Whether there are more names than can be listed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The operations to tell, by number: those that have one and were not accepted, or else new ones, at most `count`, of
    /// about `bytes_max` bytes as JSON. None if all is told.
    pub fn number(&mut self, count: usize, bytes_max: usize) -> impl ExactSizeIterator<Item = &Numbered> {
        if self.numbered.is_empty() {
            let mut bytes = 0;
            while self.numbered.len() < count && bytes < bytes_max {
                let Some(name) = self.waiting.pop_front() else {
                    break;
                };
                bytes += self.number_one(name);
            }
        }
        self.numbered.iter().take(count)
    }

    /// Gives an operation on this name a number, if one is needed. The answer is its length as JSON at most, bytes.
    fn number_one(&mut self, name: Name) -> usize {
        let Some(standing) = self.names.get_mut(&name) else {
            return 0;
        };
        standing.is_waiting = false;
        if standing.is_told() {
            self.forget(&name);
            return 0;
        }
        self.seqno += 1;
        let numbered = Numbered { seqno: self.seqno, op: standing.tell(), name };
        self.forget(&numbered.name);
        let bytes = OPERATION_BYTES + BYTE_BYTES_MAX * numbered.name.as_str().len();
        self.numbered.push_back(numbered);
        bytes
    }

    /// The service has taken the first so many operations.
    pub fn accept(&mut self, count: usize) {
        self.numbered.drain(..count.min(self.numbered.len()));
    }

    /// The service will not take the first operation. Its number stays used, and what it said is told again behind all that
    /// waits, under a new number. The answer is the operation.
    pub fn put_off(&mut self) -> Option<Numbered> {
        let refused = self.numbered.pop_front()?;
        self.names.entry(refused.name.clone()).or_insert(UNKNOWN).told = Told::Unsure;
        self.queue(&refused.name);
        Some(refused)
    }

    /// Shows what is in the folder. Of what is newer in it than the operations with a number, operations follow, whatever
    /// becomes of it: the service has seen it.
    pub fn show(&mut self) -> List {
        self.is_shown = true;
        for name in &self.waiting {
            if let Some(standing) = self.names.get_mut(name).filter(|standing| !standing.is_told()) {
                standing.told = Told::Unsure;
            }
        }
        let there = self.names.iter().filter(|(_, standing)| standing.is_there);
        List { names: there.map(|(name, _)| name.clone()).collect(), seqno: self.seqno }
    }

    /// Whether the service can have nothing from here: no list was shown, and no operation made.
    #[must_use]
    pub fn is_untold(&self) -> bool {
        !self.is_shown && self.seqno == SEQNO_BEFORE
    }

    /// Begins as a watcher that nobody has heard of: the service will fetch what is in the folder now.
    pub fn start_over(&mut self) {
        (self.seqno, self.is_shown) = (SEQNO_BEFORE, false);
        self.numbered.clear();
        for name in std::mem::take(&mut self.waiting) {
            if let Some(standing) = self.names.get_mut(&name) {
                standing.is_waiting = false;
                standing.tell();
            }
            self.forget(&name);
        }
    }

    /// Whether no operation with a number waits to be accepted.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.numbered.is_empty()
    }

    /// How many names are in the folder.
    #[must_use]
    pub fn files(&self) -> usize {
        self.files
    }

    /// How much is to be told: at most so many operations.
    #[must_use]
    pub fn untold(&self) -> usize {
        self.waiting.len() + self.numbered.len()
    }

    /// The newest operation that the service has taken, or that it will not take: 1 before the first.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.seqno - self.numbered.len() as u64
    }

    /// Has the name wait for its turn, if there is something to tell of it.
    fn queue(&mut self, name: &Name) {
        if let Some(standing) = self.names.get_mut(name)
            && !standing.is_told()
            && !standing.is_waiting
        {
            standing.is_waiting = true;
            self.waiting.push_back(name.clone());
        }
    }

    /// Forgets a name of which nothing is left to say.
    fn forget(&mut self, name: &Name) {
        let is_over = |standing: &Standing| !standing.is_there && standing.is_told() && !standing.is_waiting;
        if self.names.get(name).is_some_and(is_over) {
            self.names.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    fn name(text: &str) -> Name {
        Name::from(OsStr::new(text))
    }

    fn ledger(names: &[&str]) -> Ledger {
        let mut ledger = Ledger::new(10);
        ledger.observe_all(&names.iter().map(|text| name(text)).collect());
        ledger.start_over();
        ledger
    }

    /// The operations to tell, at most `count`, as text.
    fn told(ledger: &mut Ledger, count: usize) -> Vec<String> {
        let sign = |op| if op == Op::Add { '+' } else { '-' };
        let text = |one: &Numbered| format!("{}{}{}", one.seqno, sign(one.op), one.name);
        ledger.number(count, usize::MAX).map(text).collect()
    }

    #[test]
    fn what_is_there_at_the_start_is_listed_and_not_told() {
        let mut ledger = ledger(&["b", "a"]);
        assert!(told(&mut ledger, 9).is_empty());
        assert_eq!(ledger.show(), List { names: vec![name("a"), name("b")], seqno: 1 });
    }

    #[test]
    fn a_rename_is_a_removal_and_then_an_addition_and_the_first_operation_is_number_2() {
        let mut ledger = ledger(&["a"]);
        ledger.observe(&name("a"), false);
        ledger.observe(&name("b"), true);
        assert_eq!(told(&mut ledger, 9), ["2-a", "3+b"]);
    }

    #[test]
    fn what_came_and_went_between_two_requests_is_not_told() {
        let mut ledger = ledger(&["a"]);
        ledger.observe(&name("draft"), true);
        ledger.observe(&name("a"), false);
        ledger.observe(&name("draft"), false);
        ledger.observe(&name("a"), true);
        assert!(told(&mut ledger, 9).is_empty());
        assert_eq!((ledger.untold(), ledger.files()), (0, 1));
    }

    #[test]
    fn operations_that_were_not_accepted_are_repeated_as_they_are_before_others() {
        let mut ledger = ledger(&[]);
        ledger.observe(&name("a"), true);
        assert_eq!(told(&mut ledger, 9), ["2+a"]);
        ledger.observe(&name("a"), false);
        ledger.observe(&name("b"), true);
        assert_eq!(told(&mut ledger, 9), ["2+a"]);
        ledger.accept(1);
        assert_eq!(told(&mut ledger, 1), ["3-a"]);
        ledger.accept(1);
        assert_eq!(told(&mut ledger, 1), ["4+b"]);
        assert_eq!(ledger.settled(), 3);
    }

    #[test]
    fn what_a_list_showed_before_its_operation_is_told_even_if_it_is_undone_by_then() {
        let mut ledger = ledger(&["a"]);
        ledger.observe(&name("a"), false);
        assert_eq!(ledger.show(), List { names: vec![], seqno: 1 });
        ledger.observe(&name("a"), true);
        assert_eq!(told(&mut ledger, 9), ["2+a"]);
    }

    #[test]
    fn an_operation_that_was_put_off_is_told_again_behind_all_others() {
        let mut ledger = ledger(&[]);
        ledger.observe(&name("a"), true);
        ledger.observe(&name("b"), true);
        assert_eq!(told(&mut ledger, 1), ["2+a"]);
        assert_eq!(ledger.put_off().map(|refused| refused.seqno), Some(2));
        assert_eq!(ledger.settled(), 2);
        assert_eq!(told(&mut ledger, 9), ["3+b", "4+a"]);
    }

    #[test]
    fn a_request_is_bounded_in_operations_and_bytes() {
        let mut ledger = ledger(&[]);
        (0..9).for_each(|at| ledger.observe(&name(&format!("{at}")), true));
        assert_eq!(told(&mut ledger, 2).len(), 2);
        ledger.accept(2);
        let one = OPERATION_BYTES + BYTE_BYTES_MAX;
        assert_eq!(ledger.number(9, 3 * one).len(), 3);
        ledger.accept(1);
        assert_eq!(ledger.number(1, usize::MAX).len(), 1);
    }

    #[test]
    fn names_beyond_the_bound_are_left_out_until_there_is_room() {
        let mut ledger = ledger(&[]);
        let mut all: BTreeSet<Name> = (0..11).map(|at| name(&format!("{at:02}"))).collect();
        ledger.observe_all(&all);
        assert!(ledger.is_over() && !ledger.has_room_again() && ledger.files() == 10);
        ledger.observe(&name("00"), false);
        assert!(ledger.has_room_again());
        all.remove(&name("00"));
        ledger.observe_all(&all);
        assert!(!ledger.is_over() && ledger.show().names.contains(&name("10")));
    }

    #[test]
    fn nothing_is_kept_of_names_that_are_gone_and_told() {
        let mut ledger = ledger(&["a"]);
        for at in 0..100 {
            ledger.observe(&name(&format!("{at}")), true);
            ledger.observe(&name(&format!("{at}")), false);
        }
        ledger.observe(&name("a"), false);
        let count = ledger.number(9, usize::MAX).len();
        ledger.accept(count);
        assert_eq!((ledger.names.len(), ledger.untold(), ledger.settled()), (0, 0, 2));
    }
}
