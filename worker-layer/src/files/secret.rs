//! What watchers show to prove that they are ours.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// How the secret is shown in the header `authorization` (RFC 6750).
const SCHEME: &str = "Bearer ";

/// A secret that the service and its watchers share. It is never shown in logs.
#[derive(Clone)]
pub struct Secret {
    header: String,
}

/// A secret that no header can carry.
#[derive(Debug, thiserror::Error)]
#[error("a secret is 1 to 1,024 visible ASCII characters")]
pub struct BadSecret;

impl FromStr for Secret {
    type Err = BadSecret;

    fn from_str(text: &str) -> Result<Self, BadSecret> {
        let fits = (1..=1_024).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self { header: format!("{SCHEME}{text}") }).ok_or(BadSecret)
    }
}

impl Secret {
    /// The value of the header `authorization`.
    pub(super) fn header(&self) -> &str {
        &self.header
    }

    /// Whether somebody shows this secret. Digests are compared, so that the time it takes says nothing about it.
    pub(super) fn is(&self, header: Option<&String>) -> bool {
        header.is_some_and(|header| Sha256::digest(header) == Sha256::digest(&self.header))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_header_alone_and_not_shown() {
        let secret: Secret = "s3cret".parse().unwrap();
        assert!(secret.is(Some(&"Bearer s3cret".to_owned())));
        for other in ["s3cret", "Bearer s3cre", "Bearer  s3cret", ""] {
            assert!(!secret.is(Some(&other.to_owned())), "{other}");
        }
        assert!(!secret.is(None) && !format!("{secret:?}").contains("s3"));
        assert!("two words".parse::<Secret>().is_err() && "".parse::<Secret>().is_err());
    }
}
