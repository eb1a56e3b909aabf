//! What a watcher of ours does beyond the original: it counts, repeats what was not acknowledged, and sends many operations in
//! one request.

use protocol::files::{Change, State};

use crate::support::files::{Files, files_options, patch};
use crate::support::original::Original;

/// A hello that says how far the watcher is.
async fn hello(files: &mut Files, watcher: &Original, seqno: u64) -> protocol::files::Heard {
    let (instance, port) = (&watcher.instance, watcher.port);
    let body = format!(r#"{{"instance":"{instance}","port":{port},"seqno":{seqno}}}"#);
    files.say("POST", "/hello", &body).await
}

#[tokio::test]
async fn it_is_answered_with_how_far_the_service_is() {
    let mut files = Files::start().await;
    let watcher = Original::start(&["a"]).await;
    let heard = hello(&mut files, &watcher, 1).await;
    assert_eq!((heard.state, heard.seqno), (State::Dirty, Some(0)));
    files.until_state(&watcher.instance, State::Synced).await;
    let heard = files.patch(&watcher.instance, &[("add", "b", 2), ("add", "c", 3), ("remove", "a", 4)]).await;
    assert_eq!((heard.state, heard.seqno), (State::Synced, Some(4)));
    assert_eq!(files.names().await, ["b", "c"]);
}

#[tokio::test]
async fn a_batch_is_one_change_and_may_be_sent_again() {
    let mut files = Files::with(3, files_options(|_| {})).await;
    files.patch("a", &[("add", "x", 2)]).await;
    files.until("x", |change| matches!(change, Change::Add { .. })).await;
    let batch = [("add", "y", 3), ("remove", "x", 4), ("add", "x", 5), ("remove", "y", 6)];
    for _ in 0..3 {
        let heard = files.patch("a", &batch).await;
        assert_eq!(heard.seqno, Some(6));
    }
    assert_eq!(files.pushed().await.changes.len(), 4);
    // Half of this one is known.
    files.patch("a", &[("remove", "y", 6), ("add", "z", 7)]).await;
    assert_eq!(files.pushed().await.changes, [Change::Add { watcher: 1, filename: "z".to_owned() }]);
    assert_eq!(files.names().await, ["x", "z"]);
}

#[tokio::test]
async fn a_batch_too_large_for_one_script_is_applied_in_pieces_in_order() {
    let mut files = Files::start().await;
    let names: Vec<String> = (0..500).map(|number| format!("{number:03}{}", "\u{1}".repeat(200))).collect();
    let add = names.iter().zip(2..).map(|(name, seqno)| ("add", name.as_str(), seqno));
    let remove = names[..250].iter().zip(502..).map(|(name, seqno)| ("remove", name.as_str(), seqno));
    let operations: Vec<_> = add.chain(remove).collect();
    let body = patch("a", &operations);
    let claim = files.node.store.put_claim(body.as_bytes()).await.expect("Redis runs");
    let mut request = crate::support::files::http("PATCH", "/files", "");
    request.body = protocol::HttpBody::Claim(claim);
    assert_eq!(files.request_from(crate::support::files::HERE, request).await.status, 200);
    assert_eq!(files.names().await, names[250..]);
    assert_eq!(files.nodes().await.nodes[0].seqno, 751);
}

#[tokio::test]
async fn if_the_service_has_less_than_it_acknowledged_the_list_is_fetched() {
    let mut files = Files::start().await;
    let watcher = Original::start(&["a"]).await;
    hello(&mut files, &watcher, 1).await;
    files.until_state(&watcher.instance, State::Synced).await;
    // As after a crash of Redis, which lost the last second.
    let seqno = watcher.add_unheard("lost");
    let heard = hello(&mut files, &watcher, seqno).await;
    assert_eq!((heard.state, heard.seqno), (State::Dirty, Some(1)));
    files.until_state(&watcher.instance, State::Synced).await;
    assert_eq!(files.names().await, ["a", "lost"]);
}

#[tokio::test]
async fn it_is_not_asked_without_a_cause_because_it_counts() {
    let mut files = Files::with(1, files_options(|options| options.check_ms = 100)).await;
    let (ours, original) = (Original::start(&["a"]).await, Original::start(&["b"]).await);
    hello(&mut files, &ours, 1).await;
    files.until_state(&ours.instance, State::Synced).await;
    original.hello(&mut files).await;
    // The other one is, again and again.
    original.asked(4).await;
    assert_eq!(ours.gets(), 1);
}
