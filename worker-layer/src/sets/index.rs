//! A page of the index of all sets: first the ids, then their names.
//!
//! An id may be there without a set: who creates a set puts it into the index a moment later, and the set may be deleted in
//! between. What is found to be gone is taken out of the index, and the page is read again without it.

use broker::redis::{Value, cmd};
use protocol::sets::{Index as Page, Listed, SetId};

use super::key;
use super::limit::INDEX_ATTEMPTS_MAX;
use super::read::{NotRead, named, read_named};
use super::script::{Commands, Scripts};

/// More ids than a page of the index has are asked for: one tells whether there are more, and as many as the others may have
/// been created in the same millisecond as the last one of the page before.
const INDEX_SPARE: usize = 32;

/// What was asked for, and how far it is.
#[derive(Debug, Clone)]
struct Wanted<'a> {
    /// Sets in the page.
    limit: usize,
    /// Behind this one.
    after: &'a Option<(u64, SetId)>,
    /// How often sets were found to be gone.
    attempts: usize,
}

/// To read the ids.
pub(super) struct Index<'a> {
    wanted: Wanted<'a>,
    /// How many ids are read.
    count: usize,
    /// What is taken out of the index first.
    gone: Vec<(SetId, u64)>,
}

/// To read the names of these sets.
pub(super) struct Names<'a> {
    wanted: Wanted<'a>,
    sets: Vec<(SetId, u64)>,
    /// What follows the page.
    next: Option<String>,
}

/// What follows when the ids are read.
pub(super) enum Indexed<'a> {
    /// There are more in the way than were read.
    Again(Index<'a>),
    /// The names are needed.
    Names(Names<'a>),
}

/// What follows when the names are read.
pub(super) enum Named<'a> {
    /// Sets are gone: the page is read again without them.
    Again(Index<'a>),
    /// The page.
    Page(Page),
}

impl<'a> Index<'a> {
    /// So many sets, behind this one.
    pub(super) fn new(limit: usize, after: &'a Option<(u64, SetId)>) -> Self {
        let wanted = Wanted { limit, after, attempts: 0 };
        Self { wanted, count: limit + INDEX_SPARE, gone: Vec::new() }
    }

    /// Adds the commands.
    pub(super) fn ask(&self, scripts: &Scripts, commands: &mut Commands) {
        if !self.gone.is_empty() {
            let mut unlist = scripts.unlist.call(&[key::INDEX.to_owned()], 2 * self.gone.len(), 0);
            for (set, created_ms) in &self.gone {
                unlist.arg(set.as_str()).arg(*created_ms);
            }
            commands.add(unlist);
        }
        let newest = self.wanted.after.as_ref().map_or("+inf".to_owned(), |(ms, _)| ms.to_string());
        let mut range = cmd("ZREVRANGEBYSCORE");
        range.arg(key::INDEX).arg(newest).arg("-inf");
        range.arg("WITHSCORES").arg("LIMIT").arg(0).arg(self.count);
        commands.add(range);
    }

    /// How many answers there are to the commands.
    pub(super) fn answers(&self) -> usize {
        1 + usize::from(!self.gone.is_empty())
    }

    /// What follows from the ids that were read.
    pub(super) fn finish(self, read: Vec<(String, u64)>) -> Indexed<'a> {
        let Wanted { limit, after, .. } = self.wanted;
        let is_all = read.len() < self.count;
        let known =
            read.into_iter().filter_map(|(id, created_ms)| Some((id.parse::<SetId>().ok()?, created_ms)));
        let is_behind = |(set, created_ms): &(SetId, u64)| {
            after.as_ref().is_none_or(|(ms, id)| (created_ms, set) < (ms, id))
        };
        let mut sets: Vec<(SetId, u64)> = known.filter(is_behind).collect();
        if sets.len() <= limit && !is_all {
            return Indexed::Again(Self { count: 2 * self.count, gone: Vec::new(), ..self });
        }
        let has_more = sets.len() > limit;
        sets.truncate(limit);
        let next = sets.last().filter(|_| has_more).map(|(set, created_ms)| format!("{created_ms}-{set}"));
        Indexed::Names(Names { wanted: self.wanted, sets, next })
    }
}

impl<'a> Names<'a> {
    /// Adds the commands.
    pub(super) fn ask(&self, commands: &mut Commands) {
        self.sets.iter().for_each(|(set, _)| commands.add(named(set)));
    }

    /// How many answers there are to the commands.
    pub(super) fn answers(&self) -> usize {
        self.sets.len()
    }

    /// What follows from the names. Where sets go as fast as they are read, the page is what is left of it.
    pub(super) fn finish(self, values: Vec<Value>) -> Named<'a> {
        let (mut sets, mut gone) = (Vec::with_capacity(self.sets.len()), Vec::new());
        for ((id, created_ms), value) in self.sets.into_iter().zip(values) {
            match read_named(value) {
                Ok((name, _)) => sets.push(Listed { id, name, created_ms }),
                Err(NotRead::Unknown) => gone.push((id, created_ms)),
                Err(NotRead::Odd) => {}
            }
        }
        let Wanted { limit, after, attempts } = self.wanted;
        if gone.is_empty() || attempts == INDEX_ATTEMPTS_MAX {
            return Named::Page(Page { sets, next: self.next });
        }
        let wanted = Wanted { limit, after, attempts: attempts + 1 };
        Named::Again(Index { wanted, count: limit + INDEX_SPARE, gone })
    }
}
