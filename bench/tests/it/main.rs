//! The child processes, spoken to as the bench speaks to them.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

use std::io::{BufRead as _, BufReader, Write as _};
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
