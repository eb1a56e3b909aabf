//! Every bound of the spine, with its unit and its reason. Those that an operator may want to change are the defaults of
//! options; `web-layer --help` and `worker-layer --help` name them.

/// Longest name of a node or a worker, bytes: it stands in every channel name and log line.
pub const PROCESS_NAME_BYTES_MAX: usize = 64;

/// Longest name of a topic, bytes: it is a Redis channel name and a key in every node's memory.
pub const TOPIC_BYTES_MAX: usize = 256;

/// Topics that one connection may join: each costs every node an entry. A join beyond it closes the connection.
pub const TOPICS_PER_CONNECTION_MAX: usize = 1_024;

/// Keys of state whose versions a node compares, for each topic; of further ones it delivers what comes.
pub const KEYS_PER_TOPIC_MAX: usize = 1_024;

/// Longest frame or message that a client may send, bytes. Larger ones close the connection with 1009.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// How deep a client's objects and arrays may nest: with the event around them still below 64, where the strictest of the
/// common JSON readers (.NET's) gives up; serde_json does at 128. Deeper ones are answered with `bad_request`.
pub const NESTING_MAX: usize = 60;

/// Largest body of a relayed HTTP request, bytes, unless its service announces another bound. Larger ones are answered with
/// 413.
pub const HTTP_BODY_BYTES_MAX: usize = 1024 * 1024;

/// Bodies of HTTP responses from this size on are compressed for clients that accept gzip, bytes: below it they fit a packet
/// or two anyway.
pub const COMPRESS_OVER_BYTES: usize = 2 * 1024;

/// HTTP connections of one node that are not websockets (yet); a further one is closed. They come and go in milliseconds.
pub const HTTP_CONNECTIONS_MAX: usize = 10_000;

/// How long a client may leave what an HTTP response sends it unacknowledged, milliseconds: then it is cut off.
pub const HTTP_STALL_MS: u64 = 30_000;

/// Bytes of large request bodies of one node, in its memory and in Redis as claims, at the same time; beyond it requests with
/// such bodies are answered with `unavailable`. It also bounds what a service can announce.
pub const REQUEST_CLAIMS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of claimed response bodies that one node has in its memory at the same time, until their clients have taken them;
/// further ones wait in Redis. Claimed answers on websockets have a room of their own, of the same size.
pub const RESPONSE_CLAIMS_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Bytes of claimed response bodies that wait in Redis because one node has no room for them; a further one is given up.
pub const RESPONSES_WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How slowly a client may take a claimed response body, bytes a second on average, besides the first [`HTTP_STALL_MS`]: a
/// slower one is cut off, because it keeps others from theirs.
pub const RESPONSE_BYTES_PER_SECOND_MIN: usize = 64 * 1024;

/// How long a node goes on taking a body that is too large before it says so, milliseconds: a client that is cut off while it
/// writes does not read why.
pub const REFUSED_BODY_MS: u64 = 2_000;

/// Largest `"id"` that a client may give to a request, bytes: it is kept while the request is in flight and echoed.
pub const REQUEST_ID_BYTES_MAX: usize = 1_024;

/// Largest session value, bytes: it travels with every event of its connection.
pub const SESSION_BYTES_MAX: usize = 8 * 1024;

/// A body over this many bytes travels by claim, so that no message on pub/sub is ever large.
pub const CLAIM_OVER_BYTES: usize = 64 * 1024;

/// How long a claimed body is kept for the nodes to fetch it, seconds.
pub const CLAIM_KEPT_S: u64 = 60;

/// Bytes of a claimed body that are fetched at a time: other traffic on the connection waits for one such piece.
pub const CLAIM_PIECE_BYTES: usize = 256 * 1024;

/// Largest body that can be claimed, bytes.
pub const CLAIM_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes that are batched into one PUBLISH: below what Redis copies in one go, and far below its 32 MB subscriber bound.
pub const PUBLISH_BYTES_MAX: usize = 256 * 1024;

/// Messages that wait to be published by a process before whoever publishes has to wait.
pub const PUBLISH_WAITING_MAX: usize = 16 * 1024;

/// Bytes received from Redis but not yet handled. Beyond it the link is cut and made anew, and a gap is told, as Redis
/// itself does at 32 MB on its side (`client-output-buffer-limit pubsub`).
pub const RECEIVED_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Unsent bytes of events in a connection's outbox; beyond it the connection is closed with 4008.
pub const OUTBOX_BYTES_MAX: usize = 1024 * 1024;

/// Unsent messages in a connection's outbox; beyond it the connection is closed with 4008.
pub const OUTBOX_MESSAGES_MAX: usize = 4_096;

/// Events in flight of one connection; beyond it the node stops reading the socket (TCP backpressure).
pub const IN_FLIGHT_PER_CONNECTION_MAX: usize = 64;

/// Events in flight of one node; beyond it requests are answered with `unavailable`.
pub const IN_FLIGHT_PER_NODE_MAX: usize = 65_536;

/// Frames a second that one connection may send for long; beyond it the node stops reading the socket for a moment.
pub const FRAMES_PER_SECOND_MAX: u32 = 20_000;

/// Open connections of one node; a further one is answered with 503.
pub const CONNECTIONS_MAX: usize = 100_000;

/// How often a worker announces itself, milliseconds.
pub const ANNOUNCE_EVERY_MS: u64 = 1_000;

/// A worker that was silent for this long is forgotten, milliseconds: three announcements.
pub const WORKER_SILENCE_MS: u64 = 3_000;

/// How long an event is held when no worker is there, before `unavailable`, milliseconds.
pub const HOLD_MS: u64 = 2_000;

/// How long a delivered request may take before `outcome_unknown`, milliseconds.
pub const REQUEST_TIMEOUT_MS: u64 = 30_000;

/// A connection that was silent for this long is sent a ping, milliseconds: below the 30 to 60 s after which common
/// proxies cut idle connections.
pub const PING_AFTER_MS: u64 = 25_000;

/// A connection that was silent for this long is closed with 4000, milliseconds: two missed pings.
pub const IDLE_TIMEOUT_MS: u64 = 60_000;

/// How long the peer may take to answer a Close frame, milliseconds.
pub const CLOSE_HANDSHAKE_MS: u64 = 5_000;

/// How long a client may take to send the head of a request, milliseconds.
pub const HEAD_READ_MS: u64 = 10_000;

/// How long a client may take to send the body of a request, milliseconds.
pub const BODY_READ_MS: u64 = 30_000;

/// How long a process waits for what is in flight when it is told to stop, milliseconds.
pub const DRAIN_MS: u64 = 10_000;

/// How long a probe of delivery may be missing before `/readyz` turns red, milliseconds.
pub const CANARY_SILENCE_MS: u64 = 3_000;
