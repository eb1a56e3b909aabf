//! Who one is: tokens, and what passes for one.

use std::time::Duration;

use ring::hmac;
use serde_json::{Value, json};
use system_tests::{Cluster, bounded, within};

use super::token::{Ed25519, claims, hmac_signed, hs256, now_s, unsigned};
use super::{assert_nothing_is_kept, assert_refused, connect, login, send};

/// A secret for HS256.
const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// How long the one token that expires is good, seconds.
const GOOD_FOR_S: u64 = 2;
/// How soon it is closed: clocks may differ by some seconds.
const EXPIRED_MAX: Duration = Duration::from_secs(30);

/// A node, and a worker that checks tokens with this key.
async fn with_key(key: &str) -> Cluster {
    Cluster::start_with(1, 1, &["--chat-token-key", key]).await
}

/// What comes up when somebody logs in as ana with tokens that do not prove it, and a word of what is said about each.
fn forgeries() -> Vec<(&'static str, String, &'static str)> {
    let good = claims("ana");
    let signed = |claims: &Value| hs256(SECRET, claims);
    let headed = |header: Value| hmac_signed(hmac::HMAC_SHA256, SECRET, &header, &good);
    let (foreign, own) = (signed(&claims("bob")), signed(&good));
    let part = |token: &str, at: usize| token.split('.').nth(at).unwrap().to_owned();
    let hs512 = hmac_signed(hmac::HMAC_SHA512, SECRET, &json!({"alg": "HS512"}), &good);
    let own_key = json!({"alg": "HS256", "jwk": {"kty": "oct", "k": "AAAA"}, "kid": "../../dev/null"});
    vec![
        ("no JWT", "ana".to_owned(), "JWT"),
        ("dots only", "..".to_owned(), "JWT"),
        ("another secret", hs256("another secret of 32 bytes, or more", &good), "signature"),
        ("an empty secret", hs256("", &good), "signature"),
        ("expired", signed(&json!({"sub": "ana", "exp": now_s() - 60})), "expired"),
        ("expired in 1970", signed(&json!({"sub": "ana", "exp": 0})), "expired"),
        ("without an end", signed(&json!({"sub": "ana"})), "exp"),
        ("an end that is a text", signed(&json!({"sub": "ana", "exp": "never"})), ""),
        ("an end that is nothing", signed(&json!({"sub": "ana", "exp": null})), ""),
        (
            "not valid yet",
            signed(&json!({"sub": "ana", "exp": now_s() + 99, "nbf": now_s() + 60})),
            "not valid yet",
        ),
        ("another's", foreign.clone(), "not of this username"),
        ("another's that looks the same", signed(&claims("аna")), "not of this username"),
        ("nobody's", signed(&json!({"exp": now_s() + 60})), "sub"),
        ("of several", signed(&json!({"sub": ["ana"], "exp": now_s() + 60})), ""),
        ("alg none", format!("{}.", unsigned(&json!({"alg": "none"}), &good)), ""),
        ("alg None", format!("{}.", unsigned(&json!({"alg": "None"}), &good)), ""),
        ("alg none without a dot", unsigned(&json!({"alg": "none"}), &good), ""),
        ("alg none, signed", headed(json!({"alg": "none"})), ""),
        ("no alg", headed(json!({"typ": "JWT"})), ""),
        ("HS512 with the secret", hs512, "another way"),
        ("HS256 that says HS512", headed(json!({"alg": "HS512"})), "another way"),
        ("EdDSA", Ed25519::generate().signed(&json!({"alg": "EdDSA"}), &good), "another way"),
        (
            "a key of its own in the header",
            hmac_signed(hmac::HMAC_SHA256, [0, 0, 0], &own_key, &good),
            "signature",
        ),
        ("no signature", format!("{}.{}.", part(&own, 0), part(&own, 1)), ""),
        (
            "claims changed",
            format!("{}.{}.{}", part(&foreign, 0), part(&own, 1), part(&foreign, 2)),
            "signature",
        ),
        ("half a signature", own[..own.len() - 20].to_owned(), ""),
    ]
}

