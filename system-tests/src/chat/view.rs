//! What a device knows of the conversations of its user, from pushes and `sync` alone.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::cursor::is_reached;
use super::message::{Message, Talk};

/// What a device knows. Nothing is put in order and nothing left out: what was told twice is in here twice.
#[derive(Debug, Clone)]
pub struct View {
    cursor: String,
    talks: BTreeMap<String, Talk>,
    names: BTreeMap<String, String>,
    newest: Vec<String>,
}

/// What became of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Took {
    /// It was the next change, or none of the log.
    In,
    /// The device has it.
    Had,
    /// Something before it was missed.
    Missed,
}

impl View {
    /// Of a device that has seen nothing and stands here.
    #[must_use]
    pub fn at(cursor: &str) -> Self {
        Self { cursor: cursor.to_owned(), talks: BTreeMap::new(), names: BTreeMap::new(), newest: Vec::new() }
    }

    /// Where the device stands.
    #[must_use]
    pub fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The conversations, by the other side.
    #[must_use]
    pub fn talks(&self) -> &BTreeMap<String, Talk> {
        &self.talks
    }

    /// How the other sides were called last.
    #[must_use]
    pub fn names(&self) -> &BTreeMap<String, String> {
        &self.names
    }

    /// The other sides, that of the newest message first.
    #[must_use]
    pub fn newest_first(&self) -> Vec<&str> {
        self.newest.iter().rev().map(String::as_str).collect()
    }

    /// Takes a push: by the rule of cursors, nothing else.
    pub fn push(&mut self, push: &Value) -> Took {
        let Some(cursor) = push["cursor"].as_str() else { return Took::In };
        if is_reached(cursor, &self.cursor) {
            return Took::Had;
        }
        if push["prev"].as_str() != Some(&self.cursor) {
            return Took::Missed;
        }
        self.change(push);
        cursor.clone_into(&mut self.cursor);
        Took::In
    }

    /// Takes a page of what was missed; whether there is more.
    ///
    /// # Panics
    /// If it is a `reset`: no device here is ever away for longer than the log lasts.
    pub fn page(&mut self, page: &Value) -> bool {
        assert_eq!(page["type"], "changes", "the log lost its place {}: {page}", self.cursor);
        for change in page["changes"].as_array().expect("changes are an array") {
            self.change(change);
        }
        page["cursor"].as_str().expect("a cursor is a text").clone_into(&mut self.cursor);
        page["more"].as_bool().expect("more is true or false")
    }

    fn change(&mut self, change: &Value) {
        let with = || change["with"].as_str().expect("a change is of a conversation").to_owned();
        let number = |member: &str| {
            change[member].as_u64().unwrap_or_else(|| panic!("{member} is no number: {change}"))
        };
        match change["type"].as_str() {
            Some("message") => {
                let message = Message::deserialize(&change["message"]).expect("a message");
                let talk = self.talks.entry(with()).or_default();
                talk.messages.push(message);
                talk.unread = number("unread");
                let name = change["with_name"].as_str().expect("a name is a text").to_owned();
                self.names.insert(with(), name);
                self.newest.retain(|other| *other != with());
                self.newest.push(with());
            }
            Some("read") => {
                let talk = self.talks.entry(with()).or_default();
                assert!(number("read") > talk.read, "reading moves forward only: {talk:?}, {change}");
                (talk.read, talk.unread) = (number("read"), number("unread"));
            }
            Some("receipt") => {
                let talk = self.talks.entry(with()).or_default();
                assert!(number("read") > talk.receipt, "reading moves forward only: {talk:?}, {change}");
                talk.receipt = number("read");
                talk.delivered = talk.delivered.max(talk.receipt);
            }
            Some("delivered") => {
                let talk = self.talks.entry(with()).or_default();
                assert!(number("delivered") > talk.delivered, "it moves forward only: {talk:?}, {change}");
                talk.delivered = number("delivered");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(seq: u64) -> Value {
        let inner = json!({"seq": seq, "from": "bob", "from_name": "Bob", "text": "hi", "message_id": "1", "sent_ms": 1, "new": 1});
        json!({"type": "message", "with": "bob", "with_name": "Bob", "message": inner, "unread": seq,
               "prev": format!("e-{}", seq - 1), "cursor": format!("e-{seq}")})
    }

    #[test]
    fn what_comes_next_is_taken_what_was_had_is_not_and_a_hole_is_seen() {
        let mut view = View::at("e-0");
        assert_eq!(view.push(&message(1)), Took::In);
        assert_eq!(view.push(&message(1)), Took::Had);
        assert_eq!(view.push(&message(3)), Took::Missed);
        assert_eq!((view.cursor(), view.talks()["bob"].messages.len()), ("e-1", 1));
        assert!(
            !view.page(&json!({"type": "changes", "changes": [message(2)], "cursor": "e-2", "more": false}))
        );
        assert_eq!(view.push(&message(3)), Took::In);
        assert_eq!(view.talks()["bob"].unread, 3);
    }

    #[test]
    fn what_was_read_was_received() {
        let mut view = View::at("e-0");
        for (kind, member, seq, at) in [("receipt", "read", 2, 1), ("delivered", "delivered", 3, 2)] {
            let (prev, cursor) = (format!("e-{}", at - 1), format!("e-{at}"));
            view.push(&json!({"type": kind, "with": "bob", member: seq, "prev": prev, "cursor": cursor}));
            let talk = &view.talks()["bob"];
            assert_eq!((talk.receipt, talk.delivered), (2, seq));
        }
    }

    #[test]
    fn what_is_not_known_is_no_hole() {
        let mut view = View::at("e-0");
        let strange = json!({"type": "strange", "with": "bob", "prev": "e-0", "cursor": "e-1"});
        assert_eq!(view.push(&strange), Took::In);
        assert_eq!(view.push(&json!({"type": "typing", "from": "bob"})), Took::In);
        assert_eq!(view.push(&json!({"type": "gap", "cursor": "e-1"})), Took::Had);
        assert_eq!(view.push(&json!({"type": "gap", "cursor": "e-2"})), Took::Missed);
    }
}
