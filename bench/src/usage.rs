//! What a process has used, as the kernel accounts for it.

use std::collections::HashMap;
use std::fs;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// CPU time of each thread of a process so far, nanoseconds. `/proc/PID/stat` counts the same in steps of 10 ms, which is
/// too coarse for a single change.
#[derive(Debug)]
pub(crate) struct Cpu(HashMap<String, u64>);

impl Cpu {
    /// Reads the account of process `pid`.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let mut threads = HashMap::new();
        for task in
            fs::read_dir(format!("/proc/{pid}/task")).with_context(|| format!("process {pid} is gone"))?
        {
            let task = task?;
            // A thread may end between the listing and the reading; its time is then lost, as the servers' threads stay.
            let Ok(account) = fs::read_to_string(task.path().join("schedstat")) else { continue };
            let run_ns = account.split_whitespace().next().and_then(|field| field.parse().ok());
            threads.insert(
                task.file_name().to_string_lossy().into_owned(),
                run_ns.context("/proc/PID/schedstat holds no time: the kernel lacks CONFIG_SCHED_INFO")?,
            );
        }
        Ok(Self(threads))
    }

    /// What was used from `earlier` until now, nanoseconds.
    pub(crate) fn since_ns(&self, earlier: &Self) -> f64 {
        let used = |(thread, run_ns): (&String, &u64)| {
            run_ns.saturating_sub(earlier.0.get(thread).copied().unwrap_or(0))
        };
        self.0.iter().map(used).sum::<u64>() as f64
    }
}

/// Resident memory of a process, bytes.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Memory {
    /// All resident pages: `VmRSS`.
    pub(crate) rss_bytes: f64,
    /// Without the pages of files (the program itself): `RssAnon`.
    pub(crate) anonymous_bytes: f64,
    /// The most that was resident at a time: `VmHWM`.
    pub(crate) peak_bytes: f64,
}

impl Memory {
    /// Reads the account of process `pid`.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))
            .with_context(|| format!("process {pid} is gone"))?;
        let kib = |name: &str| -> Result<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such field")?;
            Ok(line.trim().trim_end_matches(" kB").parse::<f64>()?)
        };
        Ok(Self {
            rss_bytes: kib("VmRSS:")? * 1024.0,
            anonymous_bytes: kib("RssAnon:")? * 1024.0,
            peak_bytes: kib("VmHWM:")? * 1024.0,
        })
    }

    /// Lets the peak of process `pid` begin anew, at what is resident now; returns the account.
    pub(crate) fn with_new_peak(pid: u32) -> Result<Self> {
        // See proc(5): 5 resets the peak.
        fs::write(format!("/proc/{pid}/clear_refs"), "5").context("the peak cannot be reset")?;
        Self::of(pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_is_charged_for_it() {
        let pid = std::process::id();
        let before = Cpu::of(pid).unwrap();
        let started_ns = crate::clock::thread_cpu_ns();
        while crate::clock::thread_cpu_ns() - started_ns < 50_000_000 {}
        assert!(Cpu::of(pid).unwrap().since_ns(&before) > 20e6);
        let memory = Memory::with_new_peak(pid).unwrap();
        assert!(memory.rss_bytes > 100_000.0 && memory.peak_bytes >= memory.rss_bytes * 0.9);
    }
}
