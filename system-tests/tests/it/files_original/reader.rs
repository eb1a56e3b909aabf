//! Those who read: the listing over HTTP, and a connection that follows it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use system_tests::cluster::Node;
use system_tests::{Client, Cluster};
use tokio::time::{Instant, sleep};

use super::RIGHT_MAX;

/// How often to look: making a listing costs something.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Names that are shown when a listing is wrong.
const SHOWN: usize = 5;

/// The names in a listing, which must be nothing but that. Nothing, if there is no listing now.
pub(crate) async fn names(url: &str) -> Option<Vec<String>> {
    let answer = reqwest::get(url).await.ok().filter(|answer| answer.status() == 200)?;
    let body: Value = serde_json::from_slice(&answer.bytes().await.ok()?).expect("a listing is JSON");
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{url} has more than its files");
    let name = |file: &Value| {
        assert_eq!(file.as_object().map(serde_json::Map::len), Some(1), "a file has more than its name");
        file["filename"].as_str().expect("a name is a string").to_owned()
    };
    Some(body["files"].as_array().expect("files are an array").iter().map(name).collect())
}

/// Waits until a node lists these names; if it does not, says which it has too many or too few, and how its watchers are.
pub(crate) async fn until_listed(node: &Node, path: &str, wanted: &[String]) {
    let (url, deadline) = (node.http(path), Instant::now() + RIGHT_MAX);
    loop {
        let names = names(&url).await;
        if names.as_deref() == Some(wanted) {
            return;
        }
        if Instant::now() > deadline {
            let names = names.unwrap_or_default();
            let without = |all: &[String], others: &[String]| -> Vec<String> {
                all.iter().filter(|name| !others.contains(name)).take(SHOWN).cloned().collect()
            };
            let nodes = reqwest::get(node.http("/nodes")).await;
            let nodes = match nodes {
                Ok(answer) => answer.text().await.unwrap_or_default(),
                Err(error) => error.to_string(),
            };
            panic!(
                "{url} has {} names instead of {}, after {RIGHT_MAX:?}; too many: {:?}; too few: {:?}; the watchers: {nodes}",
                names.len(),
                wanted.len(),
                without(&names, wanted),
                without(wanted, &names)
            );
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The watchers that are known: of each instance the state and the number of files.
pub(crate) async fn watchers(cluster: &Cluster) -> Option<BTreeMap<String, (String, u64)>> {
    let answer = reqwest::get(cluster.nodes[0].http("/nodes")).await.ok()?;
    let body: Value = serde_json::from_slice(&answer.bytes().await.ok()?).ok()?;
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let nodes = body["nodes"].as_array()?.iter();
    nodes
        .map(|node| Some((text(&node["instance"])?, (text(&node["state"])?, node["files"].as_u64()?))))
        .collect()
}

/// A connection to `/ws/files` that does what `docs/PROTOCOL.md` says.
pub(crate) struct Follower {
    client: Client,
    taken: usize,
    copy: Option<Copy>,
    /// Pushes that came before the snapshot.
    early: Vec<Value>,
}

/// The listing as the follower has it.
struct Copy {
    cursor: String,
    files: BTreeMap<u64, BTreeSet<String>>,
}

impl Follower {
    pub(crate) async fn open(url: &str) -> Self {
        Self { client: Client::open(url).await, taken: 0, copy: None, early: Vec::new() }
    }

    /// Takes in what comes, until the names are these.
    pub(crate) async fn until(&mut self, wanted: &[String]) {
        while self.names().is_none_or(|names| names != wanted) {
            let taken = self.taken;
            let new = self
                .client
                .record()
                .find(|heard| heard.others.get(taken..).filter(|new| !new.is_empty()).map(<[Value]>::to_vec))
                .await;
            self.taken += new.len();
            new.into_iter().for_each(|message| self.take(message));
        }
    }

    fn names(&self) -> Option<Vec<String>> {
        let mut names: Vec<String> = self.copy.as_ref()?.files.values().flatten().cloned().collect();
        names.sort_unstable();
        Some(names)
    }

    fn take(&mut self, message: Value) {
        match (message["type"].as_str(), &mut self.copy) {
            (Some("snapshot"), copy @ None) => {
                *copy = Some(Copy::of(&message));
                std::mem::take(&mut self.early).into_iter().for_each(|early| self.take(early));
            }
            (Some("changes"), None) => self.early.push(message),
            (Some("changes"), Some(copy)) => copy.take(&message),
            // Redis and the node of this connection live on, so nothing can have been missed.
            _ => panic!("not expected here: {message}"),
        }
    }
}

impl Copy {
    fn of(snapshot: &Value) -> Self {
        let mut files = BTreeMap::<u64, BTreeSet<String>>::new();
        for pair in snapshot["files"].as_array().expect("it fits") {
            let (name, watcher): (String, u64) = serde_json::from_value(pair.clone()).expect("a pair");
            assert!(files.entry(watcher).or_default().insert(name), "a file of a watcher stands twice");
        }
        Self { cursor: text(&snapshot["cursor"]), files }
    }

    fn take(&mut self, push: &Value) {
        let cursor = text(&push["cursor"]);
        assert_eq!(epoch(&cursor).0, epoch(&self.cursor).0, "nobody emptied the store");
        if epoch(&cursor).1 <= epoch(&self.cursor).1 {
            return;
        }
        assert_eq!(push["prev"], json!(self.cursor), "a change is missing");
        self.cursor = cursor;
        for change in push["changes"].as_array().expect("changes are an array") {
            let watcher = change["watcher"].as_u64().expect("a change names its watcher");
            let files = self.files.entry(watcher).or_default();
            match change["op"].as_str() {
                Some("add") => _ = files.insert(text(&change["filename"])),
                Some("remove") => _ = files.remove(&text(&change["filename"])),
                Some("gone") => files.clear(),
                Some("watcher") => {}
                _ => panic!("no change: {change}"),
            }
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn epoch(cursor: &str) -> (&str, u64) {
    let (epoch, position) = cursor.rsplit_once('-').expect("a cursor is <epoch>-<position>");
    (epoch, position.parse().expect("a position is a number"))
}
