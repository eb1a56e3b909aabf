//! Events, replies and announcements, whatever the service.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use protocol::{Answer, Body, Effect, Event, HttpBody, HttpResponse, Subject, limit, line};
use tokio::sync::Notify;
use worker_layer::services::Options;
use worker_layer::{Context, Outcome, Service, probe};

use crate::support::{Client, Node, RedisServer, TestWorker, set};

/// Does what a message tells it to: `{"panic":…}`, `{"large":bytes}`, `{"wait":…}` for [`RELEASED`], or else
/// says the message back.
struct Obedient;

/// Woken once to let all who wait go on.
static RELEASED: Notify = Notify::const_new();

impl Obedient {
    fn start(_: &Context, _: &Options) -> Arc<dyn Service> {
        Arc::new(Self)
    }

    fn obey(event: &Event) -> Outcome {
        match &event.subject {
            Subject::Message(_, Body::Inline(message)) => {
                let wish: serde_json::Value = serde_json::from_str(message.get()).expect("JSON");
                assert!(wish.get("panic").is_none(), "as you wish");
                let echo = match wish.get("large").and_then(serde_json::Value::as_u64) {
                    Some(bytes) => {
                        let text = "x".repeat(usize::try_from(bytes).expect("small"));
                        Effect::send(&serde_json::json!({ "text": text }), None)
                    }
                    None => Effect::send(&wish, None),
                };
                Outcome::Now(Answer::Effects(vec![echo]))
            }
            Subject::Http { http, .. } if http.path == "/later" => Outcome::Later(
                async {
                    tokio::task::yield_now().await;
                    Answer::Http(HttpResponse::json(200, HttpBody::Body("{}".to_owned())))
                }
                .boxed(),
            ),
            Subject::Http { .. } => {
                let body = HttpBody::Body("y".repeat(100_000));
                Outcome::Now(Answer::Http(HttpResponse::json(200, body)))
            }
            _ => Outcome::Now(Answer::Effects(Vec::new())),
        }
    }
}

