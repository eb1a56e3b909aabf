//! The child processes, spoken to as the bench speaks to them.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

struct Role {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Role {
    fn start(args: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_bench"))
            .arg("role")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, input, output: BufReader::new(output) }
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn ask(&mut self, order: &Value) -> Value {
        self.input.write_all(format!("{order}\n").as_bytes()).unwrap();
        self.answer()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A limit and its clients, with `sockets` open.
fn pair(limit: &str, sockets: usize) -> (Role, Role) {
    let mut server = Role::start(&[limit]);
    let address = format!("127.0.0.1:{}", server.answer()["port"]);
    let mut clients = Role::start(&["clients", &address, "/ws"]);
    let connected = clients.ask(&json!({ "Connect": { "count": sockets, "in_flight": 8 } }));
    assert_eq!(connected["open"], sockets, "{connected}");
    (server, clients)
}

#[test]
fn every_request_to_the_echo_is_answered() {
    let (_server, mut clients) = pair("echo", 20);
    let called =
        clients.ask(&json!({ "Call": { "seconds": 0.2, "ask": { "Number": { "changing": true } } } }));
    assert!(called["answered"].as_u64().unwrap() > 20, "{called}");
    assert_eq!((&called["refused"], &called["silent"]), (&json!(0), &json!(0)), "{called}");
    assert_eq!(clients.ask(&json!("Close"))["clean"], 20);
}

#[test]
fn every_message_of_the_bare_loop_arrives_once_and_in_order() {
    let (mut server, mut clients) = pair("bare", 20);
    clients.ask(&json!({ "Watch": { "first": 7 } }));
    let sent = server.ask(&json!({ "first": 7, "count": 300 }));
    assert_eq!(sent["sockets"], 20);
    let tally = loop {
        let tally = clients.ask(&json!("Tally"));
        if tally["delivered"].as_u64().unwrap() >= 20 * 300 {
            break tally;
        }
    };
    assert_eq!(
        (&tally["delivered"], &tally["lost"], &tally["disordered"]),
        (&json!(6_000), &json!(0), &json!(0))
    );
    assert_eq!(clients.ask(&json!("Close"))["clean"], 20);
}

#[test]
fn what_clients_say_at_a_rate_comes_back_from_the_echo_once_and_in_order() {
    let (_server, mut clients) = pair("echo", 20);
    let talk = json!({ "Converse": { "rate": 1_000.0, "seconds": 0.3, "is_echo": true } });
    for _ in 0..2 {
        let conversed = clients.ask(&talk);
        for all in ["sent", "delivered", "acknowledged"] {
            assert_eq!(conversed[all], 300, "{conversed}");
        }
        for none in ["lost", "disordered", "refused"] {
            assert_eq!(conversed[none], 0, "{conversed}");
        }
    }
}

#[test]
fn clients_that_are_to_ask_a_number_of_times_do_so() {
    let (_server, mut clients) = pair("echo", 20);
    let send =
        json!({ "Send": { "first": 0, "to": { "Following": { "count": 5, "from": 0, "users": 20 } } } });
    let called = clients.ask(&json!({ "Call": { "seconds": 60.0, "times": 7, "ask": send } }));
    assert_eq!((&called["answered"], &called["silent"]), (&json!(7 * 20), &json!(0)), "{called}");
}

#[test]
fn what_comes_into_a_folder_and_goes_is_told_by_inotify() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("noticed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut notice = Role::start(&["notice", folder.to_str().unwrap()]);
    let port = notice.answer()["port"].as_u64().unwrap() as u16;
    let mut lines = BufReader::new(TcpStream::connect(("127.0.0.1", port)).unwrap()).lines();
    for _ in 0..2 {
        std::fs::write(folder.join("cat.jpg"), "").unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), "cat.jpg");
        std::fs::remove_file(folder.join("cat.jpg")).unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), "cat.jpg");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn each_simulated_watcher_serves_its_own_part_of_the_files() {
    let mut watchers = Role::start(&["watchers", "127.0.0.1:9", "3", "10"]);
    let port = watchers.answer()["port"].as_u64().unwrap() as u16;
    let mut all = 0;
    for last in 1..=3 {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let head = format!("GET /files HTTP/1.1\r\nHost: 127.1.0.{last}:{port}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (_, body) = response.split_once("\r\n\r\n").unwrap();
        let list: Value = serde_json::from_str(body).unwrap();
        assert_eq!(list["files"][0]["filename"], format!("photo-{:08}.jpg", last - 1), "{response}");
        all += list["files"].as_array().unwrap().len();
    }
    assert_eq!(all, 10);
}
