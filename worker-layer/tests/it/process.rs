//! The process: options, exit codes, signals.

use std::process::{Command, Output, Stdio};

use crate::support::{Node, RedisServer, within};

fn worker_layer() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker-layer"));
    for variable in ["REDIS_URL", "SERVICES", "WORKER", "RUST_LOG"] {
        command.env_remove(variable);
    }
    command
}

fn output(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    (status.code(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

#[test]
fn bad_options_end_with_64_and_a_reason() {
    let bad: [(&[&str], &str); 4] = [
        (&["--services", "numbers,nothing"], "there is no service \"nothing\": choose among numbers"),
        (&["--redis", "http://x"], "this is no address of Redis"),
        (&["--worker", "a b"], "the name \"a b\" cannot be used"),
        (&["--what"], "unexpected argument"),
    ];
    for (options, words) in bad {
        let (code, text) = output(worker_layer().args(options));
        assert!(code == Some(64) && text.contains(words), "{options:?}: {code:?} {text}");
    }
    let (code, text) = output(worker_layer().env("SERVICES", "nothing"));
    assert!(code == Some(64) && text.contains("there is no service"), "{code:?} {text}");
    let (code, text) = output(worker_layer().arg("--help"));
    assert!(code == Some(0) && text.contains("--redis"), "{code:?} {text}");
}

#[tokio::test]
async fn sigterm_makes_a_worker_leave_with_0() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let id = "by-name".parse().expect("a name");
    let mut child = worker_layer()
        .args(["--redis", &redis.url(), "--worker", "by-name"])
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    node.hears_of(&id).await;
    node.set(&id, "ana", 1).await;
    let probe = worker_layer().args(["--redis", &redis.url(), "--worker", "by-name", "--probe"]).status();
    assert_eq!(probe.expect("it starts").code(), Some(0));
    let killed = Command::new("kill").arg(child.id().to_string()).status().expect("kill");
    assert!(killed.success());
    while !node.announcement(&id).await.draining {}
    let ended = tokio::task::spawn_blocking(move || child.wait());
    let status = within("its end", ended).await.expect("no panic").expect("it ran");
    assert_eq!(status.code(), Some(0));
    let probe = worker_layer().args(["--redis", &redis.url(), "--probe"]).stderr(Stdio::null()).status();
    assert_eq!(probe.expect("it starts").code(), Some(1));
}
