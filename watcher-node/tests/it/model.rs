//! The ledger and the dialogue without I/O, against a model of the service that does what the protocol says, whatever is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;

use proptest::prelude::*;
use protocol::files::{Heard, Instance, Op, State};
use tokio::time::{Duration, Instant};
use watcher_node::dialogue::{Consequence, Dialogue, Outcome, Turn, Word};
use watcher_node::ledger::{Ledger, List, Numbered};
use watcher_node::limit;
use watcher_node::name::Name;

const NAMES: u8 = 6;

#[derive(Debug, Clone)]
enum Step {
    /// Files come and go, and the watcher looks at them one by one.
    Change(u8, bool),
    /// So many change before the watcher reads the whole folder.
    ReadAfter(Vec<(u8, bool)>),
    Speak(Fate),
    /// The service asks for the list, and gets it later.
    FetchBegins,
    FetchEnds,
    /// Somebody else asks for it.
    Shown,
    ServiceLosesAll,
    /// It is restored from what it had saved, or loses all.
    ServiceSaves,
    ServiceRollsBack,
    ServiceForgetsTheWatcher,
    Later,
}

#[derive(Debug, Clone, Copy)]
enum Fate {
    Taken,
    /// The service has it, and its answer is lost.
    Unanswered,
    Lost,
    Refused,
}

/// What the service has of the watcher.
#[derive(Default, Clone)]
struct Known {
    seqno: u64,
    /// With the number of the operation that added them.
    listed: BTreeMap<Name, u64>,
    removed: BTreeMap<Name, u64>,
    is_dirty: bool,
    gaps: u32,
}

struct Service {
    /// Whether it knows more than the original's format.
    is_ours: bool,
    known: Option<(Instance, Known)>,
    saved: Option<(Instance, Known)>,
    left: BTreeSet<String>,
    fetched: Option<(Instance, List, u32)>,
    /// What each number stood for.
    said: BTreeMap<(String, u64), (Op, Name)>,
    may_have_gap: bool,
}

impl Service {
    fn hear(&mut self, word: &Word) -> Option<Heard> {
        let instance = match word {
            Word::Hello(hello) => &hello.instance,
            Word::Operations(instance, _) => instance,
        };
        let answer = |state, seqno| {
            let cursor = "a-1".parse().unwrap();
            self.is_ours.then(|| Heard { instance: instance.clone(), state, seqno, cursor })
        };
        if self.left.contains(instance.as_str()) {
            return answer(State::Gone, None);
        }
        if self.known.as_ref().is_none_or(|(known, _)| known != instance) {
            self.known = Some((instance.clone(), Known { is_dirty: true, ..Known::default() }));
            self.fetched = None;
        }
        let known = &mut self.known.as_mut().unwrap().1;
        match word {
            Word::Hello(hello) if self.is_ours && hello.seqno.unwrap() > known.seqno => known.miss(),
            Word::Hello(_) => {}
            Word::Operations(_, all) => {
                for one in all {
                    let before = self.said.entry((instance.to_string(), one.seqno));
                    assert_eq!(*before.or_insert((one.op, one.name.clone())), (one.op, one.name.clone()));
                    if self.is_ours {
                        known.apply_by_number(one, self.may_have_gap);
                    } else {
                        known.apply(one);
                    }
                }
            }
        }
        answer(if known.is_dirty { State::Dirty } else { State::Synced }, Some(known.seqno))
    }

    fn ask(&mut self, dialogue: &mut Dialogue) {
        if let Some((instance, known)) = &self.known
            && dialogue.instance() == instance
        {
            self.fetched = Some((instance.clone(), dialogue.show().1, known.gaps));
        }
    }

    fn roll_back(&mut self) {
        self.fetched = None;
        // The original's format has nothing that would tell.
        self.known = self.saved.clone().filter(|_| self.is_ours);
        self.may_have_gap = true;
    }

    fn merge(&mut self) {
        let (Some((instance, list, gaps)), Some((known_instance, known))) =
            (self.fetched.take(), &mut self.known)
        else {
            return;
        };
        if instance == *known_instance {
            known.merge(&list, gaps, self.is_ours);
        }
    }
}

impl Known {
    fn miss(&mut self) {
        (self.is_dirty, self.gaps) = (true, self.gaps + 1);
    }

    fn apply_by_number(&mut self, one: &Numbered, may_have_gap: bool) {
        if one.seqno > self.seqno {
            if one.seqno > self.seqno + 1 {
                assert!(may_have_gap || self.is_dirty, "{} was skipped", self.seqno + 1);
                self.miss();
            }
            self.apply(one);
            self.seqno = one.seqno;
        }
    }

    fn apply(&mut self, one: &Numbered) {
        if one.op == Op::Add {
            self.listed.insert(one.name.clone(), one.seqno);
            self.removed.remove(&one.name);
        } else {
            self.listed.remove(&one.name);
            self.removed.insert(one.name.clone(), one.seqno);
        }
    }

    fn merge(&mut self, list: &List, gaps: u32, is_ours: bool) {
        if !is_ours {
            self.listed = list.names.iter().map(|name| (name.clone(), list.seqno)).collect();
            self.is_dirty = false;
            return;
        }
        let names: BTreeSet<&Name> = list.names.iter().collect();
        self.listed.retain(|name, added| names.contains(name) || *added > list.seqno);
        for name in names {
            let removed = self.removed.get(name).is_some_and(|removed| *removed > list.seqno);
            if !self.listed.contains_key(name) && !removed {
                self.listed.insert(name.clone(), list.seqno);
            }
        }
        self.seqno = self.seqno.max(list.seqno);
        self.is_dirty = self.gaps != gaps;
    }
}

