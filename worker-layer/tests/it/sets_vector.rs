//! The script that merges agrees with the test vectors of `lww-set`, which the crate and the page run, too.

use std::path::Path;

use broker::redis::{self, aio::MultiplexedConnection};
use lww_set::{Op, Operation};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::RedisServer;
use crate::support::sets::{Sets, sets_options};

const SCRIPT: &str = include_str!("../../src/sets/apply.lua");

#[derive(Deserialize)]
struct Table {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    operations: Vec<Operation>,
    outcomes: Vec<Value>,
    entries: Vec<Operation>,
    contained: Vec<String>,
    digest: String,
}

/// All cases, numbered.
fn cases() -> Vec<(usize, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lww-set/vectors");
    let files = folder.read_dir().expect("the vectors").map(|entry| entry.expect("a file").path());
    let tables = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let read = |path: std::path::PathBuf| -> Table {
        let text = std::fs::read_to_string(&path).expect("it can be read");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let cases: Vec<Case> = tables.flat_map(|path| read(path).cases).collect();
    assert!(cases.len() > 20);
    cases.into_iter().enumerate().collect()
}

fn kept(Operation { op, stamp, .. }: &Operation) -> String {
    format!("{}{stamp}", if *op == Op::Add { '+' } else { '-' })
}

/// Calls the script as the service does, but with stamps that clients may not use.
async fn apply(connection: &mut MultiplexedConnection, set: &str, operations: &[Operation]) -> Vec<Value> {
    let mut times = vec![0xdc];
    times.extend(u16::try_from(operations.len()).expect("few").to_be_bytes());
    let (mut texts, mut lengths) = (Vec::new(), Vec::new());
    for operation in operations {
        times.push(0xcf);
        times.extend(operation.stamp.ms().to_be_bytes());
        let text = serde_json::to_string(operation).expect("JSON");
        lengths.extend(u16::try_from(text.len()).expect("short").to_be_bytes());
        texts.push(text);
    }
    let mut eval = redis::cmd("EVAL");
    eval.arg(SCRIPT).arg(4);
    for key in ["meta", "elements", "tombstones", "log"] {
        eval.arg(format!("set:{{{set}}}:{key}"));
    }
    eval.arg(set).arg(format!("topic:set:{{{set}}}")).arg(1_u64 << 53).arg(1_u64 << 53);
    eval.arg(1_000_000).arg(10_000).arg(100).arg(times).arg(texts.join(",")).arg(lengths);
    for operation in operations {
        eval.arg(&operation.value).arg(kept(operation));
    }
    let answer: Vec<String> = eval.query_async(connection).await.expect("it runs");
    let mut outcomes: Vec<Value> =
        operations.iter().map(|it| json!({ "outcome": "applied", "stamp": it.stamp })).collect();
    for unusual in answer[3].split(' ').filter(|unusual| !unusual.is_empty()) {
        let at = unusual.find(char::is_alphabetic).expect("a letter");
        let place = unusual[..at].parse::<usize>().expect("a number") - 1;
        outcomes[place] = match &unusual[at..=at] {
            "d" => json!({ "outcome": "duplicate", "stamp": operations[place].stamp }),
            "s" => {
                let (op, stamp) = unusual[at + 1..].split_at(1);
                let (ms, replica) = stamp.split_once(':').expect("a stamp");
                let op = if op == "+" { "add" } else { "remove" };
                json!({ "outcome": "superseded", "op": op, "stamp": [ms.parse::<u64>().expect("ms"), replica] })
            }
            other => panic!("{other}"),
        };
    }
    outcomes
}

async fn create(connection: &mut MultiplexedConnection, set: &str) {
    let mut create = redis::cmd("HSET");
    create.arg(format!("set:{{{set}}}:meta")).arg(&["name", "", "epoch", "e", "position", "1"]);
    let _: u64 = create.query_async(connection).await.expect("it runs");
}

/// What is in Redis after a case: the values, the tombstones, and the operations of the log.
async fn check(connection: &mut MultiplexedConnection, set: &str, case: &Case) {
    let mut all = redis::cmd("HGETALL");
    let elements: std::collections::BTreeMap<String, String> =
        all.arg(format!("set:{{{set}}}:elements")).query_async(connection).await.expect("a hash");
    let expected = case.entries.iter().map(|entry| (entry.value.clone(), kept(entry))).collect();
    assert_eq!(elements, expected, "{}", case.name);
    let mut tombstones = redis::cmd("ZRANGE");
    let dead: Vec<(String, f64)> = tombstones
        .arg(format!("set:{{{set}}}:tombstones"))
        .arg(&[0, -1])
        .arg("WITHSCORES")
        .query_async(connection)
        .await
        .expect("a sorted set");
    let mut dead: Vec<(String, u64)> = dead.into_iter().map(|(value, ms)| (value, ms as u64)).collect();
    dead.sort();
    let removed = case.entries.iter().filter(|entry| entry.op == Op::Remove);
    assert_eq!(
        dead,
        removed.map(|it| (it.value.clone(), it.stamp.ms())).collect::<Vec<_>>(),
        "{}",
        case.name
    );
    let mut range = redis::cmd("XRANGE");
    let log: Vec<(String, Vec<String>)> = range
        .arg(format!("set:{{{set}}}:log"))
        .arg("-")
        .arg("+")
        .query_async(connection)
        .await
        .expect("a stream");
    let applied =
        case.operations.iter().zip(&case.outcomes).filter(|(_, outcome)| outcome["outcome"] == "applied");
    let applied: Vec<String> = applied.map(|(it, _)| serde_json::to_string(it).expect("JSON")).collect();
    let logged: Vec<&str> = log.iter().map(|(_, fields)| fields[5].as_str()).collect();
    assert_eq!(logged.join(","), applied.join(","), "{}", case.name);
}

#[tokio::test]
async fn the_script_agrees_with_every_vector_in_one_call_and_in_many() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    for (number, case) in cases().iter().filter(|(_, case)| !case.operations.is_empty()) {
        let (together, apart) = (format!("together{number}"), format!("apart{number}"));
        create(&mut connection, &together).await;
        assert_eq!(apply(&mut connection, &together, &case.operations).await, case.outcomes, "{}", case.name);
        check(&mut connection, &together, case).await;
        create(&mut connection, &apart).await;
        let mut outcomes = Vec::new();
        for operation in &case.operations {
            outcomes.extend(apply(&mut connection, &apart, std::slice::from_ref(operation)).await);
        }
        assert_eq!(outcomes, case.outcomes, "{}", case.name);
        check(&mut connection, &apart, case).await;
    }
}

