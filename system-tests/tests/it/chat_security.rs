//! Whoever wants to be somebody else in the chat, to read what is not theirs, or to break it, is told no, and why.

mod name;
mod proof;
mod shape;
mod token;

use serde_json::{Value, json};
use system_tests::browser::Browser;
use system_tests::{Client, Cluster, bounded};

async fn connect(cluster: &Cluster) -> Client {
    Client::open(&cluster.nodes[0].ws("/ws/chat")).await
}

async fn log_in(cluster: &Cluster, name: &str) -> Client {
    let client = connect(cluster).await;
    client.request(login(name, None)).await.unwrap_or_else(|code| panic!("{name}: {code}"));
    client
}

fn login(name: &str, token: Option<&str>) -> Value {
    json!({"type": "login", "username": name, "token": token})
}

fn send(to: &str, text: &str, message_id: &str) -> Value {
    json!({"type": "send", "to": to, "text": text, "message_id": message_id})
}

/// The request is refused with this code, and words for people that say what it is about.
async fn assert_refused(client: &Client, what: &str, request: Value, code: &str, word: &str) {
    let id = client.ask(request).await;
    assert_eq!(client.outcome(id).await, Err(code.to_owned()), "{what}");
    let message = client.record().look(|heard| heard.answers[&id][0]["error"]["message"].to_string());
    assert!(message.contains(word), "{what}: {message}");
}

/// Nothing of the chat is in Redis.
async fn assert_nothing_is_kept(cluster: &Cluster) {
    assert_eq!(cluster.redis.run::<Vec<String>>(&["KEYS", "chat:*"]).await, [""; 0]);
}

#[test]
fn before_a_login_every_request_is_refused_and_nothing_is_kept_of_it() {
    bounded(async {
        let cluster = Cluster::start(1, 2).await;
        let client = connect(&cluster).await;
        let requests = [
            send("bob", "hi", "1"),
            json!({"type": "history", "with": "bob"}),
            json!({"type": "sync"}),
            json!({"type": "sync", "since": "8f3a0c5107d6b2e4-1760000000000001"}),
            json!({"type": "home"}),
            json!({"type": "read", "with": "bob", "seq": 1}),
            json!({"type": "received", "with": "bob", "seq": 1}),
            json!({"type": "typing", "to": "bob"}),
            json!({"type": "watch", "users": ["bob"]}),
            json!({"type": "unwatch", "users": ["bob"]}),
            json!({"type": "home", "user": "bob", "session": {"user": "bob", "name": "bob"}}),
        ];
        for request in requests {
            let what = request.to_string();
            assert_refused(&client, &what, request, "unauthorized", "log in").await;
        }
        assert_nothing_is_kept(&cluster).await;
        client.assert_well();
    });
}

#[test]
fn nobody_reads_or_follows_a_conversation_of_others_however_it_is_called() {
    bounded(async {
        let cluster = Cluster::start(1, 2).await;
        let (ana, eve) = (log_in(&cluster, "ana").await, log_in(&cluster, "eve").await);
        ana.request(send("bob", "a secret", "1")).await.unwrap();
        let names = [
            "ana",
            "bob",
            "eve",
            "ana,bob",
            "bob,ana",
            "ana,bob}:messages",
            "{c:ana,bob}",
            "ana%2Cbob",
            "*",
            "..",
            "ana\",\"bob",
            "eve,ana,bob",
        ];
        for with in names {
            let history = eve.request(json!({"type": "history", "with": with, "after": 0})).await.unwrap();
            assert_eq!((&history["messages"], &history["more"]), (&json!([]), &json!(false)), "{with}");
            for kind in ["read", "received"] {
                let mark = json!({"type": kind, "with": with, "seq": 1});
                assert_refused(&eve, with, mark, "not_found", "no message").await;
            }
            let watched = eve.request(json!({"type": "watch", "users": [with]})).await.unwrap();
            assert_eq!(watched["users"], json!([]), "{with}");
        }
        let cursor = ana.request(json!({"type": "home"})).await.unwrap()["cursor"].clone();
        let synced = eve.request(json!({"type": "sync", "since": cursor})).await.unwrap();
        assert_eq!(synced["type"], "reset", "{synced}");
        for request in [json!({"type": "home"}), json!({"type": "home", "since": cursor})] {
            let home = eve.request(request).await.unwrap();
            assert_eq!(home["conversations"], json!([]), "{home}");
        }
        let heard = eve.record().look(|heard| heard.others.clone());
        assert!(!json!(heard).to_string().contains("secret"), "{heard:?}");
    });
}

/// What would set `window.hacked`, if any of it were taken for HTML.
const HOSTILE_NAME: &str = "<img src=x onerror=window.hacked=1>";
const HOSTILE_TEXTS: [&str; 4] = [
    "<script>window.hacked=1</script>",
    "<img src=x onerror='window.hacked=1'><svg onload=window.hacked=1>",
    "</p></li></ol><iframe srcdoc='<script>parent.hacked=1</script>'></iframe>",
    "javascript:window.hacked=1 \" onmouseover=\"window.hacked=1 {{7*7}} ${7*7} \u{202e}olleh",
];

#[test]
fn script_in_names_and_texts_comes_back_as_it_was_written_and_the_page_shows_it_as_text() {
    bounded(async {
        let cluster = Cluster::start(1, 2).await;
        let hostile = log_in(&cluster, HOSTILE_NAME).await;
        for (text, number) in HOSTILE_TEXTS.iter().zip(1..) {
            hostile.request(send("<b>Bob</b>", text, &format!("<i>{number}</i>"))).await.unwrap();
        }
        let history = hostile.request(json!({"type": "history", "with": "<B>bob</B>"})).await.unwrap();
        let messages = history["messages"].as_array().unwrap();
        let texts: Vec<&str> = messages.iter().map(|it| it["text"].as_str().unwrap()).collect();
        assert_eq!(texts, HOSTILE_TEXTS);
        assert!(messages.iter().all(|it| it["from_name"] == HOSTILE_NAME), "{history}");

        let browser = Browser::start().await;
        let page = browser.open(&cluster.nodes[0].http("/#chat")).await;
        browser.until(&page, "document.querySelector('#state[data-state=open]')").await;
        browser.fill(&page, "#chat-name", "<b>Bob</b>\u{E007}").await;
        let shows = |css: &str, text: &str| {
            format!("[...document.querySelectorAll({css:?})].some(it => it.textContent === {})", json!(text))
        };
        browser.until(&page, &shows("#chat-list .chat-row-name", HOSTILE_NAME)).await;
        browser.until(&page, &shows("#chat-list .chat-row-last", HOSTILE_TEXTS[3])).await;
        browser.click(&page, "#chat-list a").await;
        for text in HOSTILE_TEXTS {
            browser.until(&page, &shows(".chat-message-text", text)).await;
        }
        browser.until(&page, &shows("#chat-with", HOSTILE_NAME)).await;
        hostile.request(json!({"type": "typing", "to": "<b>bob</b>"})).await.unwrap();
        browser.until(&page, "document.querySelector('#chat-typing').textContent !== ''").await;
        let taken = "return [window.hacked, document.querySelector(':is(#chat-list, #chat-messages, #chat-with, \
                     #chat-typing, #chat-home-title) :is(img, svg, script, iframe, b, i)')?.outerHTML]";
        assert_eq!(browser.run(&page, taken).await, json!([null, null]));
        browser.close().await;
    });
}
