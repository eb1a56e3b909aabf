//! Whole runs.

use chaos_monkeys::monkey::viewer::Viewer;
use chaos_monkeys::world::World;
use chaos_monkeys::{Config, Report, Verdict};
use clap::Parser;

use crate::model::Sabotage;
use crate::service::{Service, Trouble};

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    config: Config,
}

const FEW: &str = "--normal 6 --offline 4 --viewer 6 --sets 2 --values 12 --pause 20ms --away 200ms --for 1500ms --plain --seed 7";

pub(crate) async fn run(service: &Service, more: &str) -> Report {
    let line = format!("x --url http://{} {FEW} {more}", service.address);
    let words = line.split_whitespace();
    // Later options win, as on the command line.
    let command = <Options as clap::CommandFactory>::command().args_override_self(true);
    let matches = command.get_matches_from(words);
    let options = <Options as clap::FromArgMatches>::from_arg_matches(&matches).unwrap();
    chaos_monkeys::run(options.config).await.unwrap()
}

#[cfg(not(feature = "broken-merge"))]
mod with_a_good_rule {
    use super::*;

    #[tokio::test]
    async fn without_torments_everything_converges_and_the_sets_are_deleted() {
        let service = Service::start(Sabotage::default(), Trouble::default()).await;
        let report = run(&service, "").await;
        assert_eq!(report.verdict, Verdict::Converged, "{report}");
        assert_eq!((report.lost, report.differing, report.replicas), (0, 0, 10));
        let counted = &report.counted;
        assert!(counted.acknowledged > 50 && counted.sent == counted.acknowledged, "{report}");
        assert!(counted.syncs >= 4 && report.propagation.count > 0 && report.sync.count > 0, "{report}");
        assert_eq!((counted.retries, counted.cuts, counted.duplicated, counted.reordered), (0, 0, 0, 0));
        assert_eq!(service.sets(), 0);
    }

    #[tokio::test]
    async fn with_all_torments_everything_converges() {
        let service = Service::start(Sabotage::default(), Trouble::default()).await;
        let report = run(&service, "--chaos --cut-every 300ms --storm-every 400ms --watch 2").await;
        assert_eq!(report.verdict, Verdict::Converged, "{report}");
        let counted = &report.counted;
        assert!(counted.cuts > 5 && counted.storms >= 2 && counted.retries > 0, "{report}");
        assert!(counted.duplicated > 0 && counted.reordered > 0 && counted.superseded > 0, "{report}");
    }

    #[tokio::test]
    async fn with_a_service_that_is_often_away_everything_converges() {
        let trouble = Trouble { unavailable_every: Some(7), break_every: Some(11) };
        let service = Service::start(Sabotage::default(), trouble).await;
        let report = run(&service, "").await;
        assert_eq!(report.verdict, Verdict::Converged, "{report}");
        let counted = &report.counted;
        assert!(counted.unavailable > 0 && counted.connection_lost > 0 && counted.retries > 0, "{report}");
        assert_eq!(counted.sent, counted.acknowledged);
    }

    #[tokio::test]
    async fn clocks_that_are_minutes_ahead_are_corrected() {
        let service = Service::start(Sabotage::default(), Trouble::default()).await;
        let report = run(&service, "--skew 10m").await;
        assert_eq!(report.verdict, Verdict::Converged, "{report}");
        assert!(report.counted.clock_ahead > 0, "{report}");
    }

    #[tokio::test]
    async fn a_new_epoch_is_followed() {
        let service = Service::start(Sabotage::default(), Trouble::default()).await;
        let (report, ()) = tokio::join!(run(&service, "--cut-every 200ms"), async {
            while service.sets() < 2 {
                tokio::task::yield_now().await;
            }
            for _ in 0..5 {
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                service.turn_epochs();
            }
        });
        assert_eq!(report.verdict, Verdict::Converged, "{report}");
        assert!(report.counted.resets > 0, "{report}");
    }

    #[tokio::test]
    async fn an_acknowledged_operation_that_is_lost_is_a_divergence() {
        let sabotage = Sabotage { forget_every: Some(40), ..Sabotage::default() };
        // So many values that hardly one is written again, which would heal it.
        let report =
            run(&Service::start(sabotage, Trouble::default()).await, "--settle 3s --values 100000").await;
        assert_eq!(report.verdict, Verdict::Diverged, "{report}");
        assert!(report.lost > 0, "{report}");
    }

    #[tokio::test]
    async fn a_change_that_is_pushed_wrongly_is_a_divergence() {
        let sabotage = Sabotage { garble_every: Some(40), ..Sabotage::default() };
        let report = run(&Service::start(sabotage, Trouble::default()).await, "--settle 3s").await;
        assert_eq!(report.verdict, Verdict::Diverged, "{report}");
        assert!(report.differing > 0, "{report}");
    }

    #[tokio::test]
    async fn a_change_that_is_hidden_is_a_divergence() {
        let sabotage = Sabotage { hide_every: Some(30), ..Sabotage::default() };
        let report =
            run(&Service::start(sabotage, Trouble::default()).await, "--settle 3s --values 1000").await;
        assert_eq!(report.verdict, Verdict::Diverged, "{report}");
    }

    #[tokio::test]
    async fn a_service_that_lets_the_last_one_win_diverges() {
        let sabotage = Sabotage { last_wins: true, ..Sabotage::default() };
        let report = run(&Service::start(sabotage, Trouble::default()).await, "--chaos --settle 3s").await;
        assert_eq!(report.verdict, Verdict::Diverged, "{report}");
    }
}

#[cfg(feature = "broken-merge")]
#[tokio::test]
async fn monkeys_whose_merge_rule_is_broken_diverge_from_a_good_service() {
    let service = Service::start(Sabotage::default(), Trouble::default()).await;
    let report = run(&service, "--chaos --settle 3s").await;
    assert_eq!(report.verdict, Verdict::Diverged, "{report}");
}

/// One machine must run 20,000 viewers.
#[tokio::test]
async fn a_viewer_waits_in_a_small_task() {
    const BYTES_MAX: usize = 2_048;
    let config = Options::parse_from(["x"]).config;
    let world = std::sync::Arc::new(World::new(config, 1, "run".to_owned(), "prefix"));
    let task = Box::new(Viewer::new(&world, 0)).run();
    assert!(size_of_val(&task) <= BYTES_MAX, "{}", size_of_val(&task));
}
