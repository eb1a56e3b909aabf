//! Commands and how they fail.

use broker::{Store, StoreError, Tasks};
use protocol::ErrorCode;

use crate::redis_server::RedisServer;
use crate::within::within;

async fn store(server: &RedisServer, tasks: &Tasks) -> Store {
    let store = Store::start(server.address(), tasks);
    within(store.connected()).await;
    store
}

#[tokio::test]
async fn commands_pipelines_and_scripts_are_answered() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let store = store(&server, &tasks).await;
    store.query::<()>(redis::cmd("SET").arg("n").arg(40)).await.unwrap();
    let (a, b): (i64, i64) = store.pipeline(redis::pipe().incr("n", 1).incr("n", 1)).await.unwrap();
    assert_eq!((a, b), (41, 42));
    let script = redis::Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    for sum in [52, 62] {
        assert_eq!(store.script::<i64>(script.key("n").arg(10)).await.unwrap(), sum);
    }
}

#[tokio::test]
async fn a_refusal_is_told_from_an_outcome_that_nobody_knows() {
    let (server, tasks) = (RedisServer::with("user default on nopass ~* &* +@all -flushall"), Tasks::new());
    let store = store(&server, &tasks).await;
    let refused = store.query::<()>(&redis::cmd("FLUSHALL")).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Refused(source) if source.code() == Some("NOPERM")),
        "{refused:?}"
    );
    assert_eq!(refused.code(), ErrorCode::Unavailable);
    store.query::<()>(redis::cmd("SET").arg("k").arg("text")).await.unwrap();
    let unreadable = store.query::<u64>(redis::cmd("GET").arg("k")).await.unwrap_err();
    assert!(matches!(unreadable, StoreError::Unknown(_)));
    assert_eq!(unreadable.code(), ErrorCode::OutcomeUnknown);
}

#[tokio::test]
async fn a_redis_without_memory_or_that_only_reads_refuses() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let store = store(&server, &tasks).await;
    let set = redis::cmd("SET").arg("k").arg("v").to_owned();
    store.query::<()>(redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("1")).await.unwrap();
    assert!(
        matches!(store.query::<()>(&set).await, Err(StoreError::Refused(error)) if error.code() == Some("OOM"))
    );
    store.query::<()>(redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("0")).await.unwrap();
    store.query::<()>(redis::cmd("REPLICAOF").arg("127.0.0.1").arg("1")).await.unwrap();
    assert!(
        matches!(store.query::<()>(&set).await, Err(StoreError::Refused(error)) if error.code() == Some("READONLY"))
    );
}
