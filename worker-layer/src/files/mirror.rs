//! The listing in memory, as it was at one place of the log.

use protocol::files::{Cursor, Node};

use super::limit::{FOLLOW_PAGE, LOAD_PAGE};
use super::listing::Listing;
use super::records::{Range, Records};
use super::trouble::Trouble;

/// A listing and its place in the log.
pub(super) struct Mirror {
    pub(super) listing: Listing,
    pub(super) cursor: Cursor,
    pub(super) server_ms: u64,
}

impl Mirror {
    /// Reads everything, page by page, while it changes. The log is followed meanwhile, so that what changed between the first
    /// page and the last is told to the listing at the end; [`Listing`] is then what it is at that place.
    pub(super) async fn load(records: &Records) -> Result<Self, Trouble> {
        let (nodes, server_ms) = records.nodes().await?;
        let mut listing = Listing::default();
        for Node { watcher, .. } in nodes.nodes {
            listing.watch(watcher);
        }
        let mut mirror = Self { listing, cursor: nodes.cursor, server_ms };
        let mut meanwhile = Vec::new();
        let mut low = b"-".to_vec();
        loop {
            let range =
                Range { low, high: b"+".to_vec(), counted_from: None, limit: LOAD_PAGE, has_watchers: false };
            let page = records.page(&range).await?;
            mirror.listing.insert(page.places);
            while mirror.cursor != page.cursor {
                let Some(changes) = records.changes(&mirror.cursor, FOLLOW_PAGE).await? else {
                    return Err(Trouble::Behind);
                };
                meanwhile.extend(changes.read()?);
                mirror.cursor = changes.cursor;
                mirror.server_ms = changes.server_ms;
                if !changes.more {
                    break;
                }
            }
            let Some(next) = page.next else { break };
            low = [b"(", &*next].concat();
        }
        mirror.listing.apply(meanwhile);
        Ok(mirror)
    }

    /// Takes in all that was changed before this was called; false if the log does not have it any more.
    pub(super) async fn follow(&mut self, records: &Records) -> Result<bool, Trouble> {
        loop {
            let Some(changes) = records.changes(&self.cursor, FOLLOW_PAGE).await? else { return Ok(false) };
            self.listing.apply(changes.read()?);
            self.cursor = changes.cursor;
            self.server_ms = changes.server_ms;
            if !changes.more {
                return Ok(true);
            }
        }
    }
}
