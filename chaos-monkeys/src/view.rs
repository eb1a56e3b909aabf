//! What a person sees while the monkeys run.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::gauge::Percentiles;
use crate::troop::Progress;

/// How often it changes on a terminal.
const LIVE_EVERY: Duration = Duration::from_millis(250);

/// How often a plain line is printed.
const PLAIN_EVERY: Duration = Duration::from_secs(1);

/// What a person sees while the monkeys run: a live view on a terminal, else plain lines.
#[derive(Debug)]
pub struct View {
    bar: Option<ProgressBar>,
    lasting: Duration,
    stage: Option<(&'static str, Instant)>,
    shown: Instant,
    acknowledged: u64,
}

impl View {
    /// A view of a run whose chaos lasts so long.
    #[must_use]
    pub fn new(plain: bool, lasting: Duration) -> Self {
        let live = !plain && std::io::stdout().is_terminal();
        let bar = live.then(|| {
            let bar = ProgressBar::with_draw_target(
                Some(lasting.as_millis() as u64),
                indicatif::ProgressDrawTarget::stdout(),
            );
            if let Ok(style) = ProgressStyle::with_template("{prefix:10} {wide_bar} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, lasting, stage: None, shown: Instant::now(), acknowledged: 0 }
    }

    /// How often [`View::show`] is to be called.
    #[must_use]
    pub fn pace(&self) -> Duration {
        if self.bar.is_some() { LIVE_EVERY } else { PLAIN_EVERY }
    }

    /// Shows how everyone is doing.
    pub fn show(&mut self, stage: &'static str, progress: &Progress) {
        let now = Instant::now();
        let since = match self.stage {
            Some((last, since)) if last == stage => since,
            _ => now,
        };
        self.stage = Some((stage, since));
        let rate = {
            let more = progress.counted.acknowledged.saturating_sub(self.acknowledged);
            more as f64 / now.saturating_duration_since(self.shown).as_secs_f64().max(0.001)
        };
        (self.shown, self.acknowledged) = (now, progress.counted.acknowledged);
        let took = now.saturating_duration_since(since);
        match &self.bar {
            None => println!("{}", line(stage, took, progress, rate)),
            Some(bar) => {
                bar.set_prefix(stage);
                let part = if stage == "chaos" {
                    took
                } else if stage == "gathering" {
                    Duration::ZERO
                } else {
                    self.lasting
                };
                bar.set_position(part.min(self.lasting).as_millis() as u64);
                bar.set_message(format!("{:.0} s\n{}", took.as_secs_f64(), table(progress, rate)));
            }
        }
    }

    /// Ends the view, and leaves the terminal as it was.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn line(stage: &str, took: Duration, progress: &Progress, rate: f64) -> String {
    let Progress { counted, timed, .. } = progress;
    format!(
        "{stage} {:.1} s: {}/{} copies, {} operations, {rate:.0}/s, acknowledgement {}, propagation {}, sync {}, {} retries, {} divergences, {} faults",
        took.as_secs_f64(),
        progress.copies,
        progress.copies_all,
        counted.acknowledged,
        timed.acknowledgement.percentiles(),
        timed.propagation.percentiles(),
        timed.sync.percentiles(),
        counted.retries,
        progress.divergences,
        progress.faults,
    )
}

fn table(progress: &Progress, rate: f64) -> String {
    let Progress { counted, timed, .. } = progress;
    let mut text = String::new();
    let mut row = |name: &str, what: String| {
        let _ = writeln!(text, "  {name:16} {what}");
    };
    let short = |percentiles: Percentiles| percentiles.to_string();
    row(
        "operations",
        format!("{} acknowledged, {rate:.0}/s, {} retries", counted.acknowledged, counted.retries),
    );
    row("acknowledgement", short(timed.acknowledgement.percentiles()));
    row("propagation", short(timed.propagation.percentiles()));
    row("sync", format!("{}, {} in all", short(timed.sync.percentiles()), counted.syncs));
    row(
        "copies",
        format!("{} of {}, compared {} times", progress.copies, progress.copies_all, counted.audits),
    );
    row(
        "torment",
        format!(
            "{} cuts, {} storms, {} holes, {} resets",
            counted.cuts, counted.storms, counted.holes, counted.resets
        ),
    );
    row("divergences", format!("{}; {} faults", progress.divergences, progress.faults));
    text.truncate(text.trim_end().len());
    text
}