#[tokio::test]
async fn the_service_agrees_with_every_vector_whose_stamps_clients_may_use() {
    let mut sets = Sets::with(sets_options(Some(1 << 53), Some(1 << 53))).await;
    let is_for_clients =
        |case: &Case| case.operations.iter().all(|it| it.stamp.replica().as_str() != "server");
    let cases = cases();
    let cases: Vec<_> =
        cases.iter().filter(|(_, case)| !case.operations.is_empty() && is_for_clients(case)).collect();
    assert!(cases.len() > 10);
    for (number, case) in cases {
        let set = format!("s{number}");
        sets.create(&set).await;
        let operations: Vec<String> =
            case.operations.iter().map(|it| serde_json::to_string(it).expect("JSON")).collect();
        let applied = sets.apply(&set, &operations.join(",")).await;
        assert_eq!(
            serde_json::to_value(applied.outcomes).expect("JSON"),
            Value::from(case.outcomes.clone()),
            "{}",
            case.name
        );
        let all: protocol::sets::Set = sets.get(&format!("/sets/{set}?tombstones=1")).await;
        let contained: Vec<String> = all.elements.into_iter().map(|element| element.value).collect();
        assert_eq!(contained, case.contained, "{}", case.name);
        let digest: protocol::sets::Digest = sets.get(&format!("/sets/{set}/digest")).await;
        assert_eq!(
            (digest.count, digest.digest),
            (case.contained.len(), case.digest.clone()),
            "{}",
            case.name
        );
    }
}
