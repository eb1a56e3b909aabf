//! Keeping the ledger equal to the folder.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::folder::{Folder, Seen};
use crate::limit;
use crate::state::State;

/// Looks at the folder once, and takes down what is in it.
pub(crate) async fn look(mut folder: Folder, state: &Arc<State>, tasks: &TaskTracker) -> Folder {
    let shared = state.clone();
    let looked = tasks.spawn_blocking(move || {
        let seen = folder.look();
        take_down(&shared, &seen, &folder);
        folder
    });
    match looked.await {
        Ok(folder) => folder,
        // It was not cancelled, because nobody can.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Follows the folder until `stop`.
pub(crate) async fn follow(
    mut folder: Folder,
    state: Arc<State>,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let hints = folder.hints();
    let mut check = interval(Duration::from_millis(limit::CHECK_MS));
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = hints.arrived() => sleep(Duration::from_millis(limit::GATHER_MS)).await,
            _ = check.tick() => {}
        }
        folder = look(folder, &state, &tasks).await;
    }
}

fn take_down(state: &State, seen: &Seen, folder: &Folder) {
    let mut dialogue = state.dialogue.lock();
    let ledger = &mut dialogue.ledger;
    let was_over = ledger.is_over();
    match seen {
        Seen::Names(names) => names.iter().for_each(|(name, is_there)| ledger.observe(name, *is_there)),
        Seen::All(all) => ledger.observe_all(all),
    }
    let (is_over, has_room_again, has_changed) =
        (ledger.is_over(), ledger.has_room_again(), ledger.untold() > 0);
    drop(dialogue);
    if is_over && !was_over {
        log::error!(
            "there are more than {} names in the folder: further ones are not listed",
            protocol::files::FILES_PER_WATCHER_MAX
        );
    }
    if has_room_again {
        folder.hints().read_all();
    }
    if has_changed {
        state.changed.notify_one();
    }
    *state.folder_trouble.lock() = folder.trouble().map(ToString::to_string);
}
