//! The programs under test: the ones that were built together with the tests.

use std::env::current_exe;
use std::path::PathBuf;

/// Where the program `name` was built to. Tests are in `target/<profile>/deps`, programs in `target/<profile>`.
///
/// # Panics
/// If it was not built: says how to build it.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    let test = current_exe().expect("a test knows where it is");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("tests are in target/<profile>/deps");
    let program = profile.join(name);
    let release = if profile.ends_with("release") { " --release" } else { "" };
    assert!(
        program.exists(),
        "{} is not built: run `cargo build{release} --workspace --bins`, or `make test`, which builds all",
        program.display()
    );
    program
}
