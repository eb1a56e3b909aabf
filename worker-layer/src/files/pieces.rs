//! How much goes into one call of a script: so many names, and so many bytes of the changes that it may make.

use super::limit::{CALL_BYTES_MAX, CALL_NAMES_MAX};

/// Bytes of a change without the name: `{"op":"remove","watcher":…,"filename":""},` with 16 digits.
const CHANGE_BYTES: usize = 64;

/// Cuts items into pieces, each for one call.
pub(super) fn cut<T>(items: &[T], name: impl Fn(&T) -> &str) -> impl Iterator<Item = &[T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |item: &&T| {
            bytes += CHANGE_BYTES + json_bytes(name(item));
            bytes <= CALL_BYTES_MAX
        };
        // The first always fits.
        let count = rest.iter().take(CALL_NAMES_MAX).take_while(fits).count().max(1);
        let piece = rest.get(..count)?;
        rest = &rest[count..];
        Some(piece)
    })
}

/// How long Redis writes a text in JSON: it escapes slashes and deletes, too.
fn json_bytes(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | b'/' => 2,
        0..=31 | 127 => 6,
        _ => 1,
    };
    text.bytes().map(escaped).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(names: &[String]) -> Vec<usize> {
        cut(names, |name| name.as_str()).map(<[String]>::len).collect()
    }

    #[test]
    fn a_piece_has_500_names_or_32_kib_of_changes_and_nothing_is_left_out() {
        assert!(sizes(&[]).is_empty());
        assert_eq!(sizes(&vec!["a".to_owned(); 1_001]), [500, 500, 1]);
        assert_eq!(sizes(&vec!["\u{1}".repeat(1_024); 6]), [5, 1]);
        assert_eq!(sizes(&vec!["x".repeat(100_000); 2]), [1, 1]);
    }
}
