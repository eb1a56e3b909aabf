//! What to say to the service next, and what follows from its answer. No I/O: whoever talks to the service asks for the next
//! [`Turn`], and hands the [`Outcome`] back.
//!
//! One word at a time, so that operations come in order. A hello opens the dialogue, is repeated every [`limit::HELLO_MS`],
//! and comes first after every failure: a service that was restarted learns at once where to fetch the list.

use protocol::files::{Heard, Hello, Instance, OPERATIONS_MAX, State};
use tokio::time::{Duration, Instant};

use crate::ledger::{Ledger, List, Numbered};
use crate::limit;

/// The watcher's side of its talk with the service.
pub struct Dialogue {
    /// What there is to tell.
    pub ledger: Ledger,
    make_instance: fn() -> Instance,
    instance: Instance,
    port: u16,
    /// Whether the service has taken anything that this instance said.
    is_known: bool,
    /// Whether it has taken a hello since the last failure.
    is_greeted: bool,
    /// Whether it answers as the files service does: then it takes several operations at once.
    takes_several: bool,
    one_by_one_until: Option<Instant>,
    next_hello: Instant,
    not_before: Instant,
    failures: u32,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Say this.
    Say(Word),
    /// Ask again at this time, or when something has changed.
    Wait(Instant),
}

/// Something to say to the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// The watcher is there.
    Hello(Hello),
    /// This happened. At least one operation.
    Operations(Instance, Vec<Numbered>),
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The service has taken it, and answered this if it is the files service.
    Accepted(Option<Heard>),
    /// The service has understood it and will not take it as it is.
    Refused,
    /// It may not have heard it, or cannot take it now.
    Failed,
}

/// What came of an outcome that somebody should know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing special.
    None,
    /// The service takes this watcher for one that has left. It goes on as this one.
    Renamed(Instance),
    /// The service does not take several operations at once, so they go one by one.
    OneByOne,
    /// The service will not take this one. It is tried again behind all others.
    PutOff(Numbered),
}

impl Dialogue {
    /// A watcher that nobody has heard of, which serves its list at this port.
    #[must_use]
    pub fn new(ledger: Ledger, port: u16, now: Instant, make_instance: fn() -> Instance) -> Self {
        Self {
            ledger,
            make_instance,
            instance: make_instance(),
            port,
            is_known: false,
            is_greeted: false,
            takes_several: false,
            one_by_one_until: None,
            next_hello: now,
            not_before: now,
            failures: 0,
        }
    }

    /// What the watcher calls itself.
    #[must_use]
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// The list for the service to fetch, and whose it is.
    pub fn show(&mut self) -> (Instance, List) {
        (self.instance.clone(), self.ledger.show())
    }

    /// What to do now.
    pub fn turn(&mut self, now: Instant) -> Turn {
        if now < self.not_before {
            return Turn::Wait(self.not_before);
        }
        if !self.is_greeted || now >= self.next_hello {
            return Turn::Say(Word::Hello(self.hello()));
        }
        let is_one_by_one = !self.takes_several || self.one_by_one_until.is_some_and(|until| now < until);
        let count = if is_one_by_one { 1 } else { OPERATIONS_MAX };
        let operations: Vec<Numbered> =
            self.ledger.number(count, limit::OPERATIONS_BYTES_MAX).cloned().collect();
        if operations.is_empty() {
            return Turn::Wait(self.next_hello);
        }
        Turn::Say(Word::Operations(self.instance.clone(), operations))
    }

    fn hello(&mut self) -> Hello {
        if !self.is_known && self.ledger.is_untold() {
            // What changed while nobody listened is in the list that will be fetched.
            self.ledger.start_over();
        }
        Hello { instance: self.instance.clone(), port: self.port, seqno: Some(self.ledger.settled()) }
    }

