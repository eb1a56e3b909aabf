//! Each fact about the original watcher, which the service has to live with.

use protocol::files::{Change, Gone, State};
use protocol::{HttpResponse, Subject};

use crate::support::files::{Files, HERE, added, files_options, http};
use crate::support::original::Original;

/// The reasons why watchers went.
fn gone(changes: &[Change]) -> Vec<Gone> {
    let gone = changes.iter().filter_map(|change| match change {
        Change::Gone { reason, .. } => Some(*reason),
        _ => None,
    });
    gone.collect()
}

fn is_gone(change: &Change) -> bool {
    matches!(change, Change::Gone { .. })
}

/// Another watcher tells of a file: whatever was decided before is decided now.
async fn a_moment(files: &mut Files) {
    files.patch("moment", &[("add", "moment", 2)]).await;
    files
        .until("the moment", |change| matches!(change, Change::Add { filename, .. } if filename == "moment"))
        .await;
    files.bye("moment").await;
    files.until("its end", is_gone).await;
}

#[tokio::test]
async fn whatever_it_says_is_answered_with_200_and_nothing_is_redirected() {
    let mut files = Files::start().await;
    let said = [
        ("POST", "/hello", r#"{"instance":"a","port":1}"#),
        ("PATCH", "/files", r#"[{"instance":"a","op":"add","value":{"filename":"new.txt"},"seqno":2}]"#),
        ("PATCH", "/files/", r#"[{"instance":"a","op":"remove","value":{"filename":"new.txt"},"seqno":3}]"#),
        ("PATCH", "/files", r#"[{"instance":"a","op":"remove","value":{"filename":"new.txt"},"seqno":3}]"#),
        ("POST", "/bye", r#"{"instance":"a"}"#),
        ("POST", "/bye", r#"{"instance":"a"}"#),
        ("POST", "/hello", r#"{"instance":"a","port":1}"#),
        ("PATCH", "/files", r#"[{"instance":"a","op":"add","value":{"filename":"new.txt"},"seqno":4}]"#),
        ("POST", "/bye", r#"{"instance":"never-seen"}"#),
    ];
    for (method, path, body) in said {
        let HttpResponse { status, .. } = files.request(method, path, body).await;
        assert_eq!(status, 200, "{method} {path} {body}");
    }
    for path in ["/files", "/files/"] {
        let response = files.request("GET", path, "").await;
        assert_eq!((response.status, files.text(&response).await.as_str()), (200, r#"{"files":[]}"#));
    }
}

#[tokio::test]
async fn what_it_says_before_its_first_hello_is_listed_and_the_rest_is_fetched_at_the_hello() {
    let mut files = Files::start().await;
    let original = Original::start(&["old.txt"]).await;
    original.add(&mut files, "new.txt").await;
    assert_eq!(files.names().await, ["new.txt"]);
    assert_eq!(files.state(&original.instance).await, Some(State::Dirty));
    original.hello(&mut files).await;
    let changes = files.until_state(&original.instance, State::Synced).await;
    assert_eq!(added(&changes), ["new.txt", "old.txt"]);
    assert_eq!(files.names().await, ["new.txt", "old.txt"]);
    let node = files.nodes().await.nodes.remove(0);
    assert_eq!((node.watcher.address, node.seqno, node.files), (format!("{HERE}:{}", original.port), 2, 2));
    assert_eq!(original.gets(), 1);
}

#[tokio::test]
async fn it_is_asked_for_its_list_at_its_first_hello_only_while_nothing_is_missed() {
    let mut files = Files::start().await;
    let original = Original::start(&["a"]).await;
    original.hello(&mut files).await;
    files.until_state(&original.instance, State::Synced).await;
    for number in 0..20 {
        original.add(&mut files, &format!("file {number}")).await;
        original.hello(&mut files).await;
    }
    original.remove(&mut files, "a").await;
    a_moment(&mut files).await;
    assert_eq!((original.gets(), files.names().await.len()), (1, 20));
}

#[tokio::test]
async fn a_number_that_was_burnt_makes_a_gap_and_the_list_is_fetched_once_when_it_is_quiet() {
    let mut files = Files::start().await;
    let original = Original::start(&["a", "b"]).await;
    original.hello(&mut files).await;
    files.until_state(&original.instance, State::Synced).await;
    original.add_unheard("unheard");
    original.remove_unheard("b");
    for number in 0..10 {
        original.add(&mut files, &format!("heard {number}")).await;
    }
    assert!(
        files.names().await.contains(&"heard 0".to_owned()),
        "it is applied although something is missing"
    );
    files.until_state(&original.instance, State::Dirty).await;
    files.until_state(&original.instance, State::Synced).await;
    assert_eq!(files.names().await, Vec::from_iter(original.files()));
    assert_eq!((original.gets(), original.gets_at_once()), (2, 1));
}

#[tokio::test]
async fn a_last_change_that_was_lost_is_found_by_a_check_in_quiet_times() {
    let mut files = Files::with(1, files_options(|options| options.check_ms = 200)).await;
    let original = Original::start(&["a"]).await;
    original.hello(&mut files).await;
    files.until_state(&original.instance, State::Synced).await;
    original.add_unheard("lost");
    let is_lost = |change: &Change| matches!(change, Change::Add { filename, .. } if filename == "lost");
    files.until("the lost file", is_lost).await;
    // It has no gap now either: the number came with the list.
    original.add(&mut files, "next").await;
    assert_eq!(files.state(&original.instance).await, Some(State::Synced));
}

#[tokio::test]
async fn while_its_list_is_on_the_way_it_is_answered_and_what_it_says_counts() {
    let mut files = Files::start().await;
    let original = Original::gated(&["old", "leaves"]).await;
    original.hello(&mut files).await;
    original.asked(1).await;
    // None of these waits for the list.
    original.add(&mut files, "comes").await;
    original.remove(&mut files, "leaves").await;
    original.add(&mut files, "stays not").await;
    original.remove(&mut files, "stays not").await;
    original.hello(&mut files).await;
    assert_eq!(files.names().await, ["comes"]);
    original.let_out();
    files.until_state(&original.instance, State::Synced).await;
    assert_eq!(files.names().await, ["comes", "old"]);
}

#[tokio::test]
async fn a_list_that_is_older_than_what_it_said_meanwhile_takes_nothing_back() {
    let mut files = Files::start().await;
    let original = Original::gated(&[]).await;
    let instance = &original.instance;
    // As it is when it is asked: the number is older than the list.
    let old = format!(
        r#"{{"instance":"{instance}","files":[{{"filename":"a"}},{{"filename":"b"}},{{"filename":"early"}}],"seqno":3}}"#
    );
    original.answers(200, &old);
    files.patch(instance, &[("add", "a", 2), ("add", "b", 3)]).await;
    original.hello(&mut files).await;
    original.asked(1).await;
    files.patch(instance, &[("remove", "a", 4), ("add", "c", 5)]).await;
    files.patch(instance, &[("add", "early", 6), ("remove", "early", 7)]).await;
    original.let_out();
    files.until_state(instance, State::Synced).await;
    assert_eq!(files.names().await, ["b", "c"]);
    assert_eq!(files.nodes().await.nodes[0].seqno, 7);
}

#[tokio::test]
async fn what_does_not_fit_the_listing_does_no_harm() {
    let mut files = Files::start().await;
    let original = Original::start(&["subfolder"]).await;
    original.hello(&mut files).await;
    files.until_state(&original.instance, State::Synced).await;
    // Never added; there already; the watched folder itself, which was deleted.
    original.remove(&mut files, "never added").await;
    original.add(&mut files, "twice").await;
    original.add(&mut files, "twice").await;
    original.remove(&mut files, "watched-folder").await;
    assert_eq!(files.names().await, ["subfolder", "twice"]);
    original.remove(&mut files, "twice").await;
    assert_eq!(files.names().await, ["subfolder"]);
    assert_eq!(files.state(&original.instance).await, Some(State::Synced));
}

#[tokio::test]
async fn a_rename_is_a_removal_and_an_addition() {
    let mut files = Files::start().await;
    let original = Original::start(&["before"]).await;
    original.hello(&mut files).await;
    files.until_state(&original.instance, State::Synced).await;
    original.remove(&mut files, "before").await;
    original.add(&mut files, "after").await;
    assert_eq!(files.names().await, ["after"]);
}

#[tokio::test]
async fn when_one_of_two_files_that_look_the_same_goes_its_list_is_asked() {
    let mut files = Files::start().await;
    // Both of these were bytes that are no UTF-8.
    let original = Original::start(&["\u{fffd}.txt"]).await;
    original.hello(&mut files).await;
    files.until_state(&original.instance, State::Synced).await;
    files.patch(&original.instance, &[("remove", "\u{fffd}.txt", 2)]).await;
    files.until_state(&original.instance, State::Dirty).await;
    files.until_state(&original.instance, State::Synced).await;
    assert_eq!(files.names().await, ["\u{fffd}.txt"], "the other one is still there");
}

#[tokio::test]
async fn a_new_run_on_the_same_address_takes_the_place_of_the_old_one() {
    let mut files = Files::start().await;
    let old = Original::start(&["a", "b"]).await;
    old.hello(&mut files).await;
    files.until_state(&old.instance, State::Synced).await;
    let instance = old.instance.clone();
    let new = old.restarted().await;
    new.add(&mut files, "c").await;
    new.hello(&mut files).await;
    let changes = files.until_state(&new.instance, State::Synced).await;
    assert_eq!(gone(&changes), [Gone::Replaced]);
    assert_eq!(files.names().await, ["a", "b", "c"]);
    assert_eq!(files.nodes().await.nodes.len(), 1);
    // A hello of the old run that was long under way.
    assert_eq!(files.hello(&instance, new.port).await.state, State::Gone);
    assert_eq!(files.nodes().await.nodes.len(), 1);
}

#[tokio::test]
async fn a_new_run_takes_the_place_of_the_old_one_also_if_nobody_answers_there() {
    let mut files = Files::start().await;
    let old = Original::start(&["a"]).await;
    old.hello(&mut files).await;
    files.until_state(&old.instance, State::Synced).await;
    let port = old.port;
    drop(old);
    files.hello("new", port).await;
    assert_eq!(gone(&files.until("its end", is_gone).await), [Gone::Replaced]);
    assert!(files.names().await.is_empty());
    assert_eq!(files.state("new").await, Some(State::Dirty));
}

#[tokio::test]
async fn after_a_bye_its_files_go_as_one_change_and_a_late_hello_brings_nothing_back() {
    let mut files = Files::start().await;
    let original = Original::start(&["a", "b", "c"]).await;
    original.hello(&mut files).await;
    files.until_state(&original.instance, State::Synced).await;
    original.bye(&mut files).await;
    let delta = files.pushed().await;
    assert!(matches!(delta.changes.as_slice(), [Change::Gone { reason: Gone::Bye, .. }]), "{delta:?}");
    assert_eq!(files.hello(&original.instance, original.port).await.state, State::Gone);
    assert_eq!(files.patch(&original.instance, &[("add", "late", 2)]).await.state, State::Gone);
    assert!(files.names().await.is_empty() && files.nodes().await.nodes.is_empty());
    assert_eq!(original.gets(), 1);
}

#[tokio::test]
async fn a_bye_without_a_hello_is_taken_as_it_is() {
    let mut files = Files::start().await;
    assert_eq!(files.bye("its-port-was-busy").await.state, State::Gone);
    assert!(files.nodes().await.nodes.is_empty());
}

#[tokio::test]
async fn a_silent_watcher_becomes_stale_and_then_all_its_files_go_as_one_change() {
    let options = files_options(|options| (options.stale_ms, options.expire_ms) = (1_000, 3_000));
    let mut files = Files::with(3, options).await;
    let original = Original::start(&["a", "b"]).await;
    original.hello(&mut files).await;
    files.until_state(&original.instance, State::Synced).await;
    files.until_state(&original.instance, State::Stale).await;
    assert_eq!(files.names().await, ["a", "b"], "it may come back");
    original.hello(&mut files).await;
    files.until_state(&original.instance, State::Synced).await;
    files.until_state(&original.instance, State::Stale).await;
    let delta = files.pushed().await;
    assert!(matches!(delta.changes.as_slice(), [Change::Gone { reason: Gone::Expired, .. }]), "{delta:?}");
    assert!(files.names().await.is_empty() && files.nodes().await.nodes.is_empty());
    // It was only slow.
    original.hello(&mut files).await;
    files.until_state(&original.instance, State::Synced).await;
    assert_eq!(files.names().await, ["a", "b"]);
}

#[tokio::test]
async fn a_large_body_that_a_node_keeps_in_redis_is_read_too() {
    let mut files = Files::start().await;
    let names: Vec<String> = (0..900).map(|number| format!("{number:0100}")).collect();
    let operations: Vec<_> =
        names.iter().zip(2..).map(|(name, seqno)| ("add", name.as_str(), seqno)).collect();
    let body = crate::support::files::patch("a", &operations);
    let claim = files.node.store.put_claim(body.as_bytes()).await.expect("Redis runs");
    let mut request = http("PATCH", "/files", "");
    request.body = protocol::HttpBody::Claim(claim);
    let seq = files.tell(Subject::Http { peer: HERE.to_owned(), http: request }).await;
    assert_eq!(files.node.response(seq).await.status, 200);
    assert_eq!(files.names().await, names);
}
