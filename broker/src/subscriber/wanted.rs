//! Which channels are wanted, and which changes to that Redis has yet to confirm.

use std::collections::HashSet;

use tokio::sync::oneshot;

use super::NotConnected;

/// What a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Subscribe,
    SubscribePattern,
    Unsubscribe,
}

/// A change that somebody waits for.
pub(super) struct Change {
    pub(super) kind: Kind,
    pub(super) channel: String,
    pub(super) done: oneshot::Sender<Result<(), NotConnected>>,
}

/// The wish, and the way to it.
#[derive(Default)]
pub(super) struct Wanted {
    channels: HashSet<String>,
    patterns: HashSet<String>,
    /// There is a link on which changes can be made.
    has_link: bool,
    pending: Vec<Change>,
}

impl Wanted {
    /// Remembers a change; false if there is no link to make it on.
    pub(super) fn change(&mut self, change: Change) -> bool {
        match change.kind {
            Kind::Subscribe => self.channels.insert(change.channel.clone()),
            Kind::SubscribePattern => self.patterns.insert(change.channel.clone()),
            Kind::Unsubscribe => self.channels.remove(&change.channel),
        };
        if self.has_link {
            self.pending.push(change);
        }
        self.has_link
    }

    /// There is a link: all that is wanted has to be subscribed on it, then all that changes from now on.
    pub(super) fn link(&mut self) -> (Vec<String>, Vec<String>) {
        self.has_link = true;
        (
            self.channels.iter().cloned().collect(),
            self.patterns.iter().cloned().collect(),
        )
    }

    /// The link is gone: whoever waits learns that it is not confirmed.
    pub(super) fn unlink(&mut self) {
        self.has_link = false;
        self.pending.clear();
    }

    /// The changes to make, in order.
    pub(super) fn take(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.pending)
    }
}
