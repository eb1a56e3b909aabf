//! Who is online, when nodes, workers and Redis die; and what a connection gets when its token has expired.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};
use system_tests::browser::Browser;
use system_tests::client::Heard;
use system_tests::cluster::Node;
use system_tests::{Client, Cluster, bounded, bounded_by, eventually, within};

/// Within this the users of a node that died or is stopped are offline, as PROTOCOL.md says, with as much again for a machine that
/// is busy.
const OFFLINE_MAX: Duration = Duration::from_secs(2 * 60);
/// How long the test of that may take.
const STOPPED_MAX: Duration = Duration::from_secs(3 * 60);

/// How long a token is good for that a test sees expire, seconds: enough to log in with it on a busy machine.
const BRIEF_S: u64 = 5;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A device of a user who is logged in.
async fn device(node: &Node, login: Value) -> Client {
    let client = Client::open(&node.ws("/ws/chat")).await;
    client.request(login).await.expect("a login");
    client
}

async fn user(node: &Node, name: &str) -> Client {
    device(node, json!({ "type": "login", "username": name })).await
}

/// Ana at this node, who watches these users; those who are online.
async fn ana(node: &Node, others: &[&str]) -> (Client, Vec<String>) {
    let ana = user(node, "ana").await;
    for other in others {
        let hi = json!({ "type": "send", "to": other, "text": "hi", "message_id": "1" });
        ana.request(hi).await.expect("stored");
    }
    let answer = ana.request(json!({ "type": "watch", "users": others })).await.expect("an answer");
    let users = answer["users"].as_array().expect("a list");
    let online = users.iter().filter(|user| user["online"] == true);
    let names = online.map(|user| user["user"].as_str().expect("a name").to_owned()).collect();
    (ana, names)
}

/// What was pushed of a user: came or went.
fn told(client: &Client, name: &str) -> Vec<bool> {
    client.record().look(|heard| {
        let users = heard.others.iter().filter(|it| it["type"] == "presence").map(|it| &it["users"][0]);
        users.filter(|user| user["user"] == name).map(|user| user["online"] == true).collect()
    })
}

/// Waits until somebody has gone.
async fn gone(client: &Client, name: &str) {
    within(&format!("{name} is offline"), OFFLINE_MAX, client.record().find(|it| last(it, name, false)))
        .await;
}

/// Waits until somebody has come.
async fn came(client: &Client, name: &str) {
    client.until(&format!("{name} is online"), |heard| last(heard, name, true)).await;
}

/// Whether this is what was pushed of a user last.
fn last(heard: &Heard, name: &str, online: bool) -> Option<()> {
    let last = heard.others.iter().rfind(|it| it["users"][0]["user"] == name)?;
    (last["users"][0]["online"] == online).then_some(())
}

#[test]
fn when_a_node_is_killed_its_users_go_but_not_those_who_come_back_to_another_one() {
    bounded(async {
        let mut cluster = Cluster::start(2, 2).await;
        let _bob = user(&cluster.nodes[1], "bob").await;
        let _carl = user(&cluster.nodes[1], "carl").await;
        let (ana, online) = ana(&cluster.nodes[0], &["bob", "carl"]).await;
        assert_eq!(online, ["bob", "carl"]);
        cluster.nodes[1].process.kill().await;
        cluster.workers[0].kill().await;
        let _carl = eventually("carl is back", async || {
            let again = Client::open(&cluster.nodes[0].ws("/ws/chat")).await;
            again.request(json!({ "type": "login", "username": "carl" })).await.is_ok().then_some(again)
        })
        .await;
        gone(&ana, "bob").await;
        assert_eq!((told(&ana, "bob"), told(&ana, "carl")), (vec![false], vec![]));
        // And he comes back, too.
        let _bob = user(&cluster.nodes[0], "Bob").await;
        came(&ana, "bob").await;
    });
}

