//! One user in the listing, and where it stands.

use std::cmp::Ordering;
use std::sync::Arc;

use icu_collator::options::CollatorOptions;
use icu_collator::{Collator, CollatorBorrowed, CollatorPreferences};

/// What a row tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact<'a> {
    /// The name that is shown, and that the listing is sorted by.
    pub user_name: &'a str,
    /// The number.
    pub favorite_number: i64,
}

/// A user. Rows are ordered by the Unicode collation of the name (CLDR root: what a person expects who has
/// not said in which language), then by the bytes of the name, then by key, so that no two rows are equal.
pub(super) struct Row {
    /// What stands after `user:` in the name of the hash.
    pub(super) key: Arc<str>,
    pub(super) user_name: Arc<str>,
    pub(super) favorite_number: i64,
    /// Compares bytewise as the collation compares names; made once, because it costs far more than
    /// comparing.
    sort_key: Arc<[u8]>,
}

impl Row {
    /// Bytes that it is in the listing, or some more: the number is taken for one of the longest.
    pub(super) fn bytes(&self) -> usize {
        bytes_of(&self.user_name)
    }

    /// Whether the row tells just this.
    pub(super) fn tells(&self, fact: Fact<'_>) -> bool {
        self.favorite_number == fact.favorite_number && *self.user_name == *fact.user_name
    }
}

/// Bytes that a row with this name is in the listing, or some more.
pub(super) fn bytes_of(user_name: &str) -> usize {
    const REST: usize = r#"{"UserName":"","FavoriteNumber":-9223372036854775808},"#.len();
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0..0x20 => r"\u0000".len(),
        _ => 1,
    };
    REST + user_name.bytes().map(escaped).sum::<usize>()
}

impl Ord for Row {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.sort_key.cmp(&other.sort_key))
            .then_with(|| self.user_name.cmp(&other.user_name))
            .then_with(|| self.key.cmp(&other.key))
    }
}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Row {}

/// Makes rows.
pub(super) struct Sorter {
    collator: CollatorBorrowed<'static>,
}

impl Sorter {
    pub(super) fn new() -> Self {
        let root = CollatorPreferences::default();
        let collator = Collator::try_new(root, CollatorOptions::default());
        Self { collator: collator.expect("the root collation is compiled in") }
    }

    /// A new row.
    pub(super) fn row(&self, key: Arc<str>, fact: Fact<'_>) -> Row {
        let mut sort_key = Vec::with_capacity(2 * fact.user_name.len() + 8);
        let Ok(()) = self.collator.write_sort_key_to(fact.user_name, &mut sort_key);
        Row {
            key,
            user_name: Arc::from(fact.user_name),
            favorite_number: fact.favorite_number,
            sort_key: Arc::from(sort_key),
        }
    }

    /// `old` as it is now.
    pub(super) fn altered(&self, old: &Row, fact: Fact<'_>) -> Row {
        if *old.user_name == *fact.user_name {
            Row {
                key: Arc::clone(&old.key),
                user_name: Arc::clone(&old.user_name),
                favorite_number: fact.favorite_number,
                sort_key: Arc::clone(&old.sort_key),
            }
        } else {
            self.row(Arc::clone(&old.key), fact)
        }
    }
}
