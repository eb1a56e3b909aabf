//! What every JSON reader can read. RFC 8259 allows more (sections 8.2 and 9): nesting without end, on which readers give
//! up or overflow their stack, and `\u` escapes that are half a character, which many refuse.

use super::NotAMessage;
use crate::limit;

/// Checks `json`, which must be valid. Costs next to nothing for text with few brackets and no `\u`.
pub(super) fn check(json: &str) -> Result<(), NotAMessage> {
    let opening = json.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
    if opening > limit::NESTING_MAX && nesting(json) > limit::NESTING_MAX {
        return Err(NotAMessage::TooDeep);
    }
    if json.contains("\\u") && has_half_character(json.as_bytes()) {
        return Err(NotAMessage::HalfCharacter);
    }
    Ok(())
}

/// The most objects and arrays that are open at once.
fn nesting(json: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'{' | b'[' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b'}' | b']' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Goes on behind the quote that ends a string.
fn skip_string(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return,
            _ => {}
        }
    }
}

/// Is there a surrogate without its other half? Characters beyond U+FFFF are escaped as a pair, high half first.
fn has_half_character(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        rest = &rest[at..];
        let length = match (escaped_unit(rest), rest.get(6..).and_then(escaped_unit)) {
            (None, _) => 2,
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => return true,
            (Some(_), _) => 6,
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    false
}

/// The UTF-16 unit that `text` starts with as `\uXXXX`, if it does.
fn escaped_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1))
    }

    fn too_deep(json: &str) -> bool {
        matches!(check(json), Err(NotAMessage::TooDeep))
    }

    fn half(text: &str) -> bool {
        let value = check(&format!("{{\"a\":\"{text}\"}}"));
        let name = check(&format!("{{\"{text}\":0}}"));
        assert_eq!(value.is_err(), name.is_err());
        matches!(value, Err(NotAMessage::HalfCharacter))
    }

    #[test]
    fn nesting_has_a_bound() {
        assert!(!too_deep(&nested(limit::NESTING_MAX)));
        assert!(too_deep(&nested(limit::NESTING_MAX + 1)));
        assert!(too_deep(&nested(30_000)));
    }

    #[test]
    fn brackets_side_by_side_or_in_strings_do_not_nest() {
        let side_by_side = format!("{{\"a\":[{}0]}}", "[],{},".repeat(1_000));
        let in_a_string = format!("{{\"a\":\"\\\"{}\\\\\"}}", "[{".repeat(1_000));
        assert!(!too_deep(&side_by_side) && !too_deep(&in_a_string));
    }

    #[test]
    fn half_characters_are_found() {
        for bad in [r"\ud800", r"\uDFFF", r"\ud83dx", r"\ud83d\n", r"\ud83d\u0041"] {
            assert!(half(bad), "{bad}");
        }
        assert!(half(r"\ude00\ud83d"), "the halves are swapped");
        assert!(half(r"\ud83d\ud83d\ude00"), "one half too many");
    }

    #[test]
    fn whole_characters_pass() {
        for good in [r"\u0000", r"\ud83d\ude00", r"\\ud800", r"\\\ud83d\ude00", "é"] {
            assert!(!half(good), "{good}");
        }
    }
}
