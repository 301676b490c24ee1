//! Notes as nobody should write them. Whatever stands there, the answer is short and says what is
//! wrong; nothing grows, and nothing is half read.

use proptest::prelude::*;

use super::{
    tests::{WHOLE, complaints, fenced, find, found, ticket, version},
    *,
};
use crate::{id::Digest, ticket::Ticket};

/// A board takes comments of about 100 kB.
const MAX_QUESTION_BYTES: usize = 90 * 1024;

/// The first complaint about a block: its kind, its line, and how it reads.
fn first(block: &str) -> (ComplaintKind, u32, String) {
    let (complaints, _) = parse(block).unwrap_err();
    (complaints[0].kind, complaints[0].line, complaints[0].to_string())
}

fn question(description: &str) -> String {
    missing_notes_question(&"MNS-7".into(), &find(&ticket(description, &[])), &[]).unwrap()
}

#[test]
fn yaml_that_grows_or_refers_to_itself_is_refused() {
    let laughs = (1..12).fold("a0: &a0 [x, x, x, x]\n".to_owned(), |text, n| {
        let before = n - 1;
        format!("{text}a{n}: &a{n} [*a{before}, *a{before}, *a{before}, *a{before}]\n")
    });
    let merge = "service: shop\n<<: *all\n".to_owned();
    let own = "a: &a [*a]\n".to_owned();
    let anchor = WHOLE.replace("service: shop", "service: &s shop");
    let deep = format!("service: {}", "[".repeat(50_000));
    let deeper = format!("service: {}x", "- ".repeat(30_000));
    let mappings = format!("service: {}", "{a: ".repeat(10_000));
    for block in [laughs, merge, own, anchor, deep, deeper, mappings] {
        let (kind, _, words) = first(&block);
        assert_eq!(kind, ComplaintKind::NotYaml, "{words}");
        assert!(words.len() < 500, "{words}");
    }
}

#[test]
fn tabs_and_documents_are_refused_with_their_line() {
    let tabs = WHOLE.replace("  - SHOP_KEY", "\t- SHOP_KEY");
    assert_eq!((first(&tabs).0, first(&tabs).1), (ComplaintKind::NotYaml, 8));
    let two = format!("{WHOLE}---\n{WHOLE}");
    assert_eq!(first(&two).0, ComplaintKind::NotYaml);
    assert_eq!(first("just words").0, ComplaintKind::NotYaml);
    assert_eq!(first("- a\n- b").0, ComplaintKind::NotYaml);
}

#[test]
fn harmless_habits_are_read() {
    let notes = parse(WHOLE).unwrap();
    for block in [
        format!("---\n{WHOLE}"),
        format!("{WHOLE}...\n"),
        format!("\u{feff}{WHOLE}"),
        WHOLE.replace('\n', "\r\n"),
        WHOLE.replace("service: shop", "\"service\": 'shop' # the shop"),
        format!("# notes\n\n{WHOLE}\n\n"),
    ] {
        assert_eq!(parse(&block).as_ref(), Ok(&notes), "{block}");
    }
    let marked = format!("\u{feff}{}", version("v1").trim_start_matches("Notes:\n\n"));
    assert_eq!(found(&ticket(&marked, &[])).notes.version, "v1");
}

#[test]
fn a_field_that_only_looks_right_is_told_apart() {
    for key in ["sеrvice", "servicе", "ｓｅｒｖｉｃｅ", "ser\u{200b}vice", "\u{202e}service"]
    {
        let (kind, line, words) = first(&WHOLE.replace("service", key));
        assert_eq!((kind, line), (ComplaintKind::UnknownKey, 1), "{key:?}");
        assert!(words.contains("it only looks like `service`"), "{words}");
        assert!(!words.contains(['\u{200b}', '\u{202e}']), "{words:?}");
    }
    let twice = WHOLE.replace("service: shop\n", "service: shop\nsеrvice: other\n");
    assert_eq!(complaints(&twice), [(2, ComplaintKind::UnknownKey, "sеrvice".to_owned())]);
    assert!(first(&WHOLE.replace("service", "Servcie")).2.contains("did you mean `service`?"));
}

#[test]
fn a_field_that_stands_there_twice_is_never_chosen() {
    for twice in ["service: other\n", "service: shop\n", "'service': other\n", "service:\n"] {
        let expected = [(13, ComplaintKind::DuplicateKey, "service".to_owned())];
        assert_eq!(complaints(&format!("{WHOLE}{twice}")), expected, "{twice}");
    }
}

