//! The service is down, refuses, hangs, or loses what it had.

use crate::support::{Aggregator, Folder, Kind, Mood, WatcherProcess, free_port};

async fn started(kind: Kind, folder: &Folder) -> (Aggregator, WatcherProcess) {
    let aggregator = Aggregator::start(kind);
    let watcher = WatcherProcess::start(&aggregator.url(), &folder.path(), free_port(), &[]);
    aggregator.until("its list", |book| book.watchers.values().any(|watcher| !watcher.is_dirty)).await;
    (aggregator, watcher)
}

fn assert_no_violation(aggregator: &Aggregator) {
    aggregator.with(|book| assert!(book.violations.is_empty(), "{:?}", book.violations));
}

#[tokio::test]
async fn a_service_that_is_down_at_the_start_is_waited_for() {
    let (mut aggregator, folder) = (Aggregator::down(Kind::Files, None), Folder::new());
    let watcher = WatcherProcess::start(&aggregator.url(), &folder.path(), free_port(), &[]);
    folder.create("a");
    watcher.says("tried for ever").await;
    folder.create("b");
    aggregator.come_back();
    aggregator.lists(&folder.ls()).await;
    folder.create("c");
    aggregator.lists(&folder.ls()).await;
    assert_no_violation(&aggregator);
    assert_eq!(watcher.said().matches("tried for ever").count(), 1, "one line an outage");
}

#[tokio::test]
async fn what_was_not_accepted_is_told_again_until_it_is_without_a_hole_in_the_numbers() {
    for kind in [Kind::Files, Kind::Original] {
        let folder = Folder::new();
        let (mut aggregator, _watcher) = started(kind, &folder).await;
        for (at, mood) in
            [Mood::Answers(503), Mood::Answers(301), Mood::Answers(404), Mood::CutsOff, Mood::Hangs]
                .into_iter()
                .enumerate()
        {
            aggregator.set(mood);
            folder.create(format!("{at}"));
            folder.create(format!("{at} too"));
            if mood == Mood::Hangs {
                aggregator.vanish().await;
                aggregator.come_back();
            } else {
                aggregator.told(2).await;
            }
            aggregator.set(Mood::Takes);
            aggregator.lists(&folder.ls()).await;
        }
        assert_no_violation(&aggregator);
    }
}

#[tokio::test]
async fn a_service_that_hangs_is_given_up_and_told_again() {
    let folder = Folder::new();
    let (aggregator, watcher) = started(Kind::Files, &folder).await;
    aggregator.set(Mood::Hangs);
    folder.create("a");
    watcher.says("has not answered within").await;
    aggregator.set(Mood::Takes);
    aggregator.lists(&folder.ls()).await;
    assert_no_violation(&aggregator);
}

#[tokio::test]
async fn a_service_that_lost_all_it_had_gets_it_again() {
    for kind in [Kind::Files, Kind::Original] {
        let folder = Folder::new();
        let (mut aggregator, _watcher) = started(kind, &folder).await;
        (0..100).for_each(|at| folder.create(format!("{at}")));
        aggregator.lists(&folder.ls()).await;
        aggregator.vanish().await;
        aggregator.with(|book| book.watchers.clear());
        folder.remove("7");
        aggregator.come_back();
        aggregator.lists(&folder.ls()).await;
        assert_no_violation(&aggregator);
    }
}

#[tokio::test]
async fn a_service_that_was_restored_from_a_backup_is_told_that_it_has_less() {
    let folder = Folder::new();
    let (aggregator, _watcher) = started(Kind::Files, &folder).await;
    folder.create("a");
    aggregator.lists(&folder.ls()).await;
    let backup = aggregator.with(|book| book.watchers.clone());
    folder.create("b");
    aggregator.lists(&folder.ls()).await;
    aggregator.with(|book| book.watchers = backup);
    // With the next hello, though nothing changes any more.
    aggregator.lists(&folder.ls()).await;
    assert_no_violation(&aggregator);
}

#[tokio::test]
async fn when_several_operations_are_refused_they_go_one_by_one_under_the_same_numbers() {
    let folder = Folder::new();
    let (aggregator, _watcher) = started(Kind::Files, &folder).await;
    aggregator.set(Mood::TakesOne);
    (0..50).for_each(|at| folder.create(format!("{at}")));
    aggregator.lists(&folder.ls()).await;
    assert_no_violation(&aggregator);
}

#[tokio::test]
async fn a_watcher_that_was_killed_is_followed_by_one_that_lists_the_folder_as_it_is() {
    let folder = Folder::new();
    let (aggregator, mut watcher) = started(Kind::Files, &folder).await;
    let port = aggregator.with(|book| book.hellos()[0].port);
    folder.create("a");
    aggregator.lists(&folder.ls()).await;
    watcher.kill().await;
    folder.rename("a", "b");
    let _watcher = WatcherProcess::start(&aggregator.url(), &folder.path(), port, &[]);
    aggregator.lists(&folder.ls()).await;
    aggregator.with(|book| assert_eq!(book.watchers.len(), 1));
}
