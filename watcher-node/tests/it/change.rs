//! What changes in the folder is told.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::support::{Aggregator, Folder, Kind, WatcherProcess, free_port};

async fn started(kind: Kind, folder: &Folder) -> (Aggregator, WatcherProcess) {
    let aggregator = Aggregator::start(kind);
    let watcher = WatcherProcess::start(&aggregator.url(), &folder.path(), free_port(), &[]);
    aggregator.until("its list", |book| book.watchers.values().any(|watcher| !watcher.is_dirty)).await;
    (aggregator, watcher)
}

#[tokio::test]
async fn files_that_are_made_renamed_and_removed_are_told_in_that_order() {
    let folder = Folder::new();
    let (aggregator, _watcher) = started(Kind::Files, &folder).await;
    folder.create("a");
    aggregator.until("the addition", |book| book.operations() == [["2+a"]]).await;
    folder.rename("a", "b");
    aggregator.until("the renaming", |book| book.operations().concat() == ["2+a", "3-a", "4+b"]).await;
    folder.remove("b");
    aggregator.until("the removal", |book| book.operations().concat().last().unwrap() == "5-b").await;
    aggregator.with(|book| assert!(book.listing().is_empty() && book.violations.is_empty()));
}

#[tokio::test]
async fn every_entry_is_listed_as_ls_shows_it_and_nothing_below() {
    let folder = Folder::new();
    let (aggregator, _watcher) = started(Kind::Files, &folder).await;
    fs::create_dir_all(folder.path().join("deep/deeper")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("link")).unwrap();
    folder.create(".hidden");
    folder.create("file");
    fs::write(folder.path().join("deep/inside"), "not listed").unwrap();
    aggregator.lists(&["deep", "link", ".hidden", "file"].map(String::from).into()).await;
    fs::rename(folder.path().join("deep"), folder.outside().join("away")).unwrap();
    fs::rename(folder.path().join("file"), folder.outside().join("file")).unwrap();
    aggregator.lists(&["link", ".hidden"].map(String::from).into()).await;
    fs::rename(folder.outside().join("away"), folder.path().join("back")).unwrap();
    aggregator.lists(&folder.ls()).await;
}

#[tokio::test]
async fn names_that_are_no_utf_8_are_told_and_listed_in_the_documented_form() {
    let folder = Folder::new();
    folder.create(OsStr::from_bytes(b"caf\xe9"));
    let (aggregator, _watcher) = started(Kind::Files, &folder).await;
    folder.create(OsStr::from_bytes(b"caf\xe8"));
    folder.create(OsStr::from_bytes(&[0xff; 255]));
    folder.create(r"\xe9");
    folder.create("line\nbreak \"quoted\" žába 🐸");
    aggregator.lists(&folder.ls()).await;
    let listing = aggregator.with(|book| book.listing());
    for name in [r"caf\xe9", r"caf\xe8", &r"\xff".repeat(255), r"\x5cxe9"] {
        assert!(listing.contains(name), "{name} in {listing:?}");
    }
    fs::remove_file(folder.path().join(OsStr::from_bytes(b"caf\xe9"))).unwrap();
    aggregator.lists(&folder.ls()).await;
}

#[tokio::test]
async fn a_storm_is_told_in_few_requests() {
    const FILES: usize = 2_000;
    let folder = Folder::new();
    let (aggregator, _watcher) = started(Kind::Files, &folder).await;
    (0..FILES).for_each(|at| folder.create(format!("{at}")));
    aggregator.lists(&folder.ls()).await;
    let requests = aggregator.with(|book| book.operations());
    assert_eq!(requests.concat().len(), FILES);
    assert!(requests.len() <= FILES / 10, "{} requests", requests.len());
}

#[tokio::test]
async fn a_server_of_the_originals_format_gets_one_operation_a_request() {
    let folder = Folder::new();
    let (aggregator, _watcher) = started(Kind::Original, &folder).await;
    (0..200).for_each(|at| folder.create(format!("{at}")));
    aggregator.lists(&folder.ls()).await;
    aggregator.with(|book| {
        assert!(book.operations().iter().all(|request| request.len() == 1));
        assert!(book.violations.is_empty(), "{:?}", book.violations);
    });
}

#[tokio::test]
async fn when_the_system_loses_events_the_folder_is_read() {
    let folder = Folder::new();
    let (aggregator, watcher) = started(Kind::Files, &folder).await;
    let kept = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let kept: usize = kept.trim().parse().unwrap();
    watcher.signal(rustix::process::Signal::STOP);
    // At least one event each.
    (0..kept + 100).for_each(|at| folder.create(format!("{at}")));
    (0..kept + 100).step_by(2).for_each(|at| folder.remove(&format!("{at}")));
    watcher.signal(rustix::process::Signal::CONT);
    aggregator.lists(&folder.ls()).await;
    aggregator.with(|book| {
        let told: BTreeSet<String> = book.operations().concat().into_iter().collect();
        assert!(!told.iter().any(|text| text.contains('-')) && book.violations.is_empty());
    });
}
