//! What time brings: one worker at a time looks for watchers that fell silent, and clears away what is left of those that
//! are gone.

use std::sync::Arc;
use std::time::Duration;

use broker::Tasks;
use protocol::WorkerId;

use super::limit::{CLEAR_PAUSE_MS, TICK_MS};
use super::records::Records;
use super::trouble::Log;

/// Starts the task.
pub(super) fn start(records: &Arc<Records>, worker: &WorkerId, tasks: &Tasks) {
    let (records, stop) = (Arc::clone(records), tasks.stop.clone());
    // The name of the worker, and a part that it has for this run only.
    let keeper = format!("{worker}:{:08x}", rand::random::<u32>());
    tasks.tracker.spawn(async move { stop.run_until_cancelled(run(&records, &keeper)).await });
}

async fn run(records: &Records, keeper: &str) {
    let log = Log::default();
    records.connected().await;
    loop {
        let pause_ms = match records.tick(keeper).await {
            Ok(true) => CLEAR_PAUSE_MS,
            Ok(false) => TICK_MS,
            Err(trouble) => {
                log.line(&trouble, "nobody looks for watchers that fell silent");
                records.connected().await;
                TICK_MS
            }
        };
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
    }
}
