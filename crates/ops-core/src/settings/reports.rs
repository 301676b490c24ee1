//! What the team is told by the clock.

use jiff::{Timestamp, civil, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// Reports that are posted by themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reports {
    /// Once per day: what shipped, what went back, what waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily: Option<DailyReport>,
    /// Once per week: figures of deployments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetricsReport>,
}

/// The daily summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyReport {
    /// When.
    pub at: TimeOfDay,
    /// The channel; `None`: that of all news.
    pub channel: Option<String>,
    /// Whether a day without anything is told as well.
    pub empty: bool,
}

/// The figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricsReport {
    /// On which day of the week, Monday being 1.
    pub weekday: i8,
    /// When.
    pub at: TimeOfDay,
    /// The channel.
    pub channel: String,
    /// Over how many days.
    pub days: u32,
}

/// What a clock on a wall shows somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeOfDay {
    /// Hour, 0 to 23.
    pub hour: i8,
    /// Minute, 0 to 59.
    pub minute: i8,
    /// The time zone.
    pub zone: String,
}

impl TimeOfDay {
    /// Reads `17:30`.
    pub fn read(text: &str, zone: String) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(hour) || !digits(minute) {
            return None;
        }
        let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
        ((0..24).contains(&hour) && (0..60).contains(&minute)).then_some(Self {
            hour,
            minute,
            zone,
        })
    }

    /// The instant at which the clock shows it on a day. Where clocks are set forward over it, as long
    /// after midnight as on other days.
    pub fn on(&self, day: civil::Date) -> Option<Timestamp> {
        let zone = TimeZone::get(&self.zone).ok()?;
        let at = day.at(self.hour, self.minute, 0, 0);
        Some(at.to_zoned(zone).ok()?.timestamp())
    }

    /// The last day at which the clock showed it, on that day of the week if one is given; with the
    /// instant.
    pub fn last(&self, now: Timestamp, weekday: Option<i8>) -> Option<(civil::Date, Timestamp)> {
        let zone = TimeZone::get(&self.zone).ok()?;
        let mut day = now.to_zoned(zone).date();
        for _ in 0..=7 {
            let fits = weekday.is_none_or(|wanted| day.weekday().to_monday_one_offset() == wanted);
            if let Some(at) = self.on(day).filter(|at| fits && *at <= now) {
                return Some((day, at));
            }
            day = day.yesterday().ok()?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(at: &str, zone: &str, now: &str, weekday: Option<i8>) -> String {
        let time = TimeOfDay::read(at, zone.into()).unwrap();
        let (day, at) = time.last(now.parse().unwrap(), weekday).unwrap();
        format!("{day} {at}")
    }

    #[test]
    fn the_last_time_that_a_clock_showed_it() {
        let berlin = "Europe/Berlin";
        for (at, now, weekday, wanted) in [
            ("17:30", "2026-11-30T16:29:59Z", None, "2026-11-29 2026-11-29T16:30:00Z"),
            ("17:30", "2026-11-30T16:30:00Z", None, "2026-11-30 2026-11-30T16:30:00Z"),
            // The day of the zone counts, not that of UTC.
            ("00:10", "2026-11-29T23:30:00Z", None, "2026-11-30 2026-11-29T23:10:00Z"),
            ("16:00", "2026-11-30T16:30:00Z", Some(5), "2026-11-27 2026-11-27T15:00:00Z"),
            ("16:00", "2026-11-30T14:30:00Z", Some(1), "2026-11-23 2026-11-23T15:00:00Z"),
            // Clocks are set forward over it, and back over it.
            ("02:30", "2026-03-29T12:00:00Z", None, "2026-03-29 2026-03-29T01:30:00Z"),
            ("02:30", "2026-10-25T12:00:00Z", None, "2026-10-25 2026-10-25T00:30:00Z"),
        ] {
            assert_eq!(last(at, berlin, now, weekday), wanted, "{at} {now}");
        }
    }

    #[test]
    fn only_a_time_of_day_is_one() {
        for text in ["", "9", "9:00", "24:00", "12:60", "12-30", "+1:00", "12:30:00", "aa:bb"] {
            assert_eq!(TimeOfDay::read(text, "UTC".into()), None, "{text}");
        }
        let nowhere = TimeOfDay::read("12:00", "Mars/Base".into()).unwrap();
        assert_eq!(nowhere.last("2026-11-30T16:30:00Z".parse().unwrap(), None), None);
    }
}
