//! The keys of the chat service in Redis.
//!
//! Those of a conversation share the tag `{c:<a>,<b>}`, those of a user the tag `{u:<name>}`, so that each script touches one
//! slot. In tags names are percent-encoded: they are readable with `redis-cli`, and no name can end its tag.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A set: for each worker that just now changes a conversation, `["<random>","<a>","<b>"]`. What stays behind is a change that
/// may not have reached both users. A key of its own: it is changed by commands before and after.
pub(super) const OUTBOX: &str = "chat:outbox";

/// A string: what the names of pictures are signed with, 32 random bytes. Removed, no link to a picture works any more.
pub(super) const PICTURES_KEY: &str = "chat:pictures:key";

/// A sorted set: users who are online, scored by when to look next whether they still are, microseconds. A key of its own: what
/// is told of a user is with the user.
pub(super) const PRESENCE: &str = "chat:presence";

/// What the topic of those who watch a user ends with.
const WATCHERS: &str = ":presence";

/// What stays as it is in a tag.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The keys of one conversation.
#[derive(Debug, Clone)]
pub(super) struct ConversationKeys {
    /// A hash: `seq` of the newest message, how many `a` and `b` have written, up to which message each has read (`read_a`,
    /// `read_b`), how many of the other side's there are up to there (`met_a`, `met_b`), and up to which message each has received
    /// (`got_a`, `got_b`).
    pub(super) meta: String,
    /// A stream: a message `<seq>-0` with `ms`, `by` and `said` (members of its JSON), and how many `a` and `b` had written then.
    pub(super) messages: String,
    /// A hash: for each `<side>:<message id>` the number of the message. Kept as long as the messages.
    pub(super) ids: String,
}

/// The keys of one user, by the folded name.
#[derive(Debug, Clone)]
pub(super) struct UserKeys {
    /// The topic of all devices.
    pub(super) topic: String,
    /// A hash: `name` as it was typed last, `epoch`, `position` of the newest log entry; of presence `online` (1 or 0, as it was
    /// told), `told` (the version of that) and `left` (since when no device is connected, microseconds).
    pub(super) meta: String,
    /// A stream: an entry `<position>-0` for each change, with `prev` (the position before) and `change` (JSON without its end).
    pub(super) log: String,
    /// A sorted set: who there are conversations with, scored by the position of the newest message.
    pub(super) home: String,
    /// The same, scored by the position of the newest change of any kind.
    pub(super) changed: String,
    /// What the keys of conversations begin with; each is a hash: `delivered` (the newest message), `last` (that as JSON), `met`
    /// (how many are the other's), `read`, `read_met` (the same at the last one that was read), `receipt`, `reached` (up to
    /// which message the other has received), `with`, `name`.
    pub(super) with: String,
}

impl ConversationKeys {
    pub(super) fn of(a: &str, b: &str) -> Self {
        let tag = format!("chat:{{c:{},{}}}", encoded(a), encoded(b));
        Self { meta: format!("{tag}:meta"), messages: format!("{tag}:messages"), ids: format!("{tag}:ids") }
    }
}

impl UserKeys {
    pub(super) fn of(user: &str) -> Self {
        let topic = topic(user);
        let key = |name: &str| format!("chat:{topic}:{name}");
        Self {
            meta: key("meta"),
            log: key("log"),
            home: key("home"),
            changed: key("changed"),
            with: key("with:"),
            topic,
        }
    }
}

/// The topic of all devices of a user.
pub(super) fn topic(user: &str) -> String {
    format!("{{u:{}}}", encoded(user))
}

/// The topic of those who watch whether a user is online. It has the tag of the user's keys.
pub(super) fn watch_topic(user: &str) -> String {
    format!("{}{WATCHERS}", topic(user))
}

/// Whom those watch whose topic it is.
pub(super) fn watched_of(topic: &str) -> Option<String> {
    user_of(topic.strip_suffix(WATCHERS)?)
}

/// Whose topic it is.
pub(super) fn user_of(topic: &str) -> Option<String> {
    let encoded = topic.strip_prefix("{u:")?.strip_suffix('}')?;
    Some(percent_encoding::percent_decode_str(encoded).decode_utf8().ok()?.into_owned())
}

fn encoded(name: &str) -> impl std::fmt::Display {
    utf8_percent_encode(name, ENCODED)
}

#[cfg(test)]
mod tests {
    use protocol::chat::NAME_BYTES_MAX;
    use protocol::limit::TOPIC_BYTES_MAX;

    use super::*;

    #[test]
    fn a_topic_tells_whose_it_is_whatever_the_name_and_is_never_too_long() {
        for name in ["ana", "a}b{c", "名 前", &"\u{7f}".repeat(NAME_BYTES_MAX), "%41,"] {
            let topic = topic(name);
            assert_eq!(user_of(&topic).as_deref(), Some(name));
            assert!(topic.len() <= TOPIC_BYTES_MAX && topic.find('}') == Some(topic.len() - 1), "{topic}");
            let watched = watch_topic(name);
            assert_eq!((watched_of(&watched).as_deref(), user_of(&watched)), (Some(name), None));
            assert!(watched.len() <= TOPIC_BYTES_MAX && watched_of(&topic).is_none(), "{watched}");
        }
    }

    #[test]
    fn no_two_pairs_of_names_share_a_key() {
        assert_ne!(ConversationKeys::of("a,b", "c").meta, ConversationKeys::of("a", "b,c").meta);
    }
}
