//! How many bytes of answers wait in Redis.

use std::time::Duration;

use tokio::time::Instant;

/// What is kept, and when each of it expires.
pub(super) struct Budget {
    bytes_max: usize,
    kept: Vec<(Instant, usize)>,
}

impl Budget {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, kept: Vec::new() }
    }

    /// When there will be room for so many bytes more: now, if there is. What alone is too much has room when nothing else is
    /// kept.
    pub(super) fn room_at(&mut self, bytes: usize, now: Instant) -> Instant {
        self.kept.retain(|(expires, _)| *expires > now);
        self.kept.sort_unstable();
        let mut kept: usize = self.kept.iter().map(|(_, bytes)| bytes).sum();
        let mut room_at = now;
        for (expires, freed) in &self.kept {
            if kept + bytes <= self.bytes_max {
                break;
            }
            kept -= freed;
            room_at = *expires;
        }
        room_at
    }

    /// So many bytes are kept until then.
    pub(super) fn keep(&mut self, bytes: usize, expires: Instant) {
        self.kept.push((expires, bytes));
    }

    /// Something of this size expires earlier.
    pub(super) fn shorten(&mut self, bytes: usize, now: Instant, kept: Duration) {
        let expires = now + kept;
        let longer = |(before, size): &&mut (Instant, usize)| *size == bytes && *before > expires;
        if let Some(entry) = self.kept.iter_mut().find(longer) {
            entry.0 = expires;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn there_is_room_when_enough_has_expired() {
        let (mut budget, now) = (Budget::new(100), Instant::now());
        assert_eq!(budget.room_at(60, now), now);
        budget.keep(60, now + 3 * SECOND);
        budget.keep(30, now + SECOND);
        assert_eq!(budget.room_at(10, now), now);
        assert_eq!(budget.room_at(20, now), now + SECOND);
        assert_eq!(budget.room_at(50, now), now + 3 * SECOND);
        assert_eq!(budget.room_at(1_000, now), now + 3 * SECOND, "alone");
        budget.shorten(60, now, 2 * SECOND);
        assert_eq!(budget.room_at(50, now), now + 2 * SECOND);
        assert_eq!(budget.room_at(50, now + 2 * SECOND), now + 2 * SECOND);
    }
}
