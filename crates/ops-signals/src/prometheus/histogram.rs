//! Histograms of both versions, made comparable.

use ops_core::reading::Sample;

use super::{
    Trouble, classic,
    classic::Classic,
    exchange::{Answer, Answers},
    native,
    native::Native,
    windows::Grid,
};

/// One version's histogram in one window.
enum Distribution {
    Classic(Classic),
    Native(Native),
}

/// Samples of the new version and of the old one, window by window.
pub(super) fn both(
    answers: &[Answers; 2],
    grid: &Grid,
) -> Result<(Vec<Sample>, Vec<Sample>), Trouble> {
    let [new, old] = answers.each_ref().map(|answers| {
        let mut windows = match answers.as_ref().and_then(|queries| queries.first()) {
            Some(answer) => distributions(answer, grid)?,
            None => Vec::new(),
        };
        windows.resize_with(grid.count, || None);
        Ok(windows)
    });
    new?.into_iter().zip(old?).map(|(new, old)| compared(new, old)).collect()
}

/// The histogram of each window, where it is whole.
fn distributions(answer: &Answer, grid: &Grid) -> Result<Vec<Option<Distribution>>, Trouble> {
    let windows = 0..grid.count;
    match answer.series.as_slice() {
        [one] if one.numbers.is_empty() => {
            let native = native::histograms(&one.histograms, grid.count);
            let native = native.map_err(|trouble| trouble.about(&answer.name))?;
            Ok(native.into_iter().map(|native| native.map(Distribution::Native)).collect())
        }
        series if series.iter().all(|series| series.histograms.is_empty()) => {
            let buckets = classic::buckets(series);
            let buckets = buckets.map_err(|trouble| trouble.about(&answer.name))?;
            let classic = windows.map(|window| classic::histogram(&buckets, window));
            Ok(classic.map(|classic| classic.map(Distribution::Classic)).collect())
        }
        _ => {
            let what = format!("{} gives native histograms beside other series", answer.name);
            Err(Trouble::new(what, "let the query add up one native histogram, or one by (le)"))
        }
    }
}

/// Both versions in the same terms: with the bounds that both have, or in buckets as wide as the
/// wider ones of the two.
fn compared(
    new: Option<Distribution>,
    old: Option<Distribution>,
) -> Result<(Sample, Sample), Trouble> {
    use Distribution::{Classic, Native};
    let lone = |one: Option<Distribution>| match one {
        None => Sample::Missing,
        Some(Classic(classic)) => classic.sample(),
        Some(Native(native)) => native.sample(native.schema),
    };
    match (new, old) {
        (Some(Classic(mut new)), Some(Classic(mut old))) => {
            new.keep_bounds_of(&old);
            old.keep_bounds_of(&new);
            Ok((new.sample(), old.sample()))
        }
        (Some(Native(new)), Some(Native(old))) => {
            let schema = new.schema.min(old.schema);
            Ok((new.sample(schema), old.sample(schema)))
        }
        (Some(_), Some(_)) => Err(Trouble::new(
            "one version gives native histograms and the other classic ones",
            "query a kind that both versions have",
        )),
        (new, old) => Ok((lone(new), lone(old))),
    }
}
