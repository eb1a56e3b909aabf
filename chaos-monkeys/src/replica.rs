//! The copies that must be equal at the end.

use std::sync::Arc;

use lww_set::LwwSet;
use parking_lot::Mutex;

use crate::copy::Copy;
use crate::cursor::Cursor;

/// One monkey's copy of one set.
#[derive(Debug)]
pub struct Replica {
    /// Whose it is.
    pub name: String,
    /// The index of the set.
    pub set: usize,
    held: Mutex<Held>,
}

/// What a replica holds.
#[derive(Debug)]
enum Held {
    /// It has not been online yet.
    Nothing,
    /// A copy that others may hold, too.
    Shared(Arc<Copy>),
    /// A copy of its own, with changes that the server may not know yet.
    Own(Option<Cursor>, LwwSet),
}

/// Where a replica is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The position of the server up to which it knows all.
    pub cursor: Option<Cursor>,
    /// The digest of what it holds.
    pub digest: String,
}

impl Replica {
    /// A replica that holds nothing.
    #[must_use]
    pub fn new(name: String, set: usize) -> Self {
        Self { name, set, held: Mutex::new(Held::Nothing) }
    }

    /// It holds this copy from now on.
    pub fn hold(&self, copy: Arc<Copy>) {
        *self.held.lock() = Held::Shared(copy);
    }

    /// The copy that it shares with others.
    #[must_use]
    pub fn shared(&self) -> Option<Arc<Copy>> {
        match &*self.held.lock() {
            Held::Shared(copy) => Some(Arc::clone(copy)),
            Held::Nothing | Held::Own(..) => None,
        }
    }

    /// Changes its own copy, and the position up to which it knows all.
    pub fn change<T>(&self, change: impl FnOnce(&mut LwwSet) -> T, cursor: Option<&Cursor>) -> T {
        let mut held = self.held.lock();
        if !matches!(&*held, Held::Own(..)) {
            *held = Held::Own(None, LwwSet::new());
        }
        let Held::Own(known, set) = &mut *held else { unreachable!("it was made so above") };
        *known = cursor.cloned();
        change(set)
    }

    /// Whether it holds anything.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !matches!(&*self.held.lock(), Held::Nothing)
    }

    /// Where it is.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match &*self.held.lock() {
            Held::Nothing => Standing { cursor: None, digest: LwwSet::new().digest() },
            Held::Shared(copy) => {
                Standing { cursor: Some(copy.cursor.clone()), digest: copy.digest().to_owned() }
            }
            Held::Own(cursor, set) => Standing { cursor: cursor.clone(), digest: set.digest() },
        }
    }

    /// A few values about which it and the server disagree, in words.
    #[must_use]
    pub fn difference(&self, server: &LwwSet) -> String {
        const VALUES_MAX: usize = 3;
        let empty = LwwSet::new();
        let held = self.held.lock();
        let own = match &*held {
            Held::Nothing => &empty,
            Held::Shared(copy) => &copy.set,
            Held::Own(_, set) => set,
        };
        let stands = |set: &LwwSet, value: &str| match set.get(value) {
            Some(entry) => format!("{:?} {}", entry.op, entry.stamp),
            None => "unknown".to_owned(),
        };
        let values: std::collections::BTreeSet<&str> =
            own.iter().chain(server.iter()).map(|(value, _)| value).collect();
        let differing = values.into_iter().filter(|value| {
            let contained = |set: &LwwSet| set.contains(value).then(|| set.get(value).cloned()).flatten();
            contained(own) != contained(server)
        });
        let words: Vec<String> = differing
            .take(VALUES_MAX)
            .map(|value| format!("{value:?}: it {}, server {}", stands(own, value), stands(server, value)))
            .collect();
        words.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use lww_set::Operation;

    use super::*;

    #[test]
    fn a_replica_says_where_it_is_and_what_differs() {
        let replica = Replica::new("offline-0".into(), 0);
        let stamp = |ms| lww_set::Stamp::new(ms, "a".parse().unwrap()).unwrap();
        assert_eq!(replica.standing().cursor, None);
        let cursor = "e-1".parse().unwrap();
        replica.change(|set| set.apply(Operation::add("x", stamp(1))), Some(&cursor));
        let server: LwwSet = [Operation::add("x", stamp(1))].into_iter().collect();
        assert_eq!(replica.standing(), Standing { cursor: Some(cursor), digest: server.digest() });
        assert_eq!(replica.difference(&server), "");
        assert_eq!(replica.difference(&LwwSet::new()), r#""x": it Add 1:a, server unknown"#);
    }
}
