//! Tokens as their issuer signs them, and as somebody does who would like to be.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

/// What comes before the 32 bytes of an Ed25519 public key in DER (RFC 8410).
const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Seconds since 1970.
pub(super) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// That its bearer is this user for a minute.
pub(super) fn claims(user: &str) -> Value {
    json!({"sub": user, "exp": now_s() + 60})
}

/// A header and claims, as they are signed.
pub(super) fn unsigned(header: &Value, claims: &Value) -> String {
    let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}", encoded(header), encoded(claims))
}

/// Signed with a secret.
pub(super) fn hs256(secret: impl AsRef<[u8]>, claims: &Value) -> String {
    hmac_signed(hmac::HMAC_SHA256, secret, &json!({"alg": "HS256", "typ": "JWT"}), claims)
}

/// Signed with a secret, whatever the header says about it.
pub(super) fn hmac_signed(
    algorithm: hmac::Algorithm,
    secret: impl AsRef<[u8]>,
    header: &Value,
    claims: &Value,
) -> String {
    let text = unsigned(header, claims);
    let signature = hmac::sign(&hmac::Key::new(algorithm, secret.as_ref()), text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A pair of keys.
pub(super) struct Ed25519(Ed25519KeyPair);

impl Ed25519 {
    pub(super) fn generate() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        Self(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key"))
    }

    pub(super) fn public(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    pub(super) fn public_der(&self) -> Vec<u8> {
        [&ED25519_PREFIX[..], self.public()].concat()
    }

    pub(super) fn public_pem(&self) -> String {
        let body = STANDARD.encode(self.public_der());
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    }

    pub(super) fn signed(&self, header: &Value, claims: &Value) -> String {
        let text = unsigned(header, claims);
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(self.0.sign(text.as_bytes())))
    }
}
