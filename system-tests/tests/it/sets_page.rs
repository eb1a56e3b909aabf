//! The sets view of the page, in a real browser.

use serde_json::{Value, json};
use system_tests::browser::{Browser, Page};
use system_tests::{Cluster, bounded};

/// What a browser is sent for these keys (WebDriver, section 17.4.2).
const ENTER: char = '\u{E007}';
const ARROW_DOWN: char = '\u{E015}';
const DELETE: char = '\u{E017}';

const IN_SYNC: &str =
    "document.querySelector('[data-side=a] [data-is=digest]')?.textContent.startsWith('In sync')";
const OFFLINE: &str = "document.querySelector('[data-side=a] [data-is=offline]')?.checked";
const OFFLINE_SWITCH: &str = "[data-side=a] [data-is=offline]";

fn element(side: &str, value: &str) -> String {
    format!("document.querySelector('[data-side={side}] [data-value=\"{value}\"]')")
}

/// True when a replica shows these elements and no others.
fn elements(side: &str, values: &[&str]) -> String {
    let rows = format!("[...document.querySelectorAll('[data-side={side}] [data-value]')]");
    format!("JSON.stringify({rows}.map(it => it.dataset.value).sort()) === '{}'", json!(values))
}

fn waiting(side: &str, count: usize) -> String {
    format!(
        "document.querySelectorAll('[data-side={side}] [data-is=waiting]:not([hidden]) li').length === {count}"
    )
}

async fn add(browser: &Browser, page: &Page, side: &str, value: &str) {
    browser.fill(page, &format!("#{side}-value"), &format!("{value}{ENTER}")).await;
    browser.until(page, &element(side, value)).await;
}

async fn remove(browser: &Browser, page: &Page, side: &str, value: &str) {
    browser.click(page, &format!("[data-side={side}] [data-value={value}] .row-remover")).await;
    browser.until(page, &format!("!{}", element(side, value))).await;
}

/// Loads the page again, and waits until the one before is gone.
async fn reload(browser: &Browser, page: &Page) {
    browser.run(page, "window.isBefore = true; location.reload()").await;
    browser.until(page, "!window.isBefore && document.querySelector('[data-side=a]')").await;
}

/// Creates a set by its name in the page, and returns its id.
async fn create(browser: &Browser, page: &Page, name: &str) -> String {
    browser.fill(page, "#set-name", &format!("{name}{ENTER}")).await;
    browser.until(page, IN_SYNC).await;
    let hash = browser.run(page, "return location.hash").await;
    hash.as_str().unwrap().strip_prefix("#sets/").unwrap().to_owned()
}

/// Creates a set with these values over HTTP.
async fn create_with(cluster: &Cluster, id: &str, name: &str, values: &[String]) {
    let client = reqwest::Client::new();
    let url = cluster.nodes[0].http("/sets");
    let created = client.post(&url).json(&json!({ "id": id, "name": name })).send().await.unwrap();
    assert!(created.status().is_success());
    for chunk in values.chunks(1_000) {
        let operations: Vec<Value> =
            chunk.iter().map(|value| json!({ "op": "add", "value": value })).collect();
        apply(cluster, id, &json!(operations)).await;
    }
}

