//! What clients ask for in a closed loop, as text, and how the answer to it is known. The text costs little to make, because
//! whoever asks shares the cores with whoever is asked.

use std::io::Write as _;
use std::time::UNIX_EPOCH;

use memchr::memmem;

use crate::clock;
use crate::element::{VALUES, Value, set_id};
use crate::order::{Ask, To};
use crate::stamp::Stamp;
use crate::talk::{Said, partner};
use crate::websocket::frame::{Frame, START_BYTES_MAX};

/// Users whose numbers are set: their listing is about as long as the message of the fan-out.
const USERS: usize = 20;
/// How far the first stamp is in the past, milliseconds: as many requests later it would be in the future.
const BACK_MS: u64 = 24 * 60 * 60 * 1_000;

/// What is asked for.
pub(super) struct Words {
    ask: Ask,
    /// The stamp of the newest operation, milliseconds since 1970. It grows with each request, so each operation wins.
    stamp_ms: u64,
    /// How often something else was asked for: what is said in the chat has other ids each time.
    run: u64,
}

impl Words {
    /// Nothing in particular yet.
    pub(super) fn new() -> Self {
        let now_ms = UNIX_EPOCH.elapsed().map_or(BACK_MS, |time| time.as_millis() as u64);
        Self { ask: Ask::Number { changing: true }, stamp_ms: now_ms - BACK_MS, run: 0 }
    }

    /// Asks for something else from now on.
    pub(super) fn ask(&mut self, ask: Ask) {
        self.ask = ask;
        self.run += 1;
    }

    /// The number of something that is said in the chat otherwise.
    pub(super) fn next_run(&mut self) -> u64 {
        self.run += 1;
        self.run
    }

    /// Writes the request number `id` of a client, from 1 on. The id stands first, as in the answers, so that an echo is
    /// recognized in the same way.
    pub(super) fn write(&mut self, text: &mut Vec<u8>, client: usize, id: u64) {
        // Writing to memory does not fail.
        let _ = match self.ask {
            Ask::Number { changing } => {
                let number = if changing { clock::now_ns() / 1_000 % 1_000_000 } else { 5 };
                let user = client % USERS;
                let data = format_args!("{{\"UserName\":\"u{user}\",\"FavoriteNumber\":{number}}}");
                write!(text, "{{\"id\":{id},\"Cmd\":1,\"CmdData\":{data}}}")
            }
            Ask::Login { first } => {
                let user = first + client;
                write!(text, "{{\"id\":{id},\"type\":\"login\",\"username\":\"user{user:08}\"}}")
            }
            Ask::Send { first, to } => {
                let user = first + client;
                let to = match to {
                    To::Partner => partner(user),
                    To::One { user } => user,
                    To::Following { count, from, users } => {
                        from + (user - from + 1 + (id as usize - 1) % count) % users
                    }
                };
                let at_ns = clock::now_ns();
                let said = Said { user, stamp: Stamp { seq: id, due_ns: at_ns, at_ns } };
                said.write(text, id, to, self.run)
            }
            Ask::Apply { operations, sets, removing } => {
                self.stamp_ms += 1;
                let set = set_id(client % sets);
                let tail = format!("\",\"stamp\":[{},\"bench-{client}\"]}},", self.stamp_ms);
                let first = (id - 1) * operations as u64;
                write!(text, "{{\"id\":{id},\"type\":\"apply\",\"set\":\"{set}\",\"operations\":[").and_then(
                    |()| {
                        for number in first..first + operations as u64 {
                            // Each time round what was added is removed, and what was removed is added.
                            let is_removal = removing && (number + number / VALUES) % 2 == 1;
                            let op: &[u8] = if is_removal { b"remove" } else { b"add" };
                            for part in [b"{\"op\":\"", op, b"\",\"value\":\""] {
                                text.extend_from_slice(part);
                            }
                            write!(text, "{}", Value { client, number: number % VALUES })?;
                            text.extend_from_slice(tail.as_bytes());
                        }
                        text.pop();
                        text.write_all(b"]}")
                    },
                )
            }
        };
    }

    /// Whether an answer says that all that was asked for was done.
    pub(super) fn are_answered(&self, frame: &Frame<'_>) -> bool {
        let start = &frame.start[..frame.start.len().min(START_BYTES_MAX)];
        let is_error = memmem::find(start, b"\"error\":").is_some();
        let all_applied = match self.ask {
            Ask::Number { .. } | Ask::Login { .. } | Ask::Send { .. } => true,
            Ask::Apply { operations, .. } => {
                let applied = memmem::find_iter(frame.start, b"\"applied\"").count();
                let is_whole = frame.start.len() as u64 == frame.payload_bytes;
                applied == operations || !is_whole && applied > 0
            }
        };
        !is_error && all_applied
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_operation_is_newer_than_the_one_before_on_its_value() {
        let mut words = Words::new();
        words.ask(Ask::Apply { operations: 2, sets: 10, removing: true });
        let mut request = |id: u64| -> serde_json::Value {
            let mut text = Vec::new();
            words.write(&mut text, 13, id);
            serde_json::from_slice(&text).unwrap()
        };
        let (one, again) = (request(1), request(1 + VALUES / 2));
        assert_eq!((&one["id"], &one["type"], &one["set"]), (&json!(1), &json!("apply"), &json!("bench-3")));
        assert_eq!(one["operations"].as_array().unwrap().len(), 2);
        let (first, last) = (&one["operations"][0], &again["operations"][0]);
        assert_eq!((&first["op"], &last["op"]), (&json!("add"), &json!("remove")));
        assert_eq!(first["value"], "000013-000000000");
        assert_eq!(first["value"], last["value"]);
        assert!(first["stamp"][0].as_u64() < last["stamp"][0].as_u64());
    }

    #[test]
    fn an_answer_that_refuses_an_operation_is_none() {
        let mut words = Words::new();
        words.ask(Ask::Apply { operations: 2, sets: 1, removing: false });
        let is_one = |text: &str, payload_bytes: usize| {
            words.are_answered(&Frame {
                opcode: 1,
                payload_bytes: payload_bytes as u64,
                start: text.as_bytes(),
            })
        };
        let both = r#"{"id":1,"outcomes":[{"outcome":"applied"},{"outcome":"applied"}]}"#;
        let half = r#"{"id":1,"outcomes":[{"outcome":"applied"},{"outcome":"too_old"}]}"#;
        let none = r#"{"id":1,"error":{"code":"not_found"}}"#;
        assert!(is_one(both, both.len()) && is_one(half, half.len() + 9));
        assert!(!is_one(half, half.len()) && !is_one(none, none.len()));
    }
}
