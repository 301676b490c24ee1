//! Clocks: boot time for waits (S18), the wall clock for labels.

use rustix::time::{ClockId, clock_gettime};

/// Milliseconds since boot, suspend included.
pub(crate) fn boot_ms() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    (now.tv_sec as u64) * 1000 + (now.tv_nsec as u64) / 1_000_000
}

/// The id that the kernel drew at this boot: process ids of another boot mean nothing.
pub fn boot_id() -> std::io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// The wall clock as `2026-11-22T12:05:01.123Z`.
pub(crate) fn wall_clock() -> String {
    let now = clock_gettime(ClockId::Realtime);
    label(now.tv_sec, now.tv_nsec / 1_000_000)
}

fn label(seconds: i64, millis: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The Gregorian date of a day counted from 1970-01-01.
///
/// Counts in eras of 400 years (146 097 days) that begin on 1 March, so that the leap day is the
/// last of its year.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.007Z"),
            (951_782_399, "2000-02-28T23:59:59.007Z"),
            (951_782_400, "2000-02-29T00:00:00.007Z"),
            (4_107_542_400, "2100-03-01T00:00:00.007Z"),
            (1_795_349_101, "2026-11-22T12:05:01.007Z"),
            (-1, "1969-12-31T23:59:59.007Z"),
        ] {
            assert_eq!(label(seconds, 7), expected);
        }
    }

    #[test]
    fn boot_time_goes_on() {
        let first = boot_ms();
        assert!(first > 0 && boot_ms() >= first);
        assert!(boot_id().unwrap().len() > 30);
    }
}
