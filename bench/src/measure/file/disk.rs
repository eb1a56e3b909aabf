//! From a change in a folder, seen by a real watcher, to its receipt on a websocket; against what inotify tells, sent to a bare
//! socket.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use memchr::memmem;
use serde::Serialize;

use crate::clock;
use crate::measure::Stage;
use crate::order::{Quantiles, latencies};
use crate::report::{Bar, Chart, Row, Target, median};
use crate::server::{Deployment, FILES_PATH, Server, program};
use crate::websocket::blocking::Blocking;

/// How long a change may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// From one change to the next, nanoseconds: long enough for the one before to be over.
const APART_NS: u64 = 25_000_000;

/// What was found: a round each.
#[derive(Serialize)]
pub(super) struct Finding {
    changes: usize,
    ours: Vec<Quantiles>,
    inotify: Vec<Quantiles>,
}

/// A folder that is changed, and where that is heard.
struct Place<Hear: FnMut(&str) -> Result<()>> {
    folder: PathBuf,
    hear: Hear,
    turn: usize,
}

pub(super) fn find(stage: &Stage) -> Result<Finding> {
    let deployment = Deployment::start(&stage.folder)?;
    let (watched, noticed) = (empty(stage, "watched")?, empty(stage, "noticed")?);
    let log = File::create(stage.folder.join("watcher.log"))?;
    let (url, dir) = (format!("http://{}", deployment.node.address), watched.to_string_lossy().into_owned());
    let args = ["--aggregator", &url, "--dir", &dir, "--port", "0", "--host", "127.0.0.1"];
    let _watcher = program("watcher-node", &args, &log)?;
    let mut socket = Blocking::connect(deployment.node.address, FILES_PATH, PATIENCE)?;
    let mut ours = Place { folder: watched, hear: |name: &str| heard(&mut socket, name), turn: 0 };

    let notice = Server::of_role("notice", &[noticed.to_string_lossy().into_owned()])?;
    let mut lines = BufReader::new(TcpStream::connect(notice.address)?);
    let mut limit = Place { folder: noticed, hear: |name: &str| read(&mut lines, name), turn: 0 };

    let (rounds, changes) = stage.pick((2, 60), (5, 200));
    let mut finding = Finding { changes, ours: Vec::new(), inotify: Vec::new() };
    for round in 0..=rounds {
        let (inotify, ours) = (limit.round(changes)?, ours.round(changes)?);
        // The first round warms up.
        if round > 0 {
            finding.inotify.push(inotify);
            finding.ours.push(ours);
        }
    }
    fs::remove_dir_all(&ours.folder)?;
    fs::remove_dir_all(&limit.folder)?;
    Ok(finding)
}

/// An empty folder.
fn empty(stage: &Stage, name: &str) -> Result<PathBuf> {
    let folder = stage.folder.join(name);
    // An earlier run that was ended half-way may have left it.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Receives until the change of this name has come.
fn heard(socket: &mut Blocking, name: &str) -> Result<()> {
    while memmem::find(&socket.receive()?, name.as_bytes()).is_none() {}
    Ok(())
}

fn read(lines: &mut BufReader<TcpStream>, name: &str) -> Result<()> {
    let mut line = String::new();
    lines.read_line(&mut line).context("inotify tells nothing")?;
    ensure!(line.trim_end() == name, "inotify tells of {line:?} in place of {name}");
    Ok(())
}

impl<Hear: FnMut(&str) -> Result<()>> Place<Hear> {
    /// Makes files and removes them again, one after the other; how long each took to be heard of.
    fn round(&mut self, changes: usize) -> Result<Quantiles> {
        let mut latency = latencies()?;
        for _ in 0..changes {
            let name = format!("photo-{:08}.jpg", self.turn / 2);
            let begin_ns = clock::now_ns();
            change(&self.folder.join(&name), self.turn.is_multiple_of(2))?;
            (self.hear)(&name)?;
            latency.saturating_record(clock::now_ns() - begin_ns);
            self.turn += 1;
            clock::sleep_until(begin_ns + APART_NS);
        }
        Ok(Quantiles::of(&latency))
    }
}

fn change(path: &Path, is_new: bool) -> Result<()> {
    if is_new {
        File::create(path)?;
    } else {
        fs::remove_file(path)?;
    }
    Ok(())
}

impl Finding {
    pub(super) fn row(&self) -> Row {
        let p99_ms = median(self.ours.iter().map(|it| it.p99_ms));
        let pairs = self.ours.iter().zip(&self.inotify);
        Row {
            measure: "a change on the disk → /ws/files, with a real watcher".to_owned(),
            ours: shown(&self.ours),
            limit: format!("inotify → socket {}", shown(&self.inotify)),
            ratio: Some(median(pairs.map(|(ours, inotify)| ours.p50_ms / inotify.p50_ms))),
            target: Target::at_most(p99_ms, 50.0, 20.0, " ms p99"),
        }
    }

    pub(super) fn chart(&self) -> Chart {
        let bars = |of: fn(&Quantiles) -> f64| {
            let median = |rounds: &[Quantiles]| median(rounds.iter().map(of));
            vec![Bar::new("tercet", median(&self.ours)), Bar::new("inotify to socket", median(&self.inotify))]
        };
        Chart {
            name: "file-disk",
            title: "a change on the disk until a client has it, milliseconds".to_owned(),
            is_logarithmic: true,
            groups: vec![("p50".to_owned(), bars(|it| it.p50_ms)), ("p99".to_owned(), bars(|it| it.p99_ms))],
        }
    }
}

fn shown(rounds: &[Quantiles]) -> String {
    format!(
        "p50 {:.2}, p99 {:.2} ms",
        median(rounds.iter().map(|it| it.p50_ms)),
        median(rounds.iter().map(|it| it.p99_ms)),
    )
}
