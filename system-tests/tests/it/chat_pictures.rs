//! Pictures of the chat: over real processes, under attack, in a bucket, and in two browser windows.

mod bucket;
mod hostile;
mod page;
mod png;

use reqwest::{Client, Response};
use serde_json::{Value, json};
use system_tests::{Cluster, Process, binary, bounded, eventually};
use tempfile::TempDir;
use tokio::process::Command;

use self::bucket::Bucket;
use self::png::png;

/// Workers that share a folder, which lasts as long as the test.
async fn start(nodes: usize, workers: usize) -> (Cluster, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--chat-pictures", folder.path().to_str().unwrap()];
    (Cluster::start_with(nodes, workers, &options).await, folder)
}

async fn post(cluster: &Cluster, node: usize, kind: &str, file: impl Into<reqwest::Body>) -> Response {
    let url = cluster.nodes[node].http("/chat/pictures");
    Client::new().post(url).header("content-type", kind).body(file).send().await.unwrap()
}

/// Uploads a picture that is taken: what it is answered with.
async fn upload(cluster: &Cluster, node: usize, file: &[u8]) -> Value {
    let response = post(cluster, node, "image/png", file.to_vec()).await;
    assert_eq!(response.status(), 201);
    response.json().await.unwrap()
}

async fn get(cluster: &Cluster, node: usize, path: &str) -> Response {
    reqwest::get(cluster.nodes[node].http(path)).await.unwrap()
}

#[test]
fn a_picture_is_read_through_any_node_and_worker_and_outlives_all_of_them() {
    bounded(async {
        let (mut cluster, _folder) = start(2, 2).await;
        let file = png(300, 200, [10, 200, 30]);
        let uploaded = upload(&cluster, 0, &file).await;
        assert_eq!(
            (&uploaded["picture"]["width"], &uploaded["picture"]["height"]),
            (&json!(300), &json!(200))
        );
        let (url, small) = (uploaded["url"].as_str().unwrap(), uploaded["thumbnail_url"].as_str().unwrap());
        for node in [0, 1, 0, 1] {
            assert_eq!(get(&cluster, node, url).await.bytes().await.unwrap(), file);
            assert_eq!(get(&cluster, node, small).await.headers()["content-type"], "image/jpeg");
        }
        for worker in &mut cluster.workers {
            worker.kill().await;
        }
        cluster.nodes[0].process.kill().await;
        cluster.redis.kill().await;
        cluster.redis.start_again().await;
        cluster.start_node_again(0).await;
        cluster.start_worker();
        eventually("the picture is there again", async || {
            let found = get(&cluster, 0, url).await;
            (found.status() == 200 && found.bytes().await.ok()? == file).then_some(())
        })
        .await;
    });
}

#[test]
fn what_is_sent_leaves_nothing_behind_in_redis_but_the_key_of_its_links() {
    bounded(async {
        let (cluster, _folder) = start(1, 1).await;
        let uploaded = upload(&cluster, 0, &png(900, 900, [1, 2, 3])).await;
        for _ in 0..5 {
            let found = get(&cluster, 0, uploaded["url"].as_str().unwrap()).await;
            assert_eq!(found.status(), 200);
            found.bytes().await.unwrap();
        }
        eventually("claims are removed", async || {
            let claims: Vec<String> = cluster.redis.run(&["KEYS", "claim:*"]).await;
            claims.is_empty().then_some(())
        })
        .await;
        assert_eq!(cluster.redis.run::<Vec<String>>(&["KEYS", "chat:*"]).await, ["chat:pictures:key"]);
    });
}

/// A worker whose pictures are in a bucket.
fn worker_of(cluster: &Cluster, bucket: &Bucket) -> Process {
    let mut command = Command::new(binary::path("worker-layer"));
    command
        .env_clear()
        .env("AWS_ENDPOINT", format!("http://{}", bucket.address))
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_ACCESS_KEY_ID", bucket::KEY)
        .env("AWS_SECRET_ACCESS_KEY", "a secret")
        .env("CHAT_PICTURES", "s3://pictures/of/chat")
        .args(["--redis", &cluster.redis.url(), "--worker", "bucket", "--services", "chat"]);
    Process::start("bucket", &mut command, cluster.redis.folder())
}

#[test]
fn a_bucket_keeps_pictures_as_a_folder_does_and_is_waited_for_no_longer_than_a_client_waits() {
    bounded(async {
        let (cluster, bucket) = (Cluster::start(1, 0).await, Bucket::start().await);
        let _worker = worker_of(&cluster, &bucket);
        let file = png(100, 50, [9, 9, 9]);
        let uploaded: Value = eventually("the worker takes pictures", async || {
            let response = post(&cluster, 0, "image/png", file.clone()).await;
            if response.status() != 201 {
                return None;
            }
            response.json().await.ok()
        })
        .await;
        let url = uploaded["url"].as_str().unwrap();
        assert_eq!(get(&cluster, 0, url).await.bytes().await.unwrap(), file);
        let objects = bucket.objects();
        assert_eq!(objects.len(), 2, "{:?}", objects.keys());
        assert!(objects.values().any(|object| *object == file));
        assert!(objects.keys().any(|name| name.ends_with(".thumbnail")));
        bucket.breaks(true);
        let down = get(&cluster, 0, url).await;
        assert_eq!(down.status(), 503);
        assert!(down.text().await.unwrap().contains("the store of pictures does not answer"));
        assert_eq!(post(&cluster, 0, "image/png", png(1, 1, [0; 3])).await.status(), 503);
        bucket.breaks(false);
        assert_eq!(get(&cluster, 0, url).await.bytes().await.unwrap(), file);
        bucket.assert_content();
    });
}

#[test]
fn a_place_that_cannot_be_used_is_a_bad_option() {
    bounded(async {
        for place in ["", "http://pictures", "s3://", "s3://pictures/a//b"] {
            let mut command = Command::new(binary::path("worker-layer"));
            let output = command.env_clear().args(["--chat-pictures", place]).output().await.unwrap();
            assert_eq!(output.status.code(), Some(64), "{place}");
            assert!(String::from_utf8_lossy(&output.stderr).contains("--chat-pictures"), "{place}");
        }
    });
}

/// ARCHITECTURE, rule 5.
#[test]
fn a_worker_that_leaves_answers_the_uploads_that_it_has() {
    bounded(async {
        let (mut cluster, _folder) = start(1, 2).await;
        let files: Vec<Vec<u8>> = (0..12).map(|n| png(400, 400, [n, 0, 0])).collect();
        let uploads = files.iter().map(|file| post(&cluster, 0, "image/png", file.clone()));
        let leaving = async { cluster.workers[0].terminate() };
        let (responses, ()) =
            futures_util::future::join(futures_util::future::join_all(uploads), leaving).await;
        let statuses: Vec<u16> = responses.iter().map(|response| response.status().as_u16()).collect();
        assert_eq!(statuses, [201; 12]);
        assert!(cluster.workers[0].wait().await.success(), "it left in time");
    });
}
