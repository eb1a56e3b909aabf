//! The rules by which a client follows a set, without the set: which message is taken, which is dropped, and when the service
//! must be asked again.
//!
//! - Pushed deltas may come before the answer to `watch`; what is not after the own cursor is dropped.
//! - A pushed delta whose `prev` is not the own cursor shows a hole: the set is watched again from the own cursor.
//! - While a `watch` is under way, pushes that do not fit are dropped too, but remembered: if the answer is older than one
//!   of them, it did not contain it, and the set is watched once more. Otherwise a copy could stay behind until the next change.
//! - The delta that answers a `watch` begins at the cursor of that request. If a reset has put the copy back behind it meanwhile, the
//!   delta is dropped and the set watched once more.
//! - A snapshot or reset replaces everything that came from the server. If it is older than the copy, or of another epoch, the set is watched once
//!   more.

use crate::cursor::Cursor;

/// What to do with the content of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Drop,
    /// Apply its operations to the copy.
    Apply,
    /// Put it in the place of the copy.
    Replace,
}

/// A client that follows one set.
#[derive(Debug, Clone, Default)]
pub struct Follower {
    cursor: Option<Cursor>,
    watch: Watch,
    /// Where the answer to the last `watch` begins.
    asked_from: Option<Cursor>,
    /// The latest push that was dropped since the service was last asked.
    ahead: Option<Cursor>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Watch {
    /// The service must be asked.
    #[default]
    Wanted,
    /// It was, and has not answered yet.
    Asked,
    /// Its pushes are coming.
    On,
}

impl Follower {
    /// The position of the copy, if there is one.
    #[must_use]
    pub fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// Whether a `watch` must be sent now.
    #[must_use]
    pub fn must_ask(&self) -> bool {
        self.watch == Watch::Wanted
    }

    /// Whether the service answered, and nothing is missing for all that is known.
    #[must_use]
    pub fn is_following(&self) -> bool {
        self.watch == Watch::On
    }

    /// A `watch` from [`Follower::cursor`] is sent.
    pub fn ask(&mut self) {
        self.watch = Watch::Asked;
        self.asked_from.clone_from(&self.cursor);
        self.ahead = None;
    }

    /// The `watch` failed, or the connection was lost.
    pub fn lose(&mut self) {
        self.watch = Watch::Wanted;
    }

    /// The copy is given up: the next `watch` asks for all of it.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// A delta was pushed.
    pub fn push(&mut self, prev: &Cursor, cursor: Cursor) -> Step {
        match &self.cursor {
            Some(own) if own == prev => {
                self.cursor = Some(cursor);
                return Step::Apply;
            }
            Some(own) if own.is_comparable(&cursor) && !cursor.is_after(own) => return Step::Drop,
            _ => {}
        }
        self.miss(cursor);
        Step::Drop
    }

    /// A `watch` is answered with a delta; `more` says that it is not all.
    pub fn answer(&mut self, cursor: Cursor, more: bool) -> Step {
        let Some(own) = &self.cursor else {
            // A delta for one who has no copy: whatever it is, only a snapshot helps.
            self.forget();
            return Step::Drop;
        };
        if !own.is_comparable(&cursor) {
            self.forget();
            return Step::Drop;
        }
        if self.asked_from.as_ref().is_some_and(|from| from.is_after(own) || !from.is_comparable(own)) {
            self.watch = Watch::Wanted;
            return Step::Drop;
        }
        let news = cursor.is_after(own);
        if news {
            self.cursor = Some(cursor);
        }
        self.settle(more);
        if news { Step::Apply } else { Step::Drop }
    }

    /// The whole set came: as the answer to a `watch`, or by itself after a gap.
    pub fn replace(&mut self, cursor: Cursor, is_answer: bool) -> Step {
        let before = self.cursor.replace(cursor);
        if let (Some(before), Some(own)) = (before, &self.cursor)
            && before != *own
            && !own.is_after(&before)
        {
            // Changes that were known come after it, and nobody would send them again.
            self.miss(before);
        }
        if is_answer {
            self.settle(false);
        }
        Step::Replace
    }

