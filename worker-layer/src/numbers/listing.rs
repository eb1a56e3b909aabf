//! The sorted listing in memory: one change costs a chunk, and the whole body is a concatenation of encoded
//! chunks.
//!
//! Rows are known by their key, which is what stands after `user:` in the name of the hash, and sorted as
//! `row` says. Neighbouring rows share a `chunk` with its JSON beside it, so that a change in a listing of
//! 100,000 users encodes a few hundred rows anew and copies the rest.
//!
//! This module does no I/O and knows no version: that comes from Redis, when the body is asked for.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use protocol::numbers;

use super::chunk::Chunk;
pub use super::row::Fact;
use super::row::{self, Row, Sorter};

/// What became of the listing when a fact was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing: this was known.
    None,
    /// A user is new.
    Appeared,
    /// A known user has another name or number.
    Altered,
    /// A user is gone.
    Vanished,
}

/// All users, sorted.
pub struct Listing {
    sorter: Sorter,
    rows: HashMap<Arc<str>, Arc<Row>>,
    chunks: Vec<Chunk>,
    revision: u64,
    bytes: usize,
}

impl Listing {
    /// A listing of nobody.
    #[must_use]
    pub fn new() -> Self {
        Self { sorter: Sorter::new(), rows: HashMap::new(), chunks: Vec::new(), revision: 0, bytes: 0 }
    }

    /// How many users there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nobody is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes of its body, or some more.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a user of this name and key can be set: one that is there, or one more that fits.
    #[must_use]
    pub fn has_room_for(&self, user_name: &str) -> bool {
        self.knows(user_name) || self.bytes + row::bytes_of(user_name) <= numbers::LISTING_BYTES_MAX
    }

    /// Whether a row with this key is there.
    #[must_use]
    pub fn knows(&self, key: &str) -> bool {
        self.rows.contains_key(key)
    }

    /// The keys of all rows, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.rows.keys()
    }

    /// Grows with every change: two equal revisions of one listing have the same rows.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Takes in what is true of `key` now: a fact, or that there is none.
    pub fn apply(&mut self, key: &str, fact: Option<Fact<'_>>) -> Change {
        let change = match (self.rows.get(key).cloned(), fact) {
            (None, None) => Change::None,
            (Some(row), Some(fact)) if row.tells(fact) => Change::None,
            (None, Some(fact)) => {
                let row = Arc::new(self.sorter.row(Arc::from(key), fact));
                self.rows.insert(Arc::clone(&row.key), Arc::clone(&row));
                self.bytes += row.bytes();
                self.insert(row);
                Change::Appeared
            }
            (Some(row), None) => {
                self.rows.remove(key);
                self.bytes -= row.bytes();
                self.remove(&row);
                Change::Vanished
            }
            (Some(old), Some(fact)) => {
                let row = Arc::new(self.sorter.altered(&old, fact));
                self.bytes = self.bytes + row.bytes() - old.bytes();
                self.rows.insert(Arc::clone(&row.key), Arc::clone(&row));
                if row.user_name == old.user_name {
                    let chunk = self.chunk_of(&row);
                    self.chunks[chunk].replace(row);
                } else {
                    self.remove(&old);
                    self.insert(row);
                }
                Change::Altered
            }
        };
        self.revision += u64::from(change != Change::None);
        change
    }

    /// The response message: `{"Users":[…],"Version":…}`.
    #[must_use]
    pub fn body(&mut self, version: u64) -> Vec<u8> {
        const HEAD: &[u8] = b"{\"Users\":[";
        let chunks: usize = self.chunks.iter_mut().map(|chunk| chunk.encoded().len()).sum();
        let mut body = Vec::with_capacity(HEAD.len() + chunks + 40);
        body.extend_from_slice(HEAD);
        for chunk in &mut self.chunks {
            body.extend_from_slice(chunk.encoded());
        }
        body.pop_if(|last| *last == b',');
        body.extend_from_slice(format!("],\"Version\":{version}}}").as_bytes());
        body
    }

    /// The chunk in which `row` is, or belongs: the last one that does not begin after it.
    fn chunk_of(&self, row: &Row) -> usize {
        self.chunks.partition_point(|chunk| chunk.first() <= row).saturating_sub(1)
    }

    fn insert(&mut self, row: Arc<Row>) {
        if self.chunks.is_empty() {
            return self.chunks.push(Chunk::of(row));
        }
        let chunk = self.chunk_of(&row);
        if let Some(upper_half) = self.chunks[chunk].insert(row) {
            self.chunks.insert(chunk + 1, upper_half);
        }
    }

    fn remove(&mut self, row: &Row) {
        let chunk = self.chunk_of(row);
        self.chunks[chunk].remove(row);
        if self.chunks[chunk].is_empty() {
            self.chunks.remove(chunk);
        } else if !self.join(chunk) && chunk > 0 {
            self.join(chunk - 1);
        }
    }

    /// Makes one chunk of this one and the next, if both are sparse: so no two neighbours ever are.
    fn join(&mut self, chunk: usize) -> bool {
        let both = self.chunks.get(chunk..chunk + 2).is_some_and(|pair| pair.iter().all(Chunk::is_sparse));
        if both {
            let next = self.chunks.remove(chunk + 1);
            self.chunks[chunk].append(next);
        }
        both
    }
}

impl Default for Listing {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::numbers::{Listing as Message, User};

