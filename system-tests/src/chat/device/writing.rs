//! Changing something: asked for until it is acknowledged.

use serde_json::{Value, json};

use super::Device;
use crate::chat::message::Written;

impl Device {
    /// Sends a message, until it is acknowledged.
    pub async fn write(&mut self, to: &str, text: &str, message_id: &str) {
        let answer = self.insist(&send(to, text, message_id)).await;
        self.note_written(text, &answer);
    }

    /// Sends a message twice on one connection without waiting, as a client may that has lost count.
    pub async fn write_doubled(&mut self, to: &str, text: &str, message_id: &str) {
        self.connect().await;
        let request = send(to, text, message_id);
        let line = self.line.as_mut().expect("it is connected");
        if let (Ok(first), Ok(second)) = (line.say(&request).await, line.say(&request).await) {
            for answer in [line.answer(first).await, line.answer(second).await] {
                match answer {
                    Ok(answer) => self.note_written(text, &answer),
                    Err(trouble) => self.suffer(trouble).await,
                }
                if self.line.is_none() {
                    break;
                }
            }
        }
        self.write(to, text, message_id).await;
    }

    /// Sends a message at the same time on a second connection, to any node.
    pub async fn write_twice(&mut self, to: &str, text: &str, message_id: &str) {
        let mut sibling = self.sibling();
        let request = send(to, text, message_id);
        sibling.connect().await;
        let (here, there) = futures_util::future::join(self.insist(&request), sibling.insist(&request)).await;
        self.note_written(text, &here);
        self.note_written(text, &there);
        sibling.hang_up();
        for (trouble, count) in sibling.troubles {
            *self.troubles.entry(trouble).or_default() += count;
        }
    }

    /// Marks a conversation as read up to a message, until that is acknowledged.
    pub async fn mark(&mut self, with: &str, seq: u64) {
        let answer = self.insist(&json!({"type": "read", "with": with, "seq": seq})).await;
        let read = answer["read"].as_u64().expect("read is a number");
        assert!(read >= seq, "{} was told that {read} is read of {with}, not {seq}", self.name);
        let marked = self.marked.entry(with.to_owned()).or_default();
        *marked = read.max(*marked);
    }

    /// Says that a conversation was received up to a message, until that is acknowledged.
    pub async fn receive(&mut self, with: &str, seq: u64) {
        self.insist(&json!({"type": "received", "with": with, "seq": seq})).await;
        let received = self.received.entry(with.to_owned()).or_default();
        *received = seq.max(*received);
    }

    fn note_written(&mut self, text: &str, answer: &Value) {
        let text_of = |member: &str| answer[member].as_str().expect("a text").to_owned();
        let number_of = |member: &str| answer[member].as_u64().expect("a number");
        let written = Written {
            from: self.user.clone(),
            with: text_of("with"),
            message_id: text_of("message_id"),
            text: text.to_owned(),
            seq: number_of("seq"),
            sent_ms: number_of("sent_ms"),
        };
        match self.written.iter().rev().find(|before| before.message_id == written.message_id) {
            Some(before) => assert_eq!(*before, written, "a retry gets the same answer"),
            None => self.written.push(written),
        }
    }
}

fn send(to: &str, text: &str, message_id: &str) -> Value {
    json!({"type": "send", "to": to, "text": text, "message_id": message_id})
}