struct World {
    dialogue: Dialogue,
    service: Service,
    disk: BTreeSet<Name>,
    now: Instant,
}

impl World {
    fn new(is_ours: bool) -> Self {
        let instance = || uuid::Uuid::new_v4().to_string().parse().unwrap();
        let now = Instant::now();
        let service = Service {
            is_ours,
            known: None,
            saved: None,
            left: BTreeSet::new(),
            fetched: None,
            said: BTreeMap::new(),
            may_have_gap: false,
        };
        let dialogue = Dialogue::new(Ledger::new(100), 1, now, instance);
        Self { dialogue, service, disk: BTreeSet::new(), now }
    }

    fn change(&mut self, name: u8, is_there: bool) -> Name {
        let name = Name::from(OsStr::new(&format!("{name}")));
        if is_there {
            self.disk.insert(name.clone())
        } else {
            self.disk.remove(&name)
        };
        name
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Change(name, is_there) => {
                let name = self.change(*name, *is_there);
                self.dialogue.ledger.observe(&name, *is_there);
            }
            Step::ReadAfter(changes) => {
                changes.iter().for_each(|(name, is_there)| drop(self.change(*name, *is_there)));
                self.dialogue.ledger.observe_all(&self.disk);
            }
            Step::Speak(fate) => self.speak(*fate),
            Step::FetchBegins => self.service.ask(&mut self.dialogue),
            // The original's server has to finish before it hears anything else.
            Step::FetchEnds if self.service.is_ours => self.service.merge(),
            Step::FetchEnds => {
                self.service.ask(&mut self.dialogue);
                self.service.merge();
            }
            Step::Shown => drop(self.dialogue.show()),
            Step::ServiceLosesAll => (self.service.known, self.service.fetched) = (None, None),
            Step::ServiceSaves => self.service.saved = self.service.known.clone(),
            Step::ServiceRollsBack => self.service.roll_back(),
            Step::ServiceForgetsTheWatcher => {
                if self.service.is_ours
                    && let Some((instance, _)) = self.service.known.take()
                {
                    self.service.left.insert(instance.to_string());
                }
            }
            Step::Later => self.now += Duration::from_millis(limit::HELLO_MS),
        }
        if !self.service.is_ours {
            self.service.fetched = None;
        }
        assert!(self.dialogue.ledger.untold() <= 2 * usize::from(NAMES), "more to tell than there are names");
    }

    fn speak(&mut self, fate: Fate) {
        let Turn::Say(word) = self.dialogue.turn(self.now) else {
            return;
        };
        let outcome = match fate {
            Fate::Lost => Outcome::Failed,
            Fate::Refused => Outcome::Refused,
            Fate::Taken => Outcome::Accepted(self.service.hear(&word)),
            Fate::Unanswered => {
                self.service.hear(&word);
                Outcome::Failed
            }
        };
        if let Consequence::PutOff(_) = self.dialogue.take(self.now, &word, outcome, 0.5) {
            self.service.may_have_gap = true;
        }
    }

    /// From now on all goes well.
    fn come_to_rest(&mut self) {
        self.service.merge();
        for _ in 0..10 * NAMES {
            self.step(&Step::Later);
            self.step(&Step::Speak(Fate::Taken));
            self.step(&Step::Speak(Fate::Taken));
            if self.service.known.as_ref().is_some_and(|(_, known)| known.is_dirty) {
                self.step(&Step::FetchBegins);
                self.step(&Step::FetchEnds);
            }
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let change = || (0..NAMES, any::<bool>());
    let fate = prop_oneof![4 => Just(Fate::Taken), 1 => Just(Fate::Unanswered), 1 => Just(Fate::Lost), 1 => Just(Fate::Refused)];
    prop_oneof![
        8 => change().prop_map(|(name, is_there)| Step::Change(name, is_there)),
        1 => prop::collection::vec(change(), 0..4).prop_map(Step::ReadAfter),
        8 => fate.prop_map(Step::Speak),
        3 => Just(Step::FetchBegins),
        3 => Just(Step::FetchEnds),
        1 => Just(Step::Shown),
        1 => Just(Step::ServiceLosesAll),
        3 => Just(Step::ServiceSaves),
        2 => Just(Step::ServiceRollsBack),
        1 => Just(Step::ServiceForgetsTheWatcher),
        3 => Just(Step::Later),
    ]
}

fn ends_equal(is_ours: bool, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut world = World::new(is_ours);
    steps.iter().for_each(|step| world.step(step));
    world.come_to_rest();
    let (instance, known) = world.service.known.as_ref().unwrap();
    prop_assert_eq!(instance, world.dialogue.instance());
    prop_assert_eq!(known.listed.keys().cloned().collect::<BTreeSet<_>>(), world.disk);
    prop_assert_eq!(world.dialogue.ledger.untold(), 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_is_lost_the_service_ends_with_what_is_in_the_folder(
        steps in prop::collection::vec(step(), 0..60),
    ) {
        ends_equal(true, &steps)?;
    }

    #[test]
    fn a_service_that_knows_only_the_originals_format_ends_with_what_is_in_the_folder(
        steps in prop::collection::vec(step(), 0..60),
    ) {
        ends_equal(false, &steps)?;
    }
}
