//! The files view of the page, in a real browser, with watchers that this test plays.

use reqwest::{Client, Method};
use serde_json::{Value, json};
use system_tests::browser::Browser;
use system_tests::{Cluster, bounded};

/// What a browser is sent for this key (WebDriver, section 17.4.2).
const ARROW_DOWN: char = '\u{E015}';

const OPEN: &str = "document.querySelector('#state[data-state=open]')";
const COUNT: &str = "document.querySelector('#count').textContent";

/// Says it as the original watcher does.
async fn say(cluster: &Cluster, method: Method, path: &str, body: &Value) {
    let request = Client::new().request(method, cluster.nodes[0].http(path)).json(body);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}

async fn patch(cluster: &Cluster, instance: &str, seqno: u64, op: &str, filename: &str) {
    let operation =
        json!({ "instance": instance, "op": op, "value": { "filename": filename }, "seqno": seqno });
    say(cluster, Method::PATCH, "/files", &json!([operation])).await;
}

/// Many files at once, from the first operation on.
async fn patch_all(cluster: &Cluster, instance: &str, names: &[String]) {
    let operations = names.iter().zip(2..).map(|(filename, seqno)| {
        json!({ "instance": instance, "op": "add", "value": { "filename": filename }, "seqno": seqno })
    });
    let operations: Vec<Value> = operations.collect();
    for operations in operations.chunks(1_000) {
        say(cluster, Method::PATCH, "/files", &json!(operations)).await;
    }
}

async fn bye(cluster: &Cluster, instance: &str) {
    say(cluster, Method::POST, "/bye", &json!({ "instance": instance })).await;
}

/// True when so many rows show this name.
fn rows(name: &str, count: usize) -> String {
    format!("document.querySelectorAll('#listing [data-file=\"{name}\"]').length === {count}")
}

fn watchers(count: usize) -> String {
    format!("document.querySelectorAll('#watchers .watcher').length === {count}")
}

#[test]
fn what_happens_in_two_folders_shows_in_the_open_page_by_itself() {
    bounded(async {
        let cluster = Cluster::start(1, 2).await;
        let browser = Browser::start().await;
        let page = browser.open(&cluster.nodes[0].http("/#files")).await;
        let first = "document.querySelector('#empty-first:not([hidden])')?.textContent === 'make watch'";
        browser.until(&page, first).await;

        patch(&cluster, "one", 2, "add", "cat.jpg").await;
        browser.until(&page, &rows("cat.jpg", 1)).await;
        patch(&cluster, "two", 2, "add", "cat.jpg").await;
        browser.until(&page, &rows("cat.jpg", 2)).await;
        let owners = "new Set([...document.querySelectorAll('[data-file=\"cat.jpg\"]')].map(it => it.dataset.owner)).size === 2";
        browser.until(&page, owners).await;
        browser.until(&page, &watchers(2)).await;
        patch(&cluster, "two", 3, "add", "<img src=x onerror=alert(1)>").await;
        browser.until(&page, "document.querySelector('#listing').textContent.includes('<img src=x')").await;
        browser.until(&page, "!document.querySelector('#main img')").await;
        patch(&cluster, "one", 3, "remove", "cat.jpg").await;
        browser.until(&page, &rows("cat.jpg", 1)).await;
        browser.until(&page, "document.querySelector('#lately').textContent.includes('removed')").await;

        bye(&cluster, "two").await;
        browser.until(&page, &watchers(1)).await;
        browser.until(&page, &rows("cat.jpg", 0)).await;
        browser.until(&page, &format!("{COUNT} === '0 files'")).await;
        browser.close().await;
    });
}

