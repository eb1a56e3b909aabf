//! Keeps the set `users` in step with the listing, so that `SORT users …` in redis-cli shows the
//! same.
//!
//! Whoever sets a number adds a new user to the set at once. All else is the publisher's: users that were
//! made or deleted by hand as it notices them, and everything at once when it takes the lease, because
//! changes from before may have been seen by nobody.

use broker::redis::aio::MultiplexedConnection;
use broker::redis::{self, Pipeline, RedisResult, Value};

use super::key;
use super::listing::{Change, Listing};
use parking_lot::Mutex;

/// Members in one command.
const PAGE: usize = 1_000;

/// Takes over what became of some users.
pub(super) async fn follow(
    connection: &mut MultiplexedConnection,
    changes: &[(Box<str>, Change)],
) -> RedisResult<()> {
    let of = |wanted: Change| {
        let users = changes.iter().filter(move |(_, change)| *change == wanted);
        users.map(|(user, _)| user.as_bytes().to_vec()).collect::<Vec<_>>()
    };
    write(connection, of(Change::Appeared), of(Change::Vanished)).await
}

/// Makes the set what the listing is.
pub(super) async fn reconcile(
    connection: &mut MultiplexedConnection,
    listing: &Mutex<Listing>,
) -> RedisResult<()> {
    let mut members = std::collections::HashSet::<Vec<u8>>::new();
    let mut cursor = 0_u64;
    loop {
        let mut scan = redis::cmd("SSCAN");
        scan.arg(key::USERS).arg(cursor).arg("COUNT").arg(PAGE);
        let page: Vec<Vec<u8>>;
        (cursor, page) = scan.query_async(connection).await?;
        members.extend(page);
        if cursor == 0 {
            break;
        }
    }
    let missing: Vec<Vec<u8>> = {
        let listing = listing.lock();
        let users = listing.keys().map(|user| user.as_bytes());
        users.filter(|user| !members.remove(*user)).map(<[u8]>::to_vec).collect()
    };
    write(connection, missing, members.into_iter().collect()).await
}

async fn write(
    connection: &mut MultiplexedConnection,
    add: Vec<Vec<u8>>,
    remove: Vec<Vec<u8>>,
) -> RedisResult<()> {
    let mut pipeline = Pipeline::new();
    for (command, users) in [("SADD", add), ("SREM", remove)] {
        for page in users.chunks(PAGE) {
            pipeline.cmd(command).arg(key::USERS).arg(page);
        }
    }
    if pipeline.is_empty() {
        return Ok(());
    }
    // An error of a whole pipeline would not tell whether Redis refused a command or was out of reach.
    let answers: Vec<Value> = pipeline.ignore_errors().query_async(connection).await?;
    answers.into_iter().try_for_each(|answer| answer.extract_error().map(drop))
}
