//! What the launcher started ends with it, even if the launcher is killed with SIGKILL and cannot stop anything itself.
//!
//! Linux sends a process a signal of its choice when the thread that started it ends (prctl(2), `PR_SET_PDEATHSIG`), and
//! execve(2) keeps that choice. So each part makes it as the first thing it does; the Redis, before it becomes one. It
//! is SIGTERM: the part stops as it does when it is told to. On other systems parts outlive a killed launcher, and the
//! lock of the data folder tells the next one.

use std::io;

use rustix::process::getppid;
#[cfg(target_os = "linux")]
use rustix::process::{Signal, set_parent_process_death_signal};

/// Makes this process receive SIGTERM when the launcher with the process id `launcher` is gone.
///
/// # Errors
/// If it is gone already.
pub fn end_with(launcher: i32) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    set_parent_process_death_signal(Some(Signal::TERM))?;
    match getppid() {
        Some(parent) if parent.as_raw_pid() == launcher => Ok(()),
        _ => Err(io::Error::other("the launcher that started this process is gone")),
    }
}
