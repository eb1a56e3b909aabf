//! Memory of Redis with many users who have ten conversations each: what a conversation costs at first, what one of twenty
//! messages costs, and what each further message costs in the long run; against plain lists of the same messages.
//!
//! The users send their messages over websockets, so that all that is kept is what the service keeps. In the end some of them go
//! on until their logs are full: from there on only conversations grow.

use anyhow::{Result, ensure};
use redis::{Connection, cmd};
use serde::Serialize;
use serde_json::json;

use super::Stage;
use crate::audience::Audience;
use crate::clock;
use crate::order::{Ask, To};
use crate::pipelining::{Pipelining, Turn};
use crate::report::{Bar, Chart, Row, Section, Target, count};
use crate::server::{CHAT_PATH, Deployment};
use crate::talk::{TEXT_BYTES, name};

/// Conversations of a user: half of them are begun by the user, half by others.
const CONVERSATIONS: usize = 10;
/// Users who have them.
const USERS: usize = 100_000;
/// Users who are connected at a time.
const CONNECTED: usize = 1_000;
/// Messages in a conversation of some length.
const LENGTH: usize = 20;
/// Messages in a turn of the plain lists, and turns.
const TURN: usize = 1_000;
const TURNS: usize = 100;
/// Keys of each kind that are looked at.
const SAMPLES: usize = 200;
/// Users who go on, in pairs; each has one partner.
const TALKERS: usize = 100;
/// How many messages each of them sends until the logs of both are full.
const FILLING: u64 = 700;

/// What was found, bytes.
#[derive(Serialize)]
struct Finding {
    users: usize,
    conversations: usize,
    load_s: f64,
    /// By how much Redis's `used_memory` grew for each conversation of one message, with what its two users have of it.
    conversation: f64,
    /// The same, of a plain list with that message.
    list: f64,
    /// The same of [`LENGTH`] messages, and of a plain list with them.
    long: f64,
    long_list: f64,
    /// What `MEMORY USAGE` says of keys: of a conversation, and of a user.
    conversation_keys: Vec<Key>,
    user_keys: Vec<Key>,
    /// A further message, in the long run; and in a plain list.
    message: f64,
    listed: f64,
    messages: u64,
}

/// Keys of one kind.
#[derive(Debug, Serialize)]
struct Key {
    name: &'static str,
    /// Each, on average.
    bytes: f64,
}

pub(super) fn run(stage: &Stage) -> Result<Section> {
    let deployment = Deployment::start(&stage.folder)?;
    let begin_ns = clock::now_ns();
    let conversation = load(&deployment, 0, USERS, 1)?;
    let load_s = clock::seconds(begin_ns, clock::now_ns());
    let (conversation_keys, user_keys) = keys(&mut deployment.redis_connection()?, USERS)?;
    let long = load(&deployment, USERS, CONNECTED, LENGTH)?;
    let (message, messages) = talk(stage, &deployment, USERS + CONNECTED)?;
    let list = plain(&deployment, |number| format!("bench:list:{number}"))?;
    let long_list = LENGTH as f64 * plain(&deployment, |number| format!("bench:long:{}", number / LENGTH))?;
    let listed = plain(&deployment, |_| "bench:list".to_owned())?;
    let finding = Finding {
        users: USERS,
        conversations: USERS * CONVERSATIONS / 2,
        load_s,
        conversation,
        list,
        long,
        long_list,
        conversation_keys,
        user_keys,
        message,
        listed,
        messages,
    };
    Ok(Section {
        rows: finding.rows().into(),
        charts: vec![finding.chart()],
        raw: json!({ "text_bytes": TEXT_BYTES, "finding": finding }),
    })
}

/// Lets each of so many users from `from` on begin half of the conversations, each of so many messages; by how much the memory
/// grows for each.
fn load(deployment: &Deployment, from: usize, users: usize, messages: usize) -> Result<f64> {
    let before = deployment.redis_used_bytes()?;
    let mut audience = Audience::at(&deployment.node, CHAT_PATH)?;
    let half = CONVERSATIONS / 2;
    for first in (from..from + users).step_by(CONNECTED) {
        audience.connect(CONNECTED)?;
        audience.call_times(1, Ask::Login { first })?;
        let to = To::Following { count: half, from, users };
        audience.call_times((half * messages) as u64, Ask::Send { first, to })?;
        audience.close()?;
        let done = first + CONNECTED - from;
        if done.is_multiple_of(users.div_ceil(10)) {
            eprintln!("  {done} users have their conversations");
        }
    }
    Ok((deployment.redis_used_bytes()? - before) / (users * half) as f64)
}

