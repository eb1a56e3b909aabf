//! Two sets compared by one short string.
//!
//! The digest is the SHA-256, in lower-case hexadecimal, over all contained values in bytewise order, each as
//!
//! ```text
//! JSON text of the value, tab, milliseconds, tab, replica, line feed
//! ```
//!
//! with the JSON text as `serde_json` writes it: only `"`, `\` and control characters are escaped, as `\b \t \n \f \r` or
//! `\u00xx` in lower case. JavaScript's `JSON.stringify` writes well-formed strings the same way. Tombstones are not in
//! it: one replica may have collected those that another still keeps.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::Stamp;

/// The digest of contained values, which must come in bytewise order.
///
/// ```
/// assert!(lww_set::digest::of([]).starts_with("e3b0c442"));
/// ```
#[must_use]
pub fn of<'a>(contained: impl IntoIterator<Item = (&'a str, &'a Stamp)>) -> String {
    let mut hasher = Sha256::new();
    for (value, stamp) in contained {
        let value = serde_json::to_string(value).expect("a string is always JSON");
        hasher.update(format!("{value}\t{}\t{}\n", stamp.ms(), stamp.replica()));
    }
    let mut hex = String::with_capacity(64);
    for byte in hasher.finalize() {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
