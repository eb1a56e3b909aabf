//! The watcher as a program.

use std::net::TcpListener;

use crate::support::{Aggregator, Folder, Kind, WatcherProcess, free_port, output};

#[tokio::test]
async fn a_bad_option_ends_with_64_and_says_why() {
    for (arguments, why) in [
        (&["--port", "99999"][..], "99999"),
        (&["--port", "x"], "--port"),
        (&["--aggregator", "https://a"], "no TLS"),
        (&["--aggregator", "nonsense"], "http://127.0.0.1:9999"),
        (&["--dir", ""], "--dir"),
        (&["--secret", "two words"], "visible ASCII"),
        (&["--host", "nowhere"], "--host"),
        (&["--read-s=-1"], "--read-s"),
        (&["--unknown"], "--unknown"),
    ] {
        let ended = output(arguments).await;
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(64), "{arguments:?}: {said}");
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn a_taken_port_says_what_to_do_and_nobody_hears_of_the_watcher() {
    let (aggregator, folder) = (Aggregator::start(Kind::Files), Folder::new());
    for taken in ["127.0.0.1:0", "[::]:0"] {
        let Ok(taken) = TcpListener::bind(taken) else {
            continue;
        };
        let port = taken.local_addr().unwrap().port().to_string();
        let folder = folder.path();
        let ended =
            output(&["--aggregator", &aggregator.url(), "--dir", folder.to_str().unwrap(), "--port", &port])
                .await;
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1));
        assert!(said.contains(&format!("cannot listen on port {port}")) && said.contains("--port"), "{said}");
    }
    aggregator.with(|book| assert!(book.heard.is_empty()));
}

#[tokio::test]
async fn the_help_names_every_option_with_its_default_and_both_forms() {
    let ended = output(&["--help"]).await;
    let said = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success());
    for words in [
        "--aggregator <URL>",
        "[default: http://127.0.0.1:9999]",
        "--dir <DIR>",
        "--port <PORT>",
        "[default: 4000]",
        "--secret <SECRET>",
        "--read-s <SECONDS>",
        "watcher-node -dir ./folder -port 4001",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[tokio::test]
async fn options_with_one_dash_work_too() {
    let (aggregator, folder, port) = (Aggregator::start(Kind::Original), Folder::new(), free_port());
    folder.create("a");
    let more = ["-aggregator", &aggregator.url()];
    // The last one counts, so that these are the ones that are tried.
    let dir = format!("-dir={}", folder.path().display());
    let port_text = port.to_string();
    let all = [&more[..], &[&dir, "-port", &port_text]].concat();
    let _watcher = WatcherProcess::with(&all, folder.outside());
    aggregator.lists(&folder.ls()).await;
    aggregator.with(|book| assert_eq!(book.hellos()[0].port, port));
}

#[tokio::test]
async fn a_probe_tells_whether_another_watcher_is_ready() {
    let (aggregator, folder, port) = (Aggregator::start(Kind::Files), Folder::new(), free_port());
    let url = format!("http://127.0.0.1:{port}/readyz");
    assert_eq!(output(&["--probe", &url]).await.status.code(), Some(1));
    let _watcher = WatcherProcess::start(&aggregator.url(), &folder.path(), port, &[]);
    aggregator.lists(&folder.ls()).await;
    while output(&["--probe", &url]).await.status.code() != Some(0) {}
    assert!(output(&["--port", &port.to_string(), "--probe"]).await.status.success());
}
