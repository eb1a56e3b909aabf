//! Operations on their way to Redis: those of a batch of events that concern one set share calls of `apply.lua`.

use std::collections::HashMap;
use std::fmt::Write as _;

use broker::redis::{Cmd, Value, from_redis_value};
use foldhash::fast::RandomState;
use protocol::name;
use protocol::sets::{Change, Cursor, LOG_ENTRIES_MAX, Op, Outcome, SERVER, SetId, Stamp};

use super::key;
use super::limit::{CALL_BYTES_MAX, COLLECTED_MIN};
use super::option::Options;
use super::read::read_kept;
use super::script::Scripts;

/// Calls that are being gathered, in the order in which they are sent.
#[derive(Default)]
pub(super) struct Calls<'a> {
    calls: Vec<Call<'a>>,
    /// The call of each set that takes more.
    open: HashMap<&'a SetId, usize, RandomState>,
}

/// Where operations went: so many, from this one on, of a call.
pub(super) struct Part {
    pub(super) call: usize,
    first: usize,
    count: usize,
}

impl Part {
    /// How many operations it has.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}

/// Operations on one set.
struct Call<'a> {
    set: &'a SetId,
    changes: Vec<&'a Change>,
    /// As JSON, with commas between.
    texts: String,
    /// Of each text, bytes.
    lengths: Vec<u16>,
}

/// What a call came to.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) cursor: Cursor,
    pub(super) server_ms: u64,
    /// Of the operations that were not applied just as they were, by their place in the call.
    unusual: Vec<(usize, Outcome)>,
    /// The places of those for whose values the set has no room.
    left_out: Vec<usize>,
}

/// There is no such set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unknown;

/// What the script tells about an operation.
enum Became {
    /// An outcome.
    Of(Outcome),
    /// There is no room for its value.
    LeftOut,
}

impl<'a> Calls<'a> {
    /// Puts the operations of one request behind those that came before. They may go to several calls.
    pub(super) fn add(&mut self, set: &'a SetId, changes: &'a [Change]) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::with_capacity(1);
        for change in changes {
            let call = match self.open.get(set) {
                Some(call) if self.calls[*call].add(change) => *call,
                _ => self.begin(set, change),
            };
            match parts.last_mut() {
                Some(part) if part.call == call => part.count += 1,
                _ => parts.push(Part { call, first: self.calls[call].changes.len() - 1, count: 1 }),
            }
        }
        parts
    }

    /// How many calls there are.
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// The set that a call is about.
    pub(super) fn set(&self, call: usize) -> &SetId {
        self.calls[call].set
    }

    /// The commands, in order.
    pub(super) fn commands(&self, scripts: &Scripts, options: &Options) -> impl Iterator<Item = Cmd> {
        self.calls.iter().map(|call| call.command(scripts, options))
    }

    /// Reads what Redis answered to a call; none if it cannot be understood.
    pub(super) fn done(&self, call: usize, value: Value, options: &Options) -> Option<Result<Done, Unknown>> {
        let answer: Vec<String> = from_redis_value(value).ok()?;
        match answer.as_slice() {
            [] => Some(Err(Unknown)),
            [cursor, server_ms, floor_ms, unusual] => {
                let (cursor, server_ms) = (cursor.parse().ok()?, server_ms.parse().ok()?);
                let told =
                    Told { server_ms, ahead_ms_max: options.ahead_ms_max, floor_ms: floor_ms.parse().ok() };
                let changes = &self.calls[call].changes;
                let mut done = Done { cursor, server_ms, unusual: Vec::new(), left_out: Vec::new() };
                for text in unusual.split(' ').filter(|text| !text.is_empty()) {
                    match told.read(changes, text)? {
                        (place, Became::Of(outcome)) => done.unusual.push((place, outcome)),
                        (place, Became::LeftOut) => done.left_out.push(place),
                    }
                }
                Some(Ok(done))
            }
            _ => None,
        }
    }

    /// How many operations of a part were not done, because the set has no room for their values.
    pub(super) fn left_out(&self, part: &Part, done: &Done) -> usize {
        let places = part.first..part.first + part.count;
        done.left_out.iter().filter(|place| places.contains(place)).count()
    }

    /// What became of the operations of a part, in order, if none was left out.
    pub(super) fn outcomes(&self, part: &Part, done: &Done) -> impl Iterator<Item = Outcome> {
        let changes = &self.calls[part.call].changes[part.first..part.first + part.count];
        let mut unusual = done.unusual.iter().skip_while(|(place, _)| *place < part.first).peekable();
        changes.iter().zip(part.first..).filter_map(move |(change, place)| {
            match unusual.next_if(|(other, _)| *other == place) {
                Some((_, outcome)) => Some(outcome.clone()),
                None => change.stamp.clone().map(|stamp| Outcome::Applied { stamp }),
            }
        })
    }

    fn begin(&mut self, set: &'a SetId, change: &'a Change) -> usize {
        let mut call = Call { set, changes: Vec::new(), texts: String::new(), lengths: Vec::new() };
        call.add(change);
        self.calls.push(call);
        self.open.insert(set, self.calls.len() - 1);
        self.calls.len() - 1
    }
}

