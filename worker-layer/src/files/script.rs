//! The scripts of the service: each is the bounds, the library, and its own file, in one text.

use broker::redis::{Script, ScriptInvocation};
use protocol::files::{BYE_KEPT_MS, FILES_LOG_ENTRIES_MAX, FILES_PER_WATCHER_MAX, TOPIC};
use protocol::name;

use super::limit;
use super::option::Options;

const LIBRARY: &str = include_str!("library.lua");

/// The scripts.
pub(super) struct Scripts {
    pub(super) hello: Script,
    pub(super) bye: Script,
    pub(super) apply: Script,
    pub(super) take: Script,
    pub(super) found: Script,
    pub(super) merge: Script,
    pub(super) settle: Script,
    pub(super) tick: Script,
    pub(super) page: Script,
    pub(super) changes: Script,
    pub(super) nodes: Script,
}

impl Scripts {
    pub(super) fn new(options: &Options) -> Self {
        let bounds = bounds(options);
        let script = |text: &str| Script::new(&format!("{bounds}{LIBRARY}{text}"));
        Self {
            hello: script(include_str!("hello.lua")),
            bye: script(include_str!("bye.lua")),
            apply: script(include_str!("apply.lua")),
            take: script(include_str!("take.lua")),
            found: script(include_str!("found.lua")),
            merge: script(include_str!("merge.lua")),
            settle: script(include_str!("settle.lua")),
            tick: script(include_str!("tick.lua")),
            page: script(include_str!("page.lua")),
            changes: script(include_str!("changes.lua")),
            nodes: script(include_str!("nodes.lua")),
        }
    }
}

/// A call with what every script needs; its own arguments follow.
pub(super) fn call(script: &Script) -> ScriptInvocation<'_> {
    let mut call = script.key(TOPIC);
    call.arg(format!("{:016x}", rand::random::<u64>())).arg(name::topic_channel(TOPIC));
    call
}

/// The bounds as a table in Lua.
fn bounds(options: &Options) -> String {
    let bounds = [
        ("log_entries", FILES_LOG_ENTRIES_MAX as u64),
        ("log_bytes", limit::LOG_BYTES_MAX as u64),
        ("watchers", options.watchers_max as u64),
        ("files", options.files_max as u64),
        ("files_per_watcher", FILES_PER_WATCHER_MAX as u64),
        ("removals", limit::REMOVALS_MAX as u64),
        ("byes", limit::BYES_MAX as u64),
        ("bye_kept_ms", BYE_KEPT_MS),
        ("stale_ms", options.stale_ms),
        ("expire_ms", options.expire_ms),
        ("quiet_ms", limit::QUIET_MS),
        ("patience_ms", limit::PATIENCE_MS),
        ("apart_ms", limit::APART_MS),
        ("restless_ms", limit::RESTLESS_MS),
        // One and a half times from one hello to the next.
        ("answer_ms", options.stale_ms / 2),
        ("lease_ms", options.fetch_ms + limit::LEASE_MS),
        ("keeper_ms", limit::KEEPER_MS),
        ("outage_ms", limit::OUTAGE_MS),
    ];
    let table: String = bounds.iter().map(|(name, value)| format!("    {name} = {value},\n")).collect();
    format!("local LIMIT = {{\n{table}}}\n")
}
