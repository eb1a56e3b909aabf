//! Bodies that are too large to be published: they are stored for a short time, and fetched in pieces.

use bytes::Bytes;
use protocol::{Claim, limit, name};
use redis::{Cmd, Pipeline};

use crate::store::{Store, StoreError};

impl Store {
    /// Stores a body for [`limit::CLAIM_KEPT_S`] seconds, in pieces, so that other commands get their turn.
    ///
    /// # Errors
    /// As [`Store::query`]; [`StoreError::ClaimTooLarge`] beyond [`limit::CLAIM_BYTES_MAX`]. Whatever was stored
    /// already expires.
    pub async fn put_claim(&self, bytes: &[u8]) -> Result<Claim, StoreError> {
        check(bytes.len())?;
        let claim = Claim { key: name::claim_key(&unique()), bytes: bytes.len(), once: false };
        let (first, rest) = bytes.split_at(bytes.len().min(limit::CLAIM_PIECE_BYTES));
        let mut set = Cmd::with_capacity(5, first.len() + 64);
        set.arg("SET").arg(&claim.key).arg(first).arg("EX").arg(limit::CLAIM_KEPT_S);
        self.query::<()>(&set).await?;
        let mut stored = first.len();
        for piece in rest.chunks(limit::CLAIM_PIECE_BYTES) {
            stored += piece.len();
            // Together: if the key had expired, APPEND would make one that never expires.
            let mut append = Pipeline::new();
            append.atomic().cmd("APPEND").arg(&claim.key).arg(piece);
            append.cmd("EXPIRE").arg(&claim.key).arg(limit::CLAIM_KEPT_S).ignore();
            let (length,): (usize,) = self.pipeline(&append).await?;
            if length != stored {
                return Err(StoreError::ClaimGone);
            }
        }
        Ok(claim)
    }

    /// Fetches a claimed body, in pieces of [`limit::CLAIM_PIECE_BYTES`].
    ///
    /// # Errors
    /// As [`Store::query`]; [`StoreError::ClaimGone`] if it has expired, [`StoreError::ClaimTooLarge`] if it says to be
    /// beyond [`limit::CLAIM_BYTES_MAX`].
    pub async fn fetch_claim(&self, claim: &Claim) -> Result<Bytes, StoreError> {
        check(claim.bytes)?;
        let mut body: Vec<u8> = Vec::new();
        while body.len() < claim.bytes {
            let wanted = (claim.bytes - body.len()).min(limit::CLAIM_PIECE_BYTES);
            let mut range = Cmd::new();
            range.arg("GETRANGE").arg(&claim.key).arg(body.len()).arg(body.len() + wanted - 1);
            let piece: Vec<u8> = self.query(&range).await?;
            if piece.len() != wanted {
                return Err(StoreError::ClaimGone);
            }
            if body.is_empty() {
                // Only now, because a claim can say anything.
                body.reserve_exact(claim.bytes);
            }
            body.extend_from_slice(&piece);
        }
        Ok(Bytes::from(body))
    }
}

fn check(bytes: usize) -> Result<(), StoreError> {
    if bytes > limit::CLAIM_BYTES_MAX { Err(StoreError::ClaimTooLarge(bytes)) } else { Ok(()) }
}

/// A name that no other claim has.
fn unique() -> String {
    format!("{:032x}", rand::random::<u128>())
}
