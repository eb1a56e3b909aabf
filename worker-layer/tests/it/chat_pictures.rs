//! Pictures: who may send and read them, what messages carry, and what happens when they cannot be stored.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use protocol::chat::{Answer, Change, PICTURE_BYTES_MAX, PICTURES_PATH, Picture, PictureKind, Uploaded};
use protocol::{Claim, ErrorCode, HttpBody, HttpRequest, HttpResponse, Subject};
use serde_json::{Value, json};
use tempfile::TempDir;
use worker_layer::services::Options;

use crate::chat_login::{SECRET, hs256, now_s};
use crate::support::chat::{Chat, Device};

/// A file that differs with its number.
fn png(n: u8) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    RgbImage::from_pixel(90, 60, Rgb([n, 10, 200])).write_to(&mut file, ImageFormat::Png).expect("a picture");
    file.into_inner()
}

fn options(folder: &Path) -> Options {
    let mut options = Options::default();
    options.chat.pictures = folder.to_str().expect("text").parse().expect("a folder");
    options
}

async fn start() -> (Chat, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    (Chat::with(2, options(folder.path())).await, folder)
}

async fn ask(
    chat: &mut Chat,
    worker: usize,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: HttpBody,
) -> HttpResponse {
    let headers: BTreeMap<String, String> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (method, path, query) = (method.to_owned(), path.to_owned(), String::new());
    let http = HttpRequest { method, path, query, headers, body };
    let id = chat.workers[worker].id.clone();
    chat.node.request(&id, protocol::chat::SERVICE, http).await
}

async fn post(chat: &mut Chat, file: &[u8], headers: &[(&str, &str)]) -> HttpResponse {
    let claim = chat.node.store.put_claim(file).await.expect("Redis runs");
    ask(chat, 0, ("POST", PICTURES_PATH), headers, HttpBody::Claim(claim)).await
}

async fn upload(chat: &mut Chat, file: &[u8]) -> Picture {
    let response = post(chat, file, &[("content-type", "image/png")]).await;
    assert_eq!(response.status, 201, "{response:?}");
    let HttpBody::Body(body) = response.body else { panic!("it is short") };
    serde_json::from_str::<Uploaded>(&body).expect("an upload").picture
}

async fn get(chat: &mut Chat, worker: usize, path: &str) -> HttpResponse {
    ask(chat, worker, ("GET", path), &[], HttpBody::default()).await
}

async fn bytes(chat: &Chat, response: &HttpResponse) -> Vec<u8> {
    let HttpBody::Claim(claim) = &response.body else { panic!("{response:?}") };
    assert!(claim.once, "nobody else gets it");
    chat.node.store.fetch_claim(claim).await.expect("Redis runs").to_vec()
}

fn refusal(response: &HttpResponse) -> (u16, String) {
    let HttpBody::Body(body) = &response.body else { panic!("{response:?}") };
    let body: Value = serde_json::from_str(body).expect("an error");
    (response.status, body["error"]["code"].as_str().expect("a code").to_owned())
}

fn said(text: &str, message_id: &str, picture: &str) -> Value {
    json!({ "type": "send", "to": "bob", "text": text, "message_id": message_id, "picture": picture })
}

async fn refused(chat: &mut Chat, device: &Device, request: Value) -> ErrorCode {
    chat.ask(device, request).await.expect_err("it is refused").code
}

