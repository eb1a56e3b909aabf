//! Whoever sends what is no picture, or too much of one, or wants one that was not given to them.

use reqwest::{Client, StatusCode};
use serde_json::Value;
use system_tests::bounded;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::png::{claiming, png, png_with};
use super::{get, post, start, upload};

const MIB: u64 = 1024 * 1024;

/// What a node answers to the head of a request, letter by letter as it stands here.
async fn raw(address: std::net::SocketAddr, line: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn without_its_link_nobody_reads_a_picture_whatever_they_try() {
    bounded(async {
        let (cluster, folder) = start(1, 2).await;
        let uploaded = upload(&cluster, 0, &png(40, 40, [1, 2, 3])).await;
        let id = uploaded["picture"]["id"].as_str().unwrap();
        let names: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .flat_map(|entry| std::fs::read_dir(entry.unwrap().path()).unwrap())
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(names.len(), 2, "{names:?}");
        let hash = names.iter().find(|name| !name.contains('.')).unwrap();
        let shorter = &id[..id.len() - 1];
        let address = cluster.nodes[0].address;
        for path in [
            format!("/{hash}"),
            format!("/{}/{hash}", &hash[..2]),
            format!("/{shorter}"),
            format!("/{id}x"),
            format!("/{}", id.to_uppercase()),
            format!("/../{id}/../../etc/passwd"),
            "/../../../../etc/passwd".to_owned(),
            "/..%2f..%2f..%2fetc%2fpasswd".to_owned(),
            "/%00".to_owned(),
            format!("/{id}/"),
            format!("/{id}/thumbnail/x"),
            format!("//{id}"),
            "/".to_owned(),
        ] {
            let answer = raw(address, &format!("GET /chat/pictures{path}")).await;
            assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
            assert!(!answer.contains("root:"), "{path}");
        }
        let answer = raw(address, &format!("GET /chat/pictures/{id}")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    });
}

#[test]
fn a_head_has_the_headers_a_range_is_not_looked_at_and_what_is_known_is_not_sent_again() {
    bounded(async {
        let (cluster, _folder) = start(1, 1).await;
        let file = png(40, 40, [1, 2, 3]);
        let uploaded = upload(&cluster, 0, &file).await;
        let url = cluster.nodes[0].http(uploaded["url"].as_str().unwrap());
        let head = Client::new().head(&url).send().await.unwrap();
        assert_eq!(
            (head.status(), head.headers()["content-type"].to_str().unwrap()),
            (StatusCode::OK, "image/png")
        );
        assert_eq!(head.headers()["x-content-type-options"], "nosniff");
        let etag = head.headers()["etag"].clone();
        let part = Client::new().get(&url).header("range", "bytes=0-9").send().await.unwrap();
        assert_eq!(part.status(), 200);
        assert_eq!(part.headers()["accept-ranges"], "none");
        assert_eq!(part.bytes().await.unwrap(), file);
        let known = Client::new().get(&url).header("if-none-match", etag).send().await.unwrap();
        assert_eq!((known.status(), known.bytes().await.unwrap().len()), (StatusCode::NOT_MODIFIED, 0));
    });
}

#[test]
fn what_is_no_picture_is_refused_with_a_reason_and_nothing_of_it_is_stored() {
    bounded(async {
        let (cluster, folder) = start(1, 1).await;
        let whole = png(200, 200, [1, 2, 3]);
        let script = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec();
        for (what, kind, file, status, code) in [
            ("SVG", "image/svg+xml", script.clone(), 400, "bad_request"),
            ("SVG as a PNG", "image/png", script.clone(), 400, "bad_request"),
            (
                "SVG behind a signature",
                "image/png",
                [b"\x89PNG\r\n\x1a\n", &script[..]].concat(),
                400,
                "bad_request",
            ),
            ("HTML as a GIF", "image/gif", b"GIF89a/*<script>*/=1;alert(1)//".to_vec(), 400, "bad_request"),
            ("half a file", "image/png", whole[..whole.len() / 2].to_vec(), 400, "bad_request"),
            ("a form", "multipart/form-data; boundary=x", whole.clone(), 415, "bad_request"),
            ("a page's form", "text/plain", whole.clone(), 415, "bad_request"),
            ("a wide bomb", "image/png", claiming(60_000, 60_000), 413, "too_large"),
            ("a large bomb", "image/png", claiming(16_000, 16_000), 413, "too_large"),
            ("9 MiB", "image/png", vec![0x89; 9 * MIB as usize], 413, "too_large"),
        ] {
            let response = post(&cluster, 0, kind, file).await;
            assert_eq!(response.status(), status, "{what}");
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["error"]["code"], code, "{what}");
            assert!(body["error"]["message"].as_str().unwrap().len() > 20, "{what}: {body}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(upload(&cluster, 0, &whole).await["picture"]["type"], "image/png");
    });
}

#[test]
fn where_a_picture_was_taken_is_not_handed_on() {
    bounded(async {
        let (cluster, _folder) = start(1, 1).await;
        let secret = b"GPS 47.1 N 8.5 E";
        let told = png_with(40, 40, [1, 2, 3], &[(b"eXIf", secret), (b"tEXt", secret), (b"iTXt", secret)]);
        let uploaded = upload(&cluster, 0, &[&told[..], secret].concat()).await;
        let found = get(&cluster, 0, uploaded["url"].as_str().unwrap()).await.bytes().await.unwrap();
        assert_eq!(found, png(40, 40, [1, 2, 3]));
    });
}

#[test]
fn an_upload_of_100_mb_is_refused_and_costs_little() {
    bounded(async {
        let (cluster, _folder) = start(1, 1).await;
        let before = cluster.nodes[0].process.memory_bytes();
        let response = post(&cluster, 0, "image/png", vec![0x89; 100_000_000]).await;
        assert_eq!(response.status(), 413);
        let cost = cluster.nodes[0].process.memory_bytes().saturating_sub(before);
        assert!(cost < 32 * MIB, "it cost the node {cost} bytes");
        let claims: Vec<String> = cluster.redis.run(&["KEYS", "claim:*"]).await;
        assert!(claims.is_empty(), "{claims:?}");
    });
}

#[test]
fn many_pictures_at_once_cost_a_worker_a_bounded_memory() {
    bounded(async {
        let (cluster, _folder) = start(1, 1).await;
        let file = png(2_000, 2_000, [200, 100, 0]);
        let before = cluster.workers[0].memory_bytes();
        let uploads = (0..12).map(|_| post(&cluster, 0, "image/png", file.clone()));
        let responses = futures_util::future::join_all(uploads).await;
        let taken = responses.iter().filter(|response| response.status() == 201).count();
        let refused = responses.iter().filter(|response| response.status() == 503).count();
        assert!(taken > 0 && taken + refused == 12, "{taken} were taken, {refused} had to wait too long");
        let cost = cluster.workers[0].memory_bytes().saturating_sub(before);
        // One at a time, with 12 MB of pixels, and some copies; twelve at a time would be 144 MB and more.
        assert!(cost < 96 * MIB, "it cost the worker {cost} bytes");
    });
}
