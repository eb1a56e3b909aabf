//! The table at the end.

use super::{Row, Verdict};

const HEADINGS: [&str; 5] = ["measure", "ours", "limit in the same run", "ratio", "target"];

/// All rows, in columns.
pub(super) fn table(rows: &[&Row]) -> String {
    let mut lines: Vec<[String; 5]> = vec![HEADINGS.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| cells(row)));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3, 4].map(width);
    let mut table = String::new();
    for (index, line) in lines.iter().enumerate() {
        let cells: Vec<String> =
            line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        table.push_str(cells.join("  ").trim_end());
        table.push('\n');
        if index == 0 {
            table.push_str(&widths.map(|width| "─".repeat(width)).join("  "));
            table.push('\n');
        }
    }
    table
}

fn cells(row: &Row) -> [String; 5] {
    let ratio = row.ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
    let verdict = match row.target.verdict {
        Verdict::Free => "",
        Verdict::Aim => "aim reached: ",
        Verdict::Met => "met: ",
        Verdict::Missed => "MISSED: ",
    };
    let target = format!("{verdict}{}", row.target.wanted);
    [row.measure.clone(), row.ours.clone(), row.limit.clone(), ratio, target]
}