impl<'a> Call<'a> {
    /// Takes an operation, if there is room. The first always has.
    fn add(&mut self, change: &'a Change) -> bool {
        let before = self.texts.len();
        if before > 0 {
            self.texts.push(',');
        }
        let begin = self.texts.len();
        write_operation(&mut self.texts, change);
        if self.texts.len() > CALL_BYTES_MAX && before > 0 {
            self.texts.truncate(before);
            return false;
        }
        let length = u16::try_from(self.texts.len() - begin).unwrap_or(u16::MAX);
        self.lengths.push(length);
        self.changes.push(change);
        true
    }

    fn command(&self, scripts: &Scripts, options: &Options) -> Cmd {
        let keys =
            [key::meta(self.set), key::elements(self.set), key::tombstones(self.set), key::log(self.set)];
        let args = 10 + 2 * self.changes.len();
        let mut call = scripts.apply.call(&keys, args, 3 * self.texts.len());
        call.arg(self.set.as_str()).arg(name::topic_channel(&self.set.topic()));
        call.arg(options.ahead_ms_max).arg(options.horizon_ms);
        call.arg(options.values_max).arg(LOG_ENTRIES_MAX).arg(COLLECTED_MIN.max(2 * self.changes.len()));
        let lengths: Vec<u8> = self.lengths.iter().flat_map(|length| length.to_be_bytes()).collect();
        call.arg(self.times()).arg(&self.texts).arg(lengths);
        let mut kept = String::with_capacity(96);
        for change in &self.changes {
            kept.clear();
            write_kept(&mut kept, change);
            call.arg(&change.value).arg(&kept);
        }
        call
    }

    /// The milliseconds of each operation as an array of MessagePack, <https://msgpack.org>: array 16, then uint 64, or the
    /// negative fixint -1.
    fn times(&self) -> Vec<u8> {
        let mut times = Vec::with_capacity(3 + 9 * self.changes.len());
        times.push(0xdc);
        times.extend(u16::try_from(self.changes.len()).unwrap_or(u16::MAX).to_be_bytes());
        for change in &self.changes {
            match &change.stamp {
                Some(stamp) => {
                    times.push(0xcf);
                    times.extend(stamp.ms().to_be_bytes());
                }
                None => times.push(0xff),
            }
        }
        times
    }
}

/// What the script tells besides outcomes.
struct Told {
    server_ms: u64,
    ahead_ms_max: u64,
    floor_ms: Option<u64>,
}

impl Told {
    /// One unusual outcome: the number of the operation, a letter, and more.
    fn read(&self, changes: &[&Change], text: &str) -> Option<(usize, Became)> {
        let (number, letter) = text.split_at(text.find(|letter: char| letter.is_ascii_lowercase())?);
        let place = number.parse::<usize>().ok()?.checked_sub(1)?;
        let own = || changes.get(place)?.stamp.clone();
        let (letter, rest) = letter.split_at(1);
        let outcome = match letter {
            "a" => Outcome::Applied { stamp: Stamp::new(rest.parse().ok()?, SERVER.parse().ok()?).ok()? },
            "s" => {
                let (op, stamp) = read_kept(rest)?;
                Outcome::Superseded { op, stamp }
            }
            "d" => Outcome::Duplicate { stamp: own()? },
            "c" => Outcome::ClockAhead { server_ms: self.server_ms, ahead_ms_max: self.ahead_ms_max },
            "o" => Outcome::TooOld { floor_ms: self.floor_ms? },
            "f" => return Some((place, Became::LeftOut)),
            _ => return None,
        };
        Some((place, Became::Of(outcome)))
    }
}

fn write_kept(kept: &mut String, Change { op, stamp, .. }: &Change) {
    kept.push(if *op == Op::Add { '+' } else { '-' });
    if let Some(stamp) = stamp {
        let _ = write!(kept, "{}:{}", stamp.ms(), stamp.replica());
    }
}

