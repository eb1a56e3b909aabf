//! One process of a test: started, signalled, measured, and gone with the test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::patience::{SOON, within};

/// As much of its log as is printed when a test fails, bytes.
const LOG_SHOWN_BYTES: usize = 6_000;

/// One process. It is killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; what it says goes to the file `<name>.log` in `folder`.
    pub fn start(name: &str, command: &mut Command, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).expect("a log can be written");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a log can be written"))
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Self { name: name.to_owned(), child, log }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    ///
    /// # Panics
    /// If it has ended.
    #[must_use]
    pub fn id(&self) -> Pid {
        let id = self.child.id().unwrap_or_else(|| panic!("{} has ended: {}", self.name, self.said()));
        i32::try_from(id).ok().and_then(Pid::from_raw).expect("process ids are positive")
    }

    /// Asks it to stop (SIGTERM).
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Interrupts it, as Ctrl-C does (SIGINT).
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Stops it from running until [`Self::thaw`] (SIGSTOP).
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it run again (SIGCONT).
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.id(), signal).unwrap_or_else(|error| panic!("{}: {error}", self.name));
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("a process can be killed");
    }

    /// Waits until it has ended, which must be soon.
    pub async fn ended(&mut self) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        within(&what, SOON, self.wait()).await
    }

    /// Waits until it has ended, however long that takes.
    pub async fn wait(&mut self) -> ExitStatus {
        self.child.wait().await.expect("a process can be waited for")
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a process can be waited for").is_some()
    }

    /// The processes that it started and that live: the process id and the command line of each.
    #[must_use]
    pub fn children(&self) -> Vec<(Pid, String)> {
        let parent = self.id();
        let entries = fs::read_dir("/proc").expect("this is Linux").flatten();
        let ids = entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
        ids.filter(|id| parent_of(*id) == Some(parent)).map(|id| (id, command_line(id))).collect()
    }

    /// Its resident memory (`VmRSS`), bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.id().as_raw_pid());
        let status = fs::read_to_string(path).expect("a running process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has VmRSS");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("VmRSS is in kB");
        kib * 1024
    }

    /// All that it has said so far.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// The command line of a process; empty when it is gone, even if nobody has asked yet how it ended.
#[must_use]
pub fn command_line(id: Pid) -> String {
    let line = fs::read(format!("/proc/{}/cmdline", id.as_raw_pid())).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

/// Kills a process that the test did not start itself, but that belongs to it.
pub fn kill(id: Pid) {
    kill_process(id, Signal::KILL).expect("the process lives");
}

/// Stops such a process from running.
pub fn freeze(id: Pid) {
    kill_process(id, Signal::STOP).expect("the process lives");
}

/// The fourth field of `/proc/<id>/stat`; the second is a name in brackets, with anything in it.
fn parent_of(id: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", id.as_raw_pid())).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    Pid::from_raw(fields.split(' ').nth(1)?.parse().ok()?)
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = self.said();
            let end = &said.as_bytes()[said.len().saturating_sub(LOG_SHOWN_BYTES)..];
            eprintln!("---- {} said:\n{}", self.name, String::from_utf8_lossy(end));
        }
    }
}
