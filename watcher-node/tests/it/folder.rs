//! The folder itself comes and goes.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::support::{Aggregator, Folder, Kind, WatcherProcess, free_port};

fn started(folder: &Folder) -> (Aggregator, WatcherProcess) {
    let aggregator = Aggregator::start(Kind::Files);
    let watcher = WatcherProcess::start(&aggregator.url(), &folder.path(), free_port(), &[]);
    (aggregator, watcher)
}

#[tokio::test]
async fn a_folder_that_is_made_later_is_picked_up() {
    let folder = Folder::missing();
    let (aggregator, watcher) = started(&folder);
    aggregator.until("a hello", |book| !book.hellos().is_empty()).await;
    watcher.says("the folder is not there").await;
    fs::create_dir(folder.path()).unwrap();
    folder.create("a");
    aggregator.lists(&folder.ls()).await;
    folder.create("b");
    aggregator.lists(&folder.ls()).await;
}

#[tokio::test]
async fn a_folder_that_is_removed_and_made_anew_is_picked_up_again_and_again() {
    let folder = Folder::new();
    let (aggregator, _watcher) = started(&folder);
    for round in 0..5 {
        folder.create(format!("of round {round}"));
        aggregator.lists(&folder.ls()).await;
        fs::remove_dir_all(folder.path()).unwrap();
        if round % 2 == 0 {
            aggregator.lists(&BTreeSet::new()).await;
        }
        fs::create_dir(folder.path()).unwrap();
    }
    folder.create("last");
    aggregator.lists(&folder.ls()).await;
    aggregator.with(|book| assert!(book.violations.is_empty(), "{:?}", book.violations));
}

#[tokio::test]
async fn a_folder_in_the_place_of_another_one_is_listed_instead() {
    let folder = Folder::new();
    let (aggregator, _watcher) = started(&folder);
    folder.create("old");
    aggregator.lists(&folder.ls()).await;
    let (other, aside) = (folder.outside().join("other"), folder.outside().join("aside"));
    fs::create_dir(&other).unwrap();
    fs::write(other.join("new"), "").unwrap();
    fs::rename(folder.path(), &aside).unwrap();
    fs::rename(&other, folder.path()).unwrap();
    aggregator.lists(&["new".to_owned()].into()).await;
    // What happens in the old one is of no interest any more.
    fs::write(aside.join("older"), "").unwrap();
    folder.create("newer");
    aggregator.lists(&["new", "newer"].map(String::from).into()).await;
}

#[tokio::test]
async fn a_link_to_a_folder_is_followed_and_so_is_what_it_points_to_next() {
    let folder = Folder::missing();
    let (one, two) = (folder.outside().join("one"), folder.outside().join("two"));
    for (path, name) in [(&one, "1"), (&two, "2")] {
        fs::create_dir(path).unwrap();
        fs::write(path.join(name), "").unwrap();
    }
    std::os::unix::fs::symlink(&one, folder.path()).unwrap();
    let (aggregator, _watcher) = started(&folder);
    aggregator.lists(&["1".to_owned()].into()).await;
    let next = folder.outside().join("next");
    std::os::unix::fs::symlink(&two, &next).unwrap();
    fs::rename(&next, folder.path()).unwrap();
    aggregator.lists(&["2".to_owned()].into()).await;
    folder.create("3");
    aggregator.lists(&folder.ls()).await;
}

#[tokio::test]
async fn a_file_where_the_folder_should_be_is_waited_for_to_become_one() {
    let folder = Folder::missing();
    fs::write(folder.path(), "no folder").unwrap();
    let (aggregator, watcher) = started(&folder);
    aggregator.until("a hello", |book| !book.hellos().is_empty()).await;
    watcher.says("this is no folder").await;
    fs::remove_file(folder.path()).unwrap();
    fs::create_dir(folder.path()).unwrap();
    folder.create("a");
    aggregator.lists(&folder.ls()).await;
}

#[tokio::test]
async fn while_a_folder_cannot_be_read_the_list_stays_as_it_was() {
    if rustix::process::geteuid().is_root() {
        // Root may read everything.
        return;
    }
    let (aggregator, folder) = (Aggregator::start(Kind::Files), Folder::new());
    folder.create("a");
    let (url, path, port) = (aggregator.url(), folder.path(), free_port().to_string());
    let options = ["--aggregator", &url, "--dir", path.to_str().unwrap(), "--port", &port, "--read-s", "1"];
    let watcher = WatcherProcess::with(&options, folder.outside());
    aggregator.lists(&folder.ls()).await;
    fs::set_permissions(&path, Permissions::from_mode(0o300)).unwrap();
    watcher.says("the folder cannot be read").await;
    assert!(aggregator.with(|book| book.listing().contains("a") && book.operations().is_empty()));
    fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    folder.create("b");
    aggregator.lists(&folder.ls()).await;
    watcher.says("the folder is there and is followed").await;
}
