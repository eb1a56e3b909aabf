//! A deployment with simulated watchers and all their files.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::clock;
use crate::http::{Http, Response};
use crate::listing::{Watched, Watcher, name};
use crate::measure::Stage;
use crate::server::{Deployment, Server};

/// How long an answer may take: all of a million files.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long it may take until all files are listed, nanoseconds.
const LOAD_NS: u64 = 300_000_000_000;
/// A prime by which changes are spread over the listing.
const SPREAD: usize = 7_919;
/// The watcher that changes its files.
const CHANGING: Watcher = Watcher(0);

/// The deployment. The watchers end first.
pub(super) struct Listed {
    _watchers: Server,
    pub(super) deployment: Deployment,
    pub(super) watched: Watched,
    /// From the first hello until all files were listed, seconds.
    pub(super) load_s: f64,
    /// By how much the memory of Redis grew meanwhile.
    pub(super) redis_bytes: f64,
    /// From the address of the watcher that changes its files.
    pub(super) http: Http,
    /// The number of its last operation.
    seqno: u64,
}

impl Listed {
    /// Starts it and waits until all files are listed.
    pub(super) fn load(stage: &Stage, name: &str, watched: Watched) -> Result<Self> {
        let deployment = Deployment::named(&stage.folder, name)?;
        let address = deployment.node.address;
        let mut http = Http::from(CHANGING.ip(), address, PATIENCE)?;
        let before = deployment.redis_used_bytes()?;
        let begin_ns = clock::now_ns();
        let args = [address.to_string(), watched.watchers.to_string(), watched.files.to_string()];
        let watchers = Server::of_role("watchers", &args)?;
        loop {
            let page: Value = serde_json::from_slice(&http.get("/files?limit=1")?.with_status(200)?.body)?;
            if page["count"] == watched.files {
                break;
            }
            let late = clock::now_ns() > begin_ns + LOAD_NS;
            ensure!(!late, "{} of {} files are listed", page["count"], watched.files);
            clock::sleep(Duration::from_millis(50));
        }
        let load_s = clock::seconds(begin_ns, clock::now_ns());
        let nodes: Value = serde_json::from_slice(&http.get("/nodes")?.with_status(200)?.body)?;
        let all = nodes["nodes"].as_array().context("no nodes")?;
        ensure!(all.len() == watched.watchers, "{} of {} watchers are there", all.len(), watched.watchers);
        let redis_bytes = deployment.redis_used_bytes()? - before;
        eprintln!("  {} files are listed after {load_s:.1} s", watched.files);
        Ok(Self { _watchers: watchers, deployment, watched, load_s, redis_bytes, http, seqno: 1 })
    }

    /// The body of a change: a file comes, or goes again, in turn.
    pub(super) fn change(&mut self) -> String {
        self.seqno += 1;
        let is_new = self.seqno.is_multiple_of(2);
        let turn = self.seqno as usize / 2;
        let filename = format!("{}.new", name(turn * SPREAD % self.watched.files));
        let op = if is_new { "add" } else { "remove" };
        let value = json!({ "filename": filename });
        json!([{ "instance": CHANGING.instance(), "op": op, "value": value, "seqno": self.seqno }])
            .to_string()
    }

    /// Changes something, until that is acknowledged.
    pub(super) fn apply(&mut self, change: &str) -> Result<()> {
        self.http.send("PATCH /files", change)?.with_status(200)?;
        Ok(())
    }

    /// A place in the listing, another one with each `turn`: what pages begin behind.
    pub(super) fn place(&self, turn: usize) -> String {
        name(turn * SPREAD % (self.watched.files * 9 / 10))
    }

    /// Reads something.
    pub(super) fn get(&mut self, target: &str) -> Result<Response> {
        self.http.get(target)?.with_status(200)
    }
}
