//! Chaos monkeys on sets: everyone ends with the same, and nothing that was acknowledged is lost.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use system_tests::{Cluster, Process, binary, bounded_by, within};
use tokio::process::Command;
use tokio::time::{Instant, sleep_until};

/// How long there is chaos.
const CHAOS: Duration = Duration::from_secs(60);
/// How long the monkeys may take after it, on a machine that is busy with other tests.
const SETTLE: Duration = Duration::from_secs(120);
/// How long a test may take.
const TEST_MAX: Duration = Duration::from_secs(300);

/// 200 monkeys of all kinds with all torments: skewed clocks, duplicates, reordering, cuts and storms of reconnects.
struct Troop {
    process: Process,
    report: PathBuf,
}

impl Troop {
    fn start(cluster: &Cluster) -> Self {
        Self::of(cluster, "chaos-monkeys", CHAOS)
    }

    fn of(cluster: &Cluster, program: &str, chaos: Duration) -> Self {
        let report = cluster.redis.folder().join("report.json");
        let urls: Vec<String> = cluster.nodes.iter().map(|node| node.http("")).collect();
        let mut command = Command::new(binary::path(program));
        command.args(["--url", &urls.join(",")]);
        command.args(["--normal", "100", "--offline", "40", "--viewer", "60", "--sets", "10", "--seed", "7"]);
        command.args(["--chaos", "--plain", "--for", &format!("{}s", chaos.as_secs())]);
        command.args(["--settle", &format!("{}s", SETTLE.as_secs())]);
        command.arg("--json").arg(&report);
        let process = Process::start(program, &mut command, cluster.redis.folder());
        Self { process, report }
    }

    /// Waits for the verdict, which must be good.
    async fn converges(mut self) -> Value {
        let status = within("the verdict", CHAOS + SETTLE, self.process.wait()).await;
        let said = self.process.said();
        assert_eq!(status.code(), Some(0), "{said}");
        let report = std::fs::read_to_string(self.report).expect("the report was written");
        let report: Value = serde_json::from_str(&report).expect("the report is JSON");
        assert_eq!(report["verdict"], "converged", "{report}");
        assert_eq!((&report["lost"], &report["differing"]), (&Value::from(0), &Value::from(0)), "{report}");
        report
    }
}

#[test]
fn two_hundred_monkeys_converge_and_nothing_acknowledged_is_lost() {
    bounded_by(TEST_MAX, async {
        let cluster = Cluster::start(2, 3).await;
        let report = Troop::start(&cluster).converges().await;
        assert!(report["operations_per_s"].as_f64() > Some(50.0), "they did something: {report}");
    });
}

/// The proof that the verdict can be bad: `make test` builds these monkeys with a merge rule that is broken on purpose.
#[test]
fn monkeys_that_merge_wrongly_are_found_to_diverge() {
    bounded_by(TEST_MAX, async {
        let cluster = Cluster::start(1, 1).await;
        let mut troop = Troop::of(&cluster, "chaos-monkeys-broken", Duration::from_secs(5));
        let status = within("the verdict", CHAOS + SETTLE, troop.process.wait()).await;
        let said = troop.process.said();
        assert_eq!(status.code(), Some(1), "{said}");
        let report = std::fs::read_to_string(troop.report).expect("the report was written");
        let report: Value = serde_json::from_str(&report).expect("the report is JSON");
        assert_eq!(report["verdict"], "diverged", "{said}");
    });
}

#[test]
fn they_converge_while_workers_are_replaced_and_killed_and_a_node_and_redis_are_killed() {
    bounded_by(TEST_MAX, async {
        let mut cluster = Cluster::start(2, 3).await;
        let troop = Troop::start(&cluster);
        let began = Instant::now();
        // Faults that come at their time, whatever the system does meanwhile.
        for second in (5..CHAOS.as_secs()).step_by(5) {
            sleep_until(began + Duration::from_secs(second)).await;
            let mut leaving = cluster.workers.remove(0);
            leaving.terminate();
            cluster.workers.remove(0).kill().await;
            cluster.start_worker();
            cluster.start_worker();
            if second == 20 {
                cluster.nodes[0].process.kill().await;
                cluster.start_node_again(0).await;
            }
            if second == 40 {
                cluster.redis.kill().await;
                cluster.redis.start_again().await;
            }
            leaving.ended().await;
        }
        let report = troop.converges().await;
        assert!(report["operations_per_s"].as_f64() > Some(20.0), "they did something: {report}");
    });
}
