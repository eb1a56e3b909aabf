//! The page in a real browser.

use system_tests::browser::{Browser, Page};
use system_tests::{Client, Cluster, bounded};

fn row(name: &str, number: i64) -> String {
    format!("document.querySelector('#listing [data-user=\"{name}\"][data-number=\"{number}\"]')")
}

const OPEN: &str = "document.querySelector('#state[data-state=open]')";
const LOST: &str = "document.querySelector('#state[data-state=lost], #state[data-state=connecting]')";

async fn set(browser: &Browser, page: &Page, name: &str, number: &str) {
    browser.fill(page, "#name", name).await;
    browser.fill(page, "#number", number).await;
    browser.click(page, "#set").await;
}

#[test]
fn two_pages_show_each_others_changes_and_survive_the_loss_of_the_server() {
    bounded(async {
        let mut cluster = Cluster::start(1, 2).await;
        let url = cluster.nodes[0].http("/");
        let browser = Browser::start().await;
        let first = browser.open(&url).await;
        let second = browser.open_window(&url).await;
        for page in [&first, &second] {
            browser.until(page, OPEN).await;
        }
        set(&browser, &first, "ana", "22").await;
        browser.until(&second, &row("ana", 22)).await;
        browser.until(&first, &row("ana", 22)).await;
        set(&browser, &second, "ana", "-9223372036854775808").await;
        browser
            .until(
                &first,
                "document.querySelector('#listing [data-user=ana][data-number=\"-9223372036854775808\"]')",
            )
            .await;

        cluster.nodes[0].process.kill().await;
        for page in [&first, &second] {
            browser.until(page, LOST).await;
            browser.until(page, "document.querySelector('#listing [data-user=ana]')").await;
        }
        let () = cluster.redis.run(&["HSET", "user:zoe", "username", "zoe", "favnum", "9"]).await;
        let () = cluster.redis.run(&["DEL", "user:ana"]).await;
        cluster.start_node_again(0).await;
        for page in [&first, &second] {
            browser.until(page, OPEN).await;
            browser.until(page, &row("zoe", 9)).await;
            browser.until(page, "!document.querySelector('#listing [data-user=ana]')").await;
        }
        browser.close().await;
    });
}

#[test]
fn the_page_says_what_is_wrong_and_finds_a_row_among_thousands() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let client = Client::open(&cluster.nodes[0].ws("/ws")).await;
        let mut fill = redis::pipe();
        for user in 0..3_000 {
            fill.cmd("HSET").arg(format!("user:user {user:04}")).arg(&["favnum", "1"]).ignore();
        }
        let () = fill.query_async(&mut cluster.redis.connect().await).await.unwrap();
        client.set("<img src=x onerror=alert(1)>", 7).await;

        let browser = Browser::start().await;
        let page = browser.open(&cluster.nodes[0].http("/")).await;
        browser.until(&page, OPEN).await;
        browser.fill(&page, "#search", "user 2345").await;
        browser.until(&page, &row("user 2345", 1)).await;
        browser.until(&page, "!document.querySelector('#listing [data-user=\"user 0001\"]')").await;
        browser.fill(&page, "#search", "<img").await;
        browser.until(&page, "document.querySelector('#listing').textContent.includes('<img src=x')").await;
        browser.until(&page, "!document.querySelector('#listing img')").await;

        set(&browser, &page, "x", "elephant").await;
        let shown = "[...document.querySelectorAll('#error, :invalid')].some(it => it.matches(':invalid') || it.textContent.trim())";
        browser.until(&page, shown).await;
        assert_eq!(client.list().await.number("x"), None);
        browser.close().await;
    });
}

#[test]
fn the_page_fits_a_narrow_screen_and_everything_in_it_has_a_name() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let client = Client::open(&cluster.nodes[0].ws("/ws")).await;
        client.set(&"w".repeat(200), i64::MAX).await;
        let browser = Browser::start().await;
        let page = browser.open(&cluster.nodes[0].http("/")).await;
        browser.resize(&page, 360, 740).await;
        browser.until(&page, OPEN).await;
        browser.until(&page, "document.querySelector('#listing [data-user]')").await;
        browser.until(&page, "document.documentElement.scrollWidth <= window.innerWidth").await;
        let unnamed = "return [...document.querySelectorAll('input, button, [role=button]')].filter(it => \
                       !(it.labels?.length || it.textContent.trim() || it.getAttribute('aria-label') || \
                       it.getAttribute('aria-labelledby'))).map(it => it.outerHTML)";
        assert_eq!(browser.run(&page, unnamed).await, serde_json::json!([]));
        browser.close().await;
    });
}
