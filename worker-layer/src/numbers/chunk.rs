//! Some neighbouring rows of the listing, with their JSON beside them.

use std::io::Write as _;
use std::sync::Arc;

use super::row::Row;

/// Rows in order, and the bytes that they are in the body: each row followed by a comma.
pub(super) struct Chunk {
    rows: Vec<Arc<Row>>,
    encoded: Vec<u8>,
    /// The rows changed since they were encoded.
    stale: bool,
}

impl Chunk {
    /// Rows above which a chunk is split: encoding a chunk anew costs about 10 µs, and 100,000 users make
    /// some 600. Small in tests, so that properties meet splits and merges all the time.
    pub(super) const ROWS_MAX: usize = if cfg!(test) { 8 } else { 256 };

    /// A chunk of one row.
    pub(super) fn of(row: Arc<Row>) -> Self {
        Self { rows: vec![row], encoded: Vec::new(), stale: true }
    }

    /// The row that stands first. A chunk in the listing always has one.
    pub(super) fn first(&self) -> &Row {
        &self.rows[0]
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether two such chunks should be one.
    pub(super) fn is_sparse(&self) -> bool {
        self.rows.len() < Self::ROWS_MAX / 4
    }

    /// Puts a row in its place. A chunk that became too large gives its upper half away.
    pub(super) fn insert(&mut self, row: Arc<Row>) -> Option<Self> {
        let place = self.rows.partition_point(|other| **other < *row);
        self.rows.insert(place, row);
        self.stale = true;
        let is_full = self.rows.len() > Self::ROWS_MAX;
        is_full.then(|| Self {
            rows: self.rows.split_off(Self::ROWS_MAX / 2),
            encoded: Vec::new(),
            stale: true,
        })
    }

    /// Puts a row in the place of the one that compares equal to it.
    pub(super) fn replace(&mut self, row: Arc<Row>) {
        if let Ok(place) = self.rows.binary_search_by(|other| other.as_ref().cmp(&row)) {
            self.rows[place] = row;
            self.stale = true;
        }
    }

    /// Takes a row out.
    pub(super) fn remove(&mut self, row: &Row) {
        if let Ok(place) = self.rows.binary_search_by(|other| other.as_ref().cmp(row)) {
            self.rows.remove(place);
            self.stale = true;
        }
    }

    /// Takes over the rows of the chunk that follows.
    pub(super) fn append(&mut self, mut next: Self) {
        self.rows.append(&mut next.rows);
        self.stale = true;
    }

    /// The JSON of the rows, each followed by a comma.
    pub(super) fn encoded(&mut self) -> &[u8] {
        if self.stale {
            self.encoded.clear();
            for row in &self.rows {
                encode(row, &mut self.encoded);
            }
            self.stale = false;
        }
        &self.encoded
    }
}

fn encode(row: &Row, encoded: &mut Vec<u8>) {
    encoded.extend_from_slice(b"{\"UserName\":");
    serde_json::to_writer(&mut *encoded, &*row.user_name).expect("text is JSON");
    write!(encoded, ",\"FavoriteNumber\":{}}},", row.favorite_number).expect("a Vec takes all");
}
