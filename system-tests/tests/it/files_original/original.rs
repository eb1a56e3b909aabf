//! A watcher as the brief's, played: it says what happens in its folder one operation a request, one after the other, waits for
//! each answer however long that takes, never repeats what failed, and is content with 200 alone.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{Cluster, port};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;
use uuid::Uuid;

use super::list;

/// How often it says hello, and how long after its start for the first time. The original waits ten times as long; what the
/// service is told of silence in these tests is shorter, too.
const HELLO_EVERY: Duration = Duration::from_millis(500);
/// The number before the first operation.
const SEQNO_BEFORE: u64 = 1;

/// One run of it. Dropped, it is dead, and has not said so.
pub(crate) struct Original {
    pub(crate) instance: String,
    address: SocketAddr,
    /// The node that it was told of, and then all others.
    nodes: Vec<String>,
    client: Client,
    state: Arc<State>,
    pub(crate) tally: Arc<Tally>,
    running: JoinSet<()>,
}

/// What it knows.
pub(super) struct State {
    pub(super) instance: String,
    /// The names, as they are on disk.
    pub(super) files: Mutex<BTreeSet<Vec<u8>>>,
    pub(super) seqno: AtomicU64,
    /// Requests for its list that are being answered.
    pub(super) asked_now: AtomicUsize,
}

/// What happened to watchers, through all their runs.
#[derive(Default)]
pub(crate) struct Tally {
    /// Requests that were answered with 200, and others by method and status.
    answers: Mutex<Answers>,
    more: Notify,
    /// How often a list was asked for.
    pub(super) gets: AtomicUsize,
    /// Why runs crashed that nobody killed.
    pub(super) crashes: Mutex<Vec<String>>,
}

#[derive(Default)]
struct Answers {
    good: usize,
    bad: Vec<String>,
}

impl Tally {
    /// Requests that were not answered with 200 until now.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.answers.lock().bad.clone()
    }

    pub(crate) fn answered(&self) -> usize {
        let answers = self.answers.lock();
        answers.good + answers.bad.len()
    }

    /// Waits until so many more requests were answered in either way.
    pub(crate) async fn progress(&self, count: usize) {
        let goal = self.answered() + count;
        loop {
            let mut more = std::pin::pin!(self.more.notified());
            more.as_mut().enable();
            if self.answered() >= goal {
                return;
            }
            more.await;
        }
    }

    /// No run may have crashed because of how it was asked for its list.
    pub(crate) fn assert_none_crashed(&self) {
        assert_eq!(*self.crashes.lock(), Vec::<String>::new());
    }

    fn note(&self, failure: Option<String>) {
        let mut answers = self.answers.lock();
        match failure {
            None => answers.good += 1,
            Some(failure) => answers.bad.push(failure),
        }
        drop(answers);
        self.more.notify_waiters();
    }
}

