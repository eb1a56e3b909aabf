//! Patience with an end.

use std::time::Duration;

/// Longer than anything takes that is not stuck, also on a busy machine.
pub(super) const LONG: Duration = Duration::from_secs(60);

/// Waits for something that must happen.
pub(crate) async fn within<F: Future>(what: &str, event: F) -> F::Output {
    match tokio::time::timeout(LONG, event).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: not within {LONG:?}"),
    }
}
