//! The response message of the numbers service.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The response message of the numbers service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Listing {
    /// In the order in which they came.
    pub users: Vec<User>,
    /// Of two listings the newer has the higher one.
    pub version: u64,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct User {
    /// Who.
    pub user_name: String,
    /// What.
    pub favorite_number: i64,
}

impl Listing {
    /// Reads an answer or a push.
    #[must_use]
    pub fn from_value(value: &Value) -> Self {
        Self::deserialize(value).unwrap_or_else(|error| panic!("no listing ({error}): {value}"))
    }

    /// Reads a text.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("no listing ({error}): {text}"))
    }

    /// The number of a user.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.users.iter().find(|user| user.user_name == name).map(|user| user.favorite_number)
    }

    /// The names in order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.users.iter().map(|user| user.user_name.as_str()).collect()
    }

    /// Everyone and their number; each user must stand in it once.
    #[must_use]
    pub fn users(&self) -> BTreeMap<String, i64> {
        let users: BTreeMap<String, i64> =
            self.users.iter().map(|user| (user.user_name.clone(), user.favorite_number)).collect();
        assert_eq!(users.len(), self.users.len(), "a user stands in the listing twice: {:?}", self.names());
        users
    }
}
