//! Where a file stands in the order: its name, U+0000, and the number of its watcher in eight digits.
//!
//! So bytewise order is by name first, a name stands before all longer ones that begin like it, and the same name of two
//! watchers stands twice.

/// What parts a name from a number. No name has it.
const PARTING: u8 = 0;
/// Digits of a number at least. With more watchers than that, only the order of equal names is another.
const DIGITS: usize = 8;

/// Makes a place.
pub(super) fn of(name: &str, watcher: u64) -> Box<[u8]> {
    let mut place = Vec::with_capacity(name.len() + 1 + DIGITS);
    place.extend_from_slice(name.as_bytes());
    place.push(PARTING);
    let digits = watcher.to_string();
    place.extend(std::iter::repeat_n(b'0', DIGITS.saturating_sub(digits.len())));
    place.extend_from_slice(digits.as_bytes());
    place.into_boxed_slice()
}

/// The name and the number; none if it is no place.
pub(super) fn parts(place: &[u8]) -> Option<(&str, u64)> {
    let parting = place.iter().rposition(|byte| *byte == PARTING)?;
    let name = std::str::from_utf8(&place[..parting]).ok()?;
    let number = std::str::from_utf8(&place[parting + 1..]).ok()?.parse().ok()?;
    Some((name, number))
}

/// A place as a reader hands it back: it has no U+0000.
pub(super) fn token(place: &[u8]) -> Option<String> {
    parts(place).map(|(name, watcher)| format!("{watcher}:{name}"))
}

/// The place that such a token stands for.
pub(super) fn of_token(token: &str) -> Option<Box<[u8]>> {
    let (watcher, name) = token.split_once(':')?;
    if name.is_empty() || name.contains('\0') {
        return None;
    }
    Some(of(name, watcher.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_the_bytewise_order_of_names_and_then_of_numbers() {
        let sorted = [("a", 2), ("a", 10), ("a\u{1}", 1), ("a.jpg", 1), ("b", 1), ("é", 1)];
        let mut places: Vec<_> = sorted.iter().map(|(name, watcher)| of(name, *watcher)).collect();
        places.reverse();
        places.sort();
        let parts: Vec<_> = places.iter().map(|place| parts(place).unwrap()).collect();
        assert_eq!(parts, sorted);
    }

    #[test]
    fn a_place_is_found_again_by_its_token() {
        for (name, watcher) in [("a", 1), ("a:b", 123_456_789), (":", 7)] {
            let place = of(name, watcher);
            assert_eq!(of_token(&token(&place).unwrap()), Some(place));
        }
        for bad in ["", "a", "1:", "x:a", "1:a\0b", "-1:a"] {
            assert_eq!(of_token(bad), None, "{bad:?}");
        }
    }
}
