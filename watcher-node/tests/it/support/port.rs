//! Free ports.

use std::net::TcpListener;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

use rand::RngExt;

/// Below the range from which the system takes the ports of outgoing connections (32768 to 60999 on Linux), so that no
/// client of a test that runs beside this one takes the port before it is listened on.
const RANGE: std::ops::Range<u16> = 10_000..32_000;

/// The next one to try: no two tests of a process get the same.
static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(rand::rng().random_range(RANGE)));

/// A port that nobody uses.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = RANGE.start + NEXT.fetch_add(1, Ordering::Relaxed) % (RANGE.end - RANGE.start);
        if TcpListener::bind(("::", port)).or_else(|_| TcpListener::bind(("127.0.0.1", port))).is_ok() {
            return port;
        }
    }
}
