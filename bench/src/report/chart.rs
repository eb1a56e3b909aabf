//! Bars in groups, as SVG.

use std::fmt::Write as _;

use super::count;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 400.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 44.0;
const SIDE: f64 = 24.0;
/// Between two groups, in widths of a bar.
const GAP_BARS: f64 = 0.8;
/// Told apart by people who do not see all colors, too (Okabe and Ito).
const COLORS: [&str; 4] = ["#0072b2", "#e69f00", "#009e73", "#999999"];

/// One bar.
#[derive(Debug)]
pub(crate) struct Bar {
    series: &'static str,
    value: f64,
}

impl Bar {
    /// A bar of `value`; bars of the same series share a color.
    pub(crate) fn new(series: &'static str, value: f64) -> Self {
        Self { series, value }
    }
}

/// A chart of bars.
#[derive(Debug)]
pub(crate) struct Chart {
    /// Names the file.
    pub(crate) name: &'static str,
    /// With the unit.
    pub(crate) title: String,
    /// Each step up is ten times as much.
    pub(crate) is_logarithmic: bool,
    /// Labelled groups; each has the same series.
    pub(crate) groups: Vec<(String, Vec<Bar>)>,
}

impl Chart {
    /// The chart as a file.
    pub(crate) fn svg(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"13\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
        );
        let scale = if self.is_logarithmic { " (logarithmic)" } else { "" };
        text(
            &mut svg,
            SIDE,
            30.0,
            "start",
            &format!("<tspan font-size=\"18\">{}{scale}</tspan>", self.title),
        );
        self.legend(&mut svg);
        let bars: usize = self.groups.iter().map(|(_, bars)| bars.len()).sum();
        let gaps = self.groups.len().saturating_sub(1) as f64 * GAP_BARS;
        let width = ((WIDTH - 2.0 * SIDE) / (bars as f64 + gaps)).min(110.0);
        let mut x = SIDE;
        for (label, bars) in &self.groups {
            let middle = x + width * bars.len() as f64 / 2.0;
            text(&mut svg, middle, HEIGHT - BOTTOM + 22.0, "middle", label);
            for (bar, color) in bars.iter().zip(COLORS) {
                let height = self.height(bar.value);
                let y = HEIGHT - BOTTOM - height;
                let _ = writeln!(
                    svg,
                    "<rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" fill=\"{color}\"/>",
                    x + 2.0,
                    width - 4.0
                );
                text(&mut svg, x + width / 2.0, y - 5.0, "middle", &value(bar.value));
                x += width;
            }
            x += width * GAP_BARS;
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn legend(&self, svg: &mut String) {
        let bars = self.groups.first().map_or(&[][..], |(_, bars)| bars);
        let mut x = SIDE;
        for (bar, color) in bars.iter().zip(COLORS) {
            let _ = writeln!(svg, "<rect x=\"{x}\" y=\"42\" width=\"12\" height=\"12\" fill=\"{color}\"/>");
            text(svg, x + 18.0, 53.0, "start", bar.series);
            x += 40.0 + 8.0 * bar.series.len() as f64;
        }
    }

    /// Pixels of a bar.
    fn height(&self, value: f64) -> f64 {
        let values = || self.groups.iter().flat_map(|(_, bars)| bars).map(|bar| bar.value);
        let (most, least) = (values().fold(0.0, f64::max), values().fold(f64::INFINITY, f64::min));
        let share = if self.is_logarithmic {
            // The shortest bar is seen as well.
            let floor = least.max(most / 1e6) / 2.0;
            (value / floor).ln() / (most / floor).ln()
        } else {
            value / most
        };
        let pixels = share * (HEIGHT - TOP - BOTTOM);
        if pixels.is_finite() { pixels.max(0.0) } else { 0.0 }
    }
}

fn value(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { count(value) }
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bar_fills_the_chart_and_none_leaves_it() {
        for is_logarithmic in [false, true] {
            let bars = vec![Bar::new("a", 1_000.0), Bar::new("b", 0.01), Bar::new("c", f64::NAN)];
            let chart = Chart {
                name: "x",
                title: "x".to_owned(),
                is_logarithmic,
                groups: vec![("g".to_owned(), bars)],
            };
            let full = HEIGHT - TOP - BOTTOM;
            assert!((chart.height(1_000.0) - full).abs() < 1e-9);
            assert!((0.0..full).contains(&chart.height(0.01)));
            assert!(chart.height(f64::NAN).abs() < 1e-9);
            assert_eq!(chart.svg().matches("<rect").count(), 1 + 3 + 3);
        }
    }
}
