//! The folder on disk: whether it is there, what is in it, and what changes.
//!
//! What the system says of changes is never believed, only taken as a hint where to look: each name that is hinted at is looked
//! up, so that whatever is said twice, late or in another order does no harm. When hints were lost, the whole folder is read.
//! The watch begins before the reading, so that what changes meanwhile is hinted at.
//!
//! All methods block; call them where that is allowed.

mod hint;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

pub use hint::{Hints, Waiting};

use crate::limit;
use crate::name::Name;

/// How often a watch is begun anew when the folder is replaced in the same moment.
const ATTEMPTS: usize = 3;

/// A folder that is followed.
pub struct Folder {
    path: PathBuf,
    hints: Arc<Hints>,
    watch: Option<Watch>,
    /// When the folder may be read again, and when it must be.
    next_read: Instant,
    last_read: Instant,
    read_every: Option<Duration>,
    trouble: Option<Trouble>,
}

/// A watch on one folder, whatever it is called by now.
struct Watch {
    identity: Identity,
    /// Ends with it.
    _watcher: RecommendedWatcher,
}

/// What makes a folder this one: device and inode.
type Identity = (u64, u64);

/// What was seen.
#[derive(Debug)]
pub enum Seen {
    /// Whether each of these names is there.
    Names(Vec<(Name, bool)>),
    /// All names that are there.
    All(BTreeSet<Name>),
}

/// Why the folder is not followed as it should be.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It is not there.
    #[error("the folder is not there, so nothing is listed: it is looked for until it is")]
    Missing,
    /// Something is there that is no folder.
    #[error("this is no folder, so nothing is listed: it is looked for until it is one")]
    NoFolder,
    /// It cannot be read.
    #[error("the folder cannot be read, so the list stays as it was: {0}")]
    Unreadable(io::Error),
    /// It can only be read.
    #[error(
        "the folder cannot be watched, so it is read again and again: {0}; if it is a limit of the system, raise \
         fs.inotify.max_user_watches or fs.inotify.max_user_instances with sysctl"
    )]
    Unwatched(notify::Error),
}

impl Folder {
    /// The folder with this absolute path. It is read at least this often, if ever. Nothing is done yet.
    #[must_use]
    pub fn new(path: &Path, read_every: Option<Duration>) -> Self {
        let now = Instant::now();
        let (path, hints) = (path.to_owned(), Arc::new(Hints::default()));
        Self { path, hints, watch: None, next_read: now, last_read: now, read_every, trouble: None }
    }

    /// What changed and was not looked at yet.
    #[must_use]
    pub fn hints(&self) -> Arc<Hints> {
        self.hints.clone()
    }

    /// Why the folder is not followed as it should be, if so.
    #[must_use]
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Looks at what was hinted at, or at everything if need be.
    pub fn look(&mut self) -> Seen {
        let waiting = self.hints.take();
        if waiting.is_lost {
            self.watch = None;
        }
        let identity = match self.identify() {
            Ok(identity) => identity,
            Err(trouble) => return self.without(trouble),
        };
        if self.watch.as_ref().is_none_or(|watch| watch.identity != identity) {
            return self.begin(identity);
        }
        if waiting.is_all || self.read_every.is_some_and(|every| self.last_read.elapsed() >= every) {
            if Instant::now() >= self.next_read {
                return self.read(None);
            }
            self.hints.keep_all();
        }
        self.look_up(&waiting)
    }

    /// Watches the folder that is there now, and reads it.
    fn begin(&mut self, mut identity: Identity) -> Seen {
        self.watch = None;
        if self.trouble.is_some() && Instant::now() < self.next_read {
            return Seen::Names(Vec::new());
        }
        for _ in 0..ATTEMPTS {
            let watcher = match watch(&self.path, self.hints.clone()) {
                Ok(watcher) => watcher,
                Err(error) => return self.read(Some(Trouble::Unwatched(error))),
            };
            // By its path, which may have become another folder's in between.
            match self.identify() {
                Ok(after) if after == identity => {
                    self.watch = Some(Watch { identity, _watcher: watcher });
                    return self.read(None);
                }
                Ok(after) => identity = after,
                Err(trouble) => return self.without(trouble),
            }
        }
        self.hints.keep_all();
        Seen::Names(Vec::new())
    }

    /// There is no folder that could be read.
    fn without(&mut self, trouble: Trouble) -> Seen {
        let is_there = matches!(trouble, Trouble::Unreadable(_));
        if is_there {
            self.hints.keep_all();
        } else {
            self.watch = None;
        }
        self.tell(Some(trouble));
        if is_there { Seen::Names(Vec::new()) } else { Seen::All(BTreeSet::new()) }
    }

    fn read(&mut self, mut trouble: Option<Trouble>) -> Seen {
        let begun = Instant::now();
        let names = fs::read_dir(&self.path).and_then(|entries| {
            entries.map(|entry| Ok(Name::from(entry?.file_name().as_os_str()))).collect::<io::Result<_>>()
        });
        let ended = Instant::now();
        // At most half of the time is spent with reading.
        (self.last_read, self.next_read) = (ended, ended + (ended - begun));
        let seen = match names {
            Ok(names) => Seen::All(names),
            Err(error) => match Trouble::from(error) {
                unreadable @ Trouble::Unreadable(_) => {
                    self.hints.keep_all();
                    trouble = Some(unreadable);
                    Seen::Names(Vec::new())
                }
                gone => return self.without(gone),
            },
        };
        if trouble.is_some() {
            self.next_read += Duration::from_millis(limit::READ_AGAIN_MS);
        }
        self.tell(trouble);
        seen
    }

    fn look_up(&mut self, waiting: &Waiting) -> Seen {
        let mut seen = Vec::with_capacity(waiting.names.len());
        for name in &waiting.names {
            match fs::symlink_metadata(self.path.join(name)) {
                Ok(_) => seen.push((Name::from(name.as_os_str()), true)),
                Err(error) => match Trouble::from(error) {
                    // A folder that may not be entered can perhaps be read.
                    Trouble::Unreadable(_) => self.hints.keep_all(),
                    _ => seen.push((Name::from(name.as_os_str()), false)),
                },
            }
        }
        Seen::Names(seen)
    }

    fn identify(&self) -> Result<Identity, Trouble> {
        let found = fs::metadata(&self.path)?;
        if found.is_dir() { Ok((found.dev(), found.ino())) } else { Err(Trouble::NoFolder) }
    }

    /// Says once that something is wrong, and once that all is well again.
    fn tell(&mut self, trouble: Option<Trouble>) {
        let kind = |trouble: &Option<Trouble>| trouble.as_ref().map(std::mem::discriminant);
        let folder = self.path.display();
        match &trouble {
            _ if kind(&trouble) == kind(&self.trouble) => {}
            Some(trouble) => log::warn!(folder:%; "{trouble}"),
            None => log::info!(folder:%; "the folder is there and is followed"),
        }
        self.trouble = trouble;
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::NotADirectory => Self::NoFolder,
            _ => Self::Unreadable(error),
        }
    }
}

fn watch(path: &Path, hints: Arc<Hints>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(hint::Hinter::new(path, hints))?;
    watcher.watch(path, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}
