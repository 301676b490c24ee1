//! Answers as they come over the wire. Plain functions over bytes.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, Visitor},
};

use super::{Trouble, windows::Grid};

/// As much of an error's text is told, in characters.
const ERROR_LIMIT: usize = 200;

/// One series of an answer, as far as it matters here.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    /// The label `le`: the upper bound of a classic histogram's bucket.
    pub(super) le: Option<String>,
    /// Numbers by window, ascending; perhaps not finite.
    pub(super) numbers: Vec<(usize, f64)>,
    /// Native histograms by window, ascending.
    pub(super) histograms: Vec<(usize, Histogram)>,
}

impl Series {
    /// The number of a window, if it has one.
    pub(super) fn number(&self, window: usize) -> Option<f64> {
        let at = self.numbers.binary_search_by_key(&window, |(window, _)| *window).ok()?;
        self.numbers.get(at).map(|(_, number)| *number).filter(|number| number.is_finite())
    }
}

/// A native histogram.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Histogram {
    pub(super) count: Number,
    /// Which ends belong to it, lower end, upper end, and how many are in between. Empty ones are
    /// not told.
    #[serde(default)]
    pub(super) buckets: Vec<(u8, Number, Number, Number)>,
}

/// A number that is told as text, such as `"1.5"` or `"+Inf"`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number(pub(super) f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number as text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                text.parse().map(Number).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// What every answer begins with.
#[derive(Deserialize)]
struct Head {
    status: Status,
    #[serde(default, rename = "errorType")]
    kind: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    data: Option<Kind>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Status {
    Success,
    Error,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "resultType")]
    kind: String,
}

#[derive(Deserialize)]
struct Whole<T> {
    data: Data<T>,
}

#[derive(Deserialize)]
struct Data<T> {
    result: T,
}

#[derive(Deserialize)]
struct Labels {
    le: Option<String>,
}

#[derive(Deserialize)]
struct Told {
    metric: Labels,
    #[serde(default)]
    values: Vec<(f64, Number)>,
    #[serde(default)]
    histograms: Vec<(f64, Histogram)>,
}

/// Series over the windows of a grid.
pub(super) fn series(body: &[u8], grid: &Grid) -> Result<Vec<Series>, Trouble> {
    let told: Vec<Told> = result(body, "matrix")?;
    let series = told.into_iter().map(|told| {
        Ok(Series {
            le: told.metric.le,
            numbers: by_window(told.values, grid)?
                .map(|(window, Number(number))| (window, number))
                .collect(),
            histograms: by_window(told.histograms, grid)?.collect(),
        })
    });
    series.collect()
}

/// One number without labels.
pub(super) fn scalar(body: &[u8]) -> Result<f64, Trouble> {
    let (_, Number(number)): (f64, Number) = result(body, "scalar")?;
    Ok(number)
}

/// The text of an error, if this is one.
pub(super) fn error(body: &[u8]) -> Option<Trouble> {
    let head: Head = serde_json::from_slice(body).ok()?;
    (head.status == Status::Error).then(|| refused(&head))
}

fn result<T: DeserializeOwned>(body: &[u8], kind: &str) -> Result<T, Trouble> {
    let head: Head = parsed(body)?;
    if head.status == Status::Error {
        return Err(refused(&head));
    }
    // Remarks about the query's style; in older versions they come as warnings.
    let remark = |text: &&String| text.starts_with("PromQL info:");
    if let Some(warning) = head.warnings.iter().find(|text| !remark(text)) {
        let what = format!("it warns that its answer may be wrong: {}", shown(warning));
        return Err(Trouble::new(what, "mend what it warns of"));
    }
    match head.data {
        Some(told) if told.kind == kind => {}
        Some(told) => {
            let what = format!("it answered a {} where a {kind} was asked", shown(&told.kind));
            return Err(Trouble::with_server(what));
        }
        None => return Err(Trouble::with_server("its answer holds no data")),
    }
    parsed(body).map(|whole: Whole<T>| whole.data.result)
}

fn refused(head: &Head) -> Trouble {
    let what = format!("it says {}: {}", shown(&head.kind), shown(&head.error));
    match head.kind.as_str() {
        "bad_data" | "execution" => Trouble::with_query(what),
        _ => Trouble::with_server(what),
    }
}

/// Puts moments into windows. Each may be told once, and in order.
fn by_window<T>(
    told: Vec<(f64, T)>,
    grid: &Grid,
) -> Result<impl Iterator<Item = (usize, T)>, Trouble> {
    let mut next = 0;
    let mut placed = Vec::with_capacity(told.len().min(grid.count));
    for (second, what) in told {
        let window = grid.window(second).filter(|window| *window >= next).ok_or_else(|| {
            let what = "it told of other moments than those asked for, or of one twice";
            Trouble::new(what, "ask Prometheus itself, not a cache before it that shifts queries")
        })?;
        next = window + 1;
        placed.push((window, what));
    }
    Ok(placed.into_iter())
}

/// What is wrong is told by place, because the parser would repeat parts of the text (P13).
fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Trouble> {
    if body.is_empty() {
        return Err(Trouble::with_server("its answer is empty"));
    }
    serde_json::from_slice(body).map_err(|e| {
        let place = format!("line {}, column {}", e.line(), e.column());
        Trouble::with_server(if e.is_data() {
            format!("its answer is not one of Prometheus ({place})")
        } else {
            format!("its answer is not JSON ({place})")
        })
    })
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(ERROR_LIMIT).collect()
}
