//! One clock for all processes: a time that one stamps into a message can be compared by another.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Nanoseconds of the machine's monotonic clock.
pub(crate) fn now_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// CPU time that the calling thread has used, nanoseconds.
pub(crate) fn thread_cpu_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::ThreadCPUTime))
}

/// Waits until [`now_ns`] is `due_ns`; does not wait if that is past.
pub(crate) fn sleep_until(due_ns: u64) {
    let wait_ns = due_ns.saturating_sub(now_ns());
    if wait_ns > 0 {
        sleep(Duration::from_nanos(wait_ns));
    }
}

/// Waits on the thread of the conductor, which serves nobody.
#[expect(clippy::disallowed_methods, reason = "the conductor has no runtime and nobody waits for it")]
pub(crate) fn sleep(time: Duration) {
    std::thread::sleep(time);
}

/// Seconds from one [`now_ns`] to another.
pub(crate) fn seconds(from_ns: u64, to_ns: u64) -> f64 {
    to_ns.saturating_sub(from_ns) as f64 / 1e9
}

fn nanoseconds(time: Timespec) -> u64 {
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
