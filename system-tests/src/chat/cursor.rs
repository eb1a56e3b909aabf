//! Cursors, `<epoch>-<position>`: places in the log of a user.

/// Whether who stands at `mine` has all up to `cursor`. Across epochs nobody knows: no.
#[must_use]
pub fn is_reached(cursor: &str, mine: &str) -> bool {
    let (there, here) = (parts(cursor), parts(mine));
    there.0 == here.0 && there.1 <= here.1
}

fn parts(cursor: &str) -> (&str, u64) {
    let (epoch, position) = cursor.rsplit_once('-').unwrap_or_else(|| panic!("no cursor: {cursor:?}"));
    (epoch, position.parse().unwrap_or_else(|_| panic!("no cursor: {cursor:?}")))
}

#[cfg(test)]
mod tests {
    use super::is_reached;

    #[test]
    fn positions_are_compared_as_numbers_and_within_one_epoch() {
        assert!(is_reached("a-9", "a-10") && is_reached("a-10", "a-10"));
        assert!(!is_reached("a-10", "a-9") && !is_reached("a-1", "b-9"));
    }
}
