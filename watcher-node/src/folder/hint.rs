//! Where to look: what the system says has changed.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{EventKind, ModifyKind};
use notify::{Event, EventHandler};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::limit;

/// What changed and was not looked at yet. Bounded: of more than [`limit::NAMES_WAITING_MAX`] names it keeps none, and says that
/// everything is to be read.
#[derive(Debug, Default)]
pub struct Hints {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

/// What to look at.
#[derive(Debug, Default)]
pub struct Waiting {
    /// These names, each once, by when they were first hinted at: of a rename, the old one comes first.
    pub names: Vec<OsString>,
    known: HashSet<OsString>,
    /// The whole folder.
    pub is_all: bool,
    /// Whether the folder itself is still there: it was removed or moved.
    pub is_lost: bool,
}

/// What takes the events of one watch.
pub(super) struct Hinter {
    path: PathBuf,
    hints: Arc<Hints>,
}

impl Hints {
    /// Takes what there is to look at.
    pub(super) fn take(&self) -> Waiting {
        std::mem::take(&mut self.waiting.lock())
    }

    /// Has the whole folder read with the next look, whenever that is.
    pub(super) fn keep_all(&self) {
        self.waiting.lock().is_all = true;
    }

    /// Has the whole folder read soon.
    pub fn read_all(&self) {
        self.keep_all();
        self.arrived.notify_one();
    }

    /// Waits until there is something to look at.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    fn name(&self, name: OsString) {
        let mut waiting = self.waiting.lock();
        if waiting.is_all {
            // It will be read with the others.
        } else if waiting.names.len() < limit::NAMES_WAITING_MAX {
            if waiting.known.insert(name.clone()) {
                waiting.names.push(name);
            }
        } else {
            *waiting = Waiting { is_all: true, is_lost: waiting.is_lost, ..Waiting::default() };
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    fn lose(&self) {
        self.waiting.lock().is_lost = true;
        self.arrived.notify_one();
    }
}

impl Hinter {
    pub(super) fn new(path: &Path, hints: Arc<Hints>) -> Self {
        Self { path: path.to_owned(), hints }
    }

    fn take(&self, event: &Event) {
        let is_self_gone =
            matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)));
        for path in &event.paths {
            match path.file_name() {
                _ if *path == self.path && is_self_gone => self.hints.lose(),
                Some(name) if path.parent() == Some(&self.path) => self.hints.name(name.to_owned()),
                _ => self.hints.read_all(),
            }
        }
        // Among them: the system's own queue ran over.
        if event.need_rescan() || event.paths.is_empty() {
            self.hints.read_all();
        }
    }
}

impl EventHandler for Hinter {
    fn handle_event(&mut self, event: notify::Result<Event>) {
        match event {
            // That an entry is opened or written to does not change whether it is there.
            Ok(Event {
                kind: EventKind::Access(_) | EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Metadata(_)),
                ..
            }) => {}
            Ok(event) => self.take(&event),
            Err(error) => {
                log::debug!(folder:% = self.path.display(), error:%; "hints may be lost: the folder is read");
                self.hints.read_all();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, CreateKind, Flag, MetadataKind, RemoveKind, RenameMode};

    use super::*;

    fn hints_of(event: Event) -> Waiting {
        let hints = Arc::new(Hints::default());
        Hinter::new(Path::new("/a/b"), hints.clone()).handle_event(Ok(event));
        hints.take()
    }

    fn event(kind: EventKind, paths: &[&str]) -> Event {
        paths.iter().fold(Event::new(kind), |event, path| event.add_path(path.into()))
    }

    #[test]
    fn an_entry_that_came_or_went_is_looked_at() {
        let kinds = [
            EventKind::Create(CreateKind::Any),
            EventKind::Remove(RemoveKind::File),
            EventKind::Modify(ModifyKind::Name(RenameMode::Both)),
            EventKind::Any,
        ];
        for kind in kinds {
            let waiting = hints_of(event(kind, &["/a/b/c", "/a/b/d"]));
            assert_eq!(waiting.names, ["c", "d"].map(OsString::from));
            assert!(!waiting.is_all && !waiting.is_lost);
        }
    }

    #[test]
    fn an_entry_that_is_only_used_is_not() {
        let metadata = EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any));
        for kind in [EventKind::Access(AccessKind::Any), metadata] {
            let waiting = hints_of(event(kind, &["/a/b/c", "/a/b"]));
            assert!(waiting.names.is_empty() && !waiting.is_all && !waiting.is_lost);
        }
    }

    #[test]
    fn when_hints_were_lost_or_name_nothing_known_the_whole_folder_is_read() {
        assert!(hints_of(Event::new(EventKind::Other).set_flag(Flag::Rescan)).is_all);
        assert!(hints_of(Event::new(EventKind::Any)).is_all);
        assert!(hints_of(event(EventKind::Create(CreateKind::Any), &["/a/c"])).is_all);
        let hints = Arc::new(Hints::default());
        Hinter::new(Path::new("/a"), hints.clone()).handle_event(Err(notify::Error::generic("?")));
        assert!(hints.take().is_all);
    }

    #[test]
    fn a_folder_that_was_removed_or_moved_is_looked_for() {
        let moved = EventKind::Modify(ModifyKind::Name(RenameMode::From));
        for kind in [EventKind::Remove(RemoveKind::Folder), moved] {
            assert!(hints_of(event(kind, &["/a/b"])).is_lost);
        }
    }

    #[test]
    fn of_too_many_names_none_is_kept_and_the_folder_is_read() {
        let hints = Hints::default();
        (0..limit::NAMES_WAITING_MAX).for_each(|at| hints.name(format!("{at}").into()));
        assert!(!hints.waiting.lock().is_all);
        hints.name("one more".into());
        let waiting = hints.take();
        assert!(waiting.is_all && waiting.names.is_empty());
    }
}
