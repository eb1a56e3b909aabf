//! One command brings everything up, keeps it up, and leaves nothing behind.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use serde_json::Value;
use system_tests::process::{command_line, freeze, kill};
use system_tests::{Client, Process, RedisServer, binary, bounded, eventually, port};
use tempfile::TempDir;
use tokio::process::Command;

/// A launcher that is up.
struct Launched {
    process: Process,
    address: SocketAddr,
    folder: TempDir,
}

impl Launched {
    async fn start(options: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), port::free(), options).await
    }

    async fn start_in(folder: TempDir, address: SocketAddr, options: &[&str]) -> Self {
        let process = start(folder.path(), address, options);
        let launched = Self { process, address, folder };
        launched.says("Ctrl-C stops it").await;
        launched
    }

    async fn says(&self, what: &str) {
        eventually(what, async || self.process.said().contains(what).then_some(())).await;
    }

    /// The children whose command line has this word.
    fn children(&self, word: &str) -> Vec<rustix::process::Pid> {
        let children = self.process.children();
        children.into_iter().filter(|(_, line)| line.contains(word)).map(|(id, _)| id).collect()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn open(&self) -> Client {
        eventually("a websocket opens", async || {
            Client::try_open(&format!("ws://{}/ws", self.address)).await.ok()
        })
        .await
    }

    async fn stop(mut self) -> TempDir {
        self.process.interrupt();
        let status = self.process.ended().await;
        assert!(status.success(), "{status}: {}", self.process.said());
        self.folder
    }
}

fn start(folder: &Path, address: SocketAddr, options: &[&str]) -> Process {
    let mut command = Command::new(binary::path("launcher"));
    command.current_dir(folder).arg(format!("--listen={address}")).args(options);
    Process::start("launcher", &mut command, folder)
}

#[test]
fn one_command_brings_everything_up_and_the_lines_that_it_prints_work() {
    bounded(async {
        let launched = Launched::start(&[]).await;
        let said = launched.process.said();
        assert!(said.contains(&format!("Tercet is up: {}", launched.url("/"))), "{said}");
        let page = reqwest::get(launched.url("/")).await.unwrap();
        assert_eq!(page.status(), 200);

        let line =
            |word: &str| said.lines().map(str::trim).filter(|line| line.contains(word)).collect::<Vec<_>>();
        let [watch, set] = line("websocat")[..] else { panic!("{said}") };
        let url = watch.strip_prefix("websocat -B 1000000 ").unwrap();
        let watcher = eventually("a websocket opens", async || Client::try_open(url).await.ok()).await;
        watcher.list().await;
        let (request, target) = set.strip_prefix("echo '").unwrap().split_once("' | websocat -n1 ").unwrap();
        let setter = Client::open(target).await;
        setter.say(request).await;
        assert!(setter.outcome(1).await.is_ok());
        watcher.until_pushed("the change", |listing| listing.number("branko") == Some(11)).await;

        let [curl] = line("curl")[..] else { panic!("{said}") };
        let output = Command::new("sh").args(["-c", curl]).output().await.unwrap();
        let listing: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(listing["Users"][0]["UserName"], "branko");

        let [redis] = line("redis-cli")[..] else { panic!("{said}") };
        let by_hand = redis
            .split_whitespace()
            .skip_while(|word| *word != "redis-cli")
            .take(3)
            .collect::<Vec<_>>()
            .join(" ");
        let script = format!("{by_hand} HSET user:zoe username zoe favnum 9");
        assert!(Command::new("sh").args(["-c", &script]).output().await.unwrap().status.success());
        watcher.until_pushed("the change by hand", |listing| listing.number("zoe") == Some(9)).await;
        launched.stop().await;
    });
}

#[test]
fn ctrl_c_stops_all_of_it_in_time_and_the_data_are_there_the_next_time() {
    bounded(async {
        let launched = Launched::start(&["--nodes=2", "--workers=3"]).await;
        let address = launched.address;
        let client = launched.open().await;
        client.set("ana", 22).await;
        let children = launched.process.children();
        assert_eq!(children.len(), 6, "{children:?}");
        let folder = launched.stop().await;
        for (id, line) in children {
            assert_eq!(command_line(id), "", "{line} is still there");
        }
        assert_eq!(client.closed().await.code(), Some(1012));
        assert!(folder.path().join("data").is_dir(), "the data are where it was started");

        let again = Launched::start_in(folder, address, &[]).await;
        assert_eq!(again.open().await.list().await.number("ana"), Some(22));
        again.stop().await;
    });
}

#[test]
fn a_terminated_launcher_stops_all_of_it() {
    bounded(async {
        let mut launched = Launched::start(&[]).await;
        let children = launched.process.children();
        launched.process.terminate();
        assert!(launched.process.ended().await.success());
        for (id, line) in children {
            assert_eq!(command_line(id), "", "{line} is still there");
        }
    });
}

