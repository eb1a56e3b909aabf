//! What comes out: rows for people, raw figures for programs, charts.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;

mod chart;
mod machine;
mod table;

pub(crate) use chart::{Bar, Chart};
pub(crate) use machine::Machine;

/// What a measure has found.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) rows: Vec<Row>,
    pub(crate) charts: Vec<Chart>,
    pub(crate) raw: Value,
}

/// A figure beside its limit from the same run.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) measure: String,
    pub(crate) ours: String,
    pub(crate) limit: String,
    /// Ours divided by the limit's.
    pub(crate) ratio: Option<f64>,
    pub(crate) target: Target,
}

/// What a figure should be, and whether it is.
#[derive(Debug, Serialize)]
pub(crate) struct Target {
    wanted: String,
    verdict: Verdict,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
enum Verdict {
    Free,
    Aim,
    Met,
    Missed,
}

impl Target {
    /// Nothing in particular.
    pub(crate) fn none() -> Self {
        Self { wanted: String::new(), verdict: Verdict::Free }
    }

    /// At least `least`, and if possible `aim`.
    pub(crate) fn at_least(value: f64, least: f64, aim: f64, unit: &str) -> Self {
        let wanted = format!("≥ {least}{unit}, aim {aim}");
        Self { wanted, verdict: verdict(value >= least, value >= aim) }
    }

    /// At most `most`, and if possible `aim`.
    pub(crate) fn at_most(value: f64, most: f64, aim: f64, unit: &str) -> Self {
        let wanted = format!("≤ {most}{unit}, aim {aim}");
        Self { wanted, verdict: verdict(value <= most, value <= aim) }
    }

    /// Missed whatever the figure is, if something went `wrong`.
    pub(crate) fn unless(self, wrong: bool, what: String) -> Self {
        if wrong { Self { wanted: what, verdict: Verdict::Missed } } else { self }
    }
}

fn verdict(is_met: bool, is_aim: bool) -> Verdict {
    match (is_met, is_aim) {
        (true, true) => Verdict::Aim,
        (true, false) => Verdict::Met,
        // Not a number meets nothing.
        (false, _) => Verdict::Missed,
    }
}

/// The middle of some figures; not a number without any.
pub(crate) fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    match figures.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => figures[odd / 2],
        even => (figures[even / 2 - 1] + figures[even / 2]) / 2.0,
    }
}

/// A figure for people: 84,312 or 3.7.
pub(crate) fn count(figure: f64) -> String {
    if figure < 100.0 && figure.fract() != 0.0 {
        return format!("{figure:.1}");
    }
    let digits = format!("{figure:.0}");
    let grouped = |(index, digit): (usize, char)| {
        let comma = index > 0 && (digits.len() - index) % 3 == 0;
        comma.then_some(',').into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(grouped).collect()
}

/// Writes what was found to `folder`, and the table to the standard output.
pub(crate) fn write(folder: &Path, machine: &Machine, found: &[(String, Section)]) -> Result<()> {
    for chart in found.iter().flat_map(|(_, section)| &section.charts) {
        fs::write(folder.join(format!("{}.svg", chart.name)), chart.svg())?;
    }
    let rows: Vec<&Row> = found.iter().flat_map(|(_, section)| &section.rows).collect();
    let raw: serde_json::Map<_, _> =
        found.iter().map(|(name, section)| (name.clone(), section.raw.clone())).collect();
    let report = serde_json::json!({ "machine": machine, "rows": rows, "raw": raw });
    fs::write(folder.join("report.json"), serde_json::to_vec_pretty(&report)?)?;
    let table = table::table(&rows);
    fs::write(folder.join("report.txt"), format!("{machine}\n\n{table}"))?;
    println!("\n{machine}\n\n{table}\nthe whole of it: {}", folder.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(count(1_234_567.4), "1,234,567");
        assert_eq!(count(840.0), "840");
        assert_eq!(count(33.33), "33.3");
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0].into_iter()), 2.5);
    }

    #[test]
    fn a_target_is_missed_by_what_is_no_number() {
        assert_eq!(Target::at_least(0.7, 0.6, 0.75, "").verdict, Verdict::Met);
        assert_eq!(Target::at_most(3.9, 8.0, 4.0, " KiB").verdict, Verdict::Aim);
        assert_eq!(Target::at_most(f64::NAN, 8.0, 4.0, " KiB").verdict, Verdict::Missed);
        assert_eq!(Target::none().unless(true, "lost".to_owned()).verdict, Verdict::Missed);
    }
}
