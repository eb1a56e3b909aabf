//! Requests that are too large, or not as documented.

use serde_json::{Value, json};
use system_tests::client::Closed;
use system_tests::{Cluster, bounded};
use tokio_tungstenite::tungstenite::Message;

use super::{assert_refused, connect, log_in, login, send};

#[test]
fn what_is_too_large_is_refused_with_its_bound_and_what_just_fits_is_kept_as_it_is() {
    bounded(async {
        let cluster = Cluster::start(1, 2).await;
        let ana = connect(&cluster).await;
        let long = |bytes: usize| "x".repeat(bytes);
        let named = |name: String| json!({"type": "login", "username": name});
        let with_device = json!({"type": "login", "username": "ana", "device": long(65)});
        for (what, request, word) in [
            ("a name", named(long(65)), "65 bytes"),
            ("a name of characters of two bytes", named("é".repeat(33)), "66 bytes"),
            ("a name that grows when it is folded", named("ŉ".repeat(32)), "64 bytes"),
            ("a device", with_device, "65 bytes"),
            ("a token", login("ana", Some(&long(4_097))), "4097 bytes"),
        ] {
            assert_refused(&ana, what, request, "too_large", word).await;
        }
        ana.request(login("ana", None)).await.unwrap();
        for (what, request, word) in [
            ("a text", send("bob", &long(4_097), "1"), "4097 bytes"),
            ("a text of characters of four bytes", send("bob", &"👋".repeat(1_025), "1"), "4100 bytes"),
            ("a text that just fits a message", send("bob", &long(65_000), "1"), "65000 bytes"),
            ("an id", send("bob", "hi", &long(65)), "65 bytes"),
            ("a receiver", send(&long(65), "hi", "1"), "65 bytes"),
        ] {
            assert_refused(&ana, what, request, "too_large", word).await;
        }
        let greatest = ["\u{1}".repeat(4_096), "👋".repeat(1_024), long(4_096)];
        for (text, number) in greatest.iter().zip(1..) {
            let sent = ana.request(send(&long(64), text, &number.to_string().repeat(64))).await.unwrap();
            assert_eq!(sent["seq"], number);
        }
        let history = ana.request(json!({"type": "history", "with": long(64)})).await.unwrap();
        let texts: Vec<&str> =
            history["messages"].as_array().unwrap().iter().map(|it| it["text"].as_str().unwrap()).collect();
        assert_eq!(texts, greatest);
        ana.assert_well();
    });
}

#[test]
fn a_text_of_a_megabyte_closes_its_connection_alone() {
    bounded(async {
        let cluster = Cluster::start(1, 2).await;
        let (ana, bob) = (log_in(&cluster, "ana").await, log_in(&cluster, "bob").await);
        let text = "x".repeat(1024 * 1024);
        // It may be cut off before all is sent.
        let _ = ana.try_send(Message::text(send("bob", &text, "1").to_string())).await;
        let closed = ana.closed().await;
        assert!(closed.code() == Some(1009) || matches!(closed, Closed::Uncleanly(_)), "{closed:?}");
        let again = log_in(&cluster, "ana").await;
        assert_eq!(again.request(send("bob", "hi", "1")).await.unwrap()["seq"], 1, "nothing was stored");
        bob.until("a push", |heard| heard.others.iter().find(|it| it["type"] == "message").cloned()).await;
        bob.assert_well();
    });
}

#[test]
fn a_request_that_is_not_as_documented_is_refused_with_what_is_wrong() {
    let sync = |since: Value| json!({"type": "sync", "since": since});
    let history = |member: &str, value: Value| json!({"type": "history", "with": "bob", member: value});
    let both = json!({"type": "history", "with": "bob", "before": 3, "after": 1});
    let no_id = json!({"type": "send", "to": "bob", "text": "hi"});
    let no_text = json!({"type": "send", "to": "bob", "message_id": "1"});
    let bad = [
        (json!({}), "type"),
        (json!({"type": "Send"}), "type"),
        (json!({"type": 1}), "type"),
        (json!({"type": "send"}), "to"),
        (no_text, "text"),
        (no_id, "message_id"),
        (send("bob", "", "1"), "empty"),
        (send("bob", "hi", ""), "empty"),
        (json!({"type": "send", "to": "bob", "text": ["hi"], "message_id": "1"}), "text"),
        (json!({"type": "send", "to": "bob", "text": "hi", "message_id": 1}), "message_id"),
        (json!({"type": "send", "to": {"$ne": ""}, "text": "hi", "message_id": "1"}), "to"),
        (history("limit", json!(0)), "limit"),
        (history("limit", json!(201)), "limit"),
        (history("limit", json!("5")), "limit"),
        (history("before", json!(-1)), "before"),
        (history("after", json!(1.5)), "after"),
        (both, "before or after"),
        (sync(json!("yesterday")), "cursor"),
        (sync(json!("-1")), "cursor"),
        (sync(json!(7)), "cursor"),
        (json!({"type": "home", "before": "x"}), "before"),
        (json!({"type": "read", "with": "bob"}), "seq"),
        (json!({"type": "read", "with": "bob", "seq": -1}), "seq"),
        (json!({"type": "read", "with": "bob", "seq": 9_007_199_254_740_992_u64}), "seq"),
        (json!({"type": "received", "with": "bob"}), "seq"),
        (json!({"type": "typing"}), "to"),
        (json!({"type": "watch"}), "users"),
        (json!({"type": "watch", "users": []}), "users"),
        (json!({"type": "watch", "users": "bob"}), "users"),
        (json!({"type": "watch", "users": ["bob", ""]}), "users"),
    ];
    bounded(async move {
        let cluster = Cluster::start(1, 1).await;
        let ana = log_in(&cluster, "ana").await;
        for (request, word) in bad {
            let what = request.to_string();
            assert_refused(&ana, &what, request, "bad_request", word).await;
        }
        let home = ana.request(json!({"type": "home"})).await.unwrap();
        assert_eq!(home["conversations"], json!([]), "something bad was stored");
        ana.assert_well();
    });
}
