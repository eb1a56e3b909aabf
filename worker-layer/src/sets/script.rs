//! Commands to Redis, all of a batch in one round trip, scripts among them.
//!
//! A script is called by its hash. Redis forgets scripts when it restarts, and then says so: all of ours are loaded, and
//! what failed for that is sent again. Nothing else is, so nothing is done twice.

use broker::redis::{Cmd, Pipeline, Script, Value};
use broker::{Store, StoreError};

/// The scripts of the service.
pub(super) struct Scripts {
    pub(super) apply: Source,
    pub(super) changes: Source,
    pub(super) create: Source,
    pub(super) delete: Source,
    pub(super) unlist: Source,
}

/// One script.
pub(super) struct Source {
    text: &'static str,
    script: Script,
}

/// Commands that are sent together.
#[derive(Default)]
pub(super) struct Commands {
    /// Each with whether it only belongs to a transaction, so that its own answer is of no interest.
    commands: Vec<(Cmd, bool)>,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            apply: Source::new(include_str!("apply.lua")),
            changes: Source::new(include_str!("changes.lua")),
            create: Source::new(include_str!("create.lua")),
            delete: Source::new(include_str!("delete.lua")),
            unlist: Source::new(include_str!("unlist.lua")),
        }
    }

    /// Sends commands in one round trip; the answer of each, in order.
    ///
    /// # Errors
    /// If the whole of it failed. What Redis refuses is an answer.
    pub(super) async fn run(&self, store: &Store, commands: &Commands) -> Result<Vec<Value>, StoreError> {
        let mut values: Vec<Value> = store.pipeline(&commands.pipeline(|_| true)).await?;
        let again: Vec<usize> =
            (0..values.len()).filter(|place| is_unknown_script(&values[*place])).collect();
        if again.is_empty() {
            return Ok(values);
        }
        store.pipeline::<()>(&self.loading()).await?;
        let is_again = |place| again.binary_search(&place).is_ok();
        let anew: Vec<Value> = store.pipeline(&commands.pipeline(is_again)).await?;
        for (place, value) in again.iter().zip(anew) {
            values[*place] = value;
        }
        Ok(values)
    }

    fn loading(&self) -> Pipeline {
        let mut pipeline = Pipeline::new();
        for source in [&self.apply, &self.changes, &self.create, &self.delete, &self.unlist] {
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
    /// One more.
    pub(super) fn add(&mut self, command: Cmd) {
        self.commands.push((command, false));
    }

    /// Several that are done at one moment: their answer is an array.
    pub(super) fn add_together(&mut self, commands: impl IntoIterator<Item = Cmd>) {
        self.commands.push((command("MULTI"), true));
        self.commands.extend(commands.into_iter().map(|command| (command, true)));
        self.commands.push((command("EXEC"), false));
    }

    /// Those of which the answer is wanted, by its place.
    fn pipeline(&self, is_wanted: impl Fn(usize) -> bool) -> Pipeline {
        let mut pipeline = Pipeline::with_capacity(self.commands.len());
        let mut place = 0;
        for (command, is_within) in &self.commands {
            if is_wanted(place) {
                pipeline.add_command(command.clone());
                if *is_within {
                    pipeline.ignore();
                }
            }
            place += usize::from(!is_within);
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
