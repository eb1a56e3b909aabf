//! The names of pictures: what is known of one, signed. Nobody can make one up, and any worker understands one without
//! looking anything up; whoever was given it can read the picture, and nobody else.
//!
//! The key of the signatures is made by whichever worker needs it first, and stands in Redis beside the messages that carry
//! the names. Without it no link works any more, which is what an operator removes it for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use broker::redis::{Pipeline, cmd};
use broker::{Store, StoreError};
use protocol::chat::{PICTURE_EDGE_MAX, Picture, PictureKind};
use protocol::{ErrorCode, RequestError};
use ring::hmac;

use crate::chat::key::PICTURES_KEY;

/// What is signed begins with it, so that nothing else that may be signed with the key is a name.
const PURPOSE: &[u8] = b"picture 1\0";
const HASH_BYTES: usize = 32;
/// Hash, kind, width, height, bytes.
const FACTS_BYTES: usize = HASH_BYTES + 1 + 2 + 2 + 4;
/// Of HMAC-SHA-256.
const TAG_BYTES: usize = 32;
/// As long as what it signs with.
const KEY_BYTES: usize = 32;

/// What is known of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// SHA-256 of the file as it is stored.
    pub(super) hash: [u8; HASH_BYTES],
    pub(super) kind: PictureKind,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) bytes: u32,
}

/// What names are signed with.
pub(super) struct Key(hmac::Key);

/// A name as it was given: nobody knows yet whether it is one of ours.
#[derive(Debug, Clone)]
pub(in crate::chat) struct Link {
    pub(super) facts: Facts,
    tag: [u8; TAG_BYTES],
    /// What a message says of it.
    pub(in crate::chat) picture: Picture,
}

impl Facts {
    /// The name of the file, for stores and for caches.
    pub(super) fn hex(&self) -> String {
        self.hash.iter().fold(String::with_capacity(64), |hex, byte| hex + &format!("{byte:02x}"))
    }

    fn encode(&self) -> [u8; FACTS_BYTES] {
        let mut bytes = [0; FACTS_BYTES];
        let (hash, rest) = bytes.split_at_mut(HASH_BYTES);
        hash.copy_from_slice(&self.hash);
        rest[0] = PictureKind::ALL.iter().position(|kind| *kind == self.kind).unwrap_or_default() as u8;
        // An edge fits two bytes (`PICTURE_EDGE_MAX`).
        rest[1..3].copy_from_slice(&(self.width as u16).to_be_bytes());
        rest[3..5].copy_from_slice(&(self.height as u16).to_be_bytes());
        rest[5..].copy_from_slice(&self.bytes.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8; FACTS_BYTES]) -> Option<Self> {
        let (hash, rest) = bytes.split_first_chunk()?;
        let &[kind, w0, w1, h0, h1, b0, b1, b2, b3] = rest else { return None };
        Some(Self {
            hash: *hash,
            kind: *PictureKind::ALL.get(usize::from(kind))?,
            width: u16::from_be_bytes([w0, w1]).into(),
            height: u16::from_be_bytes([h0, h1]).into(),
            bytes: u32::from_be_bytes([b0, b1, b2, b3]),
        })
    }

    fn picture(&self, tag: &[u8]) -> Picture {
        let id = URL_SAFE_NO_PAD.encode([&self.encode(), tag].concat());
        Picture { id, kind: self.kind, width: self.width, height: self.height, bytes: self.bytes }
    }
}

const _: () = assert!(PICTURE_EDGE_MAX <= u16::MAX as u32);

impl Key {
    /// The one of this Redis, which is made if there is none. Of those who make one at the same time the first one wins.
    pub(super) async fn of(store: &Store) -> Result<Self, StoreError> {
        let mut get = cmd("GET");
        get.arg(PICTURES_KEY);
        if let Some(key) = store.query::<Option<Vec<u8>>>(&get).await? {
            return Ok(Self::new(&key));
        }
        let candidate: [u8; KEY_BYTES] = rand::random();
        let mut set = Pipeline::new();
        set.cmd("SETNX").arg(PICTURES_KEY).arg(&candidate[..]).ignore();
        set.add_command(get);
        let (key,): (Vec<u8>,) = store.pipeline(&set).await?;
        Ok(Self::new(&key))
    }

    fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// A picture under its name.
    pub(super) fn sign(&self, facts: &Facts) -> Picture {
        facts.picture(hmac::sign(&self.0, &signed(facts)).as_ref())
    }

    /// Whether a name is one of ours.
    pub(super) fn has_signed(&self, link: &Link) -> bool {
        hmac::verify(&self.0, &signed(&link.facts), &link.tag).is_ok()
    }
}

impl Link {
    /// Reads a name.
    pub(super) fn read(id: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
        let (facts, tag) = bytes.split_first_chunk()?;
        let facts = Facts::decode(facts)?;
        let tag: [u8; TAG_BYTES] = tag.try_into().ok()?;
        let picture = facts.picture(&tag);
        Some(Self { facts, tag, picture })
    }

    /// Reads a name that a message is to carry.
    ///
    /// # Errors
    /// `not_found` if it is none.
    pub(in crate::chat) fn of_message(id: &str) -> Result<Self, RequestError> {
        Self::read(id).ok_or_else(unknown)
    }
}

/// There is no picture of this name.
pub(super) fn unknown() -> RequestError {
    let words = "there is no such picture: its name is the id that its upload was answered with, whole";
    RequestError::new(ErrorCode::NotFound, words)
}

fn signed(facts: &Facts) -> Vec<u8> {
    [PURPOSE, &facts.encode()].concat()
}

#[cfg(test)]
mod tests {
    use protocol::chat::PICTURE_ID_BYTES_MAX;

    use super::*;

    fn facts(n: u8) -> Facts {
        Facts { hash: [n; 32], kind: PictureKind::Webp, width: 16_384, height: 1, bytes: 8_388_608 }
    }

    fn key(n: u8) -> Key {
        Key::new(&[n; KEY_BYTES])
    }

    #[test]
    fn a_name_says_what_it_names_and_is_taken_by_who_has_the_key_alone() {
        let picture = key(1).sign(&facts(7));
        let link = Link::read(&picture.id).unwrap();
        assert_eq!((&link.facts, &link.picture), (&facts(7), &picture));
        assert!(picture.id.len() <= PICTURE_ID_BYTES_MAX);
        assert!(key(1).has_signed(&link) && !key(2).has_signed(&link));
    }

    #[test]
    fn a_name_with_any_bit_changed_is_none_of_ours() {
        let bytes = URL_SAFE_NO_PAD.decode(key(1).sign(&facts(7)).id).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            let link = Link::read(&URL_SAFE_NO_PAD.encode(other));
            assert!(link.is_none_or(|link| !key(1).has_signed(&link)), "bit {bit}");
        }
        for odd in ["", "AAAA", "../../etc/passwd", &"A".repeat(97), &"A".repeat(99), "💣"] {
            assert!(Link::read(odd).is_none(), "{odd}");
        }
    }
}
