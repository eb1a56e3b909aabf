//! What stands in the source: the invariants that no running process shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the workspace.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a crate is in its workspace")
}

/// Every Rust file of these crates, without tests and comments: the path and the code.
#[must_use]
pub fn code(crates: &[&str]) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for name in crates {
        collect(&root().join(name).join("src"), &mut files);
    }
    assert!(!files.is_empty(), "no source in {crates:?}");
    files
        .into_iter()
        .map(|path| (path.clone(), without_tests(&fs::read_to_string(&path).expect("source can be read"))))
        .collect()
}

/// The names of all crates that `name` is built of, itself included.
#[must_use]
pub fn crates_in(name: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(["--package", name])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("names are text");
    let names: Vec<String> =
        text.lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect();
    assert!(names.iter().any(|found| found == name), "{text}");
    names
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("source can be listed") {
        let path = entry.expect("source can be listed").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
}

/// The code before the module of tests, which stands last in a file, without comments that fill a line.
fn without_tests(code: &str) -> String {
    let code = code.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}
