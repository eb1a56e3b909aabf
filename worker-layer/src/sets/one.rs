//! Requests that share nothing with others: creating, deleting, single values, the index.

use broker::redis::{FromRedisValue, Value, cmd};
use protocol::sets::{Contained, Created, Cursor, Message, Op, PATH, SetId};
use protocol::{Answer, HttpBody, HttpResponse, Push, RequestError, body as json, line, name};
use serde::Serialize;

use super::index::{Index, Indexed, Named, Names};
use super::key;
use super::read::{NotRead, named, read_kept, read_named, understood, with};
use super::script::Commands;
use super::shared::Shared;

/// What only one wants.
pub(super) enum One<'a> {
    /// To create a set.
    Create { set: &'a SetId, name: &'a str },
    /// To have a set in the index.
    List { created: Created, is_new: bool },
    /// What is kept for a value.
    Value { set: &'a SetId, value: &'a str },
    /// The ids in a page of the index.
    Index(Index<'a>),
    /// Their names.
    Names(Names<'a>),
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
        Self::Index(Index::new(limit, after))
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
            Self::Index(index) => index.ask(&shared.scripts, commands),
            Self::Names(names) => names.ask(commands),
            Self::Delete { set } => delete(set, shared, commands),
        }
    }

    /// How many answers there are to the commands.
    pub(super) fn answers(&self) -> usize {
        match self {
            Self::Index(index) => index.answers(),
            Self::Names(names) => names.answers(),
            Self::Delete { .. } => 2,
            _ => 1,
        }
    }

    /// Whether it may have changed something when its answer is lost.
    pub(super) fn is_change(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::List { .. } | Self::Delete { .. })
    }

    /// What follows from the answers.
    pub(super) fn finish(self, shared: &Shared, mut values: Vec<Value>) -> Result<Next<'a>, RequestError> {
        if matches!(self, Self::Index(_)) {
            // If nothing could be taken out before, the page is what it is.
            values.drain(..values.len().saturating_sub(1));
        }
        let values =
            values.into_iter().map(|value| shared.log.checked(value)).collect::<Result<Vec<_>, _>>()?;
        match self {
            Self::Create { set, .. } => created(set, values).map_err(|error| shared.told(set, error)),
            Self::List { created, is_new } => Ok(Next::Answer(Answer::Http(of_creation(&created, is_new)))),
            Self::Value { set, value } => {
                contained(value, values).map(Next::Answer).map_err(|error| shared.told(set, error))
            }
            Self::Index(index) => {
                let odd = |_| shared.log.odd("the index of sets is not as it is written");
                Ok(match index.finish(only(values).map_err(odd)?) {
                    Indexed::Again(index) => Next::Ask(Self::Index(index)),
                    Indexed::Names(names) if names.answers() == 0 => listed(names, Vec::new()),
                    Indexed::Names(names) => Next::Ask(Self::Names(names)),
                })
            }
            Self::Names(names) => Ok(listed(names, values)),
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

fn listed<'a>(names: Names<'a>, values: Vec<Value>) -> Next<'a> {
    match names.finish(values) {
        Named::Again(index) => Next::Ask(One::Index(index)),
        Named::Page(page) => Next::Answer(Answer::Http(response(200, &page))),
    }
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
