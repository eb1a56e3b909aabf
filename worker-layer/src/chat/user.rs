//! Users and pairs of them.

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;
use protocol::chat::NAME_BYTES_MAX;
use protocol::{ErrorCode, RequestError};

/// A user. Two spellings are one user if they differ in case, or in how their characters are composed, alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    /// The name as names are compared: case-folded and in NFC.
    pub(super) key: String,
    /// The name as it was typed, in NFC.
    pub(super) name: String,
}

/// Who has a conversation: two users, or one alone. `a` has the smaller name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    pub(super) a: String,
    pub(super) b: String,
}

/// One of a pair. Who is alone is `A`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    A,
    B,
}

impl User {
    /// A user by a name that the protocol has checked.
    ///
    /// # Errors
    /// If the name gets too long by folding: a single character may become several.
    pub(super) fn of(typed: &str) -> Result<Self, RequestError> {
        let nfc = ComposingNormalizer::new_nfc();
        let name = nfc.normalize(typed).into_owned();
        // Folding may take composed characters apart.
        let key = nfc.normalize(&CaseMapper::new().fold_string(&name)).into_owned();
        if name.len().max(key.len()) > NAME_BYTES_MAX {
            let words =
                format!("the name {typed:?} is compared in a form that is over {NAME_BYTES_MAX} bytes");
            return Err(RequestError::new(ErrorCode::TooLarge, words));
        }
        Ok(Self { key, name })
    }
}

impl Pair {
    pub(super) fn of(one: &str, other: &str) -> Self {
        let (a, b) = if one <= other { (one, other) } else { (other, one) };
        Self { a: a.to_owned(), b: b.to_owned() }
    }

    /// Which one this user is.
    pub(super) fn side(&self, user: &str) -> Side {
        if user == self.a { Side::A } else { Side::B }
    }

    /// The sides that there are.
    pub(super) fn sides(&self) -> &'static [Side] {
        if self.a == self.b { &[Side::A] } else { &[Side::A, Side::B] }
    }

    /// The user on this side.
    pub(super) fn user(&self, side: Side) -> &str {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// As scripts name it.
    pub(super) fn letter(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(typed: &str) -> String {
        User::of(typed).unwrap().key
    }

    #[test]
    fn spellings_that_differ_in_case_or_composition_are_one_user_and_others_are_not() {
        for (one, other) in [("Ana", "aNA"), ("José", "jose\u{301}"), ("STRASSE", "Straße"), ("ΌΣΟΣ", "όσος")]
        {
            assert_eq!(key(one), key(other), "{one} and {other}");
        }
        assert_ne!(key("jose"), key("josé"));
        assert_eq!(User::of("Jose\u{301}").unwrap().name, "José");
    }

    #[test]
    fn a_folded_name_folds_to_itself() {
        for typed in ["İstanbul", "ǅ", "ΐ", "ŉ", "ﬃ", "\u{1e9e}", "Ꭰ", "K"] {
            let folded = key(typed);
            assert_eq!(key(&folded), folded, "{typed}");
        }
    }

    #[test]
    fn a_name_that_grows_over_the_bound_is_refused() {
        let error = User::of(&"ŉ".repeat(NAME_BYTES_MAX / 2)).unwrap_err();
        assert_eq!(error.code, ErrorCode::TooLarge);
    }

    #[test]
    fn a_pair_is_the_same_from_both_sides() {
        let pair = Pair::of("bob", "ana");
        assert_eq!(pair, Pair::of("ana", "bob"));
        assert_eq!((pair.side("ana"), pair.side("bob")), (Side::A, Side::B));
        assert_eq!((pair.sides().len(), Pair::of("ana", "ana").sides().len()), (2, 1));
    }
}