#[tokio::test]
async fn a_message_carries_its_picture_wherever_it_is_told_and_any_worker_hands_it_out() {
    let (mut chat, _folder) = start().await;
    let (ana, bob) = (chat.device("ana", 0).await, chat.device("bob", 1).await);
    let file = png(1);
    let picture = upload(&mut chat, &file).await;
    assert_eq!((picture.kind, picture.width, picture.height), (PictureKind::Png, 90, 60));
    assert!(matches!(chat.ask(&ana, said("", "1", &picture.id)).await, Ok(Answer::Sent { seq: 1, .. })));
    assert!(matches!(chat.ask(&ana, said("look", "2", &picture.id)).await, Ok(Answer::Sent { seq: 2, .. })));
    for device in [&ana, &bob] {
        let pushed = chat.changes(&device.topic).await;
        let carried = |change: &Change| match change {
            Change::Message { message, .. } => (message.text.clone(), message.picture.clone()),
            other => panic!("{other:?}"),
        };
        let expected = [("".to_owned(), Some(picture.clone())), ("look".to_owned(), Some(picture.clone()))];
        assert_eq!(pushed.iter().map(carried).collect::<Vec<_>>(), expected);
    }
    assert!(chat.history(&bob, "ana").await.iter().all(|message| message.picture.as_ref() == Some(&picture)));
    assert_eq!(chat.home(&bob).await[0].last.picture.as_ref(), Some(&picture));
    for worker in [0, 1] {
        let found = get(&mut chat, worker, &picture.url()).await;
        assert_eq!(found.status, 200);
        assert_eq!(bytes(&chat, &found).await.len() as u32, picture.bytes);
        let small = get(&mut chat, worker, &picture.thumbnail_url()).await;
        assert_eq!(PictureKind::of(&bytes(&chat, &small).await), Some(PictureKind::Jpeg));
    }
}

#[tokio::test]
async fn a_response_lets_no_script_run_and_is_kept_by_its_reader_alone() {
    let (mut chat, _folder) = start().await;
    let picture = upload(&mut chat, &png(1)).await;
    let found = get(&mut chat, 0, &picture.url()).await;
    for (name, value) in [
        ("content-type", "image/png"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "private, max-age=31536000, immutable"),
        ("content-disposition", "inline; filename=\"picture.png\""),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("accept-ranges", "none"),
    ] {
        assert_eq!(found.headers.get(name).map(String::as_str), Some(value), "{name}");
    }
    let policy = &found.headers["content-security-policy"];
    assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{policy}");
    assert!(!policy.contains("script") && !policy.contains("allow"), "{policy}");
    let tag = found.headers["etag"].clone();
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let same =
            ask(&mut chat, 1, ("GET", &picture.url()), &[("if-none-match", &known)], HttpBody::default())
                .await;
        assert_eq!((same.status, &same.body), (304, &HttpBody::default()), "{known}");
    }
    let (small, known) = (picture.thumbnail_url(), [("if-none-match", tag.as_str())]);
    let other = ask(&mut chat, 1, ("GET", &small), &known, HttpBody::default()).await;
    assert_eq!(other.status, 200, "the small one is another file");
}

