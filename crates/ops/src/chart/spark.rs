//! The signals as short lines on a terminal.

use std::fmt::Write as _;

use ops_core::record::duration;

use super::{Chart, Signal};
use crate::{ui::Paint, words::Table};

/// Signs from nothing to the most.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Signs in a line.
const WIDE: u64 = 48;

/// Each signal with both versions, on one scale, and the new version's share below.
pub(crate) fn lines(chart: &Chart, paint: Paint) -> String {
    let (parts, each) = chart.parts(WIDE);
    let slots = chart.length().div_ceil(each);
    let mut table = Table::default();
    for signal in Signal::ALL {
        let of = |new: bool| -> Vec<Option<f64>> {
            let mut values = vec![None; slots as usize];
            for part in &parts {
                let arm = if new { &part.new } else { &part.old };
                if let Some(slot) = values.get_mut((part.second / each) as usize) {
                    *slot = signal.value(arm, each);
                }
            }
            values
        };
        let (new, old) = (of(true), of(false));
        let most = new.iter().chain(&old).flatten().copied().fold(0.0, f64::max);
        let name = format!("{} {}", signal.name(), signal.unit());
        table.row([name, "new".into(), line(&new, most), most_of(&new)]);
        table.row([String::new(), "old".into(), line(&old, most), most_of(&old)]);
    }
    let mut shares = vec![None; slots as usize];
    for part in &parts {
        if let Some(slot) = shares.get_mut((part.second / each) as usize) {
            *slot = part.share.map(f64::from);
        }
    }
    table.row(["share %".into(), "new".into(), line(&shares, 100.0), most_of(&shares)]);
    let mut text = paint.bold("Signals");
    let _ = write!(text, " over {}", duration(chart.length() * 1_000));
    if let Some((second, what)) = chart.decided {
        let _ = write!(text, ", {what} after {}", duration(second * 1_000));
    }
    format!("{text}\n{}", table.text("  "))
}

fn line(values: &[Option<f64>], most: f64) -> String {
    let sign = |value: &Option<f64>| {
        let Some(value) = value else { return ' ' };
        let height = if most > 0.0 { value / most * (HEIGHTS.len() - 1) as f64 } else { 0.0 };
        HEIGHTS.get(height.round() as usize).copied().unwrap_or('█')
    };
    values.iter().map(sign).collect()
}

fn most_of(values: &[Option<f64>]) -> String {
    match values.iter().flatten().copied().reduce(f64::max) {
        Some(most) if (0.05..9.95).contains(&most) => format!("up to {most:.1}"),
        Some(most) => format!("up to {most:.0}"),
        None => "nothing".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_stand_on_one_scale_and_gaps_stay_empty() {
        let mut chart = super::super::tests::chart();
        let long = lines(&chart, Paint::PLAIN);
        chart.points.retain(|point| (55..66).contains(&point.second));
        chart.decided = None;
        insta::assert_snapshot!("spark", format!("{long}\n{}", lines(&chart, Paint::PLAIN)));
    }
}
