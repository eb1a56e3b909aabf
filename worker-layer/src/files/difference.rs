//! What a watcher's list says in another way than the listing: only that is applied.

use std::collections::HashSet;

use foldhash::fast::RandomState;

/// What a list says of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// It is in the list.
    Present,
    /// It is not.
    Absent,
    /// It is in both, but what listed it never was.
    Confirmed,
}

impl Sign {
    /// As the script takes it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Present => "+",
            Self::Absent => "-",
            Self::Confirmed => "=",
        }
    }
}

/// Compares a list with what is listed, which is told page by page.
pub(super) struct Difference {
    /// Of the list, those that were not seen to be listed.
    unseen: HashSet<Box<str>, RandomState>,
    /// Of the list, those that were.
    seen: HashSet<Box<str>, RandomState>,
    /// The number up to which the list has all operations.
    seqno: u64,
    is_step_back: bool,
    found: Vec<(Sign, Box<str>)>,
}

impl Difference {
    pub(super) fn new(list: Vec<Box<str>>, seqno: u64, is_step_back: bool) -> Self {
        Self {
            unseen: list.into_iter().collect(),
            seen: HashSet::default(),
            seqno,
            is_step_back,
            found: Vec::new(),
        }
    }

    /// Takes in a name that is listed, with the number of the operation that listed it.
    pub(super) fn listed(&mut self, name: String, seqno: u64) {
        let is_newer = seqno > self.seqno;
        if let Some(own) = self.unseen.take(name.as_str()) {
            self.seen.insert(own);
            if self.is_step_back && is_newer {
                self.found.push((Sign::Confirmed, name.into_boxed_str()));
            }
        } else if !self.seen.contains(name.as_str()) && (!is_newer || self.is_step_back) {
            self.found.push((Sign::Absent, name.into_boxed_str()));
        }
    }

    /// The difference: first what went, then what came, by name.
    pub(super) fn into_found(mut self) -> Vec<(Sign, Box<str>)> {
        let mut came: Vec<_> = self.unseen.into_iter().collect();
        came.sort_unstable();
        self.found.extend(came.into_iter().map(|name| (Sign::Present, name)));
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(list: &[&str], listed: &[(&str, u64)], is_step_back: bool) -> Vec<(Sign, Box<str>)> {
        let list = list.iter().map(|name| Box::from(*name)).collect();
        let mut difference = Difference::new(list, 10, is_step_back);
        for (name, seqno) in listed {
            difference.listed((*name).to_owned(), *seqno);
        }
        difference.into_found()
    }

    #[test]
    fn only_what_differs_is_applied_and_what_is_newer_than_the_list_is_kept() {
        let found = difference(&["b", "a", "same"], &[("same", 3), ("old", 10), ("new", 11)], false);
        let expected = [(Sign::Absent, "old"), (Sign::Present, "a"), (Sign::Present, "b")];
        assert_eq!(found, expected.map(|(sign, name)| (sign, Box::from(name))));
    }

    #[test]
    fn names_that_look_the_same_are_one_and_so_is_one_that_is_told_twice() {
        assert_eq!(difference(&["\u{fffd}", "\u{fffd}"], &[], false).len(), 1);
        assert!(difference(&["a"], &[("a", 1), ("a", 1)], false).is_empty());
    }

    #[test]
    fn when_the_number_goes_back_nothing_is_newer_than_the_list() {
        let found = difference(&["both", "old"], &[("both", 99), ("old", 1), ("new", 99)], true);
        assert_eq!(
            found,
            [(Sign::Confirmed, "both"), (Sign::Absent, "new")].map(|(sign, name)| (sign, Box::from(name)))
        );
    }
}
