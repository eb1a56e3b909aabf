//! The programs under test: the very binaries that are deployed, from the folder of this one.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// Builds the programs of node, worker and watcher, if this one was started with `cargo run`, so that what is measured is what
/// the sources say.
pub(crate) fn programs() -> Result<()> {
    let Some((cargo, manifest)) = std::env::var_os("CARGO").zip(std::env::var_os("CARGO_MANIFEST_PATH"))
    else {
        return Ok(());
    };
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--bins"]);
    build.args(["--package", "web-layer", "--package", "worker-layer", "--package", "watcher-node"]);
    build.arg("--manifest-path").arg(manifest);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    ensure!(build.status()?.success(), "the programs under test were not built");
    Ok(())
}

/// Where the program `name` is.
pub(crate) fn path_of(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name(name);
    ensure!(program.exists(), "{} is missing: cargo build --release --bins", program.display());
    program.canonicalize().with_context(|| format!("{} cannot be read", program.display()))
}