#[tokio::test]
async fn a_head_is_answered_as_a_get_is_and_moves_no_picture() {
    let (mut chat, folder) = start().await;
    let picture = upload(&mut chat, &png(1)).await;
    for path in [picture.url(), picture.thumbnail_url()] {
        let found = get(&mut chat, 0, &path).await;
        bytes(&chat, &found).await;
        let moved: Vec<String> = chat.redis.cli("KEYS claim:*").await;
        let head = ask(&mut chat, 1, ("HEAD", &path), &[], HttpBody::default()).await;
        assert_eq!((head.status, &head.headers, &head.body), (200, &found.headers, &HttpBody::default()));
        let tag = [("if-none-match", found.headers["etag"].as_str())];
        assert_eq!(ask(&mut chat, 1, ("HEAD", &path), &tag, HttpBody::default()).await.status, 304);
        let now: Vec<String> = chat.redis.cli("KEYS claim:*").await;
        assert!(now.iter().all(|key| moved.contains(key)), "{now:?}");
    }
    for file in walk(folder.path()) {
        std::fs::write(file, "<html>").expect("it is there");
    }
    let head = ask(&mut chat, 0, ("HEAD", &picture.url()), &[], HttpBody::default()).await;
    assert_eq!(refusal(&head), (500, "internal".to_owned()), "it is no picture any more");
    for file in walk(folder.path()) {
        std::fs::remove_file(file).expect("it is there");
    }
    let head = ask(&mut chat, 0, ("HEAD", &picture.url()), &[], HttpBody::default()).await;
    assert_eq!(refusal(&head), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_retry_is_the_same_message_and_another_picture_under_its_id_is_a_conflict() {
    let (mut chat, folder) = start().await;
    let ana = chat.device("ana", 0).await;
    let (one, other) = (upload(&mut chat, &png(1)).await, upload(&mut chat, &png(2)).await);
    assert_ne!(one.id, other.id);
    assert_eq!(upload(&mut chat, &png(1)).await, one, "the same file has the same name");
    let files = walk(folder.path());
    assert_eq!(files.len(), 4, "two pictures, two small ones: {files:?}");
    let first = chat.ask(&ana, said("x", "m", &one.id)).await.expect("sent");
    assert_eq!(chat.ask(&ana, said("x", "m", &one.id)).await, Ok(first));
    assert_eq!(refused(&mut chat, &ana, said("x", "m", &other.id)).await, ErrorCode::Conflict);
    let without = json!({ "type": "send", "to": "bob", "text": "x", "message_id": "m" });
    assert_eq!(refused(&mut chat, &ana, without).await, ErrorCode::Conflict);
    assert_eq!(chat.history(&ana, "bob").await.len(), 1);
}

/// The files below a folder.
fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn nobody_reads_or_sends_a_picture_whose_name_was_not_given_to_them() {
    let (mut chat, _folder) = start().await;
    let ana = chat.device("ana", 0).await;
    let picture = upload(&mut chat, &png(1)).await;
    let mut last = picture.id.clone();
    last.replace_range(40..41, if &last[40..41] == "A" { "B" } else { "A" });
    let hash = "0123456789abcdef".repeat(4);
    for id in
        [last.as_str(), &hash, "x", "..", "%2e%2e", &format!("{}/../{}", &hash[..2], picture.id), "", "*"]
    {
        for path in [format!("{PICTURES_PATH}/{id}"), format!("{PICTURES_PATH}/{id}/thumbnail")] {
            assert_eq!(refusal(&get(&mut chat, 0, &path).await), (404, "not_found".to_owned()), "{path}");
        }
        if !id.is_empty() {
            assert_eq!(refused(&mut chat, &ana, said("x", "m", id)).await, ErrorCode::NotFound, "{id}");
        }
    }
    assert_eq!(chat.history(&ana, "bob").await, []);
    let _: u64 = chat.redis.cli("DEL chat:pictures:key").await;
    let gone = get(&mut chat, 0, &picture.url()).await;
    assert_eq!(refusal(&gone).0, 404, "without the key no link works any more");
    assert_ne!(upload(&mut chat, &png(1)).await.id, picture.id);
}

#[tokio::test]
async fn an_upload_is_a_picture_by_its_content_its_type_and_its_size_or_it_is_refused() {
    let (mut chat, folder) = start().await;
    let kind = [("content-type", "image/png")];
    for (what, file, headers, expected) in [
        ("HTML as a picture", b"<html><script>alert(1)</script>".to_vec(), &kind[..], (400, "bad_request")),
        ("half a picture", png(1)[..60].to_vec(), &kind, (400, "bad_request")),
        ("nothing", Vec::new(), &kind, (400, "bad_request")),
        ("a form", png(1), &[("content-type", "multipart/form-data; boundary=x")], (415, "bad_request")),
        (
            "what curl says",
            png(1),
            &[("content-type", "application/x-www-form-urlencoded")],
            (415, "bad_request"),
        ),
        ("no type", png(1), &[], (415, "bad_request")),
    ] {
        let response = post(&mut chat, &file, headers).await;
        assert_eq!(refusal(&response), (expected.0, expected.1.to_owned()), "{what}");
    }
    let large =
        HttpBody::Claim(Claim { key: "claim:x".to_owned(), bytes: PICTURE_BYTES_MAX + 1, once: false });
    let response = ask(&mut chat, 0, ("POST", PICTURES_PATH), &kind, large).await;
    assert_eq!(refusal(&response), (413, "too_large".to_owned()));
    let svg = HttpBody::Body("<svg onload='alert(1)'/>".to_owned());
    let response =
        ask(&mut chat, 0, ("POST", PICTURES_PATH), &[("content-type", "image/svg+xml")], svg).await;
    assert_eq!(refusal(&response), (400, "bad_request".to_owned()));
    for (method, path) in [("GET", PICTURES_PATH), ("PUT", PICTURES_PATH), ("DELETE", "/chat/pictures/x")] {
        let response = ask(&mut chat, 0, (method, path), &[], HttpBody::default()).await;
        assert_eq!(refusal(&response), (405, "method_not_allowed".to_owned()), "{method} {path}");
        assert!(response.headers.contains_key("allow"));
    }
    assert_eq!(walk(folder.path()), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn with_a_key_only_who_may_log_in_may_upload_and_a_link_needs_no_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = options(folder.path());
    options.chat.token_key = Some(SECRET.parse().expect("a key"));
    let mut chat = Chat::with(1, options).await;
    let good = hs256(SECRET, &json!({ "sub": "ana", "exp": now_s() + 60 }));
    let expired = hs256(SECRET, &json!({ "sub": "ana", "exp": now_s() - 60 }));
    let foreign = hs256(&SECRET.to_uppercase(), &json!({ "sub": "ana", "exp": now_s() + 60 }));
    for shown in [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        &good,
        &format!("Bearer {expired}"),
        &format!("Bearer {foreign}"),
    ] {
        let response =
            post(&mut chat, &png(1), &[("content-type", "image/png"), ("authorization", shown)]).await;
        assert_eq!(refusal(&response), (401, "unauthorized".to_owned()), "{shown}");
        assert_eq!(response.headers["www-authenticate"], "Bearer");
    }
    for shown in [format!("Bearer {good}"), format!("bearer  {good}")] {
        let response =
            post(&mut chat, &png(1), &[("content-type", "image/png"), ("authorization", &shown)]).await;
        assert_eq!(response.status, 201, "{shown}");
        let found = get(&mut chat, 0, &response.headers["location"]).await;
        assert_eq!(found.status, 200);
    }
}

#[tokio::test]
async fn a_store_that_fails_is_told_and_what_was_stored_before_is_there_afterwards() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("pictures");
    let mut chat = Chat::with(1, options(&place)).await;
    std::fs::write(&place, "no folder").expect("a file");
    let kind = [("content-type", "image/png")];
    assert_eq!(refusal(&post(&mut chat, &png(1), &kind).await), (503, "unavailable".to_owned()));
    std::fs::remove_file(&place).expect("it is there");
    let picture = upload(&mut chat, &png(1)).await;
    std::fs::rename(&place, folder.path().join("away")).expect("it is there");
    std::fs::write(&place, "no folder").expect("a file");
    assert_eq!(refusal(&post(&mut chat, &png(2), &kind).await), (503, "unavailable".to_owned()));
    assert_eq!(refusal(&get(&mut chat, 0, &picture.url()).await), (503, "unavailable".to_owned()));
    std::fs::remove_file(&place).expect("it is there");
    std::fs::rename(folder.path().join("away"), &place).expect("it is there");
    assert_eq!(get(&mut chat, 0, &picture.url()).await.status, 200);
    upload(&mut chat, &png(2)).await;
}

#[tokio::test]
async fn an_upload_whose_body_has_expired_is_unavailable_and_changes_nothing() {
    let (mut chat, folder) = start().await;
    let gone = HttpBody::Claim(Claim { key: "claim:gone".to_owned(), bytes: 70_000, once: false });
    let response = ask(&mut chat, 0, ("POST", PICTURES_PATH), &[("content-type", "image/png")], gone).await;
    assert_eq!(refusal(&response), (503, "unavailable".to_owned()));
    assert_eq!(walk(folder.path()), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn workers_that_need_a_key_at_the_same_time_have_the_same_one() {
    let (mut chat, _folder) = start().await;
    let claim = chat.node.store.put_claim(&png(1)).await.expect("Redis runs");
    let http = HttpRequest {
        method: "POST".to_owned(),
        path: PICTURES_PATH.to_owned(),
        query: String::new(),
        headers: [("content-type".to_owned(), "image/png".to_owned())].into(),
        body: HttpBody::Claim(claim),
    };
    let mut seqs = Vec::new();
    for round in 0..10 {
        let id = chat.workers[round % 2].id.clone();
        let upload = Subject::Http { peer: "10.0.0.9".to_owned(), http: http.clone() };
        seqs.push(chat.node.tell(&id, protocol::chat::SERVICE, upload).await);
    }
    let mut links = Vec::new();
    for seq in seqs {
        links.push(chat.node.response(seq).await.headers["location"].clone());
    }
    assert!(links.iter().all(|link| *link == links[0]), "{links:?}");
}
