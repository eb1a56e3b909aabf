//! The chat view of the page, in a real browser.

use serde_json::json;
use system_tests::browser::{Browser, Page};
use system_tests::{Cluster, bounded};

/// What a browser is sent for this key (WebDriver, section 17.4.2).
const ENTER: char = '\u{E007}';

/// What stands beside the name of the open conversation, and in its row, of who is online.
const PRESENCE: &str = "document.querySelector('#chat-presence')?.textContent";
const ROW_PRESENCE: &str = "document.querySelector('#chat-list .chat-row-presence')?.textContent";

const UNREAD: &str = "document.querySelector('#chat-list .chat-row-unread')?.textContent";

/// True when a page shows these messages of the open conversation, stored, in this order and no others.
fn messages(texts: &[&str]) -> String {
    let shown = "[...document.querySelectorAll('.chat-message[data-seq] .chat-message-text')]";
    format!("JSON.stringify({shown}.map(it => it.textContent)) === JSON.stringify({})", json!(texts))
}

/// True when so many messages bear a mark.
fn marked(mark: &str, count: usize) -> String {
    format!("document.querySelectorAll('.chat-message[data-mark={mark}]').length === {count}")
}

async fn log_in(browser: &Browser, page: &Page, name: &str) {
    browser.until(page, "document.querySelector('#state[data-state=open]')").await;
    browser.fill(page, "#chat-name", &format!("{name}{ENTER}")).await;
    browser.until(page, "document.querySelector('#chat-home:not([hidden])')").await;
}

async fn start_with(browser: &Browser, page: &Page, name: &str) {
    browser.fill(page, "#chat-to", &format!("{name}{ENTER}")).await;
    browser.until(page, "document.querySelector('#chat-talk:not([hidden])')").await;
}

async fn write(browser: &Browser, page: &Page, text: &str) {
    browser.fill(page, "#chat-text", &format!("{text}{ENTER}")).await;
}

#[test]
fn what_two_users_write_while_one_is_offline_is_there_once_in_order_and_read_by_both() {
    bounded(async {
        let mut cluster = Cluster::start(2, 2).await;
        let browser = Browser::start().await;
        let ana = browser.open(&cluster.nodes[0].http("/#chat")).await;
        let bob = browser.open_window(&cluster.nodes[1].http("/#chat")).await;
        log_in(&browser, &ana, "Ana").await;
        log_in(&browser, &bob, "Bob").await;
        start_with(&browser, &ana, "BOB").await;
        write(&browser, &ana, "<b>hi</b>").await;
        browser.until(&bob, &format!("{UNREAD} === '1'")).await;
        browser.click(&bob, "#chat-list a").await;
        browser.until(&bob, &messages(&["<b>hi</b>"])).await;
        browser.until(&ana, &marked("read", 1)).await;
        for page in [&ana, &bob] {
            browser.until(page, &format!("{PRESENCE} === 'Online' && {ROW_PRESENCE} === 'Online'")).await;
        }
        write(&browser, &bob, "hello").await;
        let both = ["<b>hi</b>", "hello"];
        browser.until(&ana, &messages(&both)).await;
        browser.until(&bob, &marked("read", 1)).await;

        // Bob's node goes; both write, and Bob's page is loaded anew by the node that comes back.
        browser.run(&bob, "location.hash = '#chat'").await;
        cluster.nodes[1].process.kill().await;
        browser.until(&bob, "document.querySelector('#state[data-state=lost]')").await;
        browser.until(&bob, &format!("{ROW_PRESENCE} === ''")).await;
        start_with(&browser, &bob, "ana").await;
        write(&browser, &bob, "from offline").await;
        browser.until(&bob, &marked("waiting", 1)).await;
        browser.run(&bob, "location.hash = '#chat'").await;
        for text in ["one", "two", "three"] {
            write(&browser, &ana, text).await;
        }
        let at_ana = ["<b>hi</b>", "hello", "one", "two", "three"];
        browser.until(&ana, &messages(&at_ana)).await;
        browser.until(&ana, &marked("sent", 3)).await;
        cluster.start_node_again(1).await;
        browser.run(&bob, "location.reload()").await;
        browser.until(&bob, &format!("{UNREAD} === '3'")).await;
        // They are on a device of his, but he has not looked at them.
        browser.until(&ana, &marked("delivered", 3)).await;
        browser
            .until(&ana, "document.querySelector('[data-seq=\"5\"]').textContent.includes('Delivered')")
            .await;
        let all = ["<b>hi</b>", "hello", "one", "two", "three", "from offline"];
        browser.until(&ana, &messages(&all)).await;
        browser.click(&bob, "#chat-list a").await;
        browser.until(&bob, &messages(&all)).await;
        browser.until(&ana, &marked("read", 4)).await;
        browser.until(&bob, &marked("read", 2)).await;
        browser.until(&bob, &format!("!{UNREAD}")).await;
        browser.until(&bob, "!document.querySelector('.chat-message b')").await;
        browser.close().await;
    });
}

