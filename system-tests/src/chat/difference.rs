//! What differs between what is stored and what a device knows, in words.

use std::collections::{BTreeMap, BTreeSet};

use super::message::{Message, Summary, Talk, Written};
use super::stored::Stored;

/// What is wrong with messages, by their numbers.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wrong {
    missing: Vec<u64>,
    twice: Vec<u64>,
    out_of_order: Vec<u64>,
    other_than_stored: Vec<u64>,
}

/// What is wrong with the conversations that somebody knows.
#[must_use]
pub fn of_talks(who: &str, stored: &BTreeMap<String, Talk>, known: &BTreeMap<String, Talk>) -> Vec<String> {
    let names: BTreeSet<&String> = stored.keys().chain(known.keys()).collect();
    let none = Talk::default();
    let mut found = Vec::new();
    for with in names {
        let (stored, known) = (stored.get(with).unwrap_or(&none), known.get(with).unwrap_or(&none));
        found.extend(of_messages(&format!("{who}, with {with}"), &stored.messages, &known.messages));
        let counts = |talk: &Talk| (talk.unread, talk.read, talk.receipt, talk.delivered);
        if counts(stored) != counts(known) {
            let (is, should) = (counts(known), counts(stored));
            found.push(format!(
                "{who}, with {with}: unread, read, receipt and delivered are {is:?}, and should be {should:?}"
            ));
        }
    }
    found
}

/// What is wrong with the messages of a conversation.
#[must_use]
pub fn of_messages(who: &str, stored: &[Message], known: &[Message]) -> Option<String> {
    (stored != known).then(|| format!("{who}: {:?}", wrong(stored, known)))
}

/// What is wrong with a home screen, whose order is given.
#[must_use]
pub fn of_home(
    who: &str,
    stored: &BTreeMap<String, Talk>,
    newest_first: &[&str],
    home: &[Summary],
) -> Vec<String> {
    let mut found = Vec::new();
    let order: Vec<&str> = home.iter().map(|line| line.with.as_str()).collect();
    if order != newest_first {
        found.push(format!("{who}: home is in the order {order:?}, and should be {newest_first:?}"));
    }
    if home.len() != stored.len() {
        found.push(format!("{who}: home has {} conversations of {}", home.len(), stored.len()));
    }
    for line in home {
        let wanted = stored.get(&line.with).and_then(|talk| summary(&line.with, &line.with_name, talk));
        if wanted.as_ref() != Some(line) {
            found.push(format!("{who}: home has {line:?}, and should have {wanted:?}"));
        }
    }
    found
}

/// What is wrong with what was acknowledged, all of which must be stored, and nothing else.
#[must_use]
pub fn of_written(stored: &Stored, written: &[&Written]) -> Vec<String> {
    let mut found = Vec::new();
    for one in written {
        let is = stored.message(&one.from, &one.with, one.seq);
        let fits = |it: &Message| {
            (&it.from, &it.text, &it.message_id, it.sent_ms)
                == (&one.from, &one.text, &one.message_id, one.sent_ms)
        };
        if !is.is_some_and(fits) {
            found.push(format!("acknowledged: {one:?}, but stored: {is:?}"));
        }
    }
    if stored.count() != written.len() {
        found.push(format!("{} messages are stored, and {} were written", stored.count(), written.len()));
    }
    found
}

/// A line of the home screen from scratch.
fn summary(with: &str, known_name: &str, talk: &Talk) -> Option<Summary> {
    let last = talk.messages.last()?.clone();
    // The other side's own word, if there is one.
    let own_name = talk.messages.iter().rev().find(|message| message.from == with);
    let with_name = own_name.map_or(known_name, |message| &message.from_name).to_owned();
    let Talk { unread, read, receipt, delivered, .. } = *talk;
    Some(Summary { with: with.to_owned(), with_name, last, unread, read, receipt, delivered })
}

