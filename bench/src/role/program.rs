//! Another program as a child that ends with the bench.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, anyhow};
use clap::Args;

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Program {
    program: PathBuf,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Program {
    /// Becomes that program, under the same process id.
    pub(super) fn play(&self) -> Result<()> {
        let error = Command::new(&self.program).args(&self.args).exec();
        Err(anyhow!("{} does not start: {error}", self.program.display()))
    }
}
