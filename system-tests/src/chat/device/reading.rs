//! Asking for what is stored.

use rand::RngExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Device, PAGE};
use crate::chat::message::{Message, Summary};

impl Device {
    /// Brings what it knows of the home screen up to date: all of it at first, and then what changed.
    pub async fn refresh_home(&mut self) {
        if self.home_cursor.is_none() {
            let (conversations, cursor) = self.whole_home().await;
            self.home = conversations.into_iter().map(|line| (line.with.clone(), line)).collect();
            self.home_cursor = Some(cursor);
        }
        loop {
            let limit = self.random.random_range(PAGE);
            let since = &self.home_cursor;
            let page = self.insist(&json!({"type": "home", "since": since, "limit": limit})).await;
            assert!(page["reset"].is_null(), "the cursor is of this time: {page}");
            self.home.extend(summaries(&page).into_iter().map(|line| (line.with.clone(), line)));
            self.home_cursor = page["cursor"].as_str().map(str::to_owned);
            if page["more"] == false {
                return;
            }
        }
    }

    /// The whole home screen, and the cursor to go on from.
    pub async fn whole_home(&mut self) -> (Vec<Summary>, String) {
        let limit = self.random.random_range(PAGE);
        let mut page = self.insist(&json!({"type": "home", "limit": limit})).await;
        let cursor = page["cursor"].as_str().expect("a cursor is a text").to_owned();
        let mut all = summaries(&page);
        while page["more"] == true {
            page = self.insist(&json!({"type": "home", "limit": limit, "before": page["next"]})).await;
            all.extend(summaries(&page));
        }
        (all, cursor)
    }

    /// A whole conversation.
    pub async fn history(&mut self, with: &str) -> Vec<Message> {
        let mut all: Vec<Message> = Vec::new();
        loop {
            let after = all.last().map_or(0, |message| message.seq);
            let request = json!({"type": "history", "with": with, "after": after, "limit": 200});
            let page = self.insist(&request).await;
            all.extend(Vec::<Message>::deserialize(&page["messages"]).expect("messages"));
            if page["more"] == false {
                return all;
            }
        }
    }
}

fn summaries(page: &Value) -> Vec<Summary> {
    Vec::deserialize(&page["conversations"]).unwrap_or_else(|error| panic!("{error}: {page}"))
}
