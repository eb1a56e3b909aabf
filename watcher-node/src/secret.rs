//! What the service and its watchers show each other to prove that they belong together.

use std::fmt;
use std::str::FromStr;

use hyper::header::HeaderValue;

/// How the secret is shown in the header `authorization` (RFC 6750).
const SCHEME: &str = "Bearer ";
/// Longest secret, bytes.
const SECRET_BYTES_MAX: usize = 1_024;

/// A secret that the service and its watchers share. It is never shown in logs.
#[derive(Clone)]
pub struct Secret(HeaderValue);

/// A secret that no header can carry.
#[derive(Debug, thiserror::Error)]
#[error("a secret is 1 to {SECRET_BYTES_MAX} visible ASCII characters")]
pub struct BadSecret;

impl FromStr for Secret {
    type Err = BadSecret;

    fn from_str(text: &str) -> Result<Self, BadSecret> {
        let fits =
            (1..=SECRET_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let mut header = HeaderValue::try_from(format!("{SCHEME}{text}")).map_err(|_| BadSecret)?;
        header.set_sensitive(true);
        fits.then_some(Self(header)).ok_or(BadSecret)
    }
}

impl Secret {
    /// The value of the header `authorization`.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Whether somebody shows this secret. All bytes are compared, so that the time it takes does not say how many are right.
    #[must_use]
    pub fn is(&self, header: Option<&HeaderValue>) -> bool {
        let (own, shown) = (self.0.as_bytes(), header.map(HeaderValue::as_bytes).unwrap_or_default());
        let differences = own.iter().zip(shown).fold(0, |found, (own, shown)| found | (own ^ shown));
        own.len() == shown.len() && differences == 0
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
        assert!(secret.is(Some(&HeaderValue::from_static("Bearer s3cret"))));
        for other in ["s3cret", "Bearer s3cre", "Bearer s3cretx", "Bearer S3cret", ""] {
            assert!(!secret.is(Some(&HeaderValue::from_static(other))), "{other}");
        }
        assert!(!secret.is(None) && !format!("{secret:?}").contains("s3"));
        for bad in ["", "two words", "caf\u{e9}", "a\nb"] {
            assert!(bad.parse::<Secret>().is_err(), "{bad}");
        }
    }
}
