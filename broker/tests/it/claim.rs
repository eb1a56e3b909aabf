//! Large bodies.

use broker::{Store, StoreError, Tasks};
use protocol::{Claim, limit};

use crate::redis_server::RedisServer;
use crate::within::within;

async fn store(server: &RedisServer, tasks: &Tasks) -> Store {
    let store = Store::start(server.address(), tasks);
    within(store.connected()).await;
    store
}

#[tokio::test]
async fn a_body_comes_back_as_it_was_and_expires() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let store = store(&server, &tasks).await;
    let three_mib: Vec<u8> =
        (0..3 * 1024 * 1024_u32).flat_map(|n| n.to_le_bytes().into_iter().take(1)).collect();
    for body in [
        &three_mib[..],
        &three_mib[..limit::CLAIM_PIECE_BYTES],
        &three_mib[..limit::CLAIM_PIECE_BYTES + 1],
        b"x",
        b"",
    ] {
        let claim = store.put_claim(body).await.unwrap();
        assert_eq!(claim.bytes, body.len());
        assert_eq!(store.fetch_claim(&claim).await.unwrap(), body);
        let ttl_s: i64 = store.query(redis::cmd("TTL").arg(&claim.key)).await.unwrap();
        assert!((1..=i64::try_from(limit::CLAIM_KEPT_S).unwrap()).contains(&ttl_s), "{ttl_s}");
    }
}

#[tokio::test]
async fn a_body_that_has_expired_or_shrunk_is_gone() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let store = store(&server, &tasks).await;
    let claim = store.put_claim(&[b'x'; 1_000]).await.unwrap();
    let longer = Claim { bytes: 1_001, ..claim.clone() };
    assert!(matches!(store.fetch_claim(&longer).await, Err(StoreError::ClaimGone)));
    // It expires now.
    store.query::<()>(redis::cmd("PEXPIREAT").arg(&claim.key).arg(1)).await.unwrap();
    assert!(matches!(store.fetch_claim(&claim).await, Err(StoreError::ClaimGone)));
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_neither_stored_nor_fetched() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let store = store(&server, &tasks).await;
    let bytes = limit::CLAIM_BYTES_MAX + 1;
    assert!(
        matches!(store.put_claim(&vec![0; bytes]).await, Err(StoreError::ClaimTooLarge(found)) if found == bytes)
    );
    let claim = Claim { key: "claim:x".to_owned(), bytes: usize::MAX, once: false };
    assert!(matches!(store.fetch_claim(&claim).await, Err(StoreError::ClaimTooLarge(_))));
    let keys: u64 = store.query(&redis::cmd("DBSIZE")).await.unwrap();
    assert_eq!(keys, 0);
}
