//! Single values: whether they fit, and what to say if they do not.

use super::{NO_VALUE, did_you_mean};
use crate::{
    complaint::{Collector, Words},
    node::{Node, Value, shorten},
    scalar::{self, show_duration, show_megabytes},
    shape::{Format, Kind, REFERENCE},
};

pub(super) fn check_scalar(
    node: &Node,
    kind: &'static Kind,
    path: &[String],
    out: &mut Collector<'_>,
) {
    let Some(text) = node.scalar() else {
        return wrong_kind(node, kind, path, out);
    };
    let typed = match kind {
        Kind::Flag => matches!(node.value, Value::Flag(_)),
        Kind::Whole(..) | Kind::Decimal(_) => matches!(node.value, Value::Number(_)),
        Kind::Plain(_) => true,
        _ => matches!(node.value, Value::Text(_)),
    };
    if !typed || !within(text, kind) {
        let what = match kind {
            // The value may be the secret itself (P13).
            Kind::Reference => "this is not a reference".to_owned(),
            _ => out_of_limits(text, kind)
                .filter(|_| typed)
                .unwrap_or_else(|| format!("{} does not fit here", node.kind())),
        };
        let words =
            Words::new(what).allowed(describe(kind)).maybe_hint(scalar_hint(node, text, kind));
        out.add(path, node.span.clone(), words);
    }
}

/// Whether a scalar's text is a value of this kind and inside of its limits.
fn within(text: &str, kind: &Kind) -> bool {
    let between = |value: Option<u64>, min: u64, max: u64| {
        value.is_some_and(|value| (min..=max).contains(&value))
    };
    match kind {
        Kind::Text(format) => (format.holds)(text),
        Kind::Reference => (REFERENCE.holds)(text),
        Kind::Plain(max) => text.len() <= *max && !text.contains('\0'),
        Kind::Word(words) => words.contains(&text),
        Kind::Flag => true,
        Kind::Whole(min, max) => between(scalar::whole(text), *min, *max),
        Kind::Decimal(max) => scalar::decimal(text).is_some_and(|n| n > 0.0 && n <= *max),
        Kind::Duration(min, max) => between(scalar::duration(text), *min, *max),
        Kind::Seconds(min, max) => {
            let ms = scalar::duration(text);
            between(ms, min * 1_000, max * 1_000) && ms.is_some_and(|ms| ms % 1_000 == 0)
        }
        Kind::Size(min, max) => between(scalar::megabytes(text), *min, *max),
        Kind::Share(min, max) => {
            scalar::share(text).is_some_and(|share| (*min..=*max).contains(&(share * 100.0)))
        }
        Kind::Percent(min, max) => {
            between(text.strip_suffix('%').and_then(scalar::whole), *min, *max)
        }
        Kind::Ports => {
            scalar::ports(text).is_some_and(|(first, last)| first >= 1_024 && first <= last)
        }
        Kind::List(..) | Kind::Entries { .. } | Kind::Table(_) | Kind::Either(_) => false,
    }
}

/// What to say of a value that is of the right kind, but too small or too large.
fn out_of_limits(text: &str, kind: &Kind) -> Option<String> {
    let (value, min, max) = match kind {
        Kind::Whole(min, max) => (scalar::whole(text)?, *min, *max),
        Kind::Duration(min, max) => (scalar::duration(text)?, *min, *max),
        Kind::Seconds(min, max) => (scalar::duration(text)?, min * 1_000, max * 1_000),
        Kind::Size(min, max) => (scalar::megabytes(text)?, *min, *max),
        Kind::Percent(min, max) => (scalar::whole(text.strip_suffix('%')?)?, *min, *max),
        Kind::Decimal(max) => {
            let number = scalar::decimal(text)?;
            return limits(text, number <= 0.0, number > *max);
        }
        Kind::Share(min, max) => {
            let share = scalar::share(text)? * 100.0;
            return limits(text, share < *min, share > *max);
        }
        _ => return None,
    };
    limits(text, value < min, value > max)
}

fn limits(text: &str, below: bool, above: bool) -> Option<String> {
    match (below, above) {
        (true, _) => Some(format!("{text} is too little")),
        (_, true) => Some(format!("{text} is too much")),
        _ => None,
    }
}

pub(super) fn wrong_kind(
    node: &Node,
    kind: &'static Kind,
    path: &[String],
    out: &mut Collector<'_>,
) {
    // `{port}` without quotes is YAML's short form of a mapping.
    let braces = match node.entries() {
        [only] if only.value.value == Value::Null => only.name(),
        _ => None,
    };
    let hint = match (&node.value, braces) {
        (_, Some(name)) => Some(format!("put it in quotes: `\"{{{name}}}\"`")),
        (Value::Null, None) if matches!(kind, Kind::Plain(_)) => {
            Some("write `\"\"` for an empty text".to_owned())
        }
        (Value::Null, None) => Some(NO_VALUE.to_owned()),
        _ => None,
    };
    let message = match node.value {
        Value::Null => "there is no value".to_owned(),
        _ => format!("{} does not fit here", node.kind()),
    };
    let words = Words::new(message).allowed(describe(kind)).maybe_hint(hint);
    out.add(path, node.span.clone(), words);
}