    fn fact(user_name: &str, favorite_number: i64) -> Option<Fact<'_>> {
        Some(Fact { user_name, favorite_number })
    }

    fn body(listing: &mut Listing) -> String {
        String::from_utf8(listing.body(7)).unwrap()
    }

    #[test]
    fn nobody_is_an_empty_list() {
        assert_eq!(body(&mut Listing::new()), r#"{"Users":[],"Version":7}"#);
    }

    #[test]
    fn users_stand_in_the_order_that_a_person_expects() {
        let mut listing = Listing::new();
        for (number, name) in ["Zoë", "ana", "Čedo", "branko", "Ana", "zara", "Cvita", "dora", "éva", "Eva"]
            .into_iter()
            .enumerate()
        {
            listing.apply(name, fact(name, i64::try_from(number).unwrap()));
        }
        let listing: Message = serde_json::from_str(&body(&mut listing)).unwrap();
        let names: Vec<&str> = listing.users.iter().map(|user| user.user_name.as_str()).collect();
        assert_eq!(names, ["ana", "Ana", "branko", "Čedo", "Cvita", "dora", "Eva", "éva", "zara", "Zoë"]);
    }

    #[test]
    fn names_are_escaped_as_json_wants_it() {
        let mut listing = Listing::new();
        listing.apply("x", fact("a\"b\\c\n\u{1}é", i64::MIN));
        assert_eq!(
            body(&mut listing),
            r#"{"Users":[{"UserName":"a\"b\\c\n\u0001é","FavoriteNumber":-9223372036854775808}],"Version":7}"#
        );
    }

    #[test]
    fn each_change_is_told_as_what_it_is() {
        let mut listing = Listing::new();
        assert_eq!(listing.apply("ana", None), Change::None);
        assert_eq!(listing.apply("ana", fact("ana", 1)), Change::Appeared);
        assert_eq!(listing.apply("ana", fact("ana", 1)), Change::None);
        assert_eq!(listing.apply("ana", fact("ana", 2)), Change::Altered);
        assert_eq!(listing.apply("ana", fact("Ana", 2)), Change::Altered);
        assert_eq!(listing.revision(), 3);
        assert_eq!(listing.apply("ana", None), Change::Vanished);
        assert_eq!((listing.revision(), listing.is_empty()), (4, true));
    }

    #[test]
    fn two_keys_may_show_the_same_name() {
        let mut listing = Listing::new();
        listing.apply("b", fact("ana", 2));
        listing.apply("a", fact("ana", 1));
        let both = r#"{"UserName":"ana","FavoriteNumber":1},{"UserName":"ana","FavoriteNumber":2}"#;
        assert_eq!(body(&mut listing), format!("{{\"Users\":[{both}],\"Version\":7}}"));
    }

    mod property {
        use super::*;
        use icu_collator::{Collator, options::CollatorOptions};
        use proptest::collection::vec;
        use proptest::prelude::*;
        use std::collections::BTreeMap;

        type Step = (String, Option<(String, i64)>);

        fn step() -> impl Strategy<Value = Step> {
            let name = prop_oneof!["[a-cA-C]{1,2}", "[aáàâ]{1,3}", "\\PC{0,4}"];
            ("[a-f]{1,2}", prop::option::weighted(0.8, (name, 0..5_i64)))
        }

        fn naive(rows: &BTreeMap<String, (String, i64)>) -> Vec<User> {
            let collator = Collator::try_new(Default::default(), CollatorOptions::default()).unwrap();
            let mut rows: Vec<_> = rows.iter().collect();
            rows.sort_by(|(key_a, (a, _)), (key_b, (b, _))| {
                collator.compare(a, b).then_with(|| a.cmp(b)).then_with(|| key_a.cmp(key_b))
            });
            let user = |(_, (name, number)): &(&String, &(String, i64))| User {
                user_name: name.clone(),
                favorite_number: *number,
            };
            rows.iter().map(user).collect()
        }

        fn follows_a_naive_sort(steps: Vec<Step>) {
            let (mut listing, mut rows) = (Listing::new(), BTreeMap::new());
            for (key, told) in steps {
                let told_fact = told.as_ref().and_then(|(name, number)| fact(name, *number));
                let change = listing.apply(&key, told_fact);
                let before = match told.clone() {
                    Some(told) => rows.insert(key, told),
                    None => rows.remove(&key),
                };
                let expected = match (before, told) {
                    (None, Some(_)) => Change::Appeared,
                    (Some(_), None) => Change::Vanished,
                    (before, after) if before == after => Change::None,
                    _ => Change::Altered,
                };
                assert_eq!(change, expected);
            }
            let body = listing.body(9);
            let around = r#"{"Users":[],"Version":9}"#.len();
            assert!(body.len() <= listing.bytes() + around, "it is not taken for less than it is");
            assert!(listing.bytes() <= body.len() + 20 * rows.len(), "nor for much more");
            let message: Message = serde_json::from_slice(&body).unwrap();
            assert_eq!(message, Message { users: naive(&rows), version: 9 });
            assert_eq!(listing.len(), rows.len());
            let sizes: Vec<usize> = listing.chunks.iter().map(Chunk::len).collect();
            assert!(sizes.iter().all(|size| (1..=Chunk::ROWS_MAX).contains(size)), "{sizes:?}");
            assert!(!listing.chunks.windows(2).any(|pair| pair.iter().all(Chunk::is_sparse)), "{sizes:?}");
        }

        proptest! {
            #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
            #[test]
            fn the_listing_is_what_a_naive_sort_gives(steps in vec(step(), 0..300)) {
                follows_a_naive_sort(steps);
            }
        }
    }
}
