//! Commands to Redis, those of a batch in one round trip, scripts among them.
//!
//! A script is called by its hash. Redis forgets scripts when it restarts, and then says so: all of ours are loaded, and what
//! failed for that is sent again.

use broker::redis::{Cmd, Pipeline, Script, Value};
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
    /// If the whole of it failed. What Redis refuses is an answer.
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
        store.pipeline::<()>(&self.loading()).await?;
        let again: Vec<Value> = store.pipeline(&together(unknown.iter().map(|at| &commands[*at]))).await?;
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
            pipeline.cmd("SCRIPT").arg("LOAD").arg(source.text).ignore();
        }
        pipeline
    }
}

impl Source {
    fn new(text: &'static str) -> Self {
        Self { text, script: Script::new(text) }
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
