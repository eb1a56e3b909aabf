//! The listing as it is sent: made once, shared by all who get the same.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use broker::{Store, redis};
use parking_lot::Mutex;
use protocol::{Body, Claim, limit};
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::listing::Listing;
use super::trouble::Trouble;

/// How long a claim is kept when a newer listing has taken its place, milliseconds: a node fetches at once.
const SUPERSEDED_MS: u64 = 5_000;
/// Bytes of claims that one worker keeps in Redis: beyond it new listings have to wait. 50 listings of
/// 100,000 users.
const CLAIMED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A listing of one version.
pub(super) struct Listed {
    /// The version.
    pub(super) version: u64,
    /// The response message, or its claim.
    pub(super) body: Body,
}

/// Makes listings.
pub(super) struct Bodies {
    store: Store,
    last: Option<Last>,
    /// When superseded claims expire, and their sizes.
    superseded: VecDeque<(Instant, usize)>,
}

struct Last {
    listed: Arc<Listed>,
    revision: u64,
    made: Instant,
}

impl Bodies {
    pub(super) fn new(store: Store) -> Self {
        Self { store, last: None, superseded: VecDeque::new() }
    }

    /// When the next listing may be made: at once, unless too many bytes are claimed.
    pub(super) fn ready_at(&mut self) -> Instant {
        let now = Instant::now();
        while self.superseded.front().is_some_and(|(expires, _)| *expires <= now) {
            self.superseded.pop_front();
        }
        let last = self.last.as_ref().and_then(Last::claim).map_or(0, |claim| claim.bytes);
        let claimed = 2 * last + self.superseded.iter().map(|(_, bytes)| bytes).sum::<usize>();
        match self.superseded.front() {
            Some((expires, _)) if claimed > CLAIMED_BYTES_MAX => *expires,
            _ => now,
        }
    }

    /// The listing as it is now, under this version.
    pub(super) async fn listed(
        &mut self,
        listing: &Mutex<Listing>,
        version: u64,
    ) -> Result<Arc<Listed>, Trouble> {
        let (revision, now) = (listing.lock().revision(), Instant::now());
        if let Some(last) = &self.last
            && last.revision == revision
            && last.listed.version == version
            && !(last.claim().is_some() && now - last.made > Duration::from_secs(limit::CLAIM_KEPT_S / 2))
        {
            return Ok(Arc::clone(&last.listed));
        }
        let bytes = listing.lock().bytes();
        if bytes > limit::CLAIM_BYTES_MAX {
            // It cannot be handed out, so it is not even made.
            return Err(Trouble::TooLarge(bytes));
        }
        let text = listing.lock().body(version);
        let body = if text.len() > limit::CLAIM_OVER_BYTES {
            Body::Claim(self.store.put_claim(&text).await?)
        } else {
            Body::Inline(json(text))
        };
        self.supersede().await;
        let listed = Arc::new(Listed { version, body });
        self.last = Some(Last { listed: Arc::clone(&listed), revision, made: now });
        Ok(listed)
    }

    /// Lets the last claim expire soon.
    async fn supersede(&mut self) {
        let Some(last) = self.last.take() else { return };
        if let Some(claim) = last.claim() {
            let mut expire = redis::cmd("PEXPIRE");
            expire.arg(&claim.key).arg(SUPERSEDED_MS);
            let kept = match self.store.query::<()>(&expire).await {
                Ok(()) => Duration::from_millis(SUPERSEDED_MS),
                Err(_) => Duration::from_secs(limit::CLAIM_KEPT_S),
            };
            self.superseded.push_back((Instant::now() + kept, claim.bytes));
        }
    }
}

impl Last {
    fn claim(&self) -> Option<&Claim> {
        match &self.listed.body {
            Body::Claim(claim) => Some(claim),
            Body::Inline(_) => None,
        }
    }
}

fn json(text: Vec<u8>) -> protocol::Json {
    let text = String::from_utf8(text).expect("the listing is made of text");
    RawValue::from_string(text).expect("the listing is JSON")
}
