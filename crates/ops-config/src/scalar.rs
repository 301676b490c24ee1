//! Values with units as people write them: `15m`, `5GB`, `1%`, `20000-20999`.
//!
//! A unit is never guessed: a bare number is refused, since nobody can tell `15` seconds from
//! minutes.

/// Units of time, longest first, in milliseconds.
const TIME: &[(&str, u64)] = &[("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
/// Units of size, in megabytes of 1000 kB as disks and quotas are sold.
const SIZE: &[(&str, u64)] = &[("TB", 1_000_000), ("GB", 1_000), ("MB", 1)];

/// Milliseconds of `500ms`, `1s`, `15m`, `1h30m`.
pub(crate) fn duration(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total: u64 = 0;
    let mut units = TIME;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
        // Each unit once and in falling order: `30m1h` is more likely a slip than a wish.
        let at = units.iter().position(|(name, _)| *name == &rest[..letters])?;
        total = total.checked_add(count.checked_mul(units[at].1)?)?;
        units = &units[at + 1..];
        rest = &rest[letters..];
    }
    (!text.is_empty()).then_some(total)
}

/// Megabytes of `100MB`, `5GB`, `1TB`.
pub(crate) fn megabytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let count: u64 = text[..digits].parse().ok()?;
    let (_, factor) = SIZE.iter().find(|(name, _)| *name == text[digits..].trim_start())?;
    count.checked_mul(*factor)
}

/// The share, 0 to 1, of `1%` or `0.5%`.
pub(crate) fn share(text: &str) -> Option<f64> {
    let number = text.strip_suffix('%')?.trim_end();
    decimal(number).map(|percent| percent / 100.0)
}

/// A number in plain digits, with or without a fraction: `4`, `0.5`.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let plain = digits(whole) && digits(fraction) && text.len() <= 12;
    if plain { text.parse().ok() } else { None }
}

/// First and last port of `20000-20999`.
pub(crate) fn ports(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-')?;
    Some((whole(first.trim())?.try_into().ok()?, whole(last.trim())?.try_into().ok()?))
}

/// A whole number in plain digits; `0x10`, `1_000` and `007` are refused.
pub(crate) fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let padded = text.len() > 1 && text.starts_with('0');
    if digits && !padded { text.parse().ok() } else { None }
}

/// A duration as people write it.
pub(crate) fn show_duration(mut ms: u64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (name, length) in TIME {
        let count = ms / length;
        ms %= length;
        if count > 0 {
            text = format!("{text}{count}{name}");
        }
    }
    text
}

/// A size as people write it.
pub(crate) fn show_megabytes(mb: u64) -> String {
    let (name, factor) = SIZE
        .iter()
        .find(|(_, factor)| mb >= *factor && mb.is_multiple_of(*factor))
        .unwrap_or(&("MB", 1));
    format!("{}{name}", mb / factor)
}

/// A share as people write it.
pub(crate) fn show_share(share: f64) -> String {
    // Rounded to the ninth digit, which takes away what the way through binary added.
    let percent = (share * 100.0 * 1e9).round() / 1e9;
    format!("{percent}%")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("500ms"), Some(500));
        assert_eq!(duration("1s"), Some(1_000));
        assert_eq!(duration("15m"), Some(900_000));
        assert_eq!(duration("1h30m"), Some(5_400_000));
        for bad in ["", "15", "m", "1d", "30m1h", "1s1s", "-1s", "1.5s", "1 s", "1S", "1ss", "１s"]
        {
            assert_eq!(duration(bad), None, "{bad}");
        }
        assert_eq!(duration("99999999999999999999h"), None);
        assert_eq!(duration("9999999999999999h"), None);
    }

    #[test]
    fn sizes_shares_and_ports() {
        assert_eq!(megabytes("5GB"), Some(5_000));
        assert_eq!(megabytes("100 MB"), Some(100));
        assert_eq!(megabytes("5"), None);
        assert_eq!(megabytes("5gb"), None);
        assert_eq!(share("1%"), Some(0.01));
        assert_eq!(share("0.5%"), Some(0.005));
        for bad in ["1", "%", ".5%", "1.%", "1e3%", "-1%", "NaN%", "+1%"] {
            assert_eq!(share(bad), None, "{bad}");
        }
        assert_eq!(decimal("4.0"), Some(4.0));
        for bad in ["", ".5", "1.", "1e3", "-1", "+1", "NaN", "0x1", "1_0"] {
            assert_eq!(decimal(bad), None, "{bad}");
        }
        assert_eq!(ports("20000-20999"), Some((20_000, 20_999)));
        for bad in ["1", "1-", "-1", "1-70000", "a-b", "1-2-3"] {
            assert_eq!(ports(bad), None, "{bad}");
        }
        assert_eq!(whole("0"), Some(0));
        for bad in ["007", "0x10", "1_000", "-1", "1.0", "+1", ""] {
            assert_eq!(whole(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(ms in 0_u64..1_000_000_000, mb in 1_u64..10_000_000, tenths in 0_u32..1000) {
            prop_assert_eq!(duration(&show_duration(ms)), Some(ms));
            prop_assert_eq!(megabytes(&show_megabytes(mb)), Some(mb));
            let part = f64::from(tenths) / 1000.0;
            prop_assert!((share(&show_share(part)).unwrap() - part).abs() < 1e-12);
        }

        #[test]
        fn nothing_panics(text in "\\PC*") {
            let _ = (duration(&text), megabytes(&text), share(&text), ports(&text), whole(&text));
        }
    }
}