#[test]
fn a_file_is_found_among_thousands_and_one_folder_shown_alone() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let names: Vec<String> = (0..3_000).map(|number| format!("File {number:04}.txt")).collect();
        patch_all(&cluster, "many", &names).await;
        patch_all(&cluster, "few", &["File 2345.txt".to_owned(), "other".to_owned()]).await;
        let browser = Browser::start().await;
        let page = browser.open(&cluster.nodes[0].http("/#files")).await;
        browser.until(&page, &format!("{COUNT} === '3,002 files'")).await;
        browser.until(&page, "document.querySelectorAll('#listing .row').length < 100").await;

        browser.fill(&page, "#search", "file 234").await;
        browser.until(&page, &format!("{COUNT} === '11 of 3,002 files'")).await;
        browser.until(&page, &rows("File 2345.txt", 2)).await;
        // What is not looked for comes and goes unseen, what is looked for comes into view.
        patch(&cluster, "few", 4, "add", "not that").await;
        patch(&cluster, "few", 5, "add", "FILE 2340").await;
        browser.until(&page, &format!("{COUNT} === '12 of 3,004 files'")).await;
        browser.until(&page, &rows("FILE 2340", 1)).await;
        browser.until(&page, &rows("not that", 0)).await;

        // The arrow leads to the first file, "FILE 2340"; Enter shows its folder alone, Escape everything again.
        browser.fill(&page, "#search", &format!("File 234{ARROW_DOWN}")).await;
        let listing = "document.activeElement.id === 'listing'";
        browser.until(&page, listing).await;
        browser.run(&page, &key("Enter")).await;
        browser.until(&page, &format!("{COUNT} === '2 of 3,004 files'")).await;
        browser.run(&page, &key("Escape")).await;
        browser.until(&page, &format!("{COUNT} === '3,004 files'")).await;

        browser.fill(&page, "#search", "nothing like it").await;
        browser
            .until(&page, "document.querySelector('#empty-text').textContent.includes('nothing like it')")
            .await;
        browser.click(&page, "#clear").await;
        browser.until(&page, &format!("{COUNT} === '3,004 files'")).await;
        browser.close().await;
    });
}

/// A key pressed in the listing, which is no field that could be filled.
fn key(name: &str) -> String {
    format!(
        "document.querySelector('#listing').dispatchEvent(new KeyboardEvent('keydown', {{ key: '{name}', bubbles: true }}))"
    )
}

#[test]
fn after_the_loss_of_the_server_the_page_says_so_and_then_has_what_it_missed() {
    bounded(async {
        let mut cluster = Cluster::start(2, 1).await;
        patch(&cluster, "one", 2, "add", "cat.jpg").await;
        let browser = Browser::start().await;
        let page = browser.open(&cluster.nodes[1].http("/#files")).await;
        browser.until(&page, &rows("cat.jpg", 1)).await;
        cluster.nodes[1].process.kill().await;
        browser.until(&page, "document.querySelector('#stale:not([hidden])')").await;
        browser.until(&page, &rows("cat.jpg", 1)).await;
        patch(&cluster, "one", 3, "add", "dog.jpg").await;
        patch(&cluster, "one", 4, "remove", "cat.jpg").await;
        cluster.start_node_again(1).await;
        browser.until(&page, OPEN).await;
        browser.until(&page, &rows("dog.jpg", 1)).await;
        browser.until(&page, &rows("cat.jpg", 0)).await;
        browser.until(&page, "document.querySelector('#stale').hidden").await;
        browser.close().await;
    });
}

#[test]
fn the_files_view_fits_a_narrow_screen_and_everything_in_it_has_a_name() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let names = ["w".repeat(1_000), "a\nb\u{202e}".to_owned()];
        patch_all(&cluster, &"i".repeat(64), &names).await;
        let browser = Browser::start().await;
        let page = browser.open(&cluster.nodes[0].http("/#files")).await;
        browser.resize(&page, 360, 740).await;
        browser.until(&page, &format!("{COUNT} === '2 files'")).await;
        browser.click(&page, "#listing [data-file^=w]").await;
        browser.until(&page, "document.querySelector('#selected-name').textContent.length === 1000").await;
        browser.click(&page, "#selected-only").await;
        browser.until(&page, "document.querySelector('.watcher[aria-pressed=true]')").await;
        browser.until(&page, "document.documentElement.scrollWidth <= window.innerWidth").await;
        let unnamed = "return [...document.querySelectorAll('input, button, a, [role=listbox]')].filter(it => \
                       !(it.labels?.length || it.textContent.trim() || it.getAttribute('aria-label') || \
                       it.getAttribute('aria-labelledby'))).map(it => it.outerHTML)";
        assert_eq!(browser.run(&page, unnamed).await, json!([]));
        browser.close().await;
    });
}
