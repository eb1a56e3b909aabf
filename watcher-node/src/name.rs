//! The name of an entry of a folder, as it is listed.
//!
//! A name on disk is any bytes but `/` and NUL; a name in JSON is Unicode text. Most are both, and stand as they are. In the
//! others each byte that is no UTF-8 is written `\x` and two hexadecimal digits: `caf\xe9.txt`. So that no two names on disk
//! look the same, a backslash that would begin such a thing by itself is written `\x5c`. [`Name::raw`] is the way back.
//!
//! A name of 255 bytes, the longest that Linux has, is so written in 1,020 bytes at most.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::Arc;

const BACKSLASH: u8 = b'\\';

/// The name of an entry, as it is listed. No two entries of a folder have the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name on disk.
    #[must_use]
    pub fn raw(&self) -> OsString {
        let mut rest = self.0.as_bytes();
        let mut raw = Vec::with_capacity(rest.len());
        while let Some(&first) = rest.first() {
            let (byte, length) = escaped(rest).map_or((first, 1), |byte| (byte, ESCAPED_BYTES));
            raw.push(byte);
            rest = &rest[length..];
        }
        OsString::from_vec(raw)
    }
}

/// The length of what stands for one byte.
const ESCAPED_BYTES: usize = r"\xff".len();

/// The byte that the text begins with, if it stands there as `\x` and digits.
fn escaped(text: &[u8]) -> Option<u8> {
    let [BACKSLASH, b'x', digits @ ..] = text else {
        return None;
    };
    let digit = |digit: &u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let byte = digit(digits.first()?)? << 4 | digit(digits.get(1)?)?;
    (byte >= 0x80 || byte == BACKSLASH).then_some(byte)
}

impl From<&OsStr> for Name {
    fn from(raw: &OsStr) -> Self {
        let bytes = raw.as_bytes();
        if let Ok(text) = std::str::from_utf8(bytes)
            && !text.contains(r"\x")
        {
            return Self(text.into());
        }
        let mut text = String::with_capacity(bytes.len() * 2);
        for chunk in bytes.utf8_chunks() {
            let valid = chunk.valid();
            for (at, character) in valid.char_indices() {
                if escaped(&valid.as_bytes()[at..]).is_some() {
                    text += r"\x5c";
                } else {
                    text.push(character);
                }
            }
            for byte in chunk.invalid() {
                text += &format!(r"\x{byte:02x}");
            }
        }
        Self(text.into())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::files::check_filename;

    use super::*;

    fn name(raw: &[u8]) -> Name {
        Name::from(OsStr::from_bytes(raw))
    }

    #[test]
    fn names_that_are_utf_8_stand_as_they_are_unless_they_look_like_what_stands_for_a_byte() {
        for plain in ["cat.jpg", "žába 🐸", r"C:\temp\x", r"\xzz", r"\x41", r"\xFF", "a\nb", "\u{fffd}"] {
            assert_eq!(name(plain.as_bytes()).as_str(), plain);
        }
        assert_eq!(name(br"\xff").as_str(), r"\x5cxff");
        assert_eq!(name(br"\x5c").as_str(), r"\x5cx5c");
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_written_in_hexadecimal() {
        assert_eq!(name(b"caf\xe9.txt").as_str(), r"caf\xe9.txt");
        assert_eq!(name(b"\xff\xfe").as_str(), r"\xff\xfe");
        assert_eq!(name(b"\\\xff").as_str(), r"\\xff");
        assert_eq!(name(b"\xe2\x82").as_str(), r"\xe2\x82");
    }

    #[test]
    fn the_longest_name_can_be_listed() {
        assert!(check_filename(name(&[0xff; 255]).as_str()).is_ok());
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let odd = prop::sample::select(&b"\\x5c8fe\xff\x80\xc3\xa9a"[..]);
        prop::collection::vec(prop_oneof![3 => odd, 1 => 1_u8..], 1..=255)
    }

    proptest! {
        #[test]
        fn every_name_comes_back_as_it_was(raw in bytes()) {
            prop_assert_eq!(name(&raw).raw().into_vec(), raw);
        }

        #[test]
        fn every_name_can_be_listed(raw in bytes()) {
            prop_assert!(check_filename(name(&raw).as_str()).is_ok());
        }
    }
}
