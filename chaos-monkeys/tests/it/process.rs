//! The program.

use std::process::Stdio;

use tokio::process::Command;

use crate::model::Sabotage;
use crate::service::{Service, Trouble};

async fn monkeys(arguments: &str) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_chaos-monkeys"))
        .args(arguments.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn bad_options_end_with_64_and_the_reason() {
    for bad in ["--sets 0", "--url nowhere", "--for soon", "--nonsense"] {
        let (code, _, error) = monkeys(bad).await;
        assert_eq!(code, Some(64), "{bad}");
        assert!(error.contains(bad.split(' ').next().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn a_service_that_is_not_there_ends_with_1_and_the_reason() {
    let (code, _, error) = monkeys("--url http://127.0.0.1:1 --settle 300ms").await;
    assert_eq!(code, Some(1));
    assert!(error.contains("the sets could not be made"), "{error}");
}

#[cfg(not(feature = "broken-merge"))]
#[tokio::test]
async fn a_run_in_two_processes_ends_with_0_plain_lines_and_a_report() {
    let service = Service::start(Sabotage::default(), Trouble::default()).await;
    let folder = std::env::temp_dir().join(format!("chaos-monkeys-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("report.json");
    let (code, out, error) = monkeys(&format!(
        "--url http://{} --normal 6 --offline 3 --viewer 5 --sets 2 --for 1500ms --seed 7 --pause 20ms --away 300ms --processes 2 --json {}",
        service.address,
        file.display()
    ))
    .await;
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(code, Some(0), "{out}{error}");
    assert!(out.contains("chaos ") && out.ends_with("verdict: converged\n"), "{out}");
    assert_eq!(
        (&report["verdict"], &report["seed"], &report["processes"]),
        (&"converged".into(), &7.into(), &2.into())
    );
    assert_eq!(
        (&report["replicas"], &report["differing"], &report["lost"]),
        (&8.into(), &0.into(), &0.into())
    );
    assert!(report["counted"]["acknowledged"].as_u64().unwrap() > 20, "{report}");
}

#[tokio::test]
async fn a_divergence_ends_with_1() {
    let sabotage = Sabotage { garble_every: Some(10), ..Sabotage::default() };
    let service = Service::start(sabotage, Trouble::default()).await;
    let (code, out, _) = monkeys(&format!(
        "--url http://{} --normal 6 --viewer 5 --sets 2 --for 1s --pause 20ms --settle 1s",
        service.address
    ))
    .await;
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("divergence: ") && out.ends_with("verdict: diverged\n"), "{out}");
}
