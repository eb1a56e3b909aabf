//! What the watcher serves.

use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::Value;

use crate::support::{Aggregator, Fetched, Folder, Kind, WatcherProcess, fetch, free_port};

fn json(fetched: &Fetched) -> Value {
    serde_json::from_slice(&fetched.body).unwrap()
}

async fn ask(port: u16, path: &str) -> Fetched {
    fetch(Method::GET, port, path, None).await.unwrap()
}

#[tokio::test]
async fn the_list_has_the_originals_form() {
    let (aggregator, folder, port) = (Aggregator::start(Kind::Files), Folder::new(), free_port());
    folder.create("z.txt");
    let _watcher = WatcherProcess::start(&aggregator.url(), &folder.path(), port, &[]);
    aggregator.lists(&folder.ls()).await;
    folder.create("a.txt");
    aggregator.lists(&folder.ls()).await;
    let list = ask(port, "/files").await;
    assert_eq!(
        (list.status, &list.headers["content-type"]),
        (StatusCode::OK, &"application/json".parse().unwrap())
    );
    let instance = aggregator.with(|book| book.hellos()[0].instance.to_string());
    let text = format!(
        r#"{{"instance":"{instance}","files":[{{"filename":"a.txt"}},{{"filename":"z.txt"}}],"seqno":2}}"#
    );
    assert_eq!(list.body, text);
}

#[tokio::test]
async fn whatever_else_is_asked_for_is_answered_with_an_error() {
    let (aggregator, folder, port) = (Aggregator::start(Kind::Files), Folder::new(), free_port());
    folder.create("a");
    let _watcher = WatcherProcess::start(&aggregator.url(), &folder.path(), port, &[]);
    aggregator.lists(&folder.ls()).await;
    for (method, path, status, code) in [
        (Method::GET, "/", 404, "not_found"),
        // As with the original.
        (Method::GET, "/files/", 404, "not_found"),
        (Method::DELETE, "/files", 405, "method_not_allowed"),
        (Method::POST, "/readyz", 405, "method_not_allowed"),
    ] {
        let answer = fetch(method.clone(), port, path, None).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{method} {path}");
        assert_eq!(json(&answer)["error"]["code"], code);
    }
}

#[tokio::test]
async fn with_a_secret_both_show_it_and_strangers_learn_nothing() {
    let (aggregator, folder, port) = (Aggregator::with_secret("s3cret"), Folder::new(), free_port());
    folder.create("a");
    let watcher = WatcherProcess::start(&aggregator.url(), &folder.path(), port, &["--secret", "s3cret"]);
    aggregator.lists(&folder.ls()).await;
    for secret in [None, Some("other")] {
        let answer = fetch(Method::GET, port, "/files", secret).await.unwrap();
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(!String::from_utf8_lossy(&answer.body).contains("filename"));
    }
    assert_eq!(fetch(Method::GET, port, "/files", Some("s3cret")).await.unwrap().status, StatusCode::OK);
    assert!(!watcher.said().contains("s3cret"), "no secret is in the log");
}

#[tokio::test]
async fn with_another_secret_nothing_is_listed_and_the_log_says_why() {
    let (aggregator, folder) = (Aggregator::with_secret("s3cret"), Folder::new());
    let watcher =
        WatcherProcess::start(&aggregator.url(), &folder.path(), free_port(), &["--secret", "other"]);
    watcher.says("give both the same one").await;
    aggregator.with(|book| assert!(book.heard.is_empty()));
}

#[tokio::test]
async fn it_is_ready_while_the_folder_is_there_and_the_service_takes_what_is_told() {
    let (mut aggregator, folder, port) =
        (Aggregator::down(Kind::Files, None), Folder::missing(), free_port());
    let _watcher = WatcherProcess::start(&aggregator.url(), &folder.path(), port, &[]);
    let status = async |wanted: &str| loop {
        if let Some(answer) = fetch(Method::GET, port, "/readyz", None).await {
            let readiness = json(&answer);
            assert_eq!(answer.status == StatusCode::OK, readiness["ready"] == true);
            if readiness.to_string().contains(wanted) {
                return readiness;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let readiness = status("aggregator_trouble").await;
    assert!(
        readiness["folder_trouble"].as_str().unwrap().contains("not there") && readiness["ready"] == false
    );
    std::fs::create_dir(folder.path()).unwrap();
    aggregator.come_back();
    let readiness = status("\"ready\":true").await;
    assert_eq!((&readiness["files"], &readiness["untold"]), (&0.into(), &0.into()));
}
