//! Commands to Redis, those of a batch in one round trip, scripts among them.
//!
//! A script is called by its hash. Redis forgets scripts when it restarts, and then says so: all of ours are loaded, and what
//! failed for that is sent again. So what has to be done in order loads its script first, see [`Source::load`].

use broker::redis::{Cmd, ErrorKind, Pipeline, RedisError, Script, Value};
use broker::{Store, StoreError};

/// The scripts of the service.
pub(super) struct Scripts {
    pub(super) deliver: Source,
    pub(super) home: Source,
    pub(super) login: Source,
    pub(super) read: Source,
    pub(super) send: Source,
    pub(super) sync: Source,
    pub(super) settle: Source,
    pub(super) due: Source,
    pub(super) take: Source,
    pub(super) forget: Source,
    pub(super) known: Source,
}

/// One script.
pub(super) struct Source {
    text: &'static str,
    script: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            deliver: Source::new(include_str!("deliver.lua")),
            home: Source::new(include_str!("home.lua")),
            login: Source::new(include_str!("login.lua")),
            read: Source::new(include_str!("read.lua")),
            send: Source::new(include_str!("send.lua")),
            sync: Source::new(include_str!("sync.lua")),
            settle: Source::new(include_str!("presence/settle.lua")),
            due: Source::new(include_str!("presence/due.lua")),
            take: Source::new(include_str!("presence/take.lua")),
            forget: Source::new(include_str!("presence/forget.lua")),
            known: Source::new(include_str!("presence/known.lua")),
        }
    }

    /// Sends commands in one round trip; the answer of each, in order. None are sent if there are none.
    ///
    /// # Errors
    /// If the whole of it failed; only [`StoreError::NotConnected`] says that nothing of it was done. What Redis refuses is
    /// an answer.
    pub(super) async fn run(&self, store: &Store, commands: Vec<Cmd>) -> Result<Vec<Value>, StoreError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let mut values: Vec<Value> = store.pipeline(&together(commands.iter())).await?;
        let unknown: Vec<usize> = values
            .iter()
            .enumerate()
            .filter(|(_, value)| is_unknown_script(value))
            .map(|(at, _)| at)
            .collect();
        if unknown.is_empty() {
            return Ok(values);
        }
        store.pipeline::<()>(&self.loading()).await.map_err(half_way)?;
        let again = together(unknown.iter().map(|at| &commands[*at]));
        let again: Vec<Value> = store.pipeline(&again).await.map_err(half_way)?;
        for (at, value) in unknown.into_iter().zip(again) {
            values[at] = value;
        }
        Ok(values)
    }

    fn loading(&self) -> Pipeline {
        let mut pipeline = Pipeline::new();
        let of_presence = [&self.settle, &self.due, &self.take, &self.forget, &self.known];
        let others = [&self.deliver, &self.home, &self.login, &self.read, &self.send, &self.sync];
        for source in others.into_iter().chain(of_presence) {
            pipeline.add_command(source.load()).ignore();
        }
        pipeline
    }
}

impl Source {
    fn new(text: &'static str) -> Self {
        Self { text, script: Script::new(text) }
    }

    /// Loads it. Before several calls whose order counts: if Redis has forgotten the script and another worker loads it
    /// between two of them, the first fails, the second does not, and the first is sent again behind it.
    pub(super) fn load(&self) -> Cmd {
        let mut load = Cmd::new();
        load.arg("SCRIPT").arg("LOAD").arg(self.text);
        load
    }

    /// A call with these keys; arguments follow.
    pub(super) fn call(&self, keys: &[&str]) -> Cmd {
        let mut call = Cmd::new();
        call.arg("EVALSHA").arg(self.script.get_hash()).arg(keys.len()).arg(keys);
        call
    }
}

fn together<'a>(commands: impl Iterator<Item = &'a Cmd>) -> Pipeline {
    let mut pipeline = Pipeline::new();
    for command in commands {
        pipeline.add_command(command.clone());
    }
    pipeline.ignore_errors();
    pipeline
}

fn is_unknown_script(value: &Value) -> bool {
    matches!(value, Value::ServerError(error) if error.code() == "NOSCRIPT")
}

/// Why what was left could not be done: the rest was done before.
fn half_way(error: StoreError) -> StoreError {
    match error {
        StoreError::NotConnected => {
            StoreError::Unknown(RedisError::from((ErrorKind::Io, "the connection was lost half-way")))
        }
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use protocol::ErrorCode;

    use super::*;
    use crate::chat::trouble::{Doing, Log};

    #[test]
    fn a_connection_that_is_lost_half_way_is_not_told_as_if_nothing_was_done() {
        let told = |error| Log::default().lost(&error, Doing::Changing).code;
        assert_eq!(told(StoreError::NotConnected), ErrorCode::Unavailable);
        assert_eq!(told(half_way(StoreError::NotConnected)), ErrorCode::OutcomeUnknown);
    }
}