/// A name as it is told: whatever is no UTF-8 becomes U+FFFD, so that names may look the same.
pub(crate) fn told(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

impl Original {
    /// Starts beside a folder with these files. It speaks to the node with this index, and through the others only where a
    /// method says so.
    pub(crate) async fn start(cluster: &Cluster, node: usize, files: &[&str], tally: &Arc<Tally>) -> Self {
        let mut nodes: Vec<String> = cluster.nodes.iter().map(|node| node.http("")).collect();
        nodes.rotate_left(node);
        let files = files.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self::run(port::free(), nodes, files, tally.clone()).await
    }

    async fn run(
        address: SocketAddr,
        nodes: Vec<String>,
        files: BTreeSet<Vec<u8>>,
        tally: Arc<Tally>,
    ) -> Self {
        let instance = Uuid::new_v4().to_string();
        let state = Arc::new(State {
            instance: instance.clone(),
            files: Mutex::new(files),
            seqno: AtomicU64::new(SEQNO_BEFORE),
            asked_now: AtomicUsize::new(0),
        });
        let mut running = JoinSet::new();
        running.spawn(list::serve(list::bind(address).await, state.clone(), tally.clone()));
        let client = client(Ipv4Addr::LOCALHOST);
        let original = Self { instance, address, nodes, client, state, tally, running };
        original.greeting()
    }

    /// Says hello from now on: first after a while, and so after what happens in the folder meanwhile.
    fn greeting(mut self) -> Self {
        let (client, tally) = (self.client.clone(), self.tally.clone());
        let (url, hello) = (format!("{}/hello", self.nodes[0]), self.hello_body());
        self.running.spawn(async move {
            loop {
                sleep(HELLO_EVERY).await;
                tally.note(say(&client, Method::POST, &url, &hello).await.err());
            }
        });
        self
    }

    /// It crashes, and is started again: on the same address, beside the same folder, with another instance.
    pub(crate) async fn crash_and_start(mut self) -> Self {
        self.running.shutdown().await;
        let files = self.state.files.lock().clone();
        Self::run(self.address, self.nodes, files, self.tally).await
    }

    /// It is told to stop, says bye, and is started again. A hello that was under way comes after the bye.
    pub(crate) async fn stop_and_start(mut self, is_hello_late: bool) -> Self {
        self.running.shutdown().await;
        self.bye().await;
        if is_hello_late {
            self.hello().await;
        }
        self.crash_and_start().await
    }

    /// Somebody starts a second one on the same port: it finds the port busy and says bye without ever having said hello.
    pub(crate) async fn busy_port(&self) {
        let stranger = json!({ "instance": Uuid::new_v4().to_string() });
        self.send(0, Method::POST, "/bye", &stranger).await;
    }

    pub(crate) fn files(&self) -> BTreeSet<Vec<u8>> {
        self.state.files.lock().clone()
    }

    /// The names as they are to be listed: those that look the same stand there once.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.state.files.lock().iter().map(|name| told(name)).collect()
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) async fn hello(&self) {
        self.send(0, Method::POST, "/hello", &self.hello_body()).await;
    }

    pub(crate) async fn bye(&self) {
        self.send(0, Method::POST, "/bye", &json!({ "instance": self.instance })).await;
    }

    fn hello_body(&self) -> Value {
        json!({ "instance": self.instance, "port": self.address.port() })
    }

    /// A file appears, or one that was there is written again.
    pub(crate) fn add(&self, name: &[u8]) -> Value {
        self.state.files.lock().insert(name.to_vec());
        self.operation("add", name)
    }

    /// A file goes, if it was there.
    pub(crate) fn remove(&self, name: &[u8]) -> Value {
        self.state.files.lock().remove(name);
        self.operation("remove", name)
    }

    /// It has a number from now on, whatever becomes of it.
    fn operation(&self, op: &str, name: &[u8]) -> Value {
        let seqno = self.state.seqno.fetch_add(1, Ordering::SeqCst) + 1;
        json!([{ "instance": self.instance, "op": op, "value": { "filename": told(name) }, "seqno": seqno }])
    }

    /// Says what happened.
    pub(crate) async fn tell(&self, operation: &Value) {
        self.send(0, Method::PATCH, "/files", operation).await;
    }

    /// The same through the node with this index, counted from its own, at the path with a slash.
    pub(crate) async fn tell_through(&self, node: usize, operation: &Value) {
        self.send(node % self.nodes.len(), Method::PATCH, "/files/", operation).await;
    }

    async fn send(&self, node: usize, method: Method, path: &str, body: &Value) {
        let url = format!("{}{path}", self.nodes[node]);
        self.tally.note(say(&self.client, method, &url, body).await.err());
    }
}

/// Speaks HTTP/1.1 from this address, keeps its connections, waits for ever and follows no redirection.
pub(crate) fn client(from: Ipv4Addr) -> Client {
    let builder = Client::builder().http1_only().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.local_address(std::net::IpAddr::V4(from)).build().unwrap()
}

/// Says something as JSON. Anything but 200 is a failure, and nothing more is known of it.
async fn say(client: &Client, method: Method, url: &str, body: &Value) -> Result<(), String> {
    let request = client.request(method.clone(), url).header("Content-Type", "application/json");
    let answer = request.body(body.to_string()).send().await.map_err(|_| format!("{method} no answer"))?;
    let status = answer.status();
    answer.bytes().await.map_err(|_| format!("{method} broken answer"))?;
    if status == StatusCode::OK { Ok(()) } else { Err(format!("{method} {}", status.as_u16())) }
}