fn wrong(stored: &[Message], known: &[Message]) -> Wrong {
    let mut wrong = Wrong::default();
    let by_number: BTreeMap<u64, &Message> = stored.iter().map(|message| (message.seq, message)).collect();
    let mut seen = BTreeSet::new();
    let mut newest = 0;
    for message in known {
        let seq = message.seq;
        if !seen.insert(seq) {
            wrong.twice.push(seq);
        } else if seq < newest {
            wrong.out_of_order.push(seq);
        }
        if by_number.get(&seq) != Some(&message) {
            wrong.other_than_stored.push(seq);
        }
        newest = newest.max(seq);
    }
    wrong.missing = by_number.into_keys().filter(|seq| !seen.contains(seq)).collect();
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(seq: u64) -> Message {
        Message {
            seq,
            from: if seq.is_multiple_of(2) { "ana" } else { "bob" }.to_owned(),
            from_name: if seq.is_multiple_of(2) { "Ana" } else { "Bob" }.to_owned(),
            text: format!("text {seq}"),
            message_id: format!("id {seq}"),
            sent_ms: seq,
        }
    }

    fn talk() -> Talk {
        Talk { messages: (1..=9).map(message).collect(), unread: 2, read: 5, receipt: 4, delivered: 6 }
    }

    fn talks(talk: Talk) -> BTreeMap<String, Talk> {
        [("bob".to_owned(), talk)].into()
    }

    fn spoilt(spoil: impl FnOnce(&mut Vec<Message>)) -> Wrong {
        let mut messages = talk().messages;
        spoil(&mut messages);
        let found = of_talks("ana", &talks(talk()), &talks(Talk { messages: messages.clone(), ..talk() }));
        assert_eq!(found.len(), 1, "{found:?}");
        wrong(&talk().messages, &messages)
    }

    #[test]
    fn what_is_equal_does_not_differ() {
        assert_eq!(of_talks("ana", &talks(talk()), &talks(talk())), [""; 0]);
        assert_eq!(wrong(&talk().messages, &talk().messages), Wrong::default());
    }

    #[test]
    fn a_message_that_is_missing_doubled_swapped_changed_or_made_up_is_found() {
        assert_eq!(spoilt(|it| drop(it.remove(3))).missing, [4]);
        assert_eq!(spoilt(|it| drop(it.pop())).missing, [9]);
        assert_eq!(spoilt(|it| it.insert(7, message(2))).twice, [2]);
        assert_eq!(spoilt(|it| it.swap(2, 3)).out_of_order, [3]);
        assert_eq!(spoilt(|it| it[4].text.push('!')).other_than_stored, [5]);
        assert_eq!(spoilt(|it| it.push(message(10))).other_than_stored, [10]);
    }

    #[test]
    fn a_whole_conversation_that_is_missing_and_one_that_is_made_up_are_found() {
        assert_eq!(of_talks("ana", &talks(talk()), &BTreeMap::new()).len(), 2);
        assert_eq!(of_talks("ana", &BTreeMap::new(), &talks(talk())).len(), 2);
    }

    #[test]
    fn a_count_or_a_mark_that_is_wrong_is_found() {
        for wrong in [
            Talk { unread: 3, ..talk() },
            Talk { read: 4, ..talk() },
            Talk { receipt: 0, ..talk() },
            Talk { delivered: 5, ..talk() },
        ] {
            assert_eq!(of_talks("ana", &talks(talk()), &talks(wrong)).len(), 1);
        }
    }

    #[test]
    fn a_home_screen_that_is_wrong_is_found() {
        let good = summary("bob", "Bob", &talk()).expect("a message");
        assert_eq!(of_home("ana", &talks(talk()), &["bob"], std::slice::from_ref(&good)), [""; 0]);
        for wrong in [
            Summary { with_name: "BOB".to_owned(), ..good.clone() },
            Summary { last: message(8), ..good.clone() },
            Summary { unread: 0, ..good.clone() },
            Summary { read: 0, ..good.clone() },
            Summary { receipt: 0, ..good.clone() },
            Summary { delivered: 7, ..good.clone() },
        ] {
            assert_eq!(of_home("ana", &talks(talk()), &["bob"], &[wrong]).len(), 1);
        }
        assert_eq!(of_home("ana", &talks(talk()), &["bob"], &[]).len(), 2);
        let both = [good.clone(), Summary { with: "carl".to_owned(), ..good }];
        assert_eq!(of_home("ana", &talks(talk()), &["carl", "bob"], &both).len(), 3);
    }

    #[test]
    fn what_was_acknowledged_and_is_not_stored_is_found() {
        let one = Written {
            from: "ana".to_owned(),
            with: "bob".to_owned(),
            message_id: "1".to_owned(),
            text: "hi".to_owned(),
            seq: 1,
            sent_ms: 1,
        };
        assert_eq!(of_written(&Stored::default(), &[&one]).len(), 2);
        assert_eq!(of_written(&Stored::default(), &[]), [""; 0]);
    }
}