#[test]
fn what_is_hidden_in_a_value_is_refused() {
    for (field, value) in [
        ("version: 1.10", "version: \"1.10\u{202e}\""),
        ("version: 1.10", "version: \"1\\u200b.10\""),
        ("service: shop", "service: \"sho\u{200b}p\""),
        ("fixes: D-12", "fixes: \"D-\u{2066}12\""),
    ] {
        let (kind, _, words) = first(&WHOLE.replace(field, value));
        assert_eq!(kind, ComplaintKind::BadValue, "{words}");
        assert!(!words.contains(['\u{200b}', '\u{202e}', '\u{2066}']), "{words:?}");
    }
}

#[test]
fn includes_and_fixes_may_be_garbage() {
    for (value, kind) in [
        ("{a: b}", ComplaintKind::WrongType),
        ("[[MNS-1]]", ComplaintKind::WrongType),
        ("[{a: b}]", ComplaintKind::WrongType),
        ("[~]", ComplaintKind::WrongType),
        ("\"\"", ComplaintKind::WrongType),
        ("[]", ComplaintKind::WrongType),
        ("MNS-1 and MNS-2", ComplaintKind::BadValue),
        ("\"MNS-1\\nMNS-2\"", ComplaintKind::BadValue),
        ("[a=b]", ComplaintKind::BadValue),
    ] {
        for field in ["fixes: D-12", "includes: [MNS-3, MNS-4]"] {
            let name = field.split(':').next().unwrap();
            let got = parse(&WHOLE.replace(field, &format!("{name}: {value}")));
            if value == "[]" {
                assert!(got.is_ok(), "an empty list names nothing, and says so");
            } else {
                let (complaints, _) = got.unwrap_err();
                assert_eq!((complaints[0].kind, complaints[0].field.as_str()), (kind, name));
            }
        }
    }
    let many = format!("includes: [{}]", "MNS-1, ".repeat(MAX_ITEMS + 1));
    let many = WHOLE.replace("includes: [MNS-3, MNS-4]", &many);
    assert_eq!(first(&many).0, ComplaintKind::TooLarge);
}

/// Each ticket's notes are read by themselves, so tickets that include each other end nowhere.
#[test]
fn tickets_that_include_each_other_are_read_one_by_one() {
    let including = |id: &str, other: &str| {
        let block = WHOLE.replace("[MNS-3, MNS-4]", &format!("[{other}, {id}]"));
        let mut ticket = ticket(&fenced(&block), &[]);
        ticket.id = id.into();
        found(&ticket).notes.includes
    };
    assert_eq!(including("MNS-1", "MNS-2"), ["MNS-2", "MNS-1"]);
    assert_eq!(including("MNS-2", "MNS-1"), ["MNS-1", "MNS-2"]);
}

#[test]
fn p1_two_candidates_with_one_version_string_are_two() {
    let one = found(&ticket(&fenced(WHOLE), &[]));
    let digest = format!("{WHOLE}digest: {}\n", Digest::of(b"other build"));
    let two = found(&ticket(&fenced(&digest), &[]));
    assert_eq!(one.notes.version, two.notes.version);
    assert_ne!(one.hash, two.hash);
}

#[test]
fn large_tickets_are_searched_within_bounds() {
    let line = "As a buyer I want ops to stop asking.\n";
    let large = line.repeat(5 * 1024 * 1024 / line.len());
    assert_eq!(find(&ticket(&large, &[])), NotesFound::Missing);
    assert!(!has_block(&large));

    let hidden = format!("{large}{}", version("v1"));
    assert!(has_block(&hidden), "what cannot be searched may have changed");
    let asked = question(&hidden);
    assert!(asked.contains("too much to search for notes; post the notes as a new comment"));
    assert_eq!(found(&ticket(&hidden, &[("dan", &version("v2"))])).notes.version, "v2");
    match find(&ticket(&version("v1"), &[("dan", &hidden)])) {
        NotesFound::Invalid { place: Place::Comment(0), complaints, .. } => {
            assert_eq!(complaints[0].kind, ComplaintKind::TooLarge);
        }
        other => panic!("{other:?}"),
    }

    let blocks = "```ops\nservice: shop\n```\n".repeat(10_000);
    assert!(question(&blocks).contains("has 10000 blocks; keep the one that is meant"));
    let fences = format!("{}{}", "```\n".repeat(10_001), version("v1"));
    assert_eq!(find(&ticket(&fences, &[])), NotesFound::Missing, "the last fence never closes");
    let comments: Vec<_> = (0..3_000).map(|_| ("dan", line)).collect();
    assert_eq!(found(&ticket(&version("v1"), &comments)).place, Place::Description);
}

