//! What the played service knows of its watchers, by the rules of the protocol.

use std::collections::{BTreeMap, BTreeSet};

use protocol::files::{Bye, Hello, Instance, Op, Operation, Report, State};

/// What was heard, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    Hello(Hello),
    Bye(Bye),
    Operations(Vec<Operation>),
}

/// What is known of one watcher.
#[derive(Default, Clone)]
pub(crate) struct Watcher {
    pub(crate) port: Option<u16>,
    pub(crate) seqno: u64,
    listed: BTreeMap<String, u64>,
    removed: BTreeMap<String, u64>,
    pub(crate) is_dirty: bool,
    pub(crate) gaps: u32,
}

/// All that the service knows and has heard.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) watchers: BTreeMap<Instance, Watcher>,
    pub(crate) left: BTreeSet<Instance>,
    pub(crate) heard: Vec<Heard>,
    /// How the watcher broke the rules.
    pub(crate) violations: Vec<String>,
    /// The newest number of each instance that was taken, and all that was said with numbers, which no restart forgets.
    said: BTreeMap<(Instance, u64), (Op, String)>,
    pub(crate) may_have_gap: bool,
}

impl Book {
    /// All names of all watchers.
    pub(crate) fn listing(&self) -> BTreeSet<String> {
        self.watchers.values().flat_map(|watcher| watcher.listed.keys().cloned()).collect()
    }

    pub(crate) fn hellos(&self) -> Vec<&Hello> {
        let hellos = self.heard.iter().filter_map(|heard| match heard {
            Heard::Hello(hello) => Some(hello),
            _ => None,
        });
        hellos.collect()
    }

    /// The numbers, signs and names of all operations that were heard, by request.
    pub(crate) fn operations(&self) -> Vec<Vec<String>> {
        let sign = |op| if op == Op::Add { '+' } else { '-' };
        let text = |one: &Operation| format!("{}{}{}", one.seqno, sign(one.op), one.value.filename);
        let requests = self.heard.iter().filter_map(|heard| match heard {
            Heard::Operations(all) => Some(all.iter().map(text).collect()),
            _ => None,
        });
        requests.collect()
    }

    pub(crate) fn said_bye(&self) -> bool {
        self.heard.iter().any(|heard| matches!(heard, Heard::Bye(_)))
    }

    fn find(&mut self, instance: &Instance) -> &mut Watcher {
        let new = || Watcher { is_dirty: true, ..Watcher::default() };
        self.watchers.entry(instance.clone()).or_insert_with(new)
    }

    /// Takes down a hello. An old watcher at the same port, or of which no port is known, is replaced, and what is still
    /// under way from it does not count.
    pub(crate) fn hello(&mut self, hello: &Hello, counts: bool) -> State {
        if self.left.contains(&hello.instance) {
            return State::Gone;
        }
        let is_replaced = |(other, watcher): (&Instance, &Watcher)| {
            let is_old = watcher.port.is_none_or(|port| port == hello.port);
            (*other != hello.instance && is_old).then(|| other.clone())
        };
        for replaced in self.watchers.iter().filter_map(is_replaced).collect::<Vec<_>>() {
            self.watchers.remove(&replaced);
            self.left.insert(replaced);
        }
        let watcher = self.find(&hello.instance);
        watcher.port = Some(hello.port);
        if counts && hello.seqno.is_some_and(|seqno| seqno > watcher.seqno) {
            watcher.miss();
        }
        watcher.state()
    }

    /// Takes down operations by number.
    pub(crate) fn operations_of(&mut self, all: &[Operation]) -> State {
        let instance = all[0].instance.clone();
        if self.left.contains(&instance) {
            return State::Gone;
        }
        let may_have_gap = self.may_have_gap;
        let mut violations = Vec::new();
        for one in all {
            let content = (one.op, one.value.filename.clone());
            let before = self.said.entry((instance.clone(), one.seqno)).or_insert_with(|| content.clone());
            if *before != content || one.instance != instance {
                violations.push(format!("{} was {before:?} and is {content:?}", one.seqno));
            }
            let watcher = self.find(&instance);
            if one.seqno > watcher.seqno + 1 && !watcher.is_dirty && !may_have_gap {
                violations.push(format!("after {} came {}", watcher.seqno, one.seqno));
            }
            watcher.apply(one);
        }
        self.violations.append(&mut violations);
        self.find(&instance).state()
    }

    pub(crate) fn bye(&mut self, bye: &Bye) {
        self.watchers.remove(&bye.instance);
        self.left.insert(bye.instance.clone());
    }

    /// Brings what is listed in line with a list that was fetched, except for what is newer.
    pub(crate) fn merge(&mut self, report: &Report<'_>, gaps: u32) {
        if let Some(watcher) = self.watchers.get_mut(&report.instance) {
            let names: BTreeSet<&str> = report.files.iter().map(AsRef::as_ref).collect();
            watcher.listed.retain(|name, added| names.contains(name.as_str()) || *added > report.seqno);
            for name in names {
                let was_removed = watcher.removed.get(name).is_some_and(|removed| *removed > report.seqno);
                if !was_removed {
                    watcher.listed.entry(name.to_owned()).or_insert(report.seqno);
                }
            }
            watcher.seqno = watcher.seqno.max(report.seqno);
            watcher.is_dirty = watcher.gaps != gaps;
        }
    }
}

impl Watcher {
    fn state(&self) -> State {
        if self.is_dirty { State::Dirty } else { State::Synced }
    }

    fn miss(&mut self) {
        (self.is_dirty, self.gaps) = (true, self.gaps + 1);
    }

    fn apply(&mut self, one: &Operation) {
        if one.seqno <= self.seqno {
            return;
        }
        if one.seqno > self.seqno + 1 {
            self.miss();
        }
        self.seqno = one.seqno;
        let (add, remove) = match one.op {
            Op::Add => (&mut self.listed, &mut self.removed),
            Op::Remove => (&mut self.removed, &mut self.listed),
        };
        remove.remove(&one.value.filename);
        add.insert(one.value.filename.clone(), one.seqno);
    }
}
