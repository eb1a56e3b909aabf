//! Hello and bye.

use rustix::process::Signal;

use crate::support::{Aggregator, Folder, Kind, WatcherProcess, free_port};

#[tokio::test]
async fn it_says_hello_at_once_and_again_with_its_number_and_tells_nothing_that_was_there_before() {
    let (aggregator, folder, port) = (Aggregator::start(Kind::Files), Folder::new(), free_port());
    folder.create("dog.jpg");
    folder.create("cat.jpg");
    let _watcher = WatcherProcess::start(&aggregator.url(), &folder.path(), port, &[]);
    aggregator.lists(&folder.ls()).await;
    aggregator.with(|book| {
        assert_eq!((book.hellos()[0].port, book.hellos()[0].seqno), (port, Some(1)));
        assert!(book.operations().is_empty());
    });
    folder.create("a");
    aggregator.until("a second hello", |book| book.hellos().len() == 2).await;
    aggregator.with(|book| assert_eq!(book.hellos()[1].seqno, Some(2)));
}

#[tokio::test]
async fn it_says_bye_on_sigterm_and_sigint_and_ends_well() {
    for signal in [Signal::TERM, Signal::INT] {
        let (aggregator, folder) = (Aggregator::start(Kind::Original), Folder::new());
        folder.create("a");
        let mut watcher = WatcherProcess::start(&aggregator.url(), &folder.path(), free_port(), &[]);
        aggregator.lists(&folder.ls()).await;
        watcher.signal(signal);
        assert!(watcher.ended().await.success());
        aggregator.with(|book| {
            assert!(book.said_bye() && book.watchers.is_empty() && book.violations.is_empty());
        });
    }
}

#[tokio::test]
async fn it_ends_soon_when_nobody_hears_its_bye() {
    let (mut aggregator, folder) = (Aggregator::start(Kind::Files), Folder::new());
    let mut watcher = WatcherProcess::start(&aggregator.url(), &folder.path(), free_port(), &[]);
    aggregator.until("a hello", |book| !book.hellos().is_empty()).await;
    aggregator.vanish().await;
    watcher.signal(Signal::TERM);
    assert!(watcher.ended().await.success());
    assert!(watcher.said().contains("has not taken the bye"));
}

#[tokio::test]
async fn a_watcher_that_is_taken_for_gone_goes_on_under_another_id() {
    let (aggregator, folder) = (Aggregator::start(Kind::Files), Folder::new());
    folder.create("a");
    let _watcher = WatcherProcess::start(&aggregator.url(), &folder.path(), free_port(), &[]);
    aggregator.lists(&folder.ls()).await;
    aggregator.with(|book| book.left = std::mem::take(&mut book.watchers).into_keys().collect());
    folder.create("b");
    aggregator.lists(&folder.ls()).await;
    aggregator.with(|book| {
        let hellos = book.hellos();
        assert_ne!(hellos[0].instance, hellos[hellos.len() - 1].instance);
        assert!(book.violations.is_empty(), "{:?}", book.violations);
    });
}
