//! What holds for every line, whatever its bytes.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{id::ReleaseId, reading::LogLevel};

/// Bits of which logs are made, and bits that trip those who cut text.
fn bit() -> impl Strategy<Value = String> {
    const BITS: [&str; 40] = [
        " ",
        "\t",
        "\n",
        "\0",
        "\u{1}",
        "\u{1b}[31m",
        "\u{1b}]0;",
        "\u{200b}",
        "\u{e0041}",
        "é",
        "日本",
        "\u{301}",
        "\"",
        "'",
        "`",
        "“",
        "\\",
        "=",
        ":",
        "://",
        "@",
        "/",
        "?",
        "[",
        "]",
        "(",
        "{",
        "}",
        "<3>",
        "<*>",
        "-",
        "...",
        "ERROR",
        "level=",
        "\"msg\":\"",
        "Authorization:",
        "password",
        "user",
        "2024-01-02T03:04:05Z",
        "E0102 ",
    ];
    prop_oneof![
        4 => prop::sample::select(BITS.to_vec()).prop_map(str::to_owned),
        2 => "[a-zA-Z]{1,12}",
        1 => "[0-9a-f.:-]{1,12}",
        1 => any::<char>().prop_map(String::from),
    ]
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(bit(), 0..40).prop_map(|bits| bits.concat().into_bytes())
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => text(), 1 => prop::collection::vec(any::<u8>(), 0..300)]
}

/// Whether what a template shows is fit to be stored and shown.
fn is_fit(template: &str) -> bool {
    let word = |c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_'));
    let digits = |word: &&str| word.chars().any(char::is_numeric);
    !template.is_empty()
        && template.len() <= TEMPLATE_MAX
        && !template.chars().any(|c| c.is_control() || crate::evidence::invisible(c))
        && template
            .split(word)
            .map(|w| w.trim_matches(['-', '_']))
            .filter(digits)
            .all(words::is_fixed)
}

proptest! {
    #[test]
    fn every_line_has_a_short_template_without_numbers_or_none(line in line()) {
        if let Some(Line { template, .. }) = read(&line) {
            prop_assert!(is_fit(&template), "{template:?}");
        }
    }

    #[test]
    fn the_same_lines_have_the_same_names(lines in prop::collection::vec(line(), 0..8)) {
        let named = || {
            let (mut miner, mut stream) = (Miner::new(), Stream::default());
            lines.iter().map(|line| miner.line(&mut stream, line)).collect::<Vec<_>>()
        };
        prop_assert_eq!(named(), named());
    }

    #[test]
    fn numbers_make_no_difference(a in any::<u32>(), b in any::<u32>(), words in "[a-z]{3,9}( [a-z]{3,9}){0,5}") {
        let of = |n: u32| read(format!("ERROR {words} {n} of /{n}/x [{n}] n={n}").as_bytes());
        prop_assert_eq!(of(a), of(b));
    }

    #[test]
    fn p13_a_secret_that_is_announced_or_looks_like_one_is_not_told(
        secret in "[a-zA-Z]{2,8}[0-9]{1,6}[a-zA-Z0-9]{2,20}",
        before in text(),
        form in 0..8_usize,
    ) {
        let before = String::from_utf8_lossy(&before);
        let planted = [
            format!("{before} {secret}"),
            format!("{before} password={secret} {before}"),
            format!("{before} token: {secret} {before}"),
            format!("{before} 'name {secret}' {before}"),
            format!("{before} https://a.example/{secret}?q={secret}"),
            format!("{{\"msg\":\"it is {secret}\",\"k\":\"{secret}\"}}"),
            format!("level=error msg=\"it is {secret}\" k={secret}"),
            format!("{before} {secret}@doe.example {before}"),
        ];
        if let Some(Line { template, .. }) = read(planted[form].as_bytes()) {
            prop_assert!(!template.contains(&secret), "{}: {template}", planted[form]);
        }
    }
}

#[test]
fn a_huge_line_is_read_up_to_its_bound() {
    let mut huge = b"ERROR no room ".to_vec();
    huge.resize(10 << 20, b'x');
    let Line { level, template } = read(&huge).unwrap();
    assert_eq!((level, template.as_str()), (Some(LogLevel::Error), "no room <*>"));
    for byte in [0, b' ', b'"', b'{', b'[', b'=', b'\'', 0x1b, 0xff, b'<'] {
        let template = read(&vec![byte; 10 << 20]).map_or(String::new(), |line| line.template);
        assert!(template.len() <= TEMPLATE_MAX);
    }
}

#[test]
fn lines_that_are_all_different_are_told_by_few_names() {
    let mut miner = Miner::new();
    let mut stream = Stream::default();
    let mut names = BTreeSet::new();
    let mut tally = Tally::default();
    let release = ReleaseId::from("a-1");
    // Letters only, so that nothing is hidden by its looks.
    let letters = |mut n: u32| {
        let mut word = String::new();
        for _ in 0..6 {
            word.push(['o', 'r', 'u', 't', 'i', 's', 'y', 'l'][(n % 8) as usize]);
            n /= 8;
        }
        word
    };
    for n in 0..30_000_u32 {
        let many: Vec<String> =
            (0..=(n % 7)).map(|k| letters(n.wrapping_mul(2_654_435_761) >> k)).collect();
        let level = ["ERROR", "WARN", "INFO"][(n % 3) as usize];
        let taken =
            miner.line(&mut stream, format!("{level} {}", many.join(" ")).as_bytes()).unwrap();
        names.insert(taken.clone());
        tally.add(&release, taken);
    }
    let counts = tally.counts();
    assert!(names.len() <= 603, "{}", names.len());
    assert_eq!(counts.len(), names.len());
    assert_eq!(counts.iter().map(|count| count.lines).sum::<u64>(), 30_000);
}
