//! The folder that is watched, and a place beside it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use watcher_node::name::Name;

/// A folder that is gone with the test.
pub(crate) struct Folder {
    around: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self::missing();
        fs::create_dir(folder.path()).unwrap();
        folder
    }

    /// One that is not there yet.
    pub(crate) fn missing() -> Self {
        Self { around: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.around.path().join("watched")
    }

    /// What is not watched, on the same file system.
    pub(crate) fn outside(&self) -> &Path {
        self.around.path()
    }

    pub(crate) fn create(&self, name: impl AsRef<OsStr>) {
        File::create(self.path().join(name.as_ref())).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path().join(name)).unwrap();
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path().join(from), self.path().join(to)).unwrap();
    }

    /// All names, as they are to be listed.
    pub(crate) fn ls(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.path()).unwrap();
        entries.map(|entry| Name::from(entry.unwrap().file_name().as_os_str()).as_str().to_owned()).collect()
    }
}