impl Service for Obedient {
    fn name(&self) -> &'static str {
        "obedient"
    }

    fn paths(&self) -> Vec<String> {
        vec!["/obedient".to_owned()]
    }

    fn handle<'a>(&'a self, batch: &'a [Event]) -> BoxFuture<'a, Vec<Outcome>> {
        async {
            if batch.iter().any(|event| line::one(event).windows(4).any(|word| word == b"wait")) {
                RELEASED.notified().await;
            }
            batch.iter().map(Self::obey).collect()
        }
        .boxed()
    }

    fn drain(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

#[tokio::test]
async fn a_worker_announces_its_services_again_and_again() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::with(&redis, &mut node, Obedient::start).await;
    let announcement = node.announcement(&worker.id).await;
    let text = serde_json::to_string(&announcement).expect("JSON");
    let services = [
        r#""chat":{"paths":["/chat/pictures"],"body_bytes_max":8388608}"#,
        r#""files":{"paths":["/files","/hello","/bye","/nodes"]}"#,
        r#""numbers":{"paths":["/numbers"]}"#,
        r#""obedient":{"paths":["/obedient"]}"#,
        r#""sets":{"paths":["/sets"]}"#,
    ]
    .join(",");
    assert_eq!(text, format!(r#"{{"worker":"{}","services":{{{services}}},"draining":false}}"#, worker.id));
}

#[tokio::test]
async fn a_service_that_panics_is_answered_for_and_its_lane_goes_on() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::with(&redis, &mut node, Obedient::start).await;
    let client = Client::of("obedient");
    let got = node.ask(&worker.id, client, r#"{"panic":true,"id":5}"#).await;
    assert!(got.contains(r#""code":"internal""#) && got.ends_with(r#""id":5}]}"#), "{got}");
    let got = node.ask(&worker.id, client, r#"{"hello":1}"#).await;
    assert_eq!(got, r#"{"seq":2,"effects":[{"send":{"hello":1}}]}"#);
}

#[tokio::test]
async fn a_service_that_is_slow_holds_up_no_other_and_loses_nothing() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::with(&redis, &mut node, Obedient::start).await;
    let slow = Client::of("obedient");
    let mut lines = node.message(slow, r#"{"wait":1}"#).1;
    let mut seqs = Vec::new();
    for number in 0..worker_layer::limit::LANE_EVENTS_MAX / 2 {
        let (seq, line) = node.message(slow, &format!("{{\"n\":{number}}}"));
        lines.extend(line);
        seqs.push((seq, number));
    }
    node.publish(&worker.id, lines).await;
    node.set(&worker.id, "ana", 1).await;
    RELEASED.notify_one();
    for (seq, number) in seqs {
        assert!(node.reply(seq).await.contains(&format!("{{\"n\":{number}}}")));
    }
}

#[tokio::test]
async fn an_unknown_service_is_answered_honestly() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;
    let client = Client::of("nothing");
    let got = node.ask(&worker.id, client, r#"{"Cmd":2,"id":5}"#).await;
    assert!(got.contains(r#""code":"not_found""#) && got.ends_with(r#""id":5}]}"#), "{got}");
    let opened = node.open(&worker.id, client).await;
    assert!(opened.contains(r#"{"close":{"code":4500,"#), "{opened}");
    assert_eq!(node.http(&worker.id, "nothing", "GET", "/nothing").await.status, 404);
    let closed = node.close(&worker.id, client).await;
    assert_eq!(closed, r#"{"seq":4,"effects":[]}"#);
}

#[tokio::test]
async fn a_line_that_is_no_event_disturbs_nobody() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;
    let (first, mut lines) = node.message(Client::new(), "{\"Cmd\":2}");
    lines.extend(b"{\"node\":\"n\"}\n\xff\xfe\n[]\nnull\n");
    lines.extend(b"{\"node\":\"n\",\"seq\":1,\"service\":\"numbers\",\"kind\":\"message\"}\n");
    lines.extend([b'{'; 100_000]);
    lines.push(b'\n');
    let (second, line) = node.message(Client::new(), "{\"Cmd\":2}");
    lines.extend(line);
    node.publish(&worker.id, lines).await;
    node.listing_of(first).await;
    node.listing_of(second).await;
}

#[tokio::test]
async fn a_large_answer_travels_by_claim() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::with(&redis, &mut node, Obedient::start).await;
    let seq = node.send(&worker.id, Client::of("obedient"), r#"{"large":70000}"#).await;
    let Effect::Send { body: Body::Claim(claim), .. } = node.effect(seq).await else { panic!("no claim") };
    assert_eq!(claim.bytes, 70_000 + "{\"text\":\"\"}".len());
    let kept: Vec<u8> = redis.cli(&format!("GET {}", claim.key)).await;
    assert_eq!(kept.len(), claim.bytes);
    let response = node.http(&worker.id, "obedient", "GET", "/obedient").await;
    assert!(matches!(response.body, HttpBody::Claim(claim) if claim.bytes == 100_000));
    let seq = node.send(&worker.id, Client::of("obedient"), r#"{"large":60000}"#).await;
    assert!(matches!(node.effect(seq).await, Effect::Send { body: Body::Inline(_), .. }));
}

#[tokio::test]
async fn an_answer_may_come_later() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::with(&redis, &mut node, Obedient::start).await;
    assert_eq!(node.http(&worker.id, "obedient", "GET", "/later").await.status, 200);
}

#[tokio::test]
async fn replies_on_one_connection_come_in_the_order_of_its_events() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::with(&redis, &mut node, Obedient::start).await;
    let clients: Vec<Client> = (0..20).map(|_| Client::of("obedient")).collect();
    let mut seqs = Vec::new();
    for number in 0..100 {
        let mut lines = Vec::new();
        for client in &clients {
            let (seq, line) = node.message(*client, &format!("{{\"n\":{number}}}"));
            lines.extend(line);
            seqs.push((seq, number));
        }
        node.publish(&worker.id, lines).await;
    }
    for (seq, number) in seqs {
        let expected = format!("{{\"seq\":{seq},\"effects\":[{{\"send\":{{\"n\":{number}}}}}]}}");
        assert_eq!(node.reply(seq).await, expected);
    }
}

#[tokio::test]
async fn a_worker_that_leaves_under_load_answers_all_that_was_delivered() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;
    let mut delivered = Vec::new();
    for number in 0.. {
        let client = Client::new();
        let messages = [set(&format!("u{}", number % 50), number, Some(1)), "{\"Cmd\":2}".to_owned()];
        let (mut lines, mut seqs) = (Vec::new(), Vec::new());
        for message in messages {
            let (seq, line) = node.message(client, &message);
            lines.extend(line);
            seqs.push(seq);
        }
        match node.publish(&worker.id, lines).await {
            0 => break,
            _ => delivered.extend(seqs),
        }
        if number == 300 {
            worker.terminate();
        }
    }
    assert!(delivered.len() >= 600);
    for seq in delivered {
        let reply = node.reply(seq).await;
        assert!(!reply.contains("error"), "{reply}");
    }
    while !node.announcement(&worker.id).await.draining {}
    worker.left().await.expect("in time");
}

#[tokio::test]
async fn after_a_restart_of_redis_a_worker_announces_itself_and_serves() {
    let mut redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::with(&redis, &mut node, Obedient::start).await;
    redis.kill();
    redis.restart();
    node.reconnect(&redis).await;
    node.forget().await;
    node.hears_of(&worker.id).await;
    let got = node.ask(&worker.id, Client::of("obedient"), r#"{"hello":1}"#).await;
    assert!(got.contains(r#"{"send":{"hello":1}}"#), "{got}");
}

#[tokio::test]
async fn a_worker_waits_for_a_redis_that_is_not_there_yet_and_can_leave_without_it() {
    let mut redis = RedisServer::start();
    redis.kill();
    let patient = TestWorker::launch(redis.address(), None);
    let leaving = TestWorker::launch(redis.address(), None);
    leaving.terminate();
    leaving.left().await.expect("in time");
    redis.restart();
    let mut node = Node::start(&redis).await;
    node.hears_of(&patient.id).await;
    node.set(&patient.id, "ana", 1).await;
}

#[tokio::test]
async fn a_probe_sees_the_worker_that_it_names_and_no_other() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    assert!(!probe::probe(redis.address(), |_| true).await);
    let worker = TestWorker::start(&redis, &mut node).await;
    assert!(probe::probe(redis.address(), |_| true).await);
    assert!(probe::probe(redis.address(), |seen| *seen == worker.id).await);
    let began = Instant::now();
    assert!(!probe::probe(redis.address(), |seen| *seen == protocol::WorkerId::random()).await);
    assert!(began.elapsed() < Duration::from_millis(limit::WORKER_SILENCE_MS + 1_000));
}