/// What the keys of some conversations and users take.
fn keys(redis: &mut Connection, users: usize) -> Result<(Vec<Key>, Vec<Key>)> {
    let sampled = |index: usize| index * (users / SAMPLES);
    let mut mean = |key: &'static str, of: &dyn Fn(usize) -> String| -> Result<Key> {
        let mut bytes = 0;
        for sample in 0..SAMPLES {
            let usage: Option<u64> =
                cmd("MEMORY").arg("USAGE").arg(of(sampled(sample))).arg("SAMPLES").arg(0).query(redis)?;
            bytes += usage.unwrap_or(0);
        }
        Ok(Key { name: key, bytes: bytes as f64 / SAMPLES as f64 })
    };
    // With the next user: the pair as the service names it, the lesser name first.
    let pair = |user: usize| {
        let (one, other) = (name(user), name((user + 1) % users));
        if one < other { (one, other) } else { (other, one) }
    };
    let of_pair = |user: usize, key: &str| {
        let (a, b) = pair(user);
        format!("chat:{{c:{a},{b}}}:{key}")
    };
    let of_user = |user: usize, key: &str| format!("chat:{{u:{}}}:{key}", name(user));
    let conversation = vec![
        mean("meta", &|user| of_pair(user, "meta"))?,
        mean("messages", &|user| of_pair(user, "messages"))?,
        mean("ids", &|user| of_pair(user, "ids"))?,
        mean("with, of each user", &|user| of_user(user, &format!("with:{}", name((user + 1) % users))))?,
    ];
    let user = vec![
        mean("meta", &|user| of_user(user, "meta"))?,
        mean("log", &|user| of_user(user, "log"))?,
        mean("home", &|user| of_user(user, "home"))?,
        mean("changed", &|user| of_user(user, "changed"))?,
    ];
    Ok((conversation, user))
}

/// Lets some users from `first` on talk until their logs are full, and then on; what each further message adds.
fn talk(stage: &Stage, deployment: &Deployment, first: usize) -> Result<(f64, u64)> {
    let mut audience = Audience::at(&deployment.node, CHAT_PATH)?;
    audience.connect(TALKERS)?;
    audience.call_times(1, Ask::Login { first })?;
    let ask = Ask::Send { first, to: To::Partner };
    audience.call_times(FILLING, ask)?;
    let before = deployment.redis_used_bytes()?;
    let times = stage.pick(300, 1_000);
    let called = audience.call_times(times, ask)?;
    let grown = deployment.redis_used_bytes()? - before;
    ensure!(called.answered == times * TALKERS as u64, "{} messages were answered", called.answered);
    Ok((grown / called.answered as f64, called.answered))
}

/// Puts messages into lists, whose keys `key` tells; bytes for each.
fn plain(deployment: &Deployment, key: impl Fn(usize) -> String) -> Result<f64> {
    let turn = |first: usize| {
        let mut pipeline = redis::pipe();
        for number in first..first + TURN {
            let from = name(number);
            let message = json!({
                "seq": number, "from": from, "from_name": from, "text": "x".repeat(TEXT_BYTES),
                "message_id": format!("{number:036}"), "sent_ms": 1_760_000_000_000_u64
            });
            pipeline.cmd("RPUSH").arg(key(number)).arg(message.to_string());
        }
        Turn::new(&pipeline, TURN)
    };
    let turns: Vec<_> = (0..TURNS).map(|turn_number| turn(turn_number * TURN)).collect();
    let before = deployment.redis_used_bytes()?;
    Pipelining::open(deployment.redis.address, turns)?.run(TURNS)?;
    Ok((deployment.redis_used_bytes()? - before) / (TURNS * TURN) as f64)
}

impl Finding {
    fn rows(&self) -> [Row; 4] {
        let Self { conversation, list, long, long_list, message, listed, .. } = self;
        let users = count(self.users as f64);
        let shown = |keys: &[Key]| {
            let keys: Vec<_> = keys.iter().map(|key| format!("{} {:.0}", key.name, key.bytes)).collect();
            keys.join(", ")
        };
        let of_user: f64 = self.user_keys.iter().map(|key| key.bytes).sum();
        [
            Row {
                measure: format!(
                    "chat: memory of a conversation of one message, {users} users with ten each"
                ),
                ours: format!("{conversation:.0} bytes: {}", shown(&self.conversation_keys)),
                limit: format!("a list with the message {list:.0} bytes"),
                ratio: Some(conversation / list),
                target: Target::none(),
            },
            Row {
                measure: format!(
                    "chat: of that, a user with the log, {users} users with ten conversations each"
                ),
                ours: format!("{of_user:.0} bytes: {}", shown(&self.user_keys)),
                limit: String::new(),
                ratio: None,
                target: Target::none(),
            },
            Row {
                measure: format!("chat: memory of a conversation of {LENGTH} messages, ten of them a user"),
                ours: format!("{} bytes", count(*long)),
                limit: format!("a list with the messages {} bytes", count(*long_list)),
                ratio: Some(long / long_list),
                target: Target::none(),
            },
            Row {
                measure: format!("chat: memory of a further message of {TEXT_BYTES} bytes, in the long run"),
                ours: format!("{message:.0} bytes"),
                limit: format!("in a list {listed:.0} bytes"),
                ratio: Some(message / listed),
                target: Target::none(),
            },
        ]
    }

    fn chart(&self) -> Chart {
        let group = |name: &str, ours: f64, list: f64| {
            (name.to_owned(), vec![Bar::new("tercet", ours), Bar::new("plain list", list)])
        };
        Chart {
            name: "chat-memory",
            title: "memory of Redis, bytes".to_owned(),
            is_logarithmic: true,
            groups: vec![
                group("a conversation of one message", self.conversation, self.list),
                group("one of twenty messages", self.long, self.long_list),
                group("a further message", self.message, self.listed),
            ],
        }
    }
}
