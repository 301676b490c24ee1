//! Real certificates, and files that are none.

use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;

const DAY: i64 = 86_400;

fn day(text: &str) -> jiff::Timestamp {
    format!("{text}T00:00:00Z").parse().unwrap()
}

/// A certificate in PEM and in DER, with its key in PEM.
struct Made {
    pem: String,
    der: Vec<u8>,
    key: String,
}

fn made(from: (i32, u8, u8), until: (i32, u8, u8)) -> Made {
    let mut wish = CertificateParams::new(vec!["shop.example".to_owned()]).unwrap();
    wish.not_before = date_time_ymd(from.0, from.1, from.2);
    wish.not_after = date_time_ymd(until.0, until.1, until.2);
    let key = KeyPair::generate().unwrap();
    let certificate = wish.self_signed(&key).unwrap();
    Made { pem: certificate.pem(), der: certificate.der().to_vec(), key: key.serialize_pem() }
}

fn look(content: impl AsRef<[u8]>, now: &str) -> Look<i64> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tls.pem");
    std::fs::write(&path, content).unwrap();
    seconds_left(&path, day(now))
}

#[test]
fn what_is_left_is_told_in_seconds() {
    let pem = made((2026, 1, 1), (2026, 3, 1)).pem;
    assert_eq!(look(&pem, "2026-02-27"), Ok(2 * DAY));
    assert_eq!(look(&pem, "2026-03-01"), Ok(0));
    assert_eq!(look(&pem, "2026-03-04"), Ok(-3 * DAY), "it has ended");
    assert_eq!(look(&pem, "2025-12-30"), Ok(-2 * DAY), "it has not begun");
}

#[test]
fn dates_after_2049_have_another_form_and_count_as_well() {
    let pem = made((2049, 12, 31), (9999, 12, 31)).pem;
    assert!(look(&pem, "2050-01-01").unwrap() > 7_000 * 365 * DAY);
    assert_eq!(look(&pem, "2049-12-30"), Ok(-DAY));
}

#[test]
fn of_a_chain_the_first_to_end_counts_wherever_it_stands() {
    let leaf = made((2026, 1, 1), (2026, 12, 1));
    let middle = made((2026, 1, 1), (2026, 6, 1));
    let root = made((2020, 1, 1), (2040, 1, 1));
    for chain in [[&leaf, &middle, &root], [&middle, &root, &leaf], [&root, &leaf, &middle]] {
        let parts = chain.map(|made| format!("a note\n{}{}", made.pem, made.key));
        let text = parts.concat();
        assert_eq!(look(&text, "2026-05-31"), Ok(DAY), "with notes and keys in between");
    }
    let future = made((2027, 1, 1), (2028, 1, 1));
    let text = format!("{}{}", leaf.pem, future.pem);
    assert_eq!(look(&text, "2026-12-31"), Ok(-30 * DAY));
}

#[test]
fn p8_what_is_no_certificate_is_an_error_and_is_not_repeated() {
    let made = made((2026, 1, 1), (2027, 1, 1));
    let whole = made.pem.as_str();
    let base64 = whole.lines().nth(1).unwrap();
    let wrapped = |der: &[u8]| {
        let label = "CERTIFICATE";
        let body = std::str::from_utf8(der).unwrap();
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    };
    let garbage: [(&str, Vec<u8>); 8] = [
        ("empty", Vec::new()),
        ("a key", made.key.clone().into_bytes()),
        ("DER", made.der.clone()),
        ("DER garbage", wrapped(b"c2VjcmV0IHNlY3JldA==").into_bytes()),
        ("a part", wrapped(base64.as_bytes()).into_bytes()),
        ("cut", whole.as_bytes()[..whole.len() / 2].to_vec()),
        ("the second is garbage", format!("{whole}{}", wrapped(b"AAAA")).into_bytes()),
        ("no base64", wrapped(b"hunter2!").into_bytes()),
    ];
    for (name, content) in garbage {
        let told = look(&content, "2026-02-01").unwrap_err();
        assert!(told.what.starts_with("cannot read a certificate"), "{name}: {told}");
        assert!(told.place.ends_with("tls.pem") && told.next.contains("PEM"), "{name}: {told}");
        let text = told.to_string();
        assert!(!text.contains(base64) && !text.contains("hunter2"), "{name}: {told}");
    }
}

#[test]
fn p9_a_file_without_end_is_not_read_to_its_end() {
    let long = vec![b'x'; CERTIFICATE_FILE_LIMIT as usize + 1];
    assert!(look(long, "2026-02-01").unwrap_err().what.contains("longer"));
    for odd in ["/dev/zero", "/dev/null", "/", "/no/such/file"] {
        assert!(seconds_left(Path::new(odd), day("2026-02-01")).is_err(), "{odd}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(place in 0_usize..2_000, byte: u8, cut in 0_usize..2_000) {
        let mut der = KEPT.with(Clone::clone);
        let place = place % der.len();
        der[place] = byte;
        der.truncate(der.len() - cut % der.len());
        let read = Certificate::from_der(&der).ok();
        let left = read.and_then(|read| left(read.tbs_certificate().validity(), 0));
        prop_assert!(left.is_none_or(|left| left < i64::MAX));
        let _ = first_to_end(&der, 0);
    }
}

thread_local! {
    static KEPT: Vec<u8> = made((2026, 1, 1), (2027, 1, 1)).der;
}
