//! What is measured, one measure a file.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;

use crate::report::Section;

mod accept;
mod change;
mod chat;
mod chat_memory;
mod fanout;
mod file;
mod memory;
mod request;
mod set;
mod side;

/// A measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Measure {
    /// Set a number, until it is acknowledged: requests a second and their latency
    Request,
    /// Pushes to many sockets: deliveries a second, their latency, CPU time each
    Fanout,
    /// Connections accepted a second
    Accept,
    /// Resident memory of an idle connection, before and after a burst
    Memory,
    /// A change in listings of different lengths: time and CPU time until it is pushed
    Change,
    /// Sets: operations a second, a change until its viewers have it, memory of an element
    Set,
    /// Files: a change on a disk until a client has it; a listing of a million: a change, a page, all of it, memory
    File,
    /// Chat: messages a second, until they are delivered, and the home screen
    Chat,
    /// Memory of Redis with 100,000 users who have ten conversations each: takes a few minutes and 5 GB
    ChatMemory,
}

/// How to measure.
#[derive(Debug)]
pub(crate) struct Stage {
    /// More and longer rounds.
    pub(crate) long: bool,
    /// For logs and Redis's data.
    pub(crate) folder: PathBuf,
}

impl Stage {
    /// `short`, or `long` if that was asked for.
    pub(crate) fn pick<T>(&self, short: T, long: T) -> T {
        if self.long { long } else { short }
    }
}

impl Measure {
    /// The name on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Whether it is measured without being asked for by name.
    pub(crate) fn is_short(self) -> bool {
        self != Self::ChatMemory
    }

    /// Measures.
    pub(crate) fn run(self, stage: &Stage) -> Result<Section> {
        match self {
            Self::Request => request::run(stage),
            Self::Fanout => fanout::run(stage),
            Self::Accept => accept::run(stage),
            Self::Memory => memory::run(stage),
            Self::Change => change::run(stage),
            Self::Set => set::run(stage),
            Self::File => file::run(stage),
            Self::Chat => chat::run(stage),
            Self::ChatMemory => chat_memory::run(stage),
        }
    }
}
