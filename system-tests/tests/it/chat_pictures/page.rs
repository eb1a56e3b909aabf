//! Pictures in the page, in a real browser.

use system_tests::bounded;
use system_tests::browser::{Browser, Page};

use super::start;

/// What a browser is sent for this key (WebDriver, section 17.4.2).
const ENTER: char = '\u{E007}';

/// Makes a file of a picture in the page, and hands it on as `file`.
fn with_file(width: u32, height: u32, color: &str, then: &str) -> String {
    format!(
        "const canvas = document.createElement('canvas'); [canvas.width, canvas.height] = [{width}, {height}]; \
         const context = canvas.getContext('2d'); context.fillStyle = '{color}'; context.fillRect(0, 0, {width}, {height}); \
         context.fillStyle = 'white'; context.fillRect({width} / 4, {height} / 4, {width} / 2, {height} / 2); \
         canvas.toBlob((blob) => {{ const data = new DataTransfer(); \
         data.items.add(new File([blob], 'lake <b>.png', {{ type: 'image/png' }})); {then} }}, 'image/png');"
    )
}

const CHOSEN: &str = "const input = document.querySelector('#chat-file'); input.files = data.files; \
                      input.dispatchEvent(new Event('change', { bubbles: true }));";
const PASTED: &str = "document.querySelector('#chat-text').dispatchEvent(new ClipboardEvent('paste', \
                      { clipboardData: data, bubbles: true, cancelable: true }));";
const DROPPED: &str = "document.querySelector('#chat-messages').dispatchEvent(new DragEvent('drop', \
                       { dataTransfer: data, bubbles: true, cancelable: true }));";

const READY: &str = "document.querySelector('#chat-picture[data-state=done]:not([hidden])')";
const NO_DRAFT: &str = "document.querySelector('#chat-picture[hidden]')";

/// True when so many pictures are shown, each loaded and in the place that was kept for it.
fn shown(count: usize) -> String {
    format!(
        "(() => {{ const all = [...document.querySelectorAll('.chat-message[data-seq] .chat-picture img')]; \
         return all.length === {count} && all.every(it => it.complete && it.naturalWidth > 0 && it.alt && \
         Math.abs(it.naturalWidth / it.naturalHeight - it.width / it.height) < 0.05); }})()"
    )
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

#[test]
fn both_sides_see_a_picture_that_was_chosen_pasted_or_dropped_and_can_open_it() {
    bounded(async {
        let (cluster, _folder) = start(2, 2).await;
        let browser = Browser::start().await;
        let ana = browser.open(&cluster.nodes[0].http("/#chat")).await;
        let bob = browser.open_window(&cluster.nodes[1].http("/#chat")).await;
        log_in(&browser, &ana, "Ana").await;
        log_in(&browser, &bob, "Bob").await;
        start_with(&browser, &ana, "Bob").await;
        start_with(&browser, &bob, "Ana").await;

        // Chosen, and sent without a text.
        browser.run(&ana, &with_file(1_200, 800, "seagreen", CHOSEN)).await;
        browser.until(&ana, READY).await;
        browser
            .until(&ana, "document.querySelector('#chat-picture-name').textContent === 'lake <b>.png'")
            .await;
        browser.until(&ana, "document.querySelector('#chat-picture-preview').complete").await;
        browser.click(&ana, "#chat-send .primary").await;
        browser.until(&ana, &shown(1)).await;
        browser.until(&bob, &shown(1)).await;
        browser.until(&ana, NO_DRAFT).await;
        browser.until(&ana, "document.querySelector('.chat-row-last').textContent === 'You: Picture'").await;

        // Pasted and dropped, with a text that is sent as soon as the picture is there.
        for (how, text) in [(PASTED, "pasted"), (DROPPED, "dropped")] {
            let and_send = format!(
                "{how} document.querySelector('#chat-text').value = '{text}'; \
                 document.querySelector('#chat-send').requestSubmit();"
            );
            browser.run(&bob, &with_file(400, 900, "steelblue", &and_send)).await;
            let is_there = format!(
                "[...document.querySelectorAll('.chat-message[data-seq] .chat-message-text')].at(-1)?.textContent === '{text}'"
            );
            browser.until(&ana, &is_there).await;
            browser.until(&bob, NO_DRAFT).await;
        }
        browser.until(&ana, &shown(3)).await;
        browser.until(&bob, &shown(3)).await;

        // Opened and closed with the keyboard; the focus comes back.
        browser
            .run(&bob, "document.querySelector('.chat-picture').focus(); document.activeElement.click()")
            .await;
        browser.until(&bob, "document.querySelector('dialog[open] img')?.naturalWidth === 1200").await;
        browser.run(&bob, "document.querySelector('dialog button').click()").await;
        browser
            .until(
                &bob,
                "!document.querySelector('dialog') && document.activeElement.matches('.chat-picture')",
            )
            .await;

        // After a reload they are there, in places of the same size, also on a narrow screen.
        browser.run(&bob, "location.reload()").await;
        browser.resize(&bob, 360, 740).await;
        browser.until(&bob, &shown(3)).await;
        browser.until(&bob, "document.documentElement.scrollWidth <= window.innerWidth").await;

        // One that does not come leaves its place as it is, and is asked for again on a click.
        let size = "const { offsetWidth, offsetHeight } = document.querySelector('.chat-picture'); return [offsetWidth, offsetHeight]";
        let place = browser.run(&bob, size).await;
        browser
            .run(&bob, "document.querySelector('.chat-picture img').src = '/chat/pictures/none/thumbnail'")
            .await;
        browser.until(&bob, "document.querySelector('.chat-picture.is-missing')").await;
        assert_eq!(browser.run(&bob, size).await, place);
        browser.run(&bob, "document.querySelector('.chat-picture').click()").await;
        browser.until(&bob, &shown(3)).await;
        browser.close().await;
    });
}

#[test]
fn what_cannot_be_sent_is_explained_and_an_upload_goes_on_when_its_node_is_back() {
    bounded(async {
        let (mut cluster, _folder) = start(1, 1).await;
        let browser = Browser::start().await;
        let page = browser.open(&cluster.nodes[0].http("/#chat")).await;
        log_in(&browser, &page, "Ana").await;
        start_with(&browser, &page, "Bob").await;
        let state = "document.querySelector('#chat-picture-state').textContent";
        let broken = "const data = new DataTransfer(); data.items.add(new File(['no picture'], 'x.png', { type: 'image/png' }));";
        browser.run(&page, &format!("{broken} {CHOSEN}")).await;
        browser.until(&page, &format!("{state}.startsWith('This file is no picture')")).await;
        browser.click(&page, "#chat-picture-remove").await;
        browser.until(&page, NO_DRAFT).await;

        cluster.nodes[0].process.kill().await;
        browser.until(&page, "document.querySelector('#state[data-state=lost]')").await;
        let and_send = format!(
            "{CHOSEN} document.querySelector('#chat-text').value = 'from offline'; \
             document.querySelector('#chat-send').requestSubmit();"
        );
        browser.run(&page, &with_file(3_000, 1_500, "tomato", &and_send)).await;
        browser.until(&page, &format!("{state}.includes('tried again by itself')")).await;
        cluster.start_node_again(0).await;
        browser.until(&page, &shown(1)).await;
        browser
            .until(&page, "document.querySelector('.chat-message-text').textContent === 'from offline'")
            .await;
        browser.close().await;
    });
}
