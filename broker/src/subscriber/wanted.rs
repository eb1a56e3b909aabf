//! Which channels are wanted, and which changes to that Redis has yet to confirm.

use std::collections::{HashMap, HashSet};

use tokio::sync::oneshot;

use super::NotConnected;

/// What a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

    /// There is a link: all channels and patterns that are wanted have to be subscribed on it, and then all that
    /// changes from now on.
    pub(super) fn link(&mut self) -> (Vec<String>, Vec<String>) {
        self.has_link = true;
        (self.channels.iter().cloned().collect(), self.patterns.iter().cloned().collect())
    }

    /// The link is gone: whoever waits learns that nothing was confirmed.
    pub(super) fn unlink(&mut self) {
        self.has_link = false;
        self.pending.clear();
    }

    /// The changes to make, as commands to send one after the other: see [`commands`].
    pub(super) fn take(&mut self) -> Vec<(Kind, Vec<Change>)> {
        commands(std::mem::take(&mut self.pending))
    }
}

/// Gathers changes into as few commands as possible: when thousands of connections come and go together, each with a
/// topic of its own, a command for each would cost a round trip each. Changes to different channels may pass each
/// other; a change to a channel that undoes one before it comes in a later wave.
fn commands(changes: Vec<Change>) -> Vec<(Kind, Vec<Change>)> {
    let mut newest: HashMap<String, (Kind, usize)> = HashMap::new();
    let mut waves: Vec<((usize, Kind), Change)> = Vec::with_capacity(changes.len());
    for change in changes {
        let wave = match newest.get(&change.channel) {
            None => 0,
            Some((kind, wave)) if *kind == change.kind => *wave,
            Some((_, wave)) => wave + 1,
        };
        newest.insert(change.channel.clone(), (change.kind, wave));
        waves.push(((wave, change.kind), change));
    }
    waves.sort_by_key(|(order, _)| *order);
    let mut commands: Vec<(Kind, Vec<Change>)> = Vec::new();
    let mut last = None;
    for (order, change) in waves {
        match commands.last_mut() {
            Some((_, same)) if last == Some(order) => same.push(change),
            _ => commands.push((change.kind, vec![change])),
        }
        last = Some(order);
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(kind: Kind, channel: &str) -> Change {
        Change { kind, channel: channel.to_owned(), done: oneshot::channel().0 }
    }

    #[test]
    fn changes_to_different_channels_share_commands_and_those_to_one_keep_their_order() {
        use Kind::{Subscribe, SubscribePattern, Unsubscribe};
        let changes = [
            (Subscribe, "a"),
            (Unsubscribe, "b"),
            (Subscribe, "c"),
            (SubscribePattern, "p*"),
            (Unsubscribe, "a"),
            (Subscribe, "a"),
            (Unsubscribe, "d"),
            (Subscribe, "c"),
        ];
        let commands = commands(changes.map(|(kind, channel)| change(kind, channel)).into());
        let shown: Vec<(Kind, Vec<&str>)> = commands
            .iter()
            .map(|(kind, changes)| (*kind, changes.iter().map(|change| &*change.channel).collect()))
            .collect();
        let expected = [
            (Subscribe, vec!["a", "c", "c"]),
            (SubscribePattern, vec!["p*"]),
            (Unsubscribe, vec!["b", "d"]),
            (Unsubscribe, vec!["a"]),
            (Subscribe, vec!["a"]),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_is_wanted_is_remembered_without_a_link() {
        let mut wanted = Wanted::default();
        assert!(!wanted.change(change(Kind::Subscribe, "a")));
        assert!(!wanted.change(change(Kind::Subscribe, "b")));
        assert!(!wanted.change(change(Kind::Unsubscribe, "a")));
        assert_eq!(wanted.link(), (vec!["b".to_owned()], vec![]));
        assert!(wanted.change(change(Kind::Subscribe, "c")));
        assert_eq!(wanted.take().len(), 1);
    }
}
