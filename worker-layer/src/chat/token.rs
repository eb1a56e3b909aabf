//! Tokens: proof of who logs in, signed by whoever knows the users.
//!
//! A token is a JWT with `sub` (the username) and `exp`. The key decides which signature is taken, never the token: `none` and
//! every algorithm but the key's are refused.

mod ring_provider;

use std::fmt;
use std::str::FromStr;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, errors::ErrorKind};
use protocol::{ErrorCode, RequestError};
use serde::Deserialize;

use super::session::now_s;
use super::user::User;

/// Shortest secret, bytes: as many as the hash of HS256 has (RFC 7518, section 3.2).
const SECRET_BYTES_MIN: usize = 32;
/// How far clocks may differ, seconds.
const LEEWAY_S: u64 = 5;

/// What tokens are checked with.
#[derive(Clone)]
pub struct TokenKey {
    key: DecodingKey,
    algorithm: Algorithm,
}

/// What tokens cannot be checked with.
#[derive(Debug, thiserror::Error)]
pub enum BadTokenKey {
    /// It begins like a PEM file.
    #[error("this is no Ed25519 public key in PEM, as `openssl pkey -pubout` writes it")]
    Pem(#[source] jsonwebtoken::errors::Error),
    /// A secret that is too short could be guessed.
    #[error("a secret for HS256 has at least {SECRET_BYTES_MIN} bytes, like one of `openssl rand -hex 32`")]
    Short,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
}

impl Claims {
    /// When nothing holds any more, seconds since 1970.
    fn until_s(&self) -> u64 {
        (self.exp as u64).saturating_add(LEEWAY_S)
    }
}

impl FromStr for TokenKey {
    type Err = BadTokenKey;

    /// A public key in PEM, or else a secret.
    fn from_str(text: &str) -> Result<Self, BadTokenKey> {
        let text = text.trim();
        ring_provider::install();
        if text.starts_with("-----BEGIN") {
            let key = DecodingKey::from_ed_pem(text.as_bytes()).map_err(BadTokenKey::Pem)?;
            Ok(Self { key, algorithm: Algorithm::EdDSA })
        } else if text.len() < SECRET_BYTES_MIN {
            Err(BadTokenKey::Short)
        } else {
            Ok(Self { key: DecodingKey::from_secret(text.as_bytes()), algorithm: Algorithm::HS256 })
        }
    }
}

impl TokenKey {
    /// Until when this token proves that its bearer is this user, seconds since 1970.
    ///
    /// # Errors
    /// `unauthorized` with what is wrong about it.
    pub(super) fn check(&self, token: Option<&str>, user: &User) -> Result<u64, RequestError> {
        let token = token.ok_or_else(|| unauthorized("token is missing: this service wants one"))?;
        let claims = self.claims(token)?;
        if User::of(&claims.sub).is_ok_and(|of| of.key == user.key) {
            Ok(claims.until_s())
        } else {
            Err(unauthorized("the token is not of this username"))
        }
    }

    /// Who bears this token.
    ///
    /// # Errors
    /// `unauthorized` with what is wrong about it.
    pub(super) fn bearer(&self, token: &str) -> Result<User, RequestError> {
        User::of(&self.claims(token)?.sub)
    }

    fn claims(&self, token: &str) -> Result<Claims, RequestError> {
        let mut validation = Validation::new(self.algorithm);
        validation.set_required_spec_claims(&["exp", "sub"]);
        validation.validate_nbf = true;
        validation.validate_aud = false;
        validation.leeway = LEEWAY_S;
        let read = decode::<Claims>(token, &self.key, &validation);
        let claims = read.map_err(|error| unauthorized(words(error.kind())))?.claims;
        // The last second of the leeway, which is good there, would be over for the session.
        if claims.until_s() <= now_s() {
            return Err(unauthorized(words(&ErrorKind::ExpiredSignature)));
        }
        Ok(claims)
    }
}

/// The key is a secret.
impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({:?})", self.algorithm)
    }
}

fn words(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "the token has expired: get a new one",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidSignature => "the signature of the token is wrong",
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => {
            "the token is signed in another way than this service wants"
        }
        ErrorKind::MissingRequiredClaim(_) => "the token lacks sub or exp",
        _ => "this is no token that can be read: it is a JWT with sub and exp",
    }
}

pub(super) fn unauthorized(words: &str) -> RequestError {
    RequestError::new(ErrorCode::Unauthorized, words)
}
