//! Requests that share nothing with others: creating, deleting, single values, the index.

use broker::redis::{FromRedisValue, Value, cmd};
use protocol::sets::{Contained, Created, Cursor, Index, Listed, Message, Op, PATH, SetId};
use protocol::{Answer, HttpBody, HttpResponse, Push, RequestError, body as json, line, name};
use serde::Serialize;

use super::key;
use super::read::{NotRead, named, read_kept, read_named, understood, with};
use super::script::Commands;
use super::shared::Shared;

/// More ids than a page of the index has are asked for: one tells whether there are more, and as many as the others may have
/// been created in the same millisecond as the last one of the page before.
const INDEX_SPARE: usize = 32;

/// What only one wants.
pub(super) enum One<'a> {
    /// To create a set.
    Create { set: &'a SetId, name: &'a str },
    /// To have a set in the index.
    List { created: Created, is_new: bool },
    /// What is kept for a value.
    Value { set: &'a SetId, value: &'a str },
    /// A page of the index: so many sets behind this one, of so many that are read.
    Index { limit: usize, after: &'a Option<(u64, SetId)>, count: usize },
    /// The names of these sets; behind them comes this.
    Names { sets: Vec<(SetId, u64)>, next: Option<String> },
    /// To delete a set.
    Delete { set: &'a SetId },
}

/// What follows from an answer of Redis.
pub(super) enum Next<'a> {
    /// The answer.
    Answer(Answer),
    /// There is more to ask.
    Ask(One<'a>),
}

impl<'a> One<'a> {
    /// A page of the index.
    pub(super) fn index(limit: usize, after: &'a Option<(u64, SetId)>) -> Self {
        Self::Index { limit, after, count: limit + INDEX_SPARE }
    }

    /// Adds the commands.
    pub(super) fn ask(&self, shared: &Shared, commands: &mut Commands) {
        match self {
            Self::Create { set, name } => {
                let mut create = shared.scripts.create.call(&[key::meta(set)], 2, name.len());
                create.arg(*name).arg(format!("{:016x}", rand::random::<u64>()));
                commands.add(create);
            }
            Self::List { created, .. } => {
                let mut list = cmd("ZADD");
                list.arg(key::INDEX).arg(created.created_ms).arg(created.id.as_str());
                commands.add(list);
            }
            Self::Value { set, value } => {
                let mut kept = with("HGET", key::elements(set));
                kept.arg(*value);
                commands.add_together([named(set), kept]);
            }
            Self::Index { after, count, .. } => {
                let newest =
                    after.as_ref().map_or("+inf".to_owned(), |(created_ms, _)| created_ms.to_string());
                let mut range = cmd("ZREVRANGEBYSCORE");
                range.arg(key::INDEX).arg(newest).arg("-inf");
                range.arg("WITHSCORES").arg("LIMIT").arg(0).arg(*count);
                commands.add(range);
            }
            Self::Names { sets, .. } => sets.iter().for_each(|(set, _)| commands.add(named(set))),
            Self::Delete { set } => delete(set, shared, commands),
        }
    }

    /// How many answers there are to the commands.
    pub(super) fn answers(&self) -> usize {
        match self {
            Self::Names { sets, .. } => sets.len(),
            Self::Delete { .. } => 2,
            _ => 1,
        }
    }

    /// Whether it may have changed something when its answer is lost.
    pub(super) fn is_change(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::List { .. } | Self::Delete { .. })
    }

    /// What follows from the answers.
    pub(super) fn finish(self, shared: &Shared, values: Vec<Value>) -> Result<Next<'a>, RequestError> {
        let values =
            values.into_iter().map(|value| shared.log.checked(value)).collect::<Result<Vec<_>, _>>()?;
        match self {
            Self::Create { set, .. } => created(set, values).map_err(|error| shared.told(set, error)),
            Self::List { created, is_new } => Ok(Next::Answer(Answer::Http(of_creation(&created, is_new)))),
            Self::Value { set, value } => {
                contained(value, values).map(Next::Answer).map_err(|error| shared.told(set, error))
            }
            Self::Index { limit, after, count } => indexed(limit, after, count, values)
                .map_err(|_| shared.log.odd("the index of sets is not as it is written")),
            Self::Names { sets, next } => Ok(Next::Answer(indexed_as(sets, next, values))),
            Self::Delete { set } => {
                deleted(values).map(Next::Answer).map_err(|error| shared.told(set, error))
            }
        }
    }
}

