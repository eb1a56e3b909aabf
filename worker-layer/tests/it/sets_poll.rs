//! Requests for changes that wait.

use protocol::sets::{Changes, Page};
use protocol::{HttpResponse, Subject};

use crate::support::sets::{Sets, http};

/// Asks for changes without waiting for the response; the number of the event.
async fn ask(sets: &mut Sets, target: &str) -> u64 {
    let request = Subject::Http { peer: "10.0.0.9".to_owned(), http: http("GET", target, None) };
    sets.node.tell(&sets.worker.id, "sets", request).await
}

async fn page(sets: &Sets, response: &HttpResponse) -> Page {
    match sets.body(response).await {
        Changes::Page(page) => page,
        other => panic!("no page: {other:?}"),
    }
}

/// Until so many wait that the worker is subscribed to the topic.
async fn until_subscribed(sets: &Sets, count: u64) {
    crate::support::within("the subscription", async {
        loop {
            let (_, subscribed): (String, u64) = sets.redis.cli("PUBSUB NUMSUB topic:set:{a}").await;
            // The node that the test plays is one.
            if subscribed == count + 1 {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_waits_until_there_is_a_change() {
    let mut sets = Sets::start().await;
    let cursor = sets.create("a").await.cursor;
    let mut waiting = Vec::new();
    for _ in 0..20 {
        waiting.push(ask(&mut sets, &format!("/sets/a/changes?since={cursor}&wait=25")).await);
    }
    until_subscribed(&sets, 1).await;
    let applied = sets.apply("a", r#"{"op":"add","value":"x"}"#).await;
    for seq in waiting {
        let response = sets.node.response(seq).await;
        let page = page(&sets, &response).await;
        assert_eq!((page.operations.len(), page.cursor, page.more), (1, applied.cursor.clone(), false));
    }
    until_subscribed(&sets, 0).await;
}

#[tokio::test]
async fn a_change_that_is_there_already_is_not_waited_for() {
    let mut sets = Sets::start().await;
    let cursor = sets.create("a").await.cursor;
    sets.apply("a", r#"{"op":"add","value":"x"}"#).await;
    let response = sets.request("GET", &format!("/sets/a/changes?since={cursor}&wait=25"), None).await;
    assert_eq!(page(&sets, &response).await.operations.len(), 1);
}

#[tokio::test]
async fn without_a_change_the_response_comes_when_the_time_is_over() {
    let mut sets = Sets::start().await;
    let created = sets.create("a").await;
    let response =
        sets.request("GET", &format!("/sets/a/changes?since={}&wait=1", created.cursor), None).await;
    let page = page(&sets, &response).await;
    assert_eq!((page.operations.len(), page.cursor), (0, created.cursor));
    assert!(page.server_ms >= created.created_ms + 1_000);
}

#[tokio::test]
async fn a_set_that_is_deleted_or_made_anew_ends_the_wait() {
    let mut sets = Sets::start().await;
    let cursor = sets.create("a").await.cursor;
    let seq = ask(&mut sets, &format!("/sets/a/changes?since={cursor}&wait=25")).await;
    until_subscribed(&sets, 1).await;
    assert_eq!(sets.request("DELETE", "/sets/a", None).await.status, 204);
    assert_eq!(sets.node.response(seq).await.status, 404);
    sets.create("a").await;
    let response = sets.request("GET", &format!("/sets/a/changes?since={cursor}&wait=25"), None).await;
    assert!(matches!(sets.body(&response).await, Changes::Reset { .. }));
}

#[tokio::test]
async fn a_link_that_is_cut_while_somebody_waits_hides_no_change() {
    let mut sets = Sets::start().await;
    let mut cursor = sets.create("a").await.cursor;
    for round in 0..5 {
        let seq = ask(&mut sets, &format!("/sets/a/changes?since={cursor}&wait=25")).await;
        until_subscribed(&sets, 1).await;
        let _: u64 = sets.redis.cli("CLIENT KILL TYPE pubsub").await;
        // The links of the node and of the inbox were cut, too: the change is made once they are back.
        sets.node.reconnect(&sets.redis).await;
        let inbox = format!("PUBSUB NUMSUB {}", protocol::name::worker_inbox(&sets.worker.id));
        crate::support::within("the inbox", async {
            while sets.redis.cli::<(String, u64)>(&inbox).await.1 == 0 {}
        })
        .await;
        let applied = sets.apply("a", &format!(r#"{{"op":"add","value":"{round}"}}"#)).await;
        let response = sets.node.response(seq).await;
        assert_eq!(page(&sets, &response).await.operations.len(), 1);
        cursor = applied.cursor;
    }
}

#[tokio::test]
async fn a_worker_that_leaves_answers_whoever_waits() {
    let mut sets = Sets::start().await;
    let cursor = sets.create("a").await.cursor;
    let seq = ask(&mut sets, &format!("/sets/a/changes?since={cursor}&wait=25")).await;
    until_subscribed(&sets, 1).await;
    sets.worker.terminate();
    let response = sets.node.response(seq).await;
    assert_eq!(page(&sets, &response).await.operations.len(), 0);
    sets.worker.left().await.expect("in time");
}

#[tokio::test]
async fn beyond_the_bound_nobody_waits() {
    let mut sets = Sets::start().await;
    let cursor = sets.create("a").await.cursor;
    let (mut lines, mut seqs) = (Vec::new(), Vec::new());
    for _ in 0..4_096 + 10 {
        let http = http("GET", &format!("/sets/a/changes?since={cursor}&wait=25"), None);
        let (seq, line) = sets.node.event("sets", Subject::Http { peer: String::new(), http });
        lines.extend(line);
        seqs.push(seq);
    }
    sets.node.publish(&sets.worker.id, lines).await;
    // Which of them find no room depends on the lanes: ten responses come at once, whichever they are.
    let early = sets.node.replies_at_least(10).await;
    assert_eq!(early, 10);
    sets.apply("a", r#"{"op":"add","value":"x"}"#).await;
    let mut changed = 0;
    for seq in seqs {
        let response = sets.node.response(seq).await;
        changed += page(&sets, &response).await.operations.len();
    }
    assert_eq!(changed, 4_096);
}
