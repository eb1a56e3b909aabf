//! Chromium, without a screen, driven through chromedriver.

use std::fs;
use std::path::Path;
use std::time::Duration;

use fantoccini::wd::{Capabilities, WindowHandle};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::patience::{eventually, eventually_within};
use crate::port;
use crate::process::Process;

/// How long the page may take: a browser on a busy machine is slow, and the page waits between its tries to connect.
const PAGE_MAX: Duration = Duration::from_secs(40);

/// What Chromium is started with: no screen, nothing but the page over the network, and, as root has to, no sandbox.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A browser with some pages open. Dropped, it is gone.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    _driver: Process,
    folder: TempDir,
}

/// A page in a window of its own.
#[derive(Debug, Clone)]
pub struct Page(WindowHandle);

impl Browser {
    /// Starts Chromium.
    ///
    /// # Panics
    /// If chromedriver is not installed.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let address = port::free();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={}", address.port()));
        let driver = Process::start("chromedriver", &mut command, folder.path());
        let url = format!("http://{address}");
        eventually("chromedriver answers", async || {
            reqwest::get(format!("{url}/status")).await.ok().map(drop)
        })
        .await;
        let profile = format!("--user-data-dir={}", folder.path().join("profile").display());
        let flags: Vec<&str> = FLAGS.into_iter().chain([profile.as_str()]).collect();
        let mut capabilities = Capabilities::new();
        capabilities.insert("goog:chromeOptions".to_owned(), json!({ "args": flags }));
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&url)
            .await
            .unwrap_or_else(|error| panic!("Chromium cannot be started: {error}\n{}", driver.said()));
        Self { client, _driver: driver, folder }
    }

    /// Opens a page in the window that is there already.
    pub async fn open(&self, url: &str) -> Page {
        self.client.goto(url).await.expect("the page opens");
        Page(self.client.window().await.expect("there is a window"))
    }

    /// Opens a page in a window of its own.
    pub async fn open_window(&self, url: &str) -> Page {
        let window = self.client.new_window(false).await.expect("a window opens");
        self.client.switch_to_window(window.handle).await.expect("the window is there");
        self.open(url).await
    }

    /// Runs a function body in a page and returns its result.
    pub async fn run(&self, page: &Page, script: &str) -> Value {
        self.show(page).await;
        self.client.execute(script, Vec::new()).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until an expression is true in a page.
    pub async fn until(&self, page: &Page, expression: &str) {
        self.show(page).await;
        let script = format!("return Boolean({expression})");
        eventually_within(expression, PAGE_MAX, async || {
            let value = self.client.execute(&script, Vec::new()).await.ok()?;
            (value == Value::Bool(true)).then_some(())
        })
        .await;
    }

    /// Types into a field, in place of what is there.
    pub async fn fill(&self, page: &Page, css: &str, text: &str) {
        self.show(page).await;
        let field =
            self.client.find(Locator::Css(css)).await.unwrap_or_else(|error| panic!("{css}: {error}"));
        field.clear().await.unwrap_or_else(|error| panic!("{css}: {error}"));
        field.send_keys(text).await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Clicks.
    pub async fn click(&self, page: &Page, css: &str) {
        self.show(page).await;
        let found =
            self.client.find(Locator::Css(css)).await.unwrap_or_else(|error| panic!("{css}: {error}"));
        found.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Makes a window as wide as a telephone, or as a desk is.
    pub async fn resize(&self, page: &Page, width: u32, height: u32) {
        self.show(page).await;
        self.client.set_window_size(width, height).await.expect("a window can be sized");
    }

    /// A picture of a page, as a PNG.
    pub async fn picture(&self, page: &Page) -> Vec<u8> {
        self.show(page).await;
        self.client.screenshot().await.expect("a picture can be taken")
    }

    /// Closes it and waits until it is gone.
    pub async fn close(self) {
        self.client.clone().close().await.expect("Chromium closes");
    }

    /// The processes of this Chromium: chromedriver does not take them along when it is killed.
    fn processes(&self) -> Vec<Pid> {
        let folder = self.folder.path().display().to_string();
        let is_ours = |path: &Path| {
            fs::read(path.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(&folder))
        };
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ours = entries.filter(|entry| is_ours(&entry.path()));
        ours.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)).collect()
    }

    async fn show(&self, page: &Page) {
        self.client.switch_to_window(page.0.clone()).await.expect("the window is there");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        for process in self.processes() {
            let _ = kill_process(process, Signal::KILL);
        }
    }
}
