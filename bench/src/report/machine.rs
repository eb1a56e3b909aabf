//! Where and on what was measured: figures without it mean nothing.

use std::fmt;
use std::fs;
use std::process::Command;
use std::time::Duration;

use serde::Serialize;

use crate::clock;

/// The machine, the software, and how busy it was.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    commit: String,
    unix_time_s: u64,
    long: bool,
    cores: usize,
    cpu: String,
    memory: String,
    kernel: String,
    redis: String,
    /// Of all cores' time, what others used in the second before the start, percent.
    busy_percent: f64,
}

impl Machine {
    /// Looks around.
    pub(crate) fn here(long: bool) -> Self {
        let (status, commit) =
            (output("git", &["status", "--porcelain"]), output("git", &["rev-parse", "--short=12", "HEAD"]));
        let changed = if status.is_empty() { "" } else { " with changes" };
        let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |path: &str, name: &str| {
            let text = file(path);
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
            value.map_or("unknown".to_owned(), |(_, value)| value.trim().to_owned())
        };
        let version = output("redis-server", &["--version"]);
        Self {
            commit: format!("{commit}{changed}"),
            unix_time_s: std::time::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs()),
            long,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            cpu: field("/proc/cpuinfo", "model name"),
            memory: field("/proc/meminfo", "MemTotal"),
            kernel: file("/proc/sys/kernel/osrelease").trim().to_owned(),
            redis: version
                .split_whitespace()
                .find_map(|word| word.strip_prefix("v="))
                .unwrap_or("unknown")
                .to_owned(),
            busy_percent: busy_percent(),
        }
    }

    /// Whether others use the machine.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy_percent > 10.0
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { commit, cores, cpu, memory, kernel, redis, busy_percent, .. } = self;
        let long = if self.long { ", long rounds" } else { "" };
        write!(
            f,
            "commit {commit}, {cores} cores ({cpu}), {memory}, Linux {kernel}, Redis {redis}, {busy_percent:.0} % busy \
             with other things before{long}"
        )
    }
}

/// What the machine does in a second in which this program does nothing.
fn busy_percent() -> f64 {
    let ticks = || -> Vec<f64> {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
        fields.filter_map(|field| field.parse().ok()).collect()
    };
    let before = ticks();
    clock::sleep(Duration::from_secs(1));
    let spent: Vec<f64> = ticks().iter().zip(before).map(|(after, before)| after - before).collect();
    // The fourth and the fifth field are idle time, without and with something to wait for on a disk.
    let idle: f64 = spent.iter().skip(3).take(2).sum();
    100.0 * (1.0 - idle / spent.iter().take(8).sum::<f64>())
}

fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
