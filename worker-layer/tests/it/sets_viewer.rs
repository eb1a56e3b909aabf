//! A viewer that watches from its cursor, is cut off at random and comes back, holds what a fresh snapshot holds.

use std::collections::BTreeMap;

use lww_set::{LwwSet, Op, Operation};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use protocol::sets::{Cursor, Delta, Element, Message, Snapshot};

use crate::support::sets::{Sets, connection};

/// What happens to a set, or to the viewer.
#[derive(Debug, Clone)]
enum Step {
    /// Somebody changes it: value, whether it is added, and the milliseconds.
    Change(Vec<(u8, bool, u16)>),
    /// The viewer hears what was pushed.
    Hear,
    /// The viewer is cut off, and misses what was pushed.
    Miss,
    /// The viewer is told of a gap, or reconnects: it watches from its cursor.
    Watch,
    /// The oldest half of the log is trimmed.
    Trim,
    /// The set is deleted and made anew.
    Anew,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let change = vec((0..6_u8, any::<bool>(), 0..40_u16), 1..8).prop_map(Step::Change);
    let step = prop_oneof![
        6 => change,
        3 => Just(Step::Hear),
        2 => Just(Step::Miss),
        3 => Just(Step::Watch),
        2 => Just(Step::Trim),
        1 => Just(Step::Anew),
    ];
    vec(step, 1..40)
}

/// A client that follows the rules of docs/PROTOCOL.md.
#[derive(Default)]
struct Viewer {
    copy: LwwSet,
    cursor: Option<Cursor>,
}

impl Viewer {
    /// Takes a message; false if something was missed, so it has to watch again.
    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Snapshot(all) | Message::Reset(all) => {
                self.cursor = Some(all.cursor.clone());
                self.copy = copy(all);
                true
            }
            Message::Delta(Delta { prev, cursor, operations, more, .. }) => {
                let is_known = self
                    .cursor
                    .as_ref()
                    .is_some_and(|own| own.epoch() == cursor.epoch() && own.position() >= cursor.position());
                if prev.is_some() && is_known {
                    return true;
                }
                if prev.is_some() && prev != self.cursor {
                    return false;
                }
                self.copy.extend(operations);
                self.cursor = Some(cursor);
                more != Some(true)
            }
            Message::Deleted { .. } => false,
            other => panic!("{other:?}"),
        }
    }
}

fn copy(Snapshot { elements, removed, .. }: Snapshot) -> LwwSet {
    let of = |op| move |Element { value, stamp }| Operation { op, value, stamp };
    elements.into_iter().map(of(Op::Add)).chain(removed.into_iter().map(of(Op::Remove))).collect()
}

/// Watches from the cursor until there is no more.
async fn watch(sets: &mut Sets, id: &str, viewer: &mut Viewer) {
    loop {
        let cursor = viewer.cursor.as_ref().map(ToString::to_string);
        let answer = sets.watch(connection(), id, cursor.as_deref()).await.expect("an answer");
        if viewer.take(answer) {
            break;
        }
    }
}

async fn take_step(sets: &mut Sets, id: &str, viewer: &mut Viewer, step: &Step) {
    match step {
        Step::Change(operations) => {
            let operation = |(value, adds, ms): &(u8, bool, u16)| {
                let op = if *adds { "add" } else { "remove" };
                format!(r#"{{"op":"{op}","value":"{value}","stamp":[{ms},"r{}"]}}"#, ms % 3)
            };
            sets.apply(id, &operations.iter().map(operation).collect::<Vec<_>>().join(",")).await;
        }
        Step::Hear => {
            while sets.node.unread_pushes().await > 0 {
                let push = sets.pushed().await;
                if !viewer.take(push) {
                    watch(sets, id, viewer).await;
                }
            }
        }
        Step::Miss => sets.node.forget().await,
        Step::Watch => watch(sets, id, viewer).await,
        Step::Trim => {
            let kept: u64 = sets.redis.cli(&format!("XLEN set:{{{id}}}:log")).await;
            let _: u64 = sets.redis.cli(&format!("XTRIM set:{{{id}}}:log MAXLEN {}", kept / 2)).await;
        }
        Step::Anew => {
            assert_eq!(sets.request("DELETE", &format!("/sets/{id}"), None).await.status, 204);
            sets.create(id).await;
        }
    }
}

/// After each step the viewer, once it has heard all and watched where it missed something, holds what a fresh one holds.
async fn check(sets: &mut Sets, id: &str, history: &[Step]) -> Result<(), TestCaseError> {
    sets.create(id).await;
    let (mut viewer, mut missed) = (Viewer::default(), false);
    watch(sets, id, &mut viewer).await;
    for step in history {
        take_step(sets, id, &mut viewer, step).await;
        missed = (missed || matches!(step, Step::Miss)) && !matches!(step, Step::Watch);
        // Who missed something and has heard nothing since cannot know.
        if matches!(step, Step::Hear | Step::Watch) && !missed {
            let mut fresh = Viewer::default();
            watch(sets, id, &mut fresh).await;
            let shown = |viewer: &Viewer| -> BTreeMap<String, String> {
                viewer
                    .copy
                    .entries()
                    .map(|(value, it)| (value.to_owned(), format!("{:?}{}", it.op, it.stamp)))
                    .collect()
            };
            prop_assert_eq!(shown(&viewer), shown(&fresh), "after {:?}", step);
            prop_assert_eq!(&viewer.cursor, &fresh.cursor);
        }
    }
    sets.node.forget().await;
    Ok(())
}

#[test]
fn a_viewer_that_is_cut_off_and_comes_back_holds_what_a_fresh_snapshot_holds() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut sets = runtime.block_on(Sets::start());
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let (sets, number) = (std::cell::RefCell::new(&mut sets), std::cell::Cell::new(0));
    let checked = runner.run(&steps(), |history| {
        number.set(number.get() + 1);
        let id = format!("s{}", number.get());
        runtime.block_on(check(&mut sets.borrow_mut(), &id, &history))
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
}