#[test]
fn two_tabs_of_one_site_are_two_users_and_stay_so_when_they_are_loaded_again() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let browser = Browser::start().await;
        let site = cluster.nodes[0].http("/#chat");
        let (ana, bob) = (browser.open(&site).await, browser.open_window(&site).await);
        log_in(&browser, &ana, "Ana").await;
        log_in(&browser, &bob, "Bob").await;
        start_with(&browser, &ana, "Bob").await;
        write(&browser, &ana, "of Ana").await;
        browser.until(&bob, &format!("{UNREAD} === '1'")).await;
        for page in [&ana, &bob] {
            browser.run(page, "location.reload()").await;
        }
        browser.until(&bob, &format!("{UNREAD} === '1'")).await;
        browser.click(&bob, "#chat-list a").await;
        browser.until(&bob, &messages(&["of Ana"])).await;
        write(&browser, &bob, "of Bob").await;
        let own = |text| {
            format!(
                "document.querySelector('.chat-message.is-own[data-seq] .chat-message-text')?.textContent === '{text}'"
            )
        };
        for (page, text) in [(&ana, "of Ana"), (&bob, "of Bob")] {
            browser.until(page, &messages(&["of Ana", "of Bob"])).await;
            browser.until(page, &own(text)).await;
        }
        browser.close().await;
    });
}

#[test]
fn a_long_conversation_is_loaded_on_scrolling_and_fits_a_narrow_screen_where_everything_has_a_name() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let browser = Browser::start().await;
        let page = browser.open(&cluster.nodes[0].http("/#chat")).await;
        browser.resize(&page, 360, 740).await;
        log_in(&browser, &page, &"w".repeat(64)).await;
        start_with(&browser, &page, "Ana").await;
        browser
            .run(
                &page,
                "for (let i = 1; i <= 150; i++) { document.querySelector('#chat-text').value = `${i} ${'x'.repeat(i)}`; \
                 document.querySelector('#chat-send').requestSubmit(); }",
            )
            .await;
        browser.until(&page, &marked("sent", 150)).await;
        browser.run(&page, "location.reload()").await;
        let count = "document.querySelectorAll('.chat-message').length";
        browser.until(&page, &format!("{count} > 40 && {count} < 150")).await;
        let to_the_beginning = "(document.querySelector('#chat-scroll').scrollTop = 0, document.querySelector('[data-seq=\"1\"]'))";
        browser.until(&page, to_the_beginning).await;
        let in_order =
            "[...document.querySelectorAll('[data-seq]')].every((it, i) => it.dataset.seq === `${i + 1}`)";
        browser.until(&page, &format!("{count} === 150 && {in_order}")).await;
        browser.until(&page, "document.documentElement.scrollWidth <= window.innerWidth").await;
        let unnamed = "return [...document.querySelectorAll('input, textarea, button, a')].filter(it => \
                       !(it.labels?.length || it.textContent.trim() || it.getAttribute('aria-label') || \
                       it.getAttribute('aria-labelledby'))).map(it => it.outerHTML)";
        assert_eq!(browser.run(&page, unnamed).await, json!([]));
        browser.run(&page, "location.hash = '#chat'").await;
        browser.until(&page, "document.querySelector('#chat-list a')?.offsetParent").await;
        browser.until(&page, "document.documentElement.scrollWidth <= window.innerWidth").await;
        browser.close().await;
    });
}
