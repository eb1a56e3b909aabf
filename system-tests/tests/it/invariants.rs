//! What is true of the source, so that it stays true.

use system_tests::source;

const LAYERS: [&str; 5] = ["protocol", "broker", "web-layer", "worker-layer", "launcher"];

#[test]
fn protocol_does_no_io() {
    let crates = source::crates_in("protocol");
    for banned in ["tokio", "redis", "hyper", "mio", "socket2"] {
        assert!(!crates.iter().any(|name| name == banned), "protocol depends on {banned}");
    }
}

#[test]
fn the_layers_do_not_depend_on_each_other() {
    let (web, worker) = (source::crates_in("web-layer"), source::crates_in("worker-layer"));
    assert!(!web.iter().any(|name| name == "worker-layer"));
    assert!(!worker.iter().any(|name| name == "web-layer"));
    // hyper is there as a client: watchers are asked for their lists.
    for banned in ["warp", "tungstenite", "tokio-tungstenite"] {
        assert!(
            !worker.iter().any(|name| name == banned),
            "worker-layer depends on {banned}, and knows no sockets"
        );
    }
    let broker = source::crates_in("broker");
    assert!(!broker.iter().any(|name| name.ends_with("-layer")));
}

#[test]
fn the_broker_is_the_only_layer_that_opens_connections_to_redis() {
    for (path, code) in source::code(&["protocol", "web-layer", "worker-layer", "launcher"]) {
        for banned in ["redis::Client", "get_multiplexed", "MultiplexedConnection::new", "get_async_pubsub"] {
            assert!(!code.contains(banned), "{} opens a connection: {banned}", path.display());
        }
    }
}

#[test]
fn the_web_layer_names_no_service_but_the_default_one() {
    let mut named = Vec::new();
    for (path, code) in source::code(&["web-layer"]) {
        for name in
            ["\"numbers\"", "\"sets\"", "\"chat\"", "\"files\"", "protocol::numbers", "FavoriteNumber"]
        {
            named.extend(code.matches(name).map(|name| format!("{}: {name}", path.display())));
        }
    }
    assert!(named.len() <= 1, "{named:?}");
    assert!(named.iter().all(|name| name.ends_with("upgrade.rs: \"numbers\"")), "{named:?}");
}

#[test]
fn the_worker_layer_names_no_socket() {
    for (path, code) in source::code(&["worker-layer"]) {
        for banned in ["TcpListener", "UnixStream", "WebSocket", "hyper::server", "warp"] {
            assert!(!code.contains(banned), "{} names {banned}", path.display());
        }
        // Whom it asks is no client of a node.
        let asks = path.ends_with("worker-layer/src/files/fetch.rs");
        assert!(asks || !code.contains("TcpStream") && !code.contains("hyper"), "{}", path.display());
    }
}

#[test]
fn everything_has_a_bound_and_every_task_is_waited_for() {
    for (path, code) in source::code(&LAYERS) {
        for banned in [
            "unbounded_channel",
            "UnboundedSender",
            "tokio::spawn(",
            "task::spawn(",
            "mem::forget",
            "process::exit",
        ] {
            assert!(!code.contains(banned), "{} has {banned}", path.display());
        }
    }
}

#[test]
fn nothing_is_unsafe() {
    for (path, code) in source::code(&LAYERS) {
        assert!(!code.contains("unsafe "), "{} is unsafe", path.display());
    }
    let workspace = std::fs::read_to_string(source::root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"deny\"") || workspace.contains("unsafe_code = \"forbid\""));
}

#[test]
fn no_lock_is_held_over_an_await() {
    let workspace = std::fs::read_to_string(source::root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("await_holding_lock = "), "the lint is on");
    for (path, code) in source::code(&LAYERS) {
        assert!(!code.contains("allow(clippy::await_holding_lock"), "{}", path.display());
        // Made to be held over an await, so each one needs a reason. These have one: subscribing to a channel and
        // unsubscribing from it must not overtake each other.
        let has_reason = ["web-layer/src/hub.rs", "worker-layer/src/sets/waiting.rs"];
        let is_async = code.contains("tokio::sync::Mutex") || code.contains("tokio::sync::RwLock");
        assert!(!is_async || has_reason.iter().any(|reason| path.ends_with(reason)), "{}", path.display());
    }
}

#[test]
fn a_source_file_holds_one_idea() {
    const LINES_MAX: usize = 450;
    for (path, _) in source::code(&[LAYERS.as_slice(), &["system-tests", "bench"]].concat()) {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", path.display());
        let name = path.file_stem().unwrap().to_string_lossy();
        for vague in ["utils", "util", "common", "helper", "helpers", "manager", "misc"] {
            assert_ne!(name, vague, "{} says nothing with its name", path.display());
        }
    }
}

#[test]
fn no_key_is_searched_for_in_the_whole_of_redis() {
    for (path, code) in source::code(&["broker", "web-layer", "worker-layer"]) {
        for banned in ["\"KEYS\"", "\"FLUSHALL\"", "\"FLUSHDB\"", "\"SORT\""] {
            assert!(!code.contains(banned), "{} has {banned}", path.display());
        }
    }
}

/// Every rule of the spine is named by a test, so that a reader finds what pins it.
#[test]
fn every_rule_has_a_test_that_names_it() {
    let folder = source::root().join("system-tests/tests/it");
    let mut all = String::new();
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|path| path.is_file()) {
        all += &std::fs::read_to_string(file).unwrap().to_lowercase();
    }
    for rule in 1..=11 {
        assert!(
            all.contains(&format!("rule {rule}:")) || all.contains(&format!(": rule {rule}.")),
            "rule {rule}"
        );
    }
}