/// An operation as JSON; one without a stamp up to where the milliseconds go.
fn write_operation(texts: &mut String, Change { op, value, stamp }: &Change) {
    texts.push_str(if *op == Op::Add { r#"{"op":"add","value":"# } else { r#"{"op":"remove","value":"# });
    texts.push_str(&serde_json::to_string(value).unwrap_or_default());
    texts.push_str(r#","stamp":["#);
    if let Some(stamp) = stamp {
        let _ = write!(texts, r#"{},"{}"]}}"#, stamp.ms(), stamp.replica());
    }
}

#[cfg(test)]
mod tests {
    use protocol::sets::Operation;

    use super::*;

    fn add(value: &str, stamp: Option<&str>) -> Change {
        let stamp = stamp.and_then(|stamp| read_kept(&format!("+{stamp}"))).map(|(_, stamp)| stamp);
        Change { op: Op::Add, value: value.to_owned(), stamp }
    }

    fn texts(texts: [&str; 4]) -> Value {
        Value::Array(texts.map(|text| Value::BulkString(text.as_bytes().to_vec())).into())
    }

    #[test]
    fn a_call_has_a_bound_and_what_comes_behind_goes_to_the_next() {
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        let large: Vec<Change> = (0..70).map(|_| add(&"x".repeat(1_000), Some("1:p"))).collect();
        let small = [add("y", None)];
        let mut calls = Calls::default();
        let first = calls.add(&a, &large);
        assert_eq!(calls.add(&b, &small)[0].call, 3);
        assert_eq!(calls.add(&a, &small)[0].call, 2);
        let counts: Vec<(usize, usize, usize)> =
            first.iter().map(|part| (part.call, part.first, part.count)).collect();
        assert_eq!(counts, [(0, 0, 31), (1, 0, 31), (2, 0, 8)]);
        for call in &calls.calls {
            assert!(call.texts.len() <= CALL_BYTES_MAX);
            let json = call.changes.iter().all(|change| change.stamp.is_some());
            assert_eq!(serde_json::from_str::<Vec<Operation>>(&format!("[{}]", call.texts)).is_ok(), json);
            let lengths: usize = call.lengths.iter().map(|length| usize::from(*length) + 1).sum();
            assert_eq!(lengths, call.texts.len() + 1);
        }
    }

    #[test]
    fn what_the_script_tells_is_what_became_of_each_request() {
        let set = "a".parse().unwrap();
        let (one, other) = ([add("x", Some("1:p")), add("y", None)], [add("z", Some("2:q"))]);
        let mut calls = Calls::default();
        let parts = [calls.add(&set, &one), calls.add(&set, &other)];
        let done = |unusual: &str| {
            let answer = texts(["e-7", "5", "4", unusual]);
            calls.done(0, answer, &Options::default()).unwrap().unwrap()
        };
        let shown = |part: &Part, done: &Done| -> Vec<String> {
            calls.outcomes(part, done).map(|outcome| serde_json::to_string(&outcome).unwrap()).collect()
        };
        let usual = done("2a5");
        let applied =
            [r#"{"outcome":"applied","stamp":[1,"p"]}"#, r#"{"outcome":"applied","stamp":[5,"server"]}"#];
        assert_eq!(shown(&parts[0][0], &usual), applied);
        assert_eq!(shown(&parts[1][0], &usual), [r#"{"outcome":"applied","stamp":[2,"q"]}"#]);
        let unusual = done("1d 2a5 3s-9:r");
        assert_eq!(shown(&parts[0][0], &unusual)[0], r#"{"outcome":"duplicate","stamp":[1,"p"]}"#);
        assert_eq!(
            shown(&parts[1][0], &unusual),
            [r#"{"outcome":"superseded","op":"remove","stamp":[9,"r"]}"#]
        );
        let refused = done("1c 2a5 3o");
        assert_eq!(
            shown(&parts[0][0], &refused)[0],
            r#"{"outcome":"clock_ahead","server_ms":5,"ahead_ms_max":60000}"#
        );
        assert_eq!(shown(&parts[1][0], &refused), [r#"{"outcome":"too_old","floor_ms":4}"#]);
        let full = done("1d 2f 3f");
        assert_eq!((calls.left_out(&parts[0][0], &full), calls.left_out(&parts[1][0], &full)), (1, 1));
        assert_eq!((calls.left_out(&parts[0][0], &unusual), full.unusual.len()), (0, 1));
        for odd in ["x", "9d", "1", "1s+x:y", "0d"] {
            assert!(calls.done(0, texts(["e-7", "5", "4", odd]), &Options::default()).is_none(), "{odd}");
        }
    }
}