#[test]
fn with_a_secret_only_a_token_of_that_name_that_is_signed_with_it_and_valid_now_logs_in() {
    bounded(async {
        let cluster = with_key(SECRET).await;
        let client = connect(&cluster).await;
        assert_refused(&client, "no token", login("ana", None), "unauthorized", "token is missing").await;
        for (what, token, word) in forgeries() {
            assert_refused(&client, what, login("ana", Some(&token)), "unauthorized", word).await;
            assert_refused(&client, what, json!({"type": "home"}), "unauthorized", "logged in").await;
        }
        assert_nothing_is_kept(&cluster).await;
        let token = hs256(SECRET, &claims("Ana"));
        let answer = client.request(login("ANA", Some(&token))).await.unwrap();
        assert_eq!((&answer["user"], &answer["name"]), (&json!("ana"), &json!("ANA")));
        client.request(json!({"type": "home"})).await.unwrap();
        // Whoever is logged in becomes nobody else by it, with or without a token of the other.
        let others = hs256(SECRET, &claims("bob"));
        assert_refused(&client, "a token of ana", login("bob", Some(&token)), "unauthorized", "username")
            .await;
        assert_refused(&client, "a token of bob", login("bob", Some(&others)), "conflict", "another").await;
        assert_eq!(client.request(json!({"type": "home"})).await.unwrap()["conversations"], json!([]));
        client.assert_well();
    });
}

#[test]
fn with_a_public_key_a_token_that_is_signed_with_anything_but_its_private_key_is_refused() {
    bounded(async {
        let (own, strange) = (Ed25519::generate(), Ed25519::generate());
        let pem = own.public_pem();
        let cluster = with_key(&pem).await;
        let client = connect(&cluster).await;
        let good = claims("ana");
        let eddsa = json!({"alg": "EdDSA", "typ": "JWT"});
        let as_eddsa = |secret: &[u8]| hmac_signed(hmac::HMAC_SHA256, secret, &eddsa, &good);
        for (what, token) in [
            ("another private key", strange.signed(&eddsa, &good)),
            ("the public key as a secret", hs256(&pem, &good)),
            ("the same without its last line feed", hs256(pem.trim(), &good)),
            ("the same in DER", hs256(own.public_der(), &good)),
            ("the same, bare", hs256(own.public(), &good)),
            ("the public key as a secret that is said to be EdDSA", as_eddsa(pem.as_bytes())),
            ("the same, bare, said to be EdDSA", as_eddsa(own.public())),
            ("the private key, said to be HS256", own.signed(&json!({"alg": "HS256"}), &good)),
            ("alg none", format!("{}.", unsigned(&json!({"alg": "none"}), &good))),
            ("expired", own.signed(&eddsa, &json!({"sub": "ana", "exp": now_s() - 60}))),
            ("another's", own.signed(&eddsa, &claims("bob"))),
        ] {
            assert_refused(&client, what, login("ana", Some(&token)), "unauthorized", "").await;
        }
        assert_nothing_is_kept(&cluster).await;
        client.request(login("ana", Some(&own.signed(&eddsa, &good)))).await.unwrap();
    });
}

#[test]
fn when_a_token_expires_its_connection_is_closed_for_good_unless_it_was_renewed() {
    bounded(async {
        let cluster = with_key(SECRET).await;
        let (ana, late) = (connect(&cluster).await, connect(&cluster).await);
        let short = json!({"sub": "ana", "exp": now_s() + GOOD_FOR_S});
        let short = hs256(SECRET, &short);
        for client in [&ana, &late] {
            client.request(login("ana", Some(&short))).await.unwrap();
        }
        ana.request(login("ana", Some(&hs256(SECRET, &claims("ana"))))).await.unwrap();
        let closed = late.record().find(|heard| heard.closed.clone());
        let closed = within("the token expires", EXPIRED_MAX, closed).await;
        assert_eq!(closed.code(), Some(4501), "{closed:?}");
        let again = connect(&cluster).await;
        assert_refused(&again, "the old token", login("ana", Some(&short)), "unauthorized", "expired").await;

        let bob = connect(&cluster).await;
        bob.request(login("bob", Some(&hs256(SECRET, &claims("bob"))))).await.unwrap();
        bob.request(send("ana", "hi", "1")).await.unwrap();
        ana.until("a push", |heard| heard.others.iter().find(|it| it["type"] == "message").cloned()).await;
        ana.request(json!({"type": "home"})).await.unwrap();
        let heard = late.record().look(|heard| heard.others.clone());
        assert!(heard.iter().all(|push| push["type"] != "message"), "{heard:?}");
        ana.assert_well();
    });
}
