//! CSV: one line of counts per interval.
//!
//! Columns `t` (end of the interval, in seconds since the deployment began), `nc` and `xc`
//! (requests of the new version and failed ones), `nb` and `xb` (the same of the old version), and
//! perhaps `lc_0`…, `lb_0`… (requests by latency: below the first edge, between two, above the
//! last). The first line may be `# ` and a JSON object: `weight`, `pre_ticks: {n, x}` or `pre_n` and
//! `pre_x` (the old version before the deployment), `edges_ms`, `pre_hist`. Others are ignored.

use serde::Deserialize;

use super::{MOST, Recorded, Wrong, arm};
use crate::{
    id::ReleaseId,
    signal::{Latency, SignalSecond, latency_bucket},
};

const COLUMNS: [&str; 5] = ["t", "nc", "xc", "nb", "xb"];
/// Half a step between edges that are a factor of 2^(1/8) apart: for cells without a second edge.
const HALF_STEP: f64 = 1.044_273_782_427_413_8;

#[derive(Debug, Default, Deserialize)]
struct Head {
    weight: Option<f64>,
    pre_n: Option<u64>,
    pre_x: Option<u64>,
    pre_ticks: Option<Ticks>,
    edges_ms: Option<Vec<f64>>,
    pre_hist: Option<Vec<Vec<u64>>>,
}

#[derive(Debug, Default, Deserialize)]
struct Ticks {
    n: Vec<u64>,
    x: Vec<u64>,
}

/// What stands in a column.
#[derive(Debug, Clone, Copy)]
enum Column {
    /// One of [`COLUMNS`].
    Count(usize),
    /// A latency bucket of the new version.
    New(u16),
    /// A latency bucket of the old version.
    Old(u16),
    Ignored,
}

/// A line.
#[derive(Debug, Default, PartialEq)]
struct Row {
    counts: [u64; 5],
    new: Latency,
    old: Latency,
}

pub(super) fn read(text: &str) -> Result<Recorded, Wrong> {
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = (1..).zip(text.split_inclusive('\n')).peekable();
    let head = match lines.peek() {
        Some((line, first)) if first.starts_with('#') => {
            let json = first.trim_start_matches('#').trim();
            let head = serde_json::from_str(json).map_err(|error| Wrong::json(&error, *line))?;
            lines.next();
            head
        }
        _ => Head::default(),
    };
    let buckets = buckets(head.edges_ms.as_deref())?;
    let Some((line, names)) = lines.next() else {
        return Err(Wrong::line(1, "it is empty", "the first line names the columns"));
    };
    let columns = columns(names.trim_end(), &buckets, line)?;
    let (mut seconds, mut last, mut twice) = (Vec::new(), None::<Row>, 0);
    let (new, old) = (ReleaseId::new("new"), ReleaseId::new("old"));
    for (line, text) in lines.filter(|(_, text)| !text.trim().is_empty()) {
        let row = row(text, &columns, line)?;
        if let Some(last) = &last {
            if row == *last {
                twice += 1;
                continue;
            }
            follows(&row, last, line)?;
        }
        seconds.push(second(&row, &new, &old));
        last = Some(row);
    }
    let mut notes = Vec::new();
    if twice > 0 {
        notes.push(format!("{twice} lines repeat the line before them and were left out"));
    }
    let before = before(&head, &buckets, &old)?;
    if before.is_empty() {
        notes.push("the file does not say what was before the deployment".into());
    }
    let share = head.weight.filter(|weight| *weight > 0.0 && *weight <= 1.0);
    Ok(Recorded { new, old, before, began: 0, seconds, share, notes })
}

/// The bucket of ours in which the middle of each of their cells lies.
fn buckets(edges: Option<&[f64]>) -> Result<Vec<u16>, Wrong> {
    let Some(edges) = edges else { return Ok(Vec::new()) };
    let well = edges.iter().all(|edge| edge.is_finite() && *edge > 0.0);
    let (Some(first), Some(last)) = (edges.first(), edges.last()) else { return Ok(Vec::new()) };
    if !well || !edges.is_sorted_by(|a, b| a < b) || edges.len() > usize::from(u16::MAX) {
        let why = "edges_ms must ascend, each above 0";
        return Err(Wrong::line(1, why, "give the upper edges of the latency cells in ms"));
    }
    let between = edges.windows(2).map(|pair| (pair[0] * pair[1]).sqrt());
    let middles =
        std::iter::once(first / HALF_STEP).chain(between).chain(std::iter::once(last * HALF_STEP));
    Ok(middles.map(|ms| latency_bucket((ms * 1e3).round() as u64)).collect())
}

fn columns(names: &str, buckets: &[u16], line: usize) -> Result<Vec<Column>, Wrong> {
    let next = format!("name the columns {} in a line before the counts", COLUMNS.join(","));
    let mut columns = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for name in names.split(',').map(str::trim) {
        if !seen.insert(name) {
            return Err(Wrong::line(line, format!("the column `{name}` is named twice"), next));
        }
        let cell = |at: &str| -> Result<u16, Wrong> {
            at.parse().ok().and_then(|at: usize| buckets.get(at).copied()).ok_or_else(|| {
                let why = format!("the column `{name}` has no cell in edges_ms of the first line");
                Wrong::line(line, why, "give one edge less than there are cells, in ms")
            })
        };
        let count = COLUMNS.iter().position(|known| *known == name);
        columns.push(match (count, name.strip_prefix("lc_"), name.strip_prefix("lb_")) {
            (Some(at), ..) => Column::Count(at),
            (_, Some(at), _) => Column::New(cell(at)?),
            (.., Some(at)) => Column::Old(cell(at)?),
            _ => Column::Ignored,
        });
    }
    match COLUMNS.iter().find(|name| !seen.contains(**name)) {
        Some(name) => Err(Wrong::line(line, format!("there is no column `{name}`"), next)),
        None => Ok(columns),
    }
}