#[test]
fn a_second_ctrl_c_stops_at_once_even_what_does_not_stop_by_itself() {
    bounded(async {
        let mut launched = Launched::start(&[]).await;
        let children = launched.process.children();
        let [worker, _] = launched.children("worker-layer")[..] else { panic!("{children:?}") };
        freeze(worker);
        launched.process.interrupt();
        launched.says("the worker has left").await;
        launched.process.interrupt();
        launched.says("stopping at once").await;
        launched.process.ended().await;
        for (id, line) in children {
            eventually(&format!("the end of {line}"), async || command_line(id).is_empty().then_some(()))
                .await;
        }
    });
}

#[test]
fn a_killed_launcher_takes_everything_along_and_the_next_one_has_its_data() {
    bounded(async {
        let mut launched = Launched::start(&[]).await;
        launched.open().await.set("ana", 22).await;
        let children = launched.process.children();
        assert_eq!(children.len(), 4);
        launched.process.kill().await;
        for (id, line) in &children {
            eventually(&format!("the end of {line}"), async || command_line(*id).is_empty().then_some(()))
                .await;
        }
        let again = Launched::start_in(launched.folder, launched.address, &[]).await;
        assert_eq!(again.open().await.list().await.number("ana"), Some(22));
        again.stop().await;
    });
}

#[test]
fn what_dies_is_started_again() {
    bounded(async {
        let launched = Launched::start(&["--workers=1"]).await;
        launched.open().await.set("ana", 22).await;
        for word in ["web-layer", "worker-layer", "redis-server"] {
            let [id] = launched.children(word)[..] else { panic!("{:?}", launched.process.children()) };
            kill(id);
            eventually("it is started again", async || {
                let now = launched.children(word);
                (now.len() == 1 && now[0] != id).then_some(())
            })
            .await;
            eventually("all is well again", async || {
                let answer = reqwest::get(launched.url("/numbers")).await.ok()?;
                answer.status().is_success().then_some(())
            })
            .await;
            assert_eq!(launched.open().await.list().await.number("ana"), Some(22), "after {word} was killed");
            launched.says("starting it again").await;
        }
        launched.stop().await;
    });
}

#[test]
fn a_taken_port_is_told_before_anything_starts() {
    bounded(async {
        let folder = tempfile::tempdir().unwrap();
        let first = port::free_row(2);
        let second = SocketAddr::new(first.ip(), first.port() + 1);
        let _taken = TcpListener::bind(second).unwrap();
        let mut launcher = start(folder.path(), first, &["--nodes=2"]);
        assert_eq!(launcher.ended().await.code(), Some(1));
        let said = launcher.said();
        assert!(
            said.contains(&format!("{second} is taken")) && said.contains("--listen 127.0.0.1:"),
            "{said}"
        );
        assert!(!folder.path().join("data").exists(), "nothing was started");
    });
}

#[test]
fn a_missing_redis_server_is_told_with_the_command_that_installs_it() {
    bounded(async {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(binary::path("launcher"));
        command
            .current_dir(folder.path())
            .arg(format!("--listen={}", port::free()))
            .env("PATH", "/nonexistent");
        let mut launcher = Process::start("launcher", &mut command, folder.path());
        assert_eq!(launcher.ended().await.code(), Some(1));
        let said = launcher.said();
        assert!(said.contains("apt-get install redis-server") && said.contains("--redis redis://"), "{said}");
    });
}

#[test]
fn a_second_launcher_leaves_the_data_of_the_first_alone() {
    bounded(async {
        let launched = Launched::start(&[]).await;
        let mut second = start(launched.folder.path(), port::free(), &[]);
        assert_eq!(second.ended().await.code(), Some(1));
        let said = launched.process.said();
        assert!(said.contains("in use by another launcher") && said.contains("--data"), "{said}");
        launched.open().await.set("ana", 1).await;
        launched.stop().await;
    });
}

#[test]
fn a_redis_of_ones_own_is_used_and_none_is_started() {
    bounded(async {
        let mut redis = RedisServer::start().await;
        let url = format!("--redis={}", redis.url());
        let launched = Launched::start(&[&url, "--nodes=2"]).await;
        assert!(launched.children("redis-server").is_empty());
        launched.open().await.set("ana", 22).await;
        assert_eq!(redis.users().await["ana"], 22);
        assert!(!launched.folder.path().join("data").exists());
        launched.stop().await;
        assert!(!redis.process_mut().has_ended(), "it was there before, and stays");
    });
}

#[test]
fn bad_options_end_with_64_and_a_reason() {
    bounded(async {
        for (options, word) in [
            (["--listen=9999", "--nodes=1"], "listen"),
            (["--nodes=0", "--workers=1"], "nodes"),
            (["--workers=many", "--nodes=1"], "workers"),
            (["--redis=localhost", "--nodes=1"], "redis"),
            (["--listen=127.0.0.1:65535", "--nodes=2"], "port"),
            (["--colour", "red"], "colour"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut command = Command::new(binary::path("launcher"));
            command.current_dir(folder.path()).args(options);
            let mut launcher = Process::start("launcher", &mut command, folder.path());
            let status = launcher.ended().await;
            assert_eq!(
                (status.code(), status.signal()),
                (Some(64), None),
                "{options:?}: {}",
                launcher.said()
            );
            assert!(launcher.said().contains(word), "{options:?}: {}", launcher.said());
        }
    });
}
