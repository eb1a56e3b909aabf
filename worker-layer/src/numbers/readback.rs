//! Reading users back from Redis.

use broker::redis::aio::MultiplexedConnection;
use broker::redis::{self, Pipeline, RedisError, RedisResult, Value};

use super::key;

/// Users that are read with one round trip: Redis needs about a millisecond for them.
const PAGE: usize = 1_000;

/// What a hash says: the name to show and the number.
pub(super) type Fact = Option<(String, i64)>;

/// What was read, and where the store stood after it.
pub(super) struct Read {
    /// One for each user that was asked for; none for a user that is gone or has no number.
    pub(super) facts: Vec<Fact>,
    /// The newest version, after all were read.
    pub(super) version: u64,
    /// See [`key::EPOCH`]; empty if there is none.
    pub(super) epoch: String,
}

/// Reads users, and after them the version and the epoch.
pub(super) async fn read(connection: &mut MultiplexedConnection, users: &[Box<str>]) -> RedisResult<Read> {
    let mut facts = Vec::with_capacity(users.len());
    let mut pages = users.chunks(PAGE).peekable();
    loop {
        let page = pages.next().unwrap_or_default();
        let mut pipeline = Pipeline::with_capacity(page.len() + 1);
        for user in page {
            pipeline.cmd("HMGET").arg(key::user(user)).arg("username").arg("favnum");
        }
        let is_last = pages.peek().is_none();
        if is_last {
            pipeline.cmd("MGET").arg(key::VERSION).arg(key::EPOCH);
        }
        let mut values: Vec<Value> = pipeline.ignore_errors().query_async(connection).await?;
        let standing = if is_last { values.pop() } else { None };
        for (user, value) in page.iter().zip(values) {
            facts.push(fact(user, value)?);
        }
        if let Some(standing) = standing {
            let (version, epoch): (Option<u64>, Option<String>) =
                redis::from_redis_value(standing.extract_error()?)?;
            return Ok(Read { facts, version: version.unwrap_or(0), epoch: epoch.unwrap_or_default() });
        }
    }
}

/// The epoch of the store; a new one if there is none and Redis has memory for it.
pub(super) async fn epoch(connection: &mut MultiplexedConnection) -> RedisResult<String> {
    let fresh = format!("{:016x}", rand::random::<u64>());
    let mut pipeline = Pipeline::with_capacity(2);
    pipeline.cmd("SET").arg(key::EPOCH).arg(fresh).arg("NX").ignore().cmd("GET").arg(key::EPOCH);
    // That the SET is refused does not matter, but the GET must be answered.
    let (epoch,): (Value,) = pipeline.ignore_errors().query_async(connection).await?;
    if let Value::ServerError(error) = epoch {
        return Err(error.into());
    }
    Ok(redis::from_redis_value::<Option<String>>(epoch)?.unwrap_or_default())
}

/// One page of a walk through all users: those of them that have a name in UTF-8, and where to go on, 0 at
/// the end.
pub(super) async fn scan(
    connection: &mut MultiplexedConnection,
    cursor: u64,
) -> RedisResult<(u64, Vec<Box<str>>)> {
    let mut scan = redis::cmd("SCAN");
    scan.arg(cursor).arg("MATCH").arg(key::user("*")).arg("COUNT").arg(PAGE);
    let (cursor, keys): (u64, Vec<Vec<u8>>) = scan.query_async(connection).await?;
    let user = |key: Vec<u8>| {
        let text = String::from_utf8(key).inspect_err(|error| {
            let key = String::from_utf8_lossy(error.as_bytes()).into_owned();
            log::debug!(key = key; "a user is left out of the listing: its key is not UTF-8");
        });
        text.ok()?.strip_prefix(key::USER_PREFIX).map(Box::from)
    };
    Ok((cursor, keys.into_iter().filter_map(user).collect()))
}

/// What a reply to HMGET says. Hashes are also made by hand, so anything may be in them.
fn fact(user: &str, value: Value) -> RedisResult<Fact> {
    let fields = match value {
        Value::Array(fields) => fields,
        Value::ServerError(error) if error.code() == "WRONGTYPE" => {
            log::debug!(user = user; "a user is left out of the listing: the key is no hash");
            return Ok(None);
        }
        other => return Err(unexpected(other)),
    };
    let [username, favnum] =
        <[Value; 2]>::try_from(fields).map_err(|fields| unexpected(Value::Array(fields)))?;
    let username: Option<Vec<u8>> = redis::from_redis_value(username)?;
    let favnum: Option<Vec<u8>> = redis::from_redis_value(favnum)?;
    let Some(favnum) = favnum else {
        if username.is_some() {
            log::debug!(user = user; "a user is left out of the listing: there is no favnum");
        }
        return Ok(None);
    };
    let Some(number) = std::str::from_utf8(&favnum).ok().and_then(|text| text.trim().parse().ok()) else {
        log::debug!(user = user; "a user is left out of the listing: favnum is no 64-bit integer");
        return Ok(None);
    };
    let name = username.map_or_else(|| user.to_owned(), |name| String::from_utf8_lossy(&name).into_owned());
    Ok(Some((name, number)))
}

fn unexpected(value: Value) -> RedisError {
    match value {
        Value::ServerError(error) => error.into(),
        _ => (redis::ErrorKind::UnexpectedReturnType, "HMGET answered with something else than two fields")
            .into(),
    }
}