#[test]
fn the_question_about_the_worst_block_fits_into_a_comment() {
    let keys: Vec<_> = (0..800).map(|n| format!("{}{n}: 1\n", "k".repeat(60))).collect();
    let keys = keys.concat();
    let items = format!("\"{}\"", "\\0".repeat(MAX_VALUE_BYTES / 8));
    let fields = ["migrations", "rollback", "artifact"];
    let values = fields.map(|field| format!("{field}: {items}\n")).concat();
    let lists = format!("variables: [{}]\n", format!("{}, ", "V".repeat(250)).repeat(MAX_ITEMS));
    for block in [&keys, &values, &lists, &format!("{lists}{values}")] {
        assert!(block.len() <= MAX_BLOCK_BYTES, "{}", block.len());
        let asked = question(&fenced(block));
        assert!(asked.len() <= MAX_QUESTION_BYTES, "{}", asked.len());
    }
    let (told, _) = parse(&keys).unwrap_err();
    assert_eq!(told.len(), MAX_COMPLAINTS + 1);
    assert_eq!(told[MAX_COMPLAINTS].what, "785 more mistakes follow");
}

#[test]
fn p13_a_value_where_a_name_belongs_is_not_repeated() {
    let block = WHOLE.replace("[SHOP_URL]", "[SHOP_PASSWORD=hunter2]");
    let asked = question(&fenced(&block));
    assert!(!asked.contains("hunter2"), "{asked}");
}

/// Lines that have been trouble, to be mixed with random ones.
fn lines() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "service: shop",
        "artifact: dist/a",
        "version: v1",
        "migrations: none",
        "rollback: previous",
        "secrets:",
        "  - KEY",
        "\t- KEY",
        "service: &a x",
        "version: *a",
        "<<: {a: b}",
        "---",
        "...",
        "? a",
        ": b",
        "a: |",
        "  text",
        "a: >-",
        "!!binary x",
        "%YAML 1.2",
        "```",
        "```ops",
        "~~~ops",
        "> ```ops",
        "\u{feff}version: v2",
        "sеrvice: x",
        "includes: [[[]]]",
        "fixes: {}",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "'",
        "digest: sha256:0",
        "commit: 0123456",
        "variables: [A, B",
        "  C]",
        "",
        "migrations: 1e400",
        "version: .nan",
        "version: 0x7fffffffffffffffffff",
        "version: 1__0",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => "\\PC{0,40}", 1 => "[\\x00-\\x7f]{0,20}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_stands_in_a_block_the_answer_is_short(
        lines in prop::collection::vec(lines(), 0..30),
        crlf: bool,
    ) {
        let block = lines.join(if crlf { "\r\n" } else { "\n" });
        match parse(&block) {
            Ok(notes) => {
                prop_assert!(notes.version.chars().count() <= MAX_VERSION_CHARS);
                prop_assert!(notes.migrations.len() <= MAX_ITEMS);
                prop_assert!(!notes.service.as_str().contains(char::is_whitespace));
            }
            Err((told, _)) => {
                prop_assert!(!told.is_empty() && told.len() <= MAX_COMPLAINTS + 1);
                for complaint in &told {
                    let words = complaint.to_string();
                    prop_assert!(words.len() < 1_000 && !words.contains('\n'), "{words:?}");
                }
            }
        }
        let ticket = ticket(&format!("```ops\n{block}\n```"), &[("dan", &block)]);
        let found = find(&ticket);
        let asked = missing_notes_question(&"MNS-7".into(), &found, &[]);
        prop_assert_eq!(asked.is_none(), matches!(found, NotesFound::Found(_)));
        prop_assert!(asked.is_none_or(|asked| asked.len() <= MAX_QUESTION_BYTES));
        for comment in &ticket.comments {
            let alone = Ticket { comments: vec![comment.clone()], ..ticket.clone() };
            let newest = Ticket { description: String::new(), ..alone };
            prop_assert_eq!(has_block(&comment.text), find(&newest) != NotesFound::Missing);
        }
    }

    #[test]
    fn a_block_that_is_read_says_the_same_when_it_is_written_again(
        version in "[a-zA-Z0-9._+-]{1,20}",
        service in "[a-z][a-z0-9-]{0,20}",
        migrations in prop::collection::vec("[a-z0-9_.]{2,20}", 0..4),
        steps in "[A-Za-z][A-Za-z ,:.'\"#-]{0,40}",
    ) {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let list: Vec<_> = migrations.iter().map(|one| quoted(one)).collect();
        let block = format!(
            "service: {}\nartifact: dist/a\nversion: {version}\nmigrations: [{}]\nrollback: {}\n",
            quoted(&service), list.join(", "), quoted(&steps)
        );
        prop_assume!(!version.starts_with(['-', '.', '+']) && !["none"].contains(&&*migrations.join("")));
        let notes = parse(&block).unwrap();
        prop_assert_eq!((notes.version, notes.service.0), (version, service));
        prop_assert_eq!(notes.migrations, migrations);
    }
}
