//! What is asked of Redis in one round trip: steps, each with one or more commands.

use broker::redis::Cmd;

use super::ask::{Form, To};
use super::one::One;
use super::read::Reading;
use super::script::Commands;
use super::shared::Shared;

/// Something to ask, and who waits for the answer.
pub(super) enum Step<'a> {
    /// A call that applies operations, by its number.
    Call(usize),
    /// A reading, for all who want it.
    Read { reading: Reading, jobs: Vec<Job> },
    /// What only one wants: its place in the batch.
    One { place: usize, one: One<'a> },
}

/// Somebody who waits for what is read.
#[derive(Debug, Clone)]
pub(super) struct Job {
    /// In the batch.
    pub(super) place: usize,
    pub(super) form: Form,
    pub(super) to: To,
}

impl Step<'_> {
    /// Adds the commands.
    pub(super) fn ask(&self, shared: &Shared, calls: &mut [Option<Cmd>], commands: &mut Commands) {
        match self {
            Self::Call(call) => {
                if let Some(call) = calls[*call].take() {
                    commands.add(call);
                }
            }
            Self::Read { reading, .. } => reading.ask(&shared.scripts, commands),
            Self::One { one, .. } => one.ask(shared, commands),
        }
    }

    /// How many answers there are to the commands.
    pub(super) fn answers(&self) -> usize {
        match self {
            Self::One { one, .. } => one.answers(),
            Self::Call(_) | Self::Read { .. } => 1,
        }
    }

    /// Whether it may have changed something when its answer is lost.
    pub(super) fn is_change(&self) -> bool {
        match self {
            Self::Call(_) => true,
            Self::Read { .. } => false,
            Self::One { one, .. } => one.is_change(),
        }
    }
}
