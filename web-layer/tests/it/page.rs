//! The page and its files.

use hyper::Method;

use crate::support::{FakeWorker, Http, RedisServer, TestNode, Wire, until};

async fn node(options: &str) -> (RedisServer, TestNode) {
    let redis = RedisServer::start();
    let node = TestNode::with(&redis, options).await;
    (redis, node)
}

#[tokio::test]
async fn the_page_and_its_files_come_with_their_types_and_a_strict_policy() {
    let (_redis, node) = node("").await;
    for (path, kind) in [
        ("/", "text/html"),
        ("/static/index.html", "text/html"),
        ("/static/tercet.js", "text/javascript"),
        ("/static/style/page.css", "text/css"),
        ("/static/favicon.svg", "image/svg+xml"),
    ] {
        let response = node.get(path).await;
        assert_eq!(response.status, 200, "{path}");
        assert!(
            response.header("content-type").starts_with(kind),
            "{path}: {}",
            response.header("content-type")
        );
        assert!(!response.body.is_empty());
        let policy = response.header("content-security-policy");
        for rule in ["default-src 'self'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(response.header("x-content-type-options"), "nosniff");
        assert_eq!(response.header("cache-control"), "no-cache");
        let head = Http::connect(&node).await.send(Method::HEAD, path, &[], "").await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-type"), response.header("content-type"));
    }
}

#[tokio::test]
async fn a_file_that_a_browser_has_is_not_sent_again() {
    let (_redis, node) = node("").await;
    let mut http = Http::connect(&node).await;
    let etag = http.get("/static/tercet.js").await.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 10, "{etag}");
    for known in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
        let headers = [("if-none-match", known.as_str())];
        let response = http.send(Method::GET, "/static/tercet.js", &headers, "").await;
        assert_eq!((response.status, response.body.len()), (304, 0), "{known}");
        assert_eq!(response.header("etag"), etag);
    }
    let headers = [("if-none-match", "\"other\"")];
    assert_eq!(http.send(Method::GET, "/static/tercet.js", &headers, "").await.status, 200);
}

#[tokio::test]
async fn what_is_no_part_of_the_page_is_not_served() {
    let (_redis, node) = node("").await;
    for path in [
        "/static",
        "/static/",
        "/static/nothing.js",
        "/static/tests/tercet.test.js",
        "/static/package.json",
        "/static/../Cargo.toml",
        "/static/%2e%2e/Cargo.toml",
    ] {
        let response = node.get(path).await;
        assert_eq!((response.status, response.error_code().as_str()), (404, "not_found"), "{path}");
    }
}

#[tokio::test]
async fn a_path_of_nobody_is_not_found_once_the_workers_are_known_and_until_then_nobody_can_tell() {
    let (redis, node) = node("--hold-ms 50").await;
    let response = node.get("/index.html").await;
    assert_eq!((response.status, response.error_code().as_str()), (503, "unavailable"));
    let _worker = FakeWorker::start(&redis, &[&node]).await;
    until("the path to be nobody's", async || node.get("/index.html").await.status == 404).await;
    assert_eq!(node.get("/favicon.ico").await.error_code(), "not_found");
}

#[tokio::test]
async fn a_folder_of_files_takes_the_place_of_the_embedded_ones_and_nothing_outside_is_served() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("page");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(outer.path().join("secret.txt"), "secret").unwrap();
    std::fs::write(folder.join("index.html"), "mine").unwrap();
    std::fs::write(folder.join("a.js"), "first").unwrap();
    let (_redis, node) = node(&format!("--static {}", folder.display())).await;
    let page = node.get("/").await;
    assert_eq!((page.status, page.text().as_str()), (200, "mine"));
    assert!(page.header("content-security-policy").contains("default-src 'self'"));
    assert_eq!(node.get("/static/a.js").await.text(), "first");
    std::fs::write(folder.join("a.js"), "second").unwrap();
    assert_eq!(node.get("/static/a.js").await.text(), "second");
    assert_eq!(node.get("/static/tercet.js").await.status, 404);
    for path in [
        "/static/../secret.txt",
        "/static/%2e%2e/secret.txt",
        "/static/..%2fsecret.txt",
        "/static/%2e%2e%2fsecret.txt",
        "/static/..%5csecret.txt",
        "/static//secret.txt",
        "/static/%2fetc/passwd",
        "/static//etc/passwd",
        "/static/a.js%00.txt",
    ] {
        let mut wire = Wire::connect(&node).await;
        // By hand, because clients tidy such paths up.
        wire.write(format!("GET {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n").as_bytes())
            .await;
        let head = wire.head().await;
        assert!(head.starts_with("HTTP/1.1 404 ") || head.starts_with("HTTP/1.1 400 "), "{path}: {head}");
    }
}
