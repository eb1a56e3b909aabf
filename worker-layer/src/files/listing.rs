//! The sorted listing in memory, for answers that are all of it. It does no I/O: it is told of changes.
//!
//! Changes may be told that it has already: then nothing happens. So it can be read in pieces while it changes, and be made
//! right by telling it what changed meanwhile.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Bound;

use foldhash::fast::RandomState;
use protocol::files::{Change, Watcher};

use super::place;

/// All files and watchers.
#[derive(Default)]
pub(super) struct Listing {
    /// The place of each file.
    places: BTreeSet<Box<[u8]>>,
    watchers: BTreeMap<u64, Watcher>,
    revision: u64,
}

impl Listing {
    /// How many files there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Grows with every change of the files: two equal revisions have the same.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// The watchers, by number.
    pub(super) fn watchers(&self) -> impl Iterator<Item = &Watcher> {
        self.watchers.values()
    }

    /// The files with this prefix and the numbers of their watchers, sorted.
    pub(super) fn files<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
        let from = Bound::Included(prefix.as_bytes());
        let places = self.places.range::<[u8], _>((from, Bound::Unbounded));
        places
            .map_while(move |place| place.starts_with(prefix.as_bytes()).then_some(place))
            .filter_map(|place| place::parts(place))
    }

    /// Takes in files as they stand in the order.
    pub(super) fn insert(&mut self, places: Vec<Vec<u8>>) {
        self.revision += 1;
        self.places.extend(places.into_iter().map(Vec::into_boxed_slice));
    }

    /// Takes in a watcher.
    pub(super) fn watch(&mut self, watcher: Watcher) {
        self.watchers.insert(watcher.watcher, watcher);
    }

    /// Takes in changes, in order.
    pub(super) fn apply(&mut self, changes: Vec<Change>) {
        // Numbers never come back, so it does not matter that these go last; and it costs one walk for all of them.
        let mut gone = HashSet::<u64, RandomState>::default();
        for change in changes {
            match change {
                Change::Add { watcher, filename } => {
                    self.revision += 1;
                    self.places.insert(place::of(&filename, watcher));
                }
                Change::Remove { watcher, filename } => {
                    self.revision += 1;
                    self.places.remove(&place::of(&filename, watcher));
                }
                Change::Watcher(watcher) => self.watch(watcher),
                Change::Gone { watcher, .. } => {
                    self.watchers.remove(&watcher);
                    gone.insert(watcher);
                }
            }
        }
        if !gone.is_empty() {
            self.revision += 1;
            let is_gone =
                |place: &[u8]| place::parts(place).is_none_or(|(_, watcher)| gone.contains(&watcher));
            self.places.retain(|place| !is_gone(place));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use protocol::files::{Gone, State};

    use super::*;

    fn change() -> impl Strategy<Value = Change> {
        let file = || (1_u64..4, "[a-c]{1,2}");
        prop_oneof![
            4 => file().prop_map(|(watcher, filename)| Change::Add { watcher, filename }),
            3 => file().prop_map(|(watcher, filename)| Change::Remove { watcher, filename }),
            1 => (1_u64..4).prop_map(|watcher| Change::Watcher(Watcher {
                watcher,
                instance: "a".parse().unwrap(),
                address: String::new(),
                state: State::Synced,
            })),
        ]
    }

    fn shown(listing: &Listing) -> Vec<(String, u64)> {
        listing.files("").map(|(name, watcher)| (name.to_owned(), watcher)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_listing_that_was_read_at_different_times_is_right_when_it_was_told_what_changed_since_the_first(
            before in vec(change(), 0..30),
            meanwhile in vec(change(), 0..30),
            seen_at in vec(0_usize..31, 40),
            gone in 1_u64..5,
        ) {
            let mut right = Listing::default();
            right.apply(before.clone());
            // Each file is read at some moment of its own.
            let mut pieces = Listing::default();
            let mut then = Listing::default();
            then.apply(before);
            let mut moments = vec![shown(&then)];
            for change in &meanwhile {
                then.apply(vec![change.clone()]);
                moments.push(shown(&then));
            }
            let all: BTreeSet<_> = moments.iter().flatten().cloned().collect();
            for (file, seen_at) in all.into_iter().zip(seen_at) {
                if moments[seen_at.min(meanwhile.len())].contains(&file) {
                    pieces.insert(vec![place::of(&file.0, file.1).into_vec()]);
                }
            }
            let mut meanwhile = meanwhile;
            meanwhile.push(Change::Gone { watcher: gone, reason: Gone::Bye });
            right.apply(meanwhile.clone());
            pieces.apply(meanwhile);
            prop_assert_eq!(shown(&pieces), shown(&right));
        }
    }

    #[test]
    fn files_with_a_prefix_are_those_that_begin_with_it() {
        let mut listing = Listing::default();
        let add = |filename: &str| Change::Add { watcher: 1, filename: filename.to_owned() };
        listing.apply(["b", "ab", "a", "a\u{10ffff}", "aé"].map(add).into());
        let names = |prefix| listing.files(prefix).map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(names("a"), ["a", "ab", "aé", "a\u{10ffff}"]);
        assert_eq!(names("ab"), ["ab"]);
        assert!(names("c").is_empty() && names("").len() == listing.len());
    }
}