/// Out of the index first: if only that is done, the set is still there to be deleted again.
fn delete(set: &SetId, shared: &Shared, commands: &mut Commands) {
    let mut unlist = cmd("ZREM");
    unlist.arg(key::INDEX).arg(set.as_str());
    commands.add(unlist);
    let keys = [key::meta(set), key::elements(set), key::tombstones(set), key::log(set)];
    let push = Push::event(json::encode(&Message::Deleted { set: set.clone() }));
    let mut delete = shared.scripts.delete.call(&keys, 2, 64);
    delete.arg(name::topic_channel(&set.topic())).arg(line::one(&push));
    commands.add(delete);
}

fn created<'a>(set: &SetId, values: Vec<Value>) -> Result<Next<'a>, NotRead> {
    let (is_new, name, cursor, created_ms): (bool, String, String, u64) = only(values)?;
    let cursor: Cursor = cursor.parse().map_err(|_| NotRead::Odd)?;
    Ok(Next::Ask(One::List { created: Created { id: set.clone(), name, cursor, created_ms }, is_new }))
}

fn of_creation(created: &Created, is_new: bool) -> HttpResponse {
    let mut response = response(if is_new { 201 } else { 200 }, created);
    response.headers.insert("location".to_owned(), format!("{PATH}/{}", created.id));
    response
}

fn contained(value: &str, values: Vec<Value>) -> Result<Answer, NotRead> {
    let (set, kept): (Value, Option<String>) = only(values)?;
    read_named(set)?;
    let kept = kept.map(|kept| read_kept(&kept).ok_or(NotRead::Odd)).transpose()?;
    let contained = kept.as_ref().is_some_and(|(op, _)| *op == Op::Add);
    let stamp = kept.map(|(_, stamp)| stamp);
    Ok(Answer::Http(response(200, &Contained { value: value.to_owned(), contained, stamp })))
}

fn indexed<'a>(
    limit: usize,
    after: &'a Option<(u64, SetId)>,
    count: usize,
    values: Vec<Value>,
) -> Result<Next<'a>, NotRead> {
    let read: Vec<(String, u64)> = only(values)?;
    let is_all = read.len() < count;
    let known = read.into_iter().filter_map(|(id, created_ms)| Some((id.parse::<SetId>().ok()?, created_ms)));
    let is_behind =
        |(set, created_ms): &(SetId, u64)| after.as_ref().is_none_or(|(ms, id)| (created_ms, set) < (ms, id));
    let mut sets: Vec<(SetId, u64)> = known.filter(is_behind).collect();
    if sets.len() <= limit && !is_all {
        return Ok(Next::Ask(One::Index { limit, after, count: 2 * count }));
    }
    let has_more = sets.len() > limit;
    sets.truncate(limit);
    let next = sets.last().filter(|_| has_more).map(|(set, created_ms)| format!("{created_ms}-{set}"));
    if sets.is_empty() {
        return Ok(Next::Answer(indexed_as(sets, next, Vec::new())));
    }
    Ok(Next::Ask(One::Names { sets, next }))
}

/// A set that was deleted while this went on is left out.
fn indexed_as(sets: Vec<(SetId, u64)>, next: Option<String>, values: Vec<Value>) -> Answer {
    let listed = |((id, created_ms), value)| {
        let (name, _) = read_named(value).ok()?;
        Some(Listed { id, name, created_ms })
    };
    let sets = sets.into_iter().zip(values).filter_map(listed).collect();
    Answer::Http(response(200, &Index { sets, next }))
}

fn deleted(values: Vec<Value>) -> Result<Answer, NotRead> {
    let was_there: bool = values.into_iter().next_back().and_then(understood).ok_or(NotRead::Odd)?;
    if !was_there {
        return Err(NotRead::Unknown);
    }
    Ok(Answer::Http(HttpResponse { status: 204, headers: [].into(), body: HttpBody::default() }))
}

fn only<T: FromRedisValue>(values: Vec<Value>) -> Result<T, NotRead> {
    values.into_iter().next().and_then(understood).ok_or(NotRead::Odd)
}

fn response<T: Serialize>(status: u16, body: &T) -> HttpResponse {
    HttpResponse::json(status, HttpBody::Body(json::encode(body).get().to_owned()))
}