#[test]
fn whoever_has_another_device_or_comes_back_at_once_stays_online() {
    bounded(async {
        let cluster = Cluster::start(2, 2).await;
        let (phone, laptop) = (user(&cluster.nodes[0], "bob").await, user(&cluster.nodes[1], "bob").await);
        let (carl, dora) = (user(&cluster.nodes[0], "carl").await, user(&cluster.nodes[1], "dora").await);
        let (ana, online) = ana(&cluster.nodes[1], &["bob", "carl", "dora"]).await;
        assert_eq!(online, ["bob", "carl", "dora"]);
        drop(phone);
        drop(carl);
        let _carl = user(&cluster.nodes[1], "carl").await;
        drop(dora);
        // She left last: who would be offline was told before.
        gone(&ana, "dora").await;
        assert_eq!((told(&ana, "bob"), told(&ana, "carl")), (vec![], vec![]));
        drop(laptop);
        gone(&ana, "bob").await;
    });
}

#[test]
fn after_redis_was_away_only_those_are_offline_who_left_meanwhile() {
    bounded(async {
        let mut cluster = Cluster::start(2, 2).await;
        let (_bob, carl) = (user(&cluster.nodes[0], "bob").await, user(&cluster.nodes[1], "carl").await);
        let (ana, online) = ana(&cluster.nodes[1], &["bob", "carl"]).await;
        assert_eq!(online, ["bob", "carl"]);
        cluster.redis.kill().await;
        drop(carl);
        cluster.redis.start_again().await;
        gone(&ana, "carl").await;
        // After the gap each node is told how it stands: that is no news.
        assert!(!told(&ana, "bob").contains(&false), "{:?}", told(&ana, "bob"));
    });
}

#[test]
fn a_node_that_is_stopped_keeps_nobody_online_and_tells_of_them_when_it_goes_on() {
    bounded_by(STOPPED_MAX, async {
        let cluster = Cluster::start(2, 1).await;
        let _bob = user(&cluster.nodes[1], "bob").await;
        let (ana, online) = ana(&cluster.nodes[0], &["bob"]).await;
        assert_eq!(online, ["bob"]);
        cluster.nodes[1].process.freeze();
        gone(&ana, "bob").await;
        cluster.nodes[1].process.thaw();
        came(&ana, "bob").await;
    });
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn token(name: &str, until_s: u64) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "sub": name, "exp": until_s });
    let text = format!("{}.{}", part(json!({ "alg": "HS256", "typ": "JWT" })), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes())))
}

#[test]
fn a_connection_ends_with_its_token_also_without_a_worker_unless_it_has_a_new_one() {
    bounded(async {
        let mut cluster = Cluster::start_with(1, 1, &["--chat-token-key", SECRET]).await;
        let now_s = now_s();
        let login = |until_s| json!({ "type": "login", "username": "bob", "token": token("bob", until_s) });
        let renewed = device(&cluster.nodes[0], login(now_s + BRIEF_S)).await;
        let brief = device(&cluster.nodes[0], login(now_s + BRIEF_S)).await;
        renewed.request(login(now_s + 3_600)).await.expect("a new token");
        cluster.workers[0].kill().await;
        assert_eq!(brief.closed().await.code(), Some(4501));
        renewed.record().look(|heard| assert_eq!(heard.closed, None));
    });
}

#[test]
fn the_page_asks_for_a_new_token_when_the_old_one_has_expired_and_goes_on_with_it() {
    bounded(async {
        let cluster = Cluster::start_with(1, 1, &["--chat-token-key", SECRET]).await;
        let browser = Browser::start().await;
        let page = browser.open(&cluster.nodes[0].http("/#chat")).await;
        let (shown, enter) = ("document.querySelector('#chat-home:not([hidden])')", '\u{E007}');
        browser.until(&page, "document.querySelector('#state[data-state=open]')").await;
        browser.fill(&page, "#chat-name", &format!("bob{enter}")).await;
        browser.until(&page, "document.querySelector('#chat-token').offsetParent").await;
        browser.fill(&page, "#chat-token", &format!("{}{enter}", token("bob", now_s() + BRIEF_S))).await;
        browser.until(&page, shown).await;
        let said = "document.querySelector('#chat-login-error').textContent";
        browser.until(&page, &format!("{said}.includes('token has expired')")).await;
        browser.fill(&page, "#chat-token", &format!("{}{enter}", token("bob", now_s() + 3_600))).await;
        browser.until(&page, shown).await;
        browser.until(&page, "document.querySelector('#state[data-state=open]')").await;
        browser.close().await;
    });
}