fn row(text: &str, columns: &[Column], line: usize) -> Result<Row, Wrong> {
    let again = "export the file again, whole; each line ends with a line break";
    if !text.ends_with('\n') {
        return Err(Wrong::line(line, "the file ends within this line", again));
    }
    let cells: Vec<_> = text.trim_end().split(',').map(str::trim).collect();
    if cells.len() != columns.len() {
        let why = format!("{} cells, and {} columns are named", cells.len(), columns.len());
        return Err(Wrong::line(line, why, again));
    }
    let mut row = Row::default();
    for (at, (cell, column)) in cells.iter().zip(columns).enumerate() {
        if matches!(column, Column::Ignored) {
            continue;
        }
        let count = cell.parse::<u64>().ok().filter(|count| *count <= MOST).ok_or_else(|| {
            let why = format!("`{cell}` in column {} is no count", at + 1);
            Wrong::line(line, why, format!("write whole numbers from 0 to {MOST}"))
        })?;
        match column {
            Column::Count(at) => row.counts[*at] = count,
            Column::New(bucket) => add(&mut row.new, *bucket, count),
            Column::Old(bucket) => add(&mut row.old, *bucket, count),
            Column::Ignored => {}
        }
    }
    let [t, nc, xc, nb, xb] = row.counts;
    if xc > nc || xb > nb {
        let why = "more requests failed than there were";
        return Err(Wrong::line(line, why, "xc is part of nc, and xb of nb"));
    }
    if t == 0 {
        return Err(Wrong::line(line, "t is 0", "t is the end of an interval, from 1 on"));
    }
    Ok(row)
}

/// Adds to a histogram whose buckets need not come in order.
fn add(latency: &mut Latency, bucket: u16, count: u64) {
    if count == 0 {
        return;
    }
    match latency.binary_search_by_key(&bucket, |(at, _)| *at) {
        Ok(at) => latency[at].1 = latency[at].1.saturating_add(count),
        Err(at) => latency.insert(at, (bucket, count)),
    }
}

fn follows(row: &Row, last: &Row, line: usize) -> Result<(), Wrong> {
    let (t, before) = (row.counts[0], last.counts[0]);
    if t > before {
        return Ok(());
    }
    let why = if t == before {
        format!("second {t} comes twice, with other counts")
    } else {
        format!("second {t} comes after second {before}")
    };
    Err(Wrong::line(line, why, "sort the lines by t, one for each interval"))
}

fn second(row: &Row, new: &ReleaseId, old: &ReleaseId) -> SignalSecond {
    let [t, nc, xc, nb, xb] = row.counts;
    let arms = vec![
        (new.clone(), arm(nc, xc, row.new.clone())),
        (old.clone(), arm(nb, xb, row.old.clone())),
    ];
    SignalSecond { second: t, arms, ..SignalSecond::default() }
}

/// The old version before the deployment, interval by interval.
fn before(head: &Head, buckets: &[u16], old: &ReleaseId) -> Result<Vec<SignalSecond>, Wrong> {
    let wrong = |why: &str| Wrong::line(1, why, "the first line holds what was before, in JSON");
    let ticks: Vec<(u64, u64)> = match (&head.pre_ticks, head.pre_n, head.pre_x) {
        (Some(ticks), ..) if ticks.n.len() != ticks.x.len() => {
            return Err(wrong("pre_ticks has not as many numbers in n as in x"));
        }
        (Some(Ticks { n, x }), ..) => n.iter().copied().zip(x.iter().copied()).collect(),
        (None, Some(n), Some(x)) => vec![(n, x)],
        _ => Vec::new(),
    };
    if ticks.iter().any(|(n, x)| x > n || *n > MOST) {
        return Err(wrong("before, more requests failed than there were"));
    }
    let histograms = head.pre_hist.as_deref().unwrap_or_default();
    if histograms.iter().any(|cells| cells.len() != buckets.len()) {
        return Err(wrong("pre_hist has not one cell more than edges_ms has edges"));
    }
    if histograms.iter().flatten().any(|count| *count > MOST) {
        return Err(wrong("pre_hist has a count that is too large"));
    }
    let one = |at: usize| {
        let (n, x) = ticks.get(at).copied().unwrap_or_default();
        let mut latency = Latency::new();
        for (bucket, count) in buckets.iter().zip(histograms.get(at).into_iter().flatten()) {
            add(&mut latency, *bucket, *count);
        }
        let arms = vec![(old.clone(), arm(n, x, latency))];
        SignalSecond { second: at as u64 + 1, arms, ..SignalSecond::default() }
    };
    Ok((0..ticks.len().max(histograms.len())).map(one).collect())
}