    /// Takes what became of a word. `share` is between 0 and 1: how much of the longest wait a wait is to be.
    pub fn take(&mut self, now: Instant, word: &Word, outcome: Outcome, share: f64) -> Consequence {
        match (word, outcome) {
            (_, Outcome::Accepted(Some(heard)))
                if heard.state == State::Gone && heard.instance == self.instance =>
            {
                self.become_another();
                self.back_off(now, share);
                Consequence::Renamed(self.instance.clone())
            }
            (Word::Hello(_), Outcome::Accepted(heard)) => {
                (self.is_known, self.is_greeted, self.takes_several) = (true, true, heard.is_some());
                self.next_hello = now + Duration::from_millis(limit::HELLO_MS);
                if self.ledger.is_settled() {
                    self.failures = 0;
                }
                Consequence::None
            }
            (Word::Operations(_, operations), Outcome::Accepted(_)) => {
                self.ledger.accept(operations.len());
                self.failures = 0;
                Consequence::None
            }
            (Word::Operations(_, operations), Outcome::Refused) if operations.len() > 1 => {
                self.one_by_one_until = Some(now + Duration::from_millis(limit::ONE_BY_ONE_MS));
                Consequence::OneByOne
            }
            (Word::Operations(..), Outcome::Refused) => {
                self.back_off(now, share);
                self.ledger.put_off().map_or(Consequence::None, Consequence::PutOff)
            }
            (_, Outcome::Refused | Outcome::Failed) => {
                self.is_greeted = false;
                self.back_off(now, share);
                Consequence::None
            }
        }
    }

    fn become_another(&mut self) {
        self.instance = (self.make_instance)();
        (self.is_known, self.is_greeted) = (false, false);
        self.ledger.start_over();
    }

    /// "Full jitter": anything from nothing to the bound, so that a crowd that lost the service together does not return
    /// together (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
    fn back_off(&mut self, now: Instant, share: f64) {
        self.not_before = now + Duration::from_millis(backoff_ms(self.failures)).mul_f64(share);
        self.failures = self.failures.saturating_add(1);
    }
}

