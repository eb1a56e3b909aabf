//! How a link is ended from any side, and what is said about it afterwards.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Cuts one link, from wherever something is found to be wrong with it. The first reason is kept.
#[derive(Clone, Default)]
pub(crate) struct Cut {
    token: CancellationToken,
    reason: Arc<OnceLock<&'static str>>,
}

impl Cut {
    /// Cuts the link: nothing is taken from it any more.
    pub(crate) fn now(&self, reason: &'static str) {
        // A later reason is a consequence of the first.
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    pub(crate) fn is_done(&self) -> bool {
        self.token.is_cancelled()
    }

    pub(super) async fn done(&self) {
        self.token.cancelled().await;
    }

    /// Why the link ended.
    pub(super) fn reason(&self) -> &'static str {
        self.reason.get().unwrap_or(&"the process stops")
    }
}