fn scalar_hint(node: &Node, text: &str, kind: &Kind) -> Option<String> {
    let number = text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty();
    match kind {
        Kind::Word(words) => {
            did_you_mean(text, words.iter().copied()).map(|word| format!("did you mean `{word}`?"))
        }
        Kind::Duration(..) | Kind::Seconds(..) if number => {
            let units = ["ms", "s", "m", "h"].map(|unit| format!("{text}{unit}"));
            let fit = units.iter().filter(|text| within(text, kind));
            let fit: Vec<String> = fit.map(|text| format!("`{text}`")).collect();
            (!fit.is_empty()).then(|| format!("add a unit: {}", fit.join(" or ")))
        }
        Kind::Size(..) if number => Some(format!("add a unit: `{text}MB` or `{text}GB`")),
        Kind::Share(..) | Kind::Percent(..) if number => Some(format!("add the sign: `{text}%`")),
        Kind::Share(..) => {
            let share: f64 = text.parse().ok()?;
            let small = share > 0.0 && share < 1.0;
            small.then(|| format!("write it in percent: `{}`", scalar::show_share(share)))
        }
        Kind::Flag if matches!(text, "yes" | "on" | "Yes" | "True") => Some("write `true`".into()),
        Kind::Flag if matches!(text, "no" | "off" | "No" | "False") => Some("write `false`".into()),
        Kind::Whole(..) if matches!(node.value, Value::Text(_)) && number => {
            Some("write it without quotes".to_owned())
        }
        Kind::Text(format) => text_hint(node, text, format),
        Kind::Reference => Some(
            "keep the value out of the file: put it in the environment of `ops serve` and write \
             `env:NAME`, or in a file that only ops can read and write `file:/path`"
                .to_owned(),
        ),
        _ => None,
    }
}

fn text_hint(node: &Node, text: &str, format: &Format) -> Option<String> {
    if text.trim().is_empty() {
        return None;
    }
    if !matches!(node.value, Value::Text(_)) {
        let quoted = format!("\"{text}\"");
        return (format.holds)(text).then(|| format!("put it in quotes: `{quoted}`"));
    }
    let mended = [
        text.trim().to_owned(),
        text.to_lowercase(),
        text.to_lowercase().replace(['_', ' '], "-"),
        text.trim_start_matches('#').to_owned(),
        format!("/{text}"),
        format!("127.0.0.1{text}"),
        format!("127.0.0.1:{text}"),
    ];
    let fits = |candidate: &&String| candidate.as_str() != text && (format.holds)(candidate);
    mended.iter().find(fits).map(|mended| format!("did you mean `{}`?", shorten(mended)))
}

/// What a kind allows, in words.
pub(super) fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Text(format) => format.allowed.to_owned(),
        Kind::Reference => REFERENCE.allowed.to_owned(),
        Kind::Plain(_) => "text, a number, true or false".to_owned(),
        Kind::Word(words) => words.join(", "),
        Kind::Flag => "true or false".to_owned(),
        Kind::Whole(min, max) if min == max => format!("{min}"),
        Kind::Whole(min, max) => format!("a whole number from {min} to {max}"),
        Kind::Decimal(max) => format!("a number above 0, at most {max}"),
        Kind::Duration(min, max) => {
            format!("a duration from {} to {}", show_duration(*min), show_duration(*max))
        }
        Kind::Seconds(min, max) => format!(
            "a duration from {} to {}, in whole seconds",
            show_duration(min * 1_000),
            show_duration(max * 1_000)
        ),
        Kind::Size(min, max) => {
            format!("a size from {} to {}", show_megabytes(*min), show_megabytes(*max))
        }
        Kind::Share(min, max) => format!("a percentage from {min}% to {max}%"),
        Kind::Percent(min, max) => format!("a percentage from {min}% to {max}%, without fraction"),
        Kind::Ports => "a range of ports from 1024 to 65535, such as 20000-20999".to_owned(),
        Kind::List(of, ..) => format!("a list of {}", describe(of)),
        Kind::Entries { .. } => "a mapping of names to values".to_owned(),
        Kind::Table(table) => {
            let names: Vec<&str> = table.keys.iter().map(|key| key.name).collect();
            format!("a mapping with {}", names.join(", "))
        }
        Kind::Either(kinds) => {
            let all: Vec<String> = kinds.iter().map(describe).collect();
            all.join("; or ")
        }
    }
}