/// The longest wait after so many failures before this one, milliseconds.
fn backoff_ms(failures: u32) -> u64 {
    (limit::BACKOFF_MIN_MS << failures.min(16)).min(limit::BACKOFF_MAX_MS)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;
    use crate::name::Name;

    const HELLO: Duration = Duration::from_millis(limit::HELLO_MS);

    struct Talk {
        dialogue: Dialogue,
        now: Instant,
    }

    impl Talk {
        fn new() -> Self {
            let (now, any) = (Instant::now(), || uuid::Uuid::new_v4().to_string().parse().unwrap());
            Self { dialogue: Dialogue::new(Ledger::new(2_000), 4_001, now, any), now }
        }

        /// With a service that has taken the first hello.
        fn begun(answer: Option<Heard>) -> Self {
            let mut talk = Self::new();
            assert_eq!(talk.says(Outcome::Accepted(answer)), "hello 1");
            talk
        }

        fn add(&mut self, names: std::ops::Range<usize>) {
            names.for_each(|at| {
                self.dialogue.ledger.observe(&Name::from(OsStr::new(&format!("{at}"))), true);
            });
        }

        /// What it says now, and this becomes of it. "wait" if it waits.
        fn says(&mut self, outcome: Outcome) -> String {
            match self.dialogue.turn(self.now) {
                Turn::Wait(_) => "wait".to_owned(),
                Turn::Say(word) => {
                    self.dialogue.take(self.now, &word, outcome, 1.0);
                    match word {
                        Word::Hello(hello) => format!("hello {}", hello.seqno.unwrap()),
                        Word::Operations(_, all) => {
                            format!("{} to {}", all[0].seqno, all[all.len() - 1].seqno)
                        }
                    }
                }
            }
        }
    }

    fn heard(talk: &Talk, state: State) -> Option<Heard> {
        let (instance, cursor) = (talk.dialogue.instance().clone(), "a-1".parse().unwrap());
        Some(Heard { instance, state, seqno: Some(1), cursor })
    }

    fn files_service() -> Talk {
        let answer = heard(&Talk::new(), State::Dirty);
        Talk::begun(answer)
    }

    const YES: Outcome = Outcome::Accepted(None);

    #[test]
    fn it_says_hello_at_once_and_every_5_s_with_the_newest_operation_that_was_accepted() {
        let mut talk = Talk::begun(None);
        assert_eq!(talk.says(YES), "wait");
        talk.add(0..1);
        assert_eq!(talk.says(YES), "2 to 2");
        talk.now += HELLO - Duration::from_millis(1);
        assert_eq!(talk.says(YES), "wait");
        talk.now += Duration::from_millis(1);
        assert_eq!(talk.says(YES), "hello 2");
    }

    #[test]
    fn operations_wait_for_nothing_but_hellos_that_are_due() {
        let mut talk = files_service();
        talk.add(0..1_500);
        talk.now += HELLO;
        assert_eq!(talk.says(YES), "hello 1");
        talk.dialogue.takes_several = true;
        assert!(talk.says(YES).starts_with("2 to "));
    }

    #[test]
    fn a_service_that_does_not_answer_as_the_files_service_gets_operations_one_by_one() {
        let mut talk = Talk::begun(None);
        talk.add(0..3);
        assert_eq!([talk.says(YES), talk.says(YES), talk.says(YES)], ["2 to 2", "3 to 3", "4 to 4"]);
        let mut talk = files_service();
        talk.add(0..3);
        assert_eq!(talk.says(YES), "2 to 4");
    }

    #[test]
    fn after_several_were_refused_they_go_one_by_one_for_a_minute() {
        let mut talk = files_service();
        talk.add(0..3);
        assert_eq!(talk.says(Outcome::Refused), "2 to 4");
        assert_eq!([talk.says(YES), talk.says(YES), talk.says(YES)], ["2 to 2", "3 to 3", "4 to 4"]);
        talk.now += Duration::from_millis(limit::ONE_BY_ONE_MS);
        assert_eq!(talk.says(Outcome::Accepted(heard(&talk, State::Synced))), "hello 4");
        talk.add(3..6);
        assert_eq!(talk.says(YES), "5 to 7");
    }

    #[test]
    fn after_a_failure_it_waits_twice_as_long_each_time_and_says_hello_first() {
        let mut talk = Talk::begun(None);
        talk.add(0..1);
        let mut waits = Vec::new();
        for _ in 0..9 {
            assert_eq!(talk.says(Outcome::Failed), "2 to 2");
            let Turn::Wait(until) = talk.dialogue.turn(talk.now) else { panic!("it does not wait") };
            waits.push((until - talk.now).as_millis());
            talk.now = until;
            // That hellos are accepted says nothing about operations.
            assert_eq!(talk.says(YES), "hello 1");
        }
        assert_eq!(waits, [50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!([talk.says(YES), talk.says(Outcome::Failed)], ["2 to 2", "wait"]);
        assert_eq!(talk.dialogue.failures, 0);
    }

    #[test]
    fn what_changes_while_nobody_ever_listened_is_in_the_list_and_is_not_told() {
        let mut talk = Talk::new();
        assert_eq!(talk.says(Outcome::Failed), "hello 1");
        talk.add(0..100);
        talk.now += HELLO;
        assert_eq!([talk.says(YES), talk.says(YES)], ["hello 1", "wait"]);
        assert_eq!(talk.dialogue.show().1.names.len(), 100);
    }

    #[test]
    fn an_operation_that_is_refused_by_itself_holds_up_no_others() {
        let mut talk = Talk::begun(None);
        talk.add(0..2);
        assert_eq!([talk.says(Outcome::Refused), talk.says(YES)], ["2 to 2", "wait"]);
        talk.now += HELLO;
        // The number that was skipped is said, so that the service fetches the list.
        assert_eq!([talk.says(YES), talk.says(YES), talk.says(YES)], ["hello 2", "3 to 3", "4 to 4"]);
    }

    #[test]
    fn a_watcher_that_is_taken_for_gone_goes_on_as_another_one() {
        let mut talk = files_service();
        talk.add(0..2);
        let (before, gone) = (talk.dialogue.instance().clone(), heard(&talk, State::Gone));
        assert_eq!(talk.says(Outcome::Accepted(gone)), "2 to 3");
        assert_ne!(talk.dialogue.instance(), &before);
        talk.now += HELLO;
        assert_eq!([talk.says(YES), talk.says(YES)], ["hello 1", "wait"]);
        assert_eq!(talk.dialogue.show().1.names.len(), 2);
    }
}