    /// Something up to this position is known to exist and not to be in the copy.
    fn miss(&mut self, cursor: Cursor) {
        match self.watch {
            Watch::Wanted => {}
            Watch::On => self.watch = Watch::Wanted,
            Watch::Asked => {
                let known = self.ahead.as_ref();
                if known.is_none_or(|ahead| !ahead.is_comparable(&cursor) || cursor.is_after(ahead)) {
                    self.ahead = Some(cursor);
                }
            }
        }
    }

    fn settle(&mut self, more: bool) {
        let missed = match (&self.cursor, self.ahead.take()) {
            (Some(own), Some(ahead)) => own != &ahead && !own.is_after(&ahead),
            _ => false,
        };
        self.watch = if more || missed { Watch::Wanted } else { Watch::On };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(position: u64) -> Cursor {
        format!("e-{position}").parse().unwrap()
    }

    fn following(position: u64) -> Follower {
        let mut follower = Follower::default();
        follower.ask();
        assert_eq!(follower.replace(at(position), true), Step::Replace);
        assert!(follower.is_following());
        follower
    }

    #[test]
    fn deltas_that_fit_are_applied_and_old_ones_dropped() {
        let mut follower = following(1);
        assert_eq!(follower.push(&at(1), at(2)), Step::Apply);
        assert_eq!(follower.push(&at(1), at(2)), Step::Drop);
        assert_eq!(follower.push(&at(2), at(5)), Step::Apply);
        assert!(!follower.must_ask());
    }

    #[test]
    fn a_hole_is_asked_about_from_the_own_cursor() {
        let mut follower = following(1);
        assert_eq!(follower.push(&at(2), at(3)), Step::Drop);
        assert!(follower.must_ask() && follower.cursor() == Some(&at(1)));
        follower.ask();
        assert_eq!(follower.answer(at(3), false), Step::Apply);
        assert!(follower.is_following() && follower.cursor() == Some(&at(3)));
    }

    #[test]
    fn a_push_that_overtakes_the_answer_is_not_lost() {
        let mut follower = Follower::default();
        follower.ask();
        assert_eq!(follower.push(&at(1), at(2)), Step::Drop);
        assert_eq!(follower.replace(at(1), true), Step::Replace);
        assert!(follower.must_ask(), "the snapshot was older than the push");
        follower.ask();
        assert_eq!(follower.answer(at(2), false), Step::Apply);
        assert!(follower.is_following());
    }

    #[test]
    fn a_push_that_the_answer_contains_is_not_asked_about() {
        let mut follower = Follower::default();
        follower.ask();
        follower.push(&at(1), at(2));
        follower.replace(at(2), true);
        assert!(follower.is_following());
    }

    #[test]
    fn pages_are_asked_for_until_there_are_no_more() {
        let mut follower = following(1);
        follower.lose();
        follower.ask();
        assert_eq!(follower.answer(at(4), true), Step::Apply);
        assert!(follower.must_ask());
        follower.ask();
        assert_eq!(follower.answer(at(4), false), Step::Drop);
        assert!(follower.is_following());
    }

    #[test]
    fn an_older_reset_is_believed_and_asked_about_once() {
        let mut follower = following(5);
        assert_eq!(follower.replace(at(3), false), Step::Replace);
        assert!(follower.must_ask());
        follower.ask();
        assert_eq!(follower.answer(at(3), false), Step::Drop);
        assert!(follower.is_following());
    }

    #[test]
    fn an_answer_that_begins_behind_a_reset_is_dropped_and_asked_for_again() {
        let mut follower = following(5);
        follower.lose();
        follower.ask();
        follower.replace(at(3), false);
        assert_eq!(follower.answer(at(7), false), Step::Drop, "what came between 3 and 5 is not in it");
        assert!(follower.must_ask() && follower.cursor() == Some(&at(3)));
    }

    #[test]
    fn another_epoch_is_a_hole() {
        let mut follower = following(5);
        let (prev, cursor) = ("f-6".parse().unwrap(), "f-7".parse().unwrap());
        assert_eq!(follower.push(&prev, cursor), Step::Drop);
        assert!(follower.must_ask());
        follower.ask();
        assert_eq!(follower.replace("f-7".parse().unwrap(), true), Step::Replace);
        assert!(follower.must_ask(), "nobody knows which of two epochs is the newer one");
        follower.ask();
        follower.answer("f-7".parse().unwrap(), false);
        assert!(follower.is_following());
    }
}
