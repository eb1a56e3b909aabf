//! One connection of a device.

use std::time::Duration;

use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, Closed};
use crate::patience::within;

/// How long a request may be without an outcome: the bound after which a node itself says `outcome_unknown`, and some.
const OUTCOME_MAX: Duration = Duration::from_secs(40);

/// One connection of a device.
#[derive(Debug)]
pub struct Line {
    client: Client,
    last_id: u64,
    heard: usize,
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It was answered with an error.
    Refused {
        /// Its code.
        code: String,
        /// Its words.
        message: String,
    },
    /// The connection was lost first.
    Lost(Closed),
    /// There was no connection to be had.
    NotLetIn(String),
}

impl Line {
    /// Opens a websocket.
    ///
    /// # Errors
    /// If it was not let in.
    pub async fn open(url: &str) -> Result<Self, Trouble> {
        // The state of a handshake is large, and would be part of all that may connect.
        let client = Box::pin(Client::try_open(url)).await;
        let client = client.map_err(|error| Trouble::NotLetIn(error.to_string()))?;
        Ok(Self { client, last_id: 0, heard: 0 })
    }

    /// Makes a request and waits for the answer.
    ///
    /// # Errors
    /// If it was refused, or the connection is lost.
    pub async fn ask(&mut self, request: &Value) -> Result<Value, Trouble> {
        let id = self.say(request).await?;
        self.answer(id).await
    }

    /// Sends a request; its id.
    ///
    /// # Errors
    /// If the connection is lost.
    pub async fn say(&mut self, request: &Value) -> Result<u64, Trouble> {
        self.last_id += 1;
        let mut request = request.clone();
        request["id"] = self.last_id.into();
        match self.client.try_send(Message::text(request.to_string())).await {
            Ok(()) => Ok(self.last_id),
            Err(_) => Err(Trouble::Lost(self.client.closed().await)),
        }
    }

    /// Waits for the answer to a request.
    ///
    /// # Errors
    /// If it was refused, or the connection is lost.
    pub async fn answer(&self, id: u64) -> Result<Value, Trouble> {
        let answered = self.client.record().find(|heard| match heard.answers.get(&id) {
            Some(answers) => Some(Ok(answers[0].clone())),
            None => heard.closed.clone().map(|closed| Err(Trouble::Lost(closed))),
        });
        let answer = within("the outcome of a request", OUTCOME_MAX, answered).await?;
        let text = |member: &str| answer["error"][member].as_str().map(str::to_owned);
        match (text("code"), text("message")) {
            (Some(code), Some(message)) => Err(Trouble::Refused { code, message }),
            _ => Ok(answer),
        }
    }

    /// How it was closed, if it was.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.client.record().look(|heard| heard.closed.clone())
    }

    /// The pushes that came since the last call.
    ///
    /// # Panics
    /// If an error came that belongs to no request.
    pub fn pushes(&mut self) -> Vec<Value> {
        let new = self.client.record().look(|heard| heard.others[self.heard..].to_vec());
        self.heard += new.len();
        let error = new.iter().find(|push| !push["error"].is_null());
        assert_eq!(error, None, "an error that belongs to no request");
        new
    }

    /// Waits until there are new pushes, or the connection is lost.
    pub async fn news(&self) {
        let is_new = |heard: &crate::client::Heard| {
            (heard.others.len() > self.heard || heard.closed.is_some()).then_some(())
        };
        self.client.record().find(is_new).await;
    }

    /// No request may have two outcomes.
    pub fn assert_one_outcome_each(&self) {
        self.client.record().look(|heard| {
            let twice = heard.answers.iter().find(|(_, answers)| answers.len() > 1);
            assert_eq!(twice, None, "a request was answered twice");
        });
    }
}
