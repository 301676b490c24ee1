//! The signals as a picture: one panel each, both versions, the steps and the decision.

use plotters::{
    coord::{Shift, types::RangedCoordf64},
    drawing::DrawingAreaErrorKind,
    prelude::{
        Cartesian2d, ChartBuilder, ChartContext, Color as _, DashedLineSeries, DrawingArea,
        IntoDrawingArea as _, IntoFont as _, LineSeries, PathElement, RGBColor, SVGBackend,
        SeriesLabelPosition, Text, WHITE,
    },
};

use super::{Chart, Point, Signal};
use crate::problem::Problem;

/// Width and height in pixels.
const SIZE: (u32, u32) = (960, 880);
/// Points of a line.
const POINTS: u64 = 240;
/// Two colours that are told apart by everybody; the old version is dashed beside.
const NEW: RGBColor = RGBColor(213, 94, 0);
const OLD: RGBColor = RGBColor(0, 114, 178);
const STEP: RGBColor = RGBColor(120, 120, 120);
const DECIDED: RGBColor = RGBColor(170, 0, 30);
const FONT: &str = "sans-serif";

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Panel<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Failed = DrawingAreaErrorKind<std::io::Error>;

/// The picture, as SVG.
pub(crate) fn svg(chart: &Chart) -> Result<String, Problem> {
    let mut text = String::new();
    draw(chart, &mut text)
        .map_err(|error| Problem::internal(format!("the chart cannot be drawn: {error}")))?;
    Ok(text)
}

fn draw(chart: &Chart, text: &mut String) -> Result<(), Failed> {
    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let panels = root.titled(&chart.title, (FONT, 20))?.split_evenly((Signal::ALL.len(), 1));
    let (parts, each) = chart.parts(POINTS);
    for (area, signal) in panels.iter().zip(Signal::ALL) {
        panel(chart, area, signal, (&parts, each))?;
    }
    root.present()
}

fn panel(
    chart: &Chart,
    area: &Area<'_>,
    signal: Signal,
    (parts, each): (&[Point], u64),
) -> Result<(), Failed> {
    let line = |new: bool| -> Vec<Option<(f64, f64)>> {
        let one = |part: &Point| {
            let value = signal.value(if new { &part.new } else { &part.old }, each)?;
            Some((part.second as f64, value))
        };
        parts.iter().map(one).collect()
    };
    let (new, old) = (line(true), line(false));
    let most = new.iter().chain(&old).flatten().map(|(_, value)| *value).fold(0.0, f64::max);
    // A version without a failure still has a scale.
    let top = if most > 0.0 { most * 1.15 } else { 1.0 };
    let mut panel = ChartBuilder::on(area)
        .caption(format!("{}, {}", signal.name(), signal.unit()), (FONT, 15))
        .margin(8)
        .x_label_area_size(22)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..chart.length().max(1) as f64, 0.0..top)?;
    panel
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .y_labels(5)
        .x_label_formatter(&|second| format!("{second:.0} s"))
        .label_style((FONT, 11))
        .draw()?;
    marks(chart, &mut panel, parts, top)?;
    for piece in pieces(&old, each) {
        let dashed = DashedLineSeries::new(piece, 5, 3, OLD.stroke_width(2));
        panel.draw_series(dashed)?;
    }
    for piece in pieces(&new, each) {
        panel.draw_series(LineSeries::new(piece, NEW.stroke_width(2)))?;
    }
    if signal == Signal::Requests {
        legend(chart, &mut panel)?;
    }
    Ok(())
}

/// Steps of the new version's share, and the decision.
fn marks(
    chart: &Chart,
    panel: &mut Panel<'_, '_>,
    parts: &[Point],
    top: f64,
) -> Result<(), Failed> {
    let mut share = None;
    let mut marks = Vec::new();
    for part in parts {
        if part.share.is_some() && part.share != share {
            share = part.share;
            let text = format!("{} %", share.unwrap_or_default());
            marks.push((part.second as f64, text, STEP));
        }
    }
    if let Some((second, what)) = chart.decided {
        marks.push((second as f64, what.to_owned(), DECIDED));
    }
    let half = chart.length() as f64 / 2.0;
    for (x, text, colour) in marks {
        let path = PathElement::new(vec![(x, 0.0), (x, top)], colour.stroke_width(1));
        panel.draw_series([path])?;
        // Words stay within the panel.
        let font = (FONT, 11).into_font().color(&colour);
        let wide = chart.length() as f64 / f64::from(SIZE.0);
        let at = if x > half {
            x - wide * (7.0 * text.chars().count() as f64 + 6.0)
        } else {
            x + wide * 4.0
        };
        panel.draw_series([Text::new(text, (at, top * 0.98), font)])?;
    }
    Ok(())
}

fn legend<'b: 'a, 'a>(chart: &Chart, panel: &mut Panel<'a, 'b>) -> Result<(), Failed> {
    let (new, old) = &chart.names;
    let sign = |colour: RGBColor| {
        move |(x, y): (i32, i32)| {
            PathElement::new(vec![(x, y), (x + 18, y)], colour.stroke_width(2))
        }
    };
    let nothing = || std::iter::empty::<(f64, f64)>();
    panel
        .draw_series(LineSeries::new(nothing(), NEW))?
        .label(format!("new: {new}"))
        .legend(sign(NEW));
    if !old.is_empty() {
        panel
            .draw_series(LineSeries::new(nothing(), OLD))?
            .label(format!("old: {old} (dashed)"))
            .legend(sign(OLD));
    }
    panel
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperMiddle)
        .background_style(WHITE.mix(0.8))
        .border_style(STEP.mix(0.4))
        .label_font((FONT, 12))
        .draw()
}

/// The line without bridges over what is missing.
fn pieces(line: &[Option<(f64, f64)>], each: u64) -> Vec<Vec<(f64, f64)>> {
    let mut pieces: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut last: Option<f64> = None;
    for point in line {
        match point {
            Some((x, y)) => {
                let joined = last.is_some_and(|last| x - last <= 1.5 * each as f64);
                match pieces.last_mut().filter(|_| joined) {
                    Some(piece) => piece.push((*x, *y)),
                    None => pieces.push(vec![(*x, *y)]),
                }
                last = Some(*x);
            }
            None => last = None,
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_shows_every_signal_the_steps_and_the_decision() {
        let text = svg(&super::super::tests::chart()).unwrap();
        for words in ["D-12: shop on production", "p99, ms", "50 %", "taken back", "new: v3"] {
            assert!(text.contains(words), "{words}");
        }
        assert!(text.len() < 150_000, "{} bytes", text.len());
        if let Some(path) = std::env::var_os("OPS_CHART_OUT") {
            std::fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn a_chart_of_one_second_without_traffic_is_drawn() {
        let mut chart = super::super::tests::chart();
        chart.points = vec![Point::default()];
        chart.decided = None;
        assert!(svg(&chart).unwrap().starts_with("<svg"));
    }

    #[test]
    fn nothing_is_bridged() {
        let line = [Some((0.0, 1.0)), Some((1.0, 1.0)), None, Some((3.0, 1.0)), Some((9.0, 2.0))];
        let lengths: Vec<_> = pieces(&line, 1).iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 1, 1]);
    }
}