async fn apply(cluster: &Cluster, id: &str, operations: &Value) {
    let url = cluster.nodes[0].http(&format!("/sets/{id}/operations"));
    let body = json!({ "operations": operations });
    let answer = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

/// What the server says that a set contains, sorted.
async fn stored(cluster: &Cluster, id: &str) -> Vec<String> {
    let answer = reqwest::get(cluster.nodes[0].http(&format!("/sets/{id}"))).await.unwrap();
    let set: Value = answer.json().await.unwrap();
    let values = set["elements"].as_array().unwrap().iter();
    values.map(|element| element["value"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn two_pages_of_which_one_is_offline_are_equal_once_it_is_back_even_after_a_reload() {
    bounded(async {
        let cluster = Cluster::start(2, 2).await;
        let browser = Browser::start().await;
        let first = browser.open(&cluster.nodes[0].http("/#sets")).await;
        let id = create(&browser, &first, "Groceries").await;
        let second = browser.open_window(&cluster.nodes[1].http(&format!("/#sets/{id}"))).await;
        for value in ["milk", "tea"] {
            add(&browser, &first, "a", value).await;
        }
        browser.until(&second, &elements("a", &["milk", "tea"])).await;
        browser.until(&second, "document.querySelector('#open-title').textContent === 'Groceries'").await;

        browser.click(&first, OFFLINE_SWITCH).await;
        add(&browser, &first, "a", "salt").await;
        remove(&browser, &first, "a", "milk").await;
        add(&browser, &second, "a", "eggs").await;
        remove(&browser, &second, "a", "tea").await;
        browser.until(&second, IN_SYNC).await;
        assert_eq!(stored(&cluster, &id).await, ["eggs", "milk"]);

        reload(&browser, &first).await;
        browser.until(&first, OFFLINE).await;
        browser.until(&first, &elements("a", &["salt", "tea"])).await;
        browser.until(&first, &waiting("a", 2)).await;
        add(&browser, &first, "a", "bread").await;

        browser.click(&first, OFFLINE_SWITCH).await;
        let digest = "return document.querySelector('[data-side=a] [data-is=digest]').textContent";
        let mut digests = Vec::new();
        for page in [&first, &second] {
            browser.until(page, &elements("a", &["bread", "eggs", "salt"])).await;
            browser.until(page, &waiting("a", 0)).await;
            browser.until(page, IN_SYNC).await;
            digests.push(browser.run(page, digest).await);
        }
        assert_eq!(digests[0], digests[1]);
        assert_eq!(stored(&cluster, &id).await, ["bread", "eggs", "salt"]);
        browser.close().await;
    });
}

#[test]
fn two_replicas_beside_each_other_converge_and_what_was_overruled_is_told_by_name() {
    bounded(async {
        let cluster = Cluster::start(1, 2).await;
        create_with(&cluster, "pair", "Pair", &["milk".to_owned(), "tea".to_owned()]).await;
        let browser = Browser::start().await;
        let page = browser.open(&cluster.nodes[0].http("/#sets/pair/two")).await;
        for side in ["a", "b"] {
            browser.until(&page, &elements(side, &["milk", "tea"])).await;
        }
        let is_same = "document.querySelector('#difference.is-same')";
        browser.until(&page, is_same).await;
        browser.click(&page, "[data-side=b] [data-is=offline]").await;
        add(&browser, &page, "b", "salt").await;
        remove(&browser, &page, "b", "milk").await;
        add(&browser, &page, "a", "eggs").await;
        browser
            .until(&page, "document.querySelector('#difference').textContent.includes('Only B has “salt”')")
            .await;
        // Added by somebody else a moment after B removed it: 30 s are still not ahead of the server's time by too much.
        let later_ms = browser.run(&page, "return Date.now() + 30000").await;
        apply(&cluster, "pair", &json!([{ "op": "add", "value": "milk", "stamp": [later_ms, "phone"] }]))
            .await;

        browser.click(&page, "[data-side=b] [data-is=offline]").await;
        browser.until(&page, is_same).await;
        for side in ["a", "b"] {
            browser.until(&page, &elements(side, &["eggs", "milk", "salt", "tea"])).await;
        }
        let told = "document.querySelector('[data-side=b] .message')?.textContent";
        browser
            .until(&page, &format!("{told}.includes('“milk” was not removed: phone added it later')"))
            .await;
        assert_eq!(stored(&cluster, "pair").await, ["eggs", "milk", "salt", "tea"]);
        browser.close().await;
    });
}

#[test]
fn what_is_changed_while_the_server_is_gone_arrives_when_it_is_back() {
    bounded(async {
        let mut cluster = Cluster::start(1, 1).await;
        create_with(&cluster, "lost", "Lost", &["milk".to_owned()]).await;
        let browser = Browser::start().await;
        let page = browser.open(&cluster.nodes[0].http("/#sets/lost")).await;
        browser.until(&page, &elements("a", &["milk"])).await;
        cluster.nodes[0].process.kill().await;
        browser.until(&page, "document.querySelector('[data-is=standing][data-mark=offline]')").await;
        add(&browser, &page, "a", "eggs").await;
        remove(&browser, &page, "a", "milk").await;
        browser.until(&page, &waiting("a", 2)).await;
        cluster.start_node_again(0).await;
        browser.until(&page, IN_SYNC).await;
        browser.until(&page, &elements("a", &["eggs"])).await;
        assert_eq!(stored(&cluster, "lost").await, ["eggs"]);
        browser.close().await;
    });
}

#[test]
fn thousands_of_elements_are_listed_and_changed_with_the_keyboard_alone() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let values: Vec<String> = (0..5_000).map(|number| format!("element {number}")).collect();
        create_with(&cluster, "many", "<b>Many</b>", &values).await;
        let browser = Browser::start().await;
        let page = browser.open(&cluster.nodes[0].http("/#sets")).await;
        browser.until(&page, "document.querySelector('#sets a')").await;
        browser.fill(&page, "#search-sets", &format!("MANY{ENTER}")).await;
        let count = "document.querySelector('[data-is=count]')?.textContent";
        browser.until(&page, &format!("{count} === '5,000 elements'")).await;
        browser.until(&page, "!document.querySelector('#open-title b')").await;
        browser.until(&page, "document.querySelectorAll('[data-value]').length < 100").await;
        // Entered again it is there already, and selected; the arrow leads from the field to it.
        browser.fill(&page, "#a-value", &format!("element 4321{ENTER}")).await;
        browser.until(&page, &element("a", "element 4321")).await;
        browser
            .until(&page, "document.querySelector('[data-is=selected-text]').textContent.includes('4321')")
            .await;
        browser.fill(&page, "#a-value", &format!("{ARROW_DOWN}{DELETE}")).await;
        browser.fill(&page, "[data-is=search]", "element 4321").await;
        browser.until(&page, &elements("a", &[])).await;
        browser.until(&page, &format!("{count}.endsWith('4,999 elements')")).await;
        browser.until(&page, IN_SYNC).await;
        assert!(!stored(&cluster, "many").await.contains(&"element 4321".to_owned()));
        browser.close().await;
    });
}

#[test]
fn the_sets_view_fits_a_narrow_screen_and_everything_in_it_has_a_name() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let values = ["w".repeat(1_000), String::new(), "a\0b\n".to_owned()];
        create_with(&cluster, "wide", &"w".repeat(128), &values).await;
        let browser = Browser::start().await;
        let page = browser.open(&cluster.nodes[0].http("/#sets")).await;
        browser.resize(&page, 360, 740).await;
        let fits = "document.documentElement.scrollWidth <= window.innerWidth";
        browser.until(&page, "document.querySelector('#sets a')").await;
        browser.until(&page, fits).await;
        browser.run(&page, "location.hash = '#sets/wide/two'").await;
        for side in ["a", "b"] {
            let rows = format!("document.querySelectorAll('[data-side={side}] [data-value]').length === 3");
            browser.until(&page, &rows).await;
        }
        browser.click(&page, "[data-side=b] [data-value]").await;
        add(&browser, &page, "a", "milk").await;
        browser.click(&page, "[data-side=b] [data-is=offline]").await;
        add(&browser, &page, "b", "x".repeat(500).as_str()).await;
        browser.until(&page, fits).await;
        let unnamed = "return [...document.querySelectorAll('input, button, a, [role=listbox], [role=switch]')].filter(it => \
                       !(it.labels?.length || it.textContent.trim() || it.getAttribute('aria-label') || \
                       it.getAttribute('aria-labelledby'))).map(it => it.outerHTML)";
        assert_eq!(browser.run(&page, unnamed).await, json!([]));
        let repeated = "const ids = [...document.querySelectorAll('[id]')].map(it => it.id); \
                        return ids.filter((id, i) => ids.indexOf(id) !== i)";
        assert_eq!(browser.run(&page, repeated).await, json!([]));
        browser.close().await;
    });
}
