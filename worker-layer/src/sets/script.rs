//! Commands to Redis, all of a batch in one round trip, scripts among them.
//!
//! A script is called by its hash. Redis forgets scripts when it restarts, and then says so: all of ours are loaded, and
//! what failed for that is sent again.

use broker::redis::{Cmd, Pipeline, Script, Value};
use broker::{Store, StoreError};

/// The scripts of the service.
pub(super) struct Scripts {
    pub(super) apply: Source,
    pub(super) changes: Source,
    pub(super) create: Source,
    pub(super) delete: Source,
}

/// One script.
pub(super) struct Source {
    text: &'static str,
    script: Script,
}

/// Commands that are sent together.
#[derive(Default)]
pub(super) struct Commands {
    commands: Vec<(Cmd, Kind)>,
}

/// What a command does, which decides whether it may be sent again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It may change something.
    Change,
    /// It changes nothing.
    Reading,
    /// It belongs to a transaction that reads, and its own answer is of no interest.
    Within,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            apply: Source::new(include_str!("apply.lua")),
            changes: Source::new(include_str!("changes.lua")),
            create: Source::new(include_str!("create.lua")),
            delete: Source::new(include_str!("delete.lua")),
        }
    }

    /// Sends commands in one round trip; the answer of each, in order.
    ///
    /// # Errors
    /// If the whole of it failed. What Redis refuses is an answer.
    pub(super) async fn run(&self, store: &Store, commands: &Commands) -> Result<Vec<Value>, StoreError> {
        let mut values: Vec<Value> = store.pipeline(&commands.pipeline(|_| true)).await?;
        if !values.iter().any(is_unknown_script) {
            return Ok(values);
        }
        store.pipeline::<()>(&self.loading()).await?;
        // Readings once more, too: they came before the changes that now come after them.
        let is_again: Vec<bool> = commands
            .answered()
            .zip(&values)
            .map(|(kind, value)| kind == Kind::Reading || is_unknown_script(value))
            .collect();
        let again: Vec<Value> = store.pipeline(&commands.pipeline(|place| is_again[place])).await?;
        let places = is_again.iter().enumerate().filter_map(|(place, again)| again.then_some(place));
        for (place, value) in places.zip(again) {
            values[place] = value;
        }
        Ok(values)
    }

    fn loading(&self) -> Pipeline {
        let mut pipeline = Pipeline::new();
        for source in [&self.apply, &self.changes, &self.create, &self.delete] {
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
    pub(super) fn call(&self, keys: &[String], args: usize, bytes: usize) -> Cmd {
        let mut call = Cmd::with_capacity(3 + keys.len() + args, bytes + 256);
        call.arg("EVALSHA").arg(self.script.get_hash()).arg(keys.len()).arg(keys);
        call
    }
}

impl Commands {
    /// One that may change something, and is only sent again if its script was unknown.
    pub(super) fn change(&mut self, command: Cmd) {
        self.commands.push((command, Kind::Change));
    }

    /// One that changes nothing.
    pub(super) fn read(&mut self, command: Cmd) {
        self.commands.push((command, Kind::Reading));
    }

    /// Several that read at one moment: their answer is an array.
    pub(super) fn read_together(&mut self, commands: impl IntoIterator<Item = Cmd>) {
        self.commands.push((command("MULTI"), Kind::Within));
        self.commands.extend(commands.into_iter().map(|command| (command, Kind::Within)));
        self.commands.push((command("EXEC"), Kind::Reading));
    }

    /// The kinds of those that have an answer.
    fn answered(&self) -> impl Iterator<Item = Kind> {
        self.commands.iter().map(|(_, kind)| *kind).filter(|kind| *kind != Kind::Within)
    }

    /// Those of which the answer is wanted, by its place.
    fn pipeline(&self, is_wanted: impl Fn(usize) -> bool) -> Pipeline {
        let mut pipeline = Pipeline::with_capacity(self.commands.len());
        let mut place = 0;
        for (command, kind) in &self.commands {
            if is_wanted(place) {
                pipeline.add_command(command.clone());
                if *kind == Kind::Within {
                    pipeline.ignore();
                }
            }
            place += usize::from(*kind != Kind::Within);
        }
        pipeline.ignore_errors();
        pipeline
    }
}

fn command(name: &str) -> Cmd {
    let mut command = Cmd::new();
    command.arg(name);
    command
}

fn is_unknown_script(value: &Value) -> bool {
    matches!(value, Value::ServerError(error) if error.code() == "NOSCRIPT")
}
