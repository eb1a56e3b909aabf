//! The folder of the private Redis, which only one Redis at a time may use: two that append to one file destroy it.
//!
//! The folder's lock is a locked file (flock). The Redis gets that very open file as its standard input, which it never
//! reads. So the lock lasts as long as the launcher *or* the Redis lives, whatever becomes of the other.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, test_kill_process};
use tokio::time::{Instant, sleep};

use crate::LaunchError;

const LOCK_FILE: &str = "launcher.lock";
const REDIS_PID_FILE: &str = "redis.pid";
const REDIS_LOG_FILE: &str = "redis.log";

/// How long to wait for a Redis that is just ending, because its launcher was killed and started again at once.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A data folder that nobody else uses.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    lock: File,
}

impl DataFolder {
    /// Makes the folder if needed, and locks it.
    ///
    /// # Errors
    /// If it cannot be made or written to, or is in use.
    pub async fn take(path: &Path) -> Result<Self, LaunchError> {
        let unusable = |source| LaunchError::DataFolder { folder: path.to_owned(), source };
        fs::create_dir_all(path).map_err(unusable)?;
        let path = path.canonicalize().map_err(unusable)?;
        let lock = open(&path.join(LOCK_FILE)).map_err(unusable)?;
        let mut folder = Self { path, lock };
        let deadline = Instant::now() + PATIENCE;
        loop {
            match folder.lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(unusable(source)),
                Err(TryLockError::WouldBlock) if Instant::now() > deadline => return Err(folder.in_use()),
                Err(TryLockError::WouldBlock) => sleep(LOOK_EVERY).await,
            }
        }
        folder.sign().map_err(unusable)?;
        Ok(folder)
    }

    /// The absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the Redis writes its process id.
    #[must_use]
    pub fn redis_pid_file(&self) -> PathBuf {
        self.path.join(REDIS_PID_FILE)
    }

    /// Where the Redis writes its log.
    #[must_use]
    pub fn redis_log_file(&self) -> PathBuf {
        self.path.join(REDIS_LOG_FILE)
    }

    /// The lock, to be handed to the Redis.
    ///
    /// # Errors
    /// If the process has too many files open.
    pub fn lock(&self) -> io::Result<File> {
        self.lock.try_clone()
    }

    /// Writes down who has the lock.
    fn sign(&mut self) -> io::Result<()> {
        self.lock.set_len(0)?;
        writeln!(self.lock, "{}", std::process::id())
    }

    fn in_use(self) -> LaunchError {
        let launcher = living(&self.path.join(LOCK_FILE));
        let redis = living(&self.redis_pid_file());
        let (user, process_id) = match (launcher, redis) {
            (None, Some(redis)) => ("the Redis that a killed launcher left behind", Some(redis)),
            (launcher, _) => ("another launcher", launcher),
        };
        LaunchError::DataFolderInUse { folder: self.path, user, process_id }
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).open(path)
}

/// The process whose id stands in `file`, if it lives.
fn living(file: &Path) -> Option<i32> {
    let id: i32 = fs::read_to_string(file).ok()?.trim().parse().ok().filter(|id| *id > 0)?;
    test_kill_process(Pid::from_raw(id)?).ok().map(|()| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_folder_is_used_by_one_at_a_time() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("not/yet/there");
        let first = DataFolder::take(&path).await.unwrap();
        let error = DataFolder::take(&path).await.unwrap_err().to_string();
        assert!(error.contains("in use by another launcher"), "{error}");
        assert!(error.contains(&format!("kill {}", std::process::id())), "{error}");
        drop(first);
        DataFolder::take(&path).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_lock_lasts_as_long_as_whoever_was_handed_it() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = DataFolder::take(temporary.path()).await.unwrap();
        let handed_on = folder.lock().unwrap();
        drop(folder);
        assert!(DataFolder::take(temporary.path()).await.is_err());
        drop(handed_on);
        assert!(DataFolder::take(temporary.path()).await.is_ok());
    }

    #[tokio::test]
    async fn a_file_is_no_folder() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = DataFolder::take(file.path()).await.unwrap_err().to_string();
        assert!(error.contains("--data"), "{error}");
    }
}
