//! Ready means delivering: rule 10.

use system_tests::{Cluster, bounded, eventually};

#[test]
fn a_node_is_ready_only_while_redis_delivers() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let node = &cluster.nodes[0];
        assert_eq!(node.readiness().await, Some(200));
        // Connections stay open, and nothing comes back: only a probe that goes all the way notices.
        cluster.redis.process().freeze();
        eventually("the node is not ready", async || (node.readiness().await == Some(503)).then_some(()))
            .await;
        assert_eq!(reqwest::get(node.http("/healthz")).await.unwrap().status(), 200);
        cluster.redis.process().thaw();
        eventually("the node is ready", async || (node.readiness().await == Some(200)).then_some(())).await;
    });
}

#[test]
fn a_process_that_starts_before_redis_waits_for_it() {
    bounded(async {
        let mut cluster = Cluster::start(1, 0).await;
        cluster.redis.kill().await;
        cluster.nodes[0].process.kill().await;
        cluster.start_worker();
        let node =
            system_tests::cluster::Node::launch("node-1", cluster.nodes[0].address, &cluster.redis, &[]);
        cluster.nodes[0] = node;
        eventually("the node says that it is not ready", async || {
            (cluster.nodes[0].readiness().await == Some(503)).then_some(())
        })
        .await;
        cluster.redis.start_again().await;
        eventually("the node serves", async || {
            let answer = reqwest::get(cluster.nodes[0].http("/numbers")).await.ok()?;
            (answer.status() == 200).then_some(())
        })
        .await;
        eventually("the node is ready", async || {
            (cluster.nodes[0].readiness().await == Some(200)).then_some(())
        })
        .await;
    });
}

#[test]
fn probes_say_how_a_node_and_a_worker_are() {
    bounded(async {
        let mut cluster = Cluster::start(1, 1).await;
        let readyz = cluster.nodes[0].http("/readyz");
        let url = cluster.redis.url();
        let probe_node = ["--probe", readyz.as_str()];
        let probe_worker = ["--probe", "--worker", "worker-1", "--redis", url.as_str()];
        assert!(exit("web-layer", &probe_node).await.success());
        assert!(exit("worker-layer", &probe_worker).await.success());
        cluster.workers[0].kill().await;
        cluster.nodes[0].process.kill().await;
        assert_eq!(exit("web-layer", &probe_node).await.code(), Some(1));
        assert_eq!(exit("worker-layer", &probe_worker).await.code(), Some(1));
    });
}

#[test]
fn a_bad_option_ends_with_64_and_says_why() {
    bounded(async {
        for (program, options, word) in [
            ("web-layer", ["--listen", "nowhere"], "listen"),
            ("web-layer", ["--redis", "http://localhost"], "redis"),
            ("web-layer", ["--colour", "red"], "colour"),
            ("web-layer", ["--node", "a:b"], "node"),
            ("worker-layer", ["--services", "nonsense"], "nonsense"),
            ("worker-layer", ["--redis", "nonsense"], "redis"),
            ("worker-layer", ["--worker", "a b"], "worker"),
        ] {
            let output = output(program, &options).await;
            assert_eq!(output.status.code(), Some(64), "{program} {options:?}");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains(word), "{program} {options:?}: {said}");
        }
    });
}

async fn exit(program: &str, options: &[&str]) -> std::process::ExitStatus {
    output(program, options).await.status
}

async fn output(program: &str, options: &[&str]) -> std::process::Output {
    tokio::process::Command::new(system_tests::binary::path(program)).args(options).output().await.unwrap()
}
