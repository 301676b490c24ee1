//! From series to samples. Whatever is no sound number is missing, never a zero (P8).

use ops_core::{reading::Sample, settings::SignalKind};

use super::{
    Trouble,
    exchange::{Answer, Answers},
    histogram,
    windows::Grid,
    wire::Series,
};

/// Beyond this, not every whole number can be told from the next.
const HIGHEST: f64 = (1_u64 << 53) as f64;

/// Samples of the new version and of the old one, window by window.
pub(super) fn both(
    kind: &SignalKind,
    answers: &[Answers; 2],
    grid: &Grid,
) -> Result<(Vec<Sample>, Vec<Sample>), Trouble> {
    if let SignalKind::Histogram { .. } = kind {
        return histogram::both(answers, grid);
    }
    let [new, old] = answers.each_ref().map(|answers| match answers {
        None => Ok(vec![Sample::Missing; grid.count]),
        Some(answers) => one(kind, answers, grid),
    });
    Ok((new?, old?))
}

fn one(kind: &SignalKind, answers: &[Answer], grid: &Grid) -> Result<Vec<Sample>, Trouble> {
    let series = answers.iter().map(single).collect::<Result<Vec<_>, _>>()?;
    let number = |query: usize, window| series.get(query).copied().flatten()?.number(window);
    let sample = |window| match kind {
        SignalKind::Rate { .. } => {
            let (total, events) = (count(number(0, window)?)?, count(number(1, window)?)?);
            Some(Sample::Counts { total, events: events.min(total) })
        }
        SignalKind::Level { .. } => Some(Sample::Level { value: number(0, window)? }),
        SignalKind::Done { .. } => Some(Sample::Done { count: count(number(0, window)?)? }),
        SignalKind::Histogram { .. } => None,
    };
    Ok((0..grid.count).map(|window| sample(window).unwrap_or(Sample::Missing)).collect())
}

/// The one series of numbers in an answer, if it has any.
fn single(answer: &Answer) -> Result<Option<&Series>, Trouble> {
    match answer.series.as_slice() {
        [] => Ok(None),
        [one] if one.histograms.is_empty() => Ok(Some(one)),
        [_] => {
            let what = format!("{} gives a histogram where a number is wanted", answer.name);
            Err(Trouble::with_query(what))
        }
        many => {
            let what = format!("{} gives {} series where one is wanted", answer.name, many.len());
            Err(Trouble::new(what, "let the query add them up, such as by sum(...)"))
        }
    }
}

/// A number of things, as a whole number.
pub(super) fn count(number: f64) -> Option<u64> {
    (0.0..=HIGHEST).contains(&number).then(|| number.round() as u64)
}
