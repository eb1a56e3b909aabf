//! The bounds of a watcher, besides those that it shares with the files service ([`protocol::files`]).

/// How often the service is told that the watcher is there, milliseconds: after three that it misses the watcher is stale.
pub const HELLO_MS: u64 = 5_000;
/// How long the service may take to answer, milliseconds: below the time after which a silent watcher is stale.
pub const REQUEST_MS: u64 = 10_000;
/// Largest answer of the service that is read, bytes: it is an object of a line, or an error.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// The longest wait before the first new attempt, milliseconds; it doubles with each one that fails.
pub const BACKOFF_MIN_MS: u64 = 50;
/// The longest wait between attempts, milliseconds: a service that is back hears of the watcher as soon as of any other.
pub const BACKOFF_MAX_MS: u64 = HELLO_MS;
/// Operations in one request, as JSON, bytes: a quarter of what the service takes.
pub const OPERATIONS_BYTES_MAX: usize = protocol::limit::HTTP_BODY_BYTES_MAX / 4;
/// For how long operations go one by one to a service that refused several, milliseconds.
pub const ONE_BY_ONE_MS: u64 = 60_000;

/// How long changes are gathered before they are looked at, milliseconds: what an editor does to save a file is one change.
pub const GATHER_MS: u64 = 5;
/// Names that changed and were not looked at yet; beyond it the whole folder is read instead.
pub const NAMES_WAITING_MAX: usize = 65_536;
/// How often it is checked that the folder is still the one that is watched, milliseconds: one system call.
pub const CHECK_MS: u64 = 250;
/// How often the whole folder is read, unless an option says otherwise, seconds: network file systems do not tell of what
/// others change. It costs a system call for about a thousand names.
pub const READ_S: u64 = 60;
/// How often a folder is read that cannot be watched, or could not be read, milliseconds.
pub const READ_AGAIN_MS: u64 = 1_000;

/// HTTP connections at a time; a further one is closed. The service needs one.
pub const CONNECTIONS_MAX: usize = 64;
/// Lists that are written at a time: one of a million names takes 50 MB. Further requests wait.
pub const LISTS_MAX: usize = 2;
/// How long a client may take to send the head of a request, milliseconds.
pub const HEAD_READ_MS: u64 = 10_000;
/// How long a client may leave what it is sent unacknowledged, milliseconds: then it is cut off.
pub const STALL_MS: u64 = 30_000;

/// How long to try to say bye, milliseconds: whatever stops the watcher waits for it.
pub const BYE_MS: u64 = 2_000;
/// How long answers in flight may take when the watcher stops, milliseconds.
pub const DRAIN_MS: u64 = 2_000;
