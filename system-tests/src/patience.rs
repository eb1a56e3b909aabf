//! Bounds for tests, and waiting until something is so.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// How long a whole test may take. Only a test that hangs takes so long.
const TEST_MAX: Duration = Duration::from_secs(120);
/// How long the system may take to do what it does at once, on a machine that is busy with other tests.
pub const SOON: Duration = Duration::from_secs(20);
/// How often to look, where nothing tells of a change.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Runs a test and bounds it.
pub fn bounded(test: impl Future<Output = ()>) {
    bounded_by(TEST_MAX, test);
}

/// Runs a test that takes long by its nature, and bounds it.
pub fn bounded_by(time: Duration, test: impl Future<Output = ()>) {
    // Built together with the whole workspace, reqwest has TLS, though no test speaks it, and wants to know which.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made")
        .block_on(within("the whole test", time, test));
}

/// Waits for something that must be over in time. `what` says what it is.
pub async fn within<T>(what: &str, time: Duration, future: impl Future<Output = T>) -> T {
    timeout(time, future).await.unwrap_or_else(|_| panic!("not over after {time:?}: {what}"))
}

/// Waits until `look` finds what must come true [`SOON`].
pub async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_within(what, SOON, look).await
}

/// Waits until `look` finds what must come true in time.
pub async fn eventually_within<T>(what: &str, time: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + time;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not so after {time:?}: {what}");
        sleep(LOOK_EVERY).await;
    }
}
