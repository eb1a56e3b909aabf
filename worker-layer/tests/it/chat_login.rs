//! Who may log in to the chat, and what nobody may do who has not.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use protocol::chat::Answer;
use protocol::{Effect, ErrorCode};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use worker_layer::services::Options;

use crate::support::chat::{Chat, Device};

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// What comes before the 32 bytes of an Ed25519 public key in DER (RFC 8410).
const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

fn unsigned(algorithm: &str, claims: &Value) -> String {
    let header = json!({ "alg": algorithm, "typ": "JWT" }).to_string();
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

pub(crate) fn hs256(secret: &str, claims: &Value) -> String {
    let text = unsigned("HS256", claims);
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn options(key: &str) -> Options {
    let mut options = Options::default();
    options.chat.token_key = Some(key.parse().expect("a key"));
    options
}

fn login(username: &str, token: Option<&str>) -> Value {
    json!({ "type": "login", "username": username, "token": token, "id": 1 })
}

#[tokio::test]
async fn before_a_login_nothing_else_works() {
    let mut chat = Chat::start().await;
    let stranger = Device::new(0);
    for request in [
        json!({ "type": "send", "to": "bob", "text": "hi", "message_id": "1" }),
        json!({ "type": "history", "with": "bob" }),
        json!({ "type": "sync" }),
        json!({ "type": "home" }),
        json!({ "type": "read", "with": "bob", "seq": 1 }),
        json!({ "type": "received", "with": "bob", "seq": 1 }),
        json!({ "type": "watch", "users": ["bob"] }),
        json!({ "type": "unwatch", "users": ["bob"] }),
        json!({ "type": "typing", "to": "bob" }),
    ] {
        let error = chat.ask(&stranger, request.clone()).await.expect_err("not logged in");
        assert_eq!(error.code, ErrorCode::Unauthorized, "{request}");
    }
    assert_eq!(chat.redis.cli::<Vec<String>>("KEYS chat:*").await, Vec::<String>::new());
}

#[tokio::test]
async fn without_a_key_a_name_is_enough_and_is_shown_as_it_was_typed() {
    let mut chat = Chat::start().await;
    let mut device = Device::new(0);
    let Ok(Answer::LoggedIn { user, name, cursor, .. }) = chat.login(&mut device, &login("JOSÉ", None)).await
    else {
        panic!("no login");
    };
    assert_eq!((user.as_str(), name.as_str()), ("josé", "JOSÉ"));
    let mut other = Device::new(0);
    let again = chat.login(&mut other, &login("Jose\u{301}", None)).await;
    let Ok(Answer::LoggedIn { user, cursor: same, .. }) = again else { panic!("{again:?}") };
    assert_eq!((user.as_str(), same), ("josé", cursor), "another device of the same user");
    assert_eq!(device.topic, other.topic);
}

#[tokio::test]
async fn a_connection_stays_with_the_user_who_logged_in_first() {
    let mut chat = Chat::start().await;
    let mut device = chat.device("ana", 0).await;
    let error = chat.login(&mut device, &login("bob", None)).await.expect_err("ana is logged in");
    assert_eq!(error.code, ErrorCode::Conflict);
    chat.login(&mut device, &login("ANA", None)).await.expect("the same user");
}

#[tokio::test]
async fn of_two_logins_at_once_only_the_one_that_the_session_is_of_counts() {
    let mut chat = Chat::start().await;
    let mut device = chat.device("ana", 0).await;
    let seq = chat.tell(&Device::new(0), &login("bob", None)).await;
    let Some(Effect::Join { topic, then: Some(then) }) = chat.effects(seq).await.pop() else { panic!() };
    // The join of bob is done when the session is ana's.
    device.topic = topic.clone();
    let effects = chat.joined(&device, topic.clone(), then).await;
    let [Effect::Leave(left), Effect::Send { body, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(*left, topic);
    assert!(chat.node.text(body).await.contains("unauthorized"));
}

#[tokio::test]
async fn with_a_key_only_a_signed_token_of_that_name_that_has_not_expired_logs_in() {
    let mut chat = Chat::with(1, options(SECRET)).await;
    let good = json!({ "sub": "Ana", "exp": now_s() + 60 });
    for (what, token) in [
        ("none", None),
        ("no token", Some("ana".to_owned())),
        ("another secret", Some(hs256("another secret of 32 bytes, or more", &good))),
        ("expired", Some(hs256(SECRET, &json!({ "sub": "ana", "exp": now_s() - 60 })))),
        (
            "in the last second of its leeway",
            Some(hs256(SECRET, &json!({ "sub": "ana", "exp": now_s() - 5 }))),
        ),
        ("without an end", Some(hs256(SECRET, &json!({ "sub": "ana" })))),
        ("an end that is a text", Some(hs256(SECRET, &json!({ "sub": "ana", "exp": "never" })))),
        (
            "not valid yet",
            Some(hs256(SECRET, &json!({ "sub": "ana", "exp": now_s() + 99, "nbf": now_s() + 60 }))),
        ),
        ("another's", Some(hs256(SECRET, &json!({ "sub": "bob", "exp": now_s() + 60 })))),
        ("nobody's", Some(hs256(SECRET, &json!({ "exp": now_s() + 60 })))),
        ("alg none", Some(format!("{}.", unsigned("none", &good)))),
        (
            "alg none, signed",
            Some(hs256(SECRET, &good).replace(&unsigned("HS256", &good), &unsigned("none", &good))),
        ),
        (
            "claims changed",
            Some(hs256(SECRET, &json!({ "sub": "bob", "exp": now_s() + 60 })).replace(
                &URL_SAFE_NO_PAD.encode(json!({ "sub": "bob", "exp": now_s() + 60 }).to_string()),
                &URL_SAFE_NO_PAD.encode(good.to_string()),
            )),
        ),
    ] {
        let mut device = Device::new(0);
        let error = chat.login(&mut device, &login("ana", token.as_deref())).await.expect_err(what);
        assert_eq!(error.code, ErrorCode::Unauthorized, "{what}: {error}");
        assert!(device.session.is_none(), "{what}");
    }
    let mut device = Device::new(0);
    chat.login(&mut device, &login("ANA", Some(&hs256(SECRET, &good)))).await.expect("a good token");
    chat.ask(&device, json!({ "type": "home" })).await.expect("logged in");
}

#[tokio::test]
async fn when_a_token_has_expired_its_connection_has_to_log_in_again() {
    let mut chat = Chat::with(1, options(SECRET)).await;
    let mut device = Device::new(0);
    let token = hs256(SECRET, &json!({ "sub": "ana", "exp": now_s() + 60 }));
    chat.login(&mut device, &login("ana", Some(&token))).await.expect("a good token");
    let seq = chat.tell(&device, &login("ana", Some(&token))).await;
    let Some(Effect::CloseLater(later)) = chat.effects(seq).await.into_iter().next() else { panic!() };
    assert!((55_000..=65_000).contains(&later.after_ms) && later.close.code == 4501, "{later:?}");
    let session: Value = serde_json::from_str(device.session.as_ref().expect("one").get()).expect("JSON");
    let expired = json!({ "user": "ana", "name": "ana", "until_s": now_s() - 1 });
    assert!(session["until_s"].as_u64().expect("a time") >= now_s() + 59, "{session}");
    device.session = Some(crate::support::sets::raw(&expired.to_string()));
    let error = chat.ask(&device, json!({ "type": "home" })).await.expect_err("expired");
    assert_eq!(error.code, ErrorCode::Unauthorized);
    chat.login(&mut device, &login("ana", Some(&token))).await.expect("a new token");
    chat.ask(&device, json!({ "type": "home" })).await.expect("logged in");
}

#[tokio::test]
async fn with_a_public_key_a_token_is_signed_by_its_private_one() {
    let pair = || {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key")
    };
    let (own, strange) = (pair(), pair());
    let der = [&ED25519_PREFIX[..], own.public_key().as_ref()].concat();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(&der));
    let mut chat = Chat::with(1, options(&pem)).await;
    let claims = json!({ "sub": "ana", "exp": now_s() + 60 });
    let signed = |pair: &Ed25519KeyPair| {
        let text = unsigned("EdDSA", &claims);
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(pair.sign(text.as_bytes())))
    };
    // The public key is no secret: who signs with it as one must not get in.
    for token in [signed(&strange), hs256(&pem, &claims), hs256(pem.trim(), &claims)] {
        let error = chat.login(&mut Device::new(0), &login("ana", Some(&token))).await.expect_err("forged");
        assert_eq!(error.code, ErrorCode::Unauthorized);
    }
    chat.login(&mut Device::new(0), &login("ana", Some(&signed(&own)))).await.expect("a good token");
}
