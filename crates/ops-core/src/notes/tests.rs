//! Notes as teams write them, and as they should not.

use proptest::prelude::*;

use super::*;
use crate::{
    id::Identity,
    ticket::{Comment, Ticket},
};

pub(super) const WHOLE: &str = "service: shop\nartifact: dist/shop.tar.gz\nversion: 1.10\ncommit: 0123456\n\
    migrations: none\nvariables: [SHOP_URL]\nsecrets:\n  - SHOP_KEY\ndepends_on: [db]\n\
    rollback: previous\nfixes: D-12\nincludes: [MNS-3, MNS-4]\n";

pub(super) fn ticket(description: &str, comments: &[(&str, &str)]) -> Ticket {
    let comment = |(author, text): &(&str, &str)| Comment {
        id: String::new(),
        author: (*author).into(),
        text: (*text).to_owned(),
        at: String::new(),
        candidate: None,
    };
    Ticket {
        id: "MNS-7".into(),
        title: "Basket".to_owned(),
        description: description.to_owned(),
        status: "rfp".to_owned(),
        priority: 3,
        kind: "story".to_owned(),
        comments: comments.iter().map(comment).collect(),
        history: Vec::new(),
    }
}

pub(super) fn fenced(block: &str) -> String {
    format!("Notes:\n\n```ops\n{}\n```\n", block.trim_end())
}

pub(super) fn version(version: &str) -> String {
    fenced(&format!(
        "service: shop\nartifact: a\nversion: {version}\nmigrations: []\nrollback: previous"
    ))
}

pub(super) fn find(ticket: &Ticket) -> NotesFound {
    find_notes(ticket, |who: &Identity| who.as_str() == "dan")
}

pub(super) fn found(ticket: &Ticket) -> FoundNotes {
    match find(ticket) {
        NotesFound::Found(found) => *found,
        other => panic!("{other:?}"),
    }
}

pub(super) fn complaints(block: &str) -> Vec<(u32, ComplaintKind, String)> {
    let (complaints, _) = parse(block).unwrap_err();
    complaints.into_iter().map(|c| (c.line, c.kind, c.field)).collect()
}

#[test]
fn whole_notes_are_read() {
    let notes = parse(WHOLE).unwrap();
    assert_eq!(notes.artifact, Artifact::Path("dist/shop.tar.gz".to_owned()));
    assert_eq!((notes.version.as_str(), notes.commit.as_deref()), ("1.10", Some("0123456")));
    assert_eq!((notes.migrations.len(), notes.variables.len(), notes.includes.len()), (0, 1, 2));
    assert_eq!(notes.fixes, ["D-12"]);
    assert_eq!(notes.rollback, WayBack::Previous);
    assert_eq!(notes.bound_digest(), None);

    let digest = crate::id::Digest::of(b"x");
    let bound = WHOLE.replace("dist/shop.tar.gz", digest.as_str());
    assert_eq!(parse(&bound).unwrap().bound_digest(), Some(&digest));
}

#[test]
fn p1_images_of_a_project_are_named_each_by_its_digest() {
    let digest = crate::id::Digest::of(b"x");
    let with = |images: &str| {
        WHOLE.replace("migrations: none", &format!("images: {images}\nmigrations: none"))
    };
    let notes = parse(&with(&format!("{{ web: r/web@{digest}, db: r/db@{digest} }}"))).unwrap();
    assert_eq!(notes.images["web"], format!("r/web@{digest}"));
    assert_eq!(notes.images.len(), 2);
    let lines = format!("\n  web: r/web@{digest}");
    assert_eq!(parse(&with(&lines)).unwrap().images.len(), 1);
    for bad in [
        "r/web",
        "{ web: r/web }",
        "{ web: r/web:1 }",
        "{ web: [a] }",
        "[web]",
        "{ web: r@sha256:1 }",
    ] {
        let (_, kind, field) = complaints(&with(bad)).remove(0);
        assert_eq!(field, "images", "{bad}: {kind:?}");
    }
    let twice = format!("{{ web: r/web@{digest}, web: r/other@{digest} }}");
    assert!(parse(&with(&twice)).is_err());
}

#[test]
fn what_is_known_of_images_is_written_out_in_the_question() {
    let digest = crate::id::Digest::of(b"x");
    let text = fenced(&format!("service: shop\nimages: {{ web: r/web@{digest} }}"));
    let ticket = ticket(&text, &[]);
    let question = missing_notes_question(&ticket.id, &find(&ticket), &[]).unwrap();
    assert!(question.contains(&format!("images: {{ \"web\": \"r/web@{digest}\" }}")), "{question}");
}

#[test]
fn the_newest_block_by_dev_counts() {
    let (one, two, three) = (version("v1"), version("v2"), version("v3"));
    let found = |comments: &[(&str, &str)]| {
        let found = found(&ticket(&one, comments));
        (found.notes.version, found.place)
    };
    assert_eq!(found(&[]), ("v1".to_owned(), Place::Description));
    assert_eq!(found(&[("quinn", &two)]), ("v1".to_owned(), Place::Description));
    assert_eq!(found(&[("dan", &two), ("quinn", &three)]), ("v2".to_owned(), Place::Comment(0)));
    let comments = [("dan", two.as_str()), ("dan", three.as_str()), ("dan", "no block")];
    assert_eq!(found(&comments), ("v3".to_owned(), Place::Comment(1)));
}

#[test]
fn quoted_hidden_and_shown_blocks_do_not_count() {
    let quoted = version("v2").lines().map(|line| ["> ", line, "\n"].concat()).collect::<String>();
    let hidden = format!("<!--\n{}-->", version("v2"));
    let shown = format!("````markdown\n{}````\n", version("v2"));
    for text in [&quoted, &hidden, &shown, "```yaml\nservice: shop\n```", "```opsy\na: b\n```"] {
        assert_eq!(find(&ticket(text, &[("dan", text)])), NotesFound::Missing, "{text}");
        assert!(!has_block(text));
    }
}

#[test]
fn p8_a_broken_newer_block_hides_the_older_one() {
    let whole = version("v1");
    let several = format!("{whole}\n{whole}");
    for (text, kind) in [
        ("```ops\nservice: shop\n```", ComplaintKind::Missing),
        ("```ops\nservice: shop", ComplaintKind::Unclosed),
        (several.as_str(), ComplaintKind::SeveralBlocks),
    ] {
        match find(&ticket(&whole, &[("dan", text)])) {
            NotesFound::Invalid { place: Place::Comment(0), complaints, .. } => {
                assert_eq!(complaints[0].kind, kind, "{text}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn line_ends_do_not_change_the_hash() {
    let unix = version("v1");
    let windows = unix.replace('\n', "\r\n");
    assert_eq!(found(&ticket(&unix, &[])).hash, found(&ticket(&windows, &[])).hash);
    assert_ne!(found(&ticket(&unix, &[])).hash, found(&ticket(&version("v2"), &[])).hash);
}

#[test]
fn every_mistake_is_named_with_its_line() {
    use ComplaintKind::{BadValue, DuplicateKey, Missing, UnknownKey, WrongType};
    let block = "servcie: shop\nversion: v1\nversion: v2\nartifact: [a]\ndigest: sha256:12\n\
                 commit: main\nvariables: A B\nsecrets: [x y]\ndepends_on: {a: b}\nrollback:\n";
    let of = |line, kind, field: &str| (line, kind, field.to_owned());
    assert_eq!(
        complaints(block),
        [
            of(1, UnknownKey, "servcie"),
            of(3, DuplicateKey, "version"),
            of(4, WrongType, "artifact"),
            of(5, BadValue, "digest"),
            of(6, BadValue, "commit"),
            of(7, WrongType, "variables"),
            of(8, BadValue, "secrets"),
            of(9, WrongType, "depends_on"),
            of(10, WrongType, "rollback"),
            of(10, Missing, "service"),
            of(10, Missing, "migrations"),
        ]
    );
    let (complaints, _) = parse(block).unwrap_err();
    assert_eq!(complaints[0].hint, "did you mean `service`?");
    let digests = WHOLE.replace("dist/shop.tar.gz", crate::id::Digest::of(b"x").as_str());
    let two = format!("{digests}digest: {}\n", crate::id::Digest::of(b"y"));
    assert_eq!(parse(&two).unwrap_err().0[0].kind, BadValue);
    let long = WHOLE.replace("1.10", &"9".repeat(MAX_VERSION_CHARS + 1));
    assert_eq!(parse(&long).unwrap_err().0[0].kind, BadValue);
}

#[test]
fn migrations_must_be_spoken_of() {
    let with = |line: &str| parse(&WHOLE.replace("migrations: none", line));
    assert_eq!(with("migrations: []").unwrap().migrations.len(), 0);
    assert_eq!(with("migrations: [001_basket.sql]").unwrap().migrations, ["001_basket.sql"]);
    assert_eq!(with("migrations: add a column").unwrap().migrations, ["add a column"]);
    assert_eq!(with("").unwrap_err().0[0].kind, ComplaintKind::Missing);
    assert_eq!(with("migrations:").unwrap_err().0[0].kind, ComplaintKind::WrongType);
    assert_eq!(with("migrations: [none, 002]").unwrap_err().0[0].kind, ComplaintKind::BadValue);
}

#[test]
fn p13_what_may_be_a_secret_is_not_repeated() {
    let block = WHOLE.replace("- SHOP_KEY", "- SHOP_KEY=hunter2");
    let found = find(&ticket(&format!("```ops\n{block}```"), &[]));
    let question = missing_notes_question(&"MNS-7".into(), &found, &[]).unwrap();
    assert!(!question.contains("hunter2") && !format!("{found:?}").contains("hunter2"));
}

#[test]
fn sizes_are_bounded() {
    let long = format!("{WHOLE}# {}", "x".repeat(MAX_BLOCK_BYTES));
    assert_eq!(parse(&long).unwrap_err().0[0].kind, ComplaintKind::TooLarge);
    let many = WHOLE.replace("[SHOP_URL]", &format!("[{}]", "A, ".repeat(MAX_ITEMS + 1)));
    assert_eq!(parse(&many).unwrap_err().0[0].kind, ComplaintKind::TooLarge);
}

#[test]
fn the_question_asks_once_and_fills_in_what_is_known() {
    let services = ["shop".into()];
    let ask = |description: &str, services: &[ServiceName]| {
        missing_notes_question(&"MNS-7".into(), &find(&ticket(description, &[])), services)
    };
    assert_eq!(ask(&version("v1"), &services), None);
    insta::assert_snapshot!("question_missing", ask("no notes", &services).unwrap());
    let partial = "```ops\nservice: shop\nartefact: a\nversion: v1\nsecrets: KEY\n\
                   depends_on: [db, \"a: b\"]\n```";
    let two = ["shop".into(), "db".into()];
    insta::assert_snapshot!("question_invalid", ask(partial, &two).unwrap());
    insta::assert_snapshot!("question_not_yaml", ask("```ops\nservice: [\n```", &two).unwrap());
}

#[test]
fn the_block_to_paste_is_found_again_and_only_its_gaps_are_complained_about() {
    let question = missing_notes_question(&"MNS-7".into(), &NotesFound::Missing, &["shop".into()]);
    match find(&ticket("", &[("dan", &question.unwrap())])) {
        NotesFound::Invalid { complaints, .. } => {
            assert!(complaints.iter().all(|c| c.what.ends_with("is empty")), "{complaints:?}");
        }
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn no_block_makes_the_reader_panic(block in "[a-z_:\\[\\]{}\\-&*!|>'\"# \n\t0-9]{0,200}") {
        let _ = parse(&block);
        let _ = find(&ticket(&format!("```ops\n{block}\n```"), &[]));
    }

    #[test]
    fn p8_notes_without_a_required_field_are_never_complete(drop in 0usize..5) {
        let required = ["service", "artifact", "version", "migrations", "rollback"];
        let kept: String = WHOLE
            .lines()
            .filter(|line| !line.starts_with(required[drop]))
            .map(|line| [line, "\n"].concat())
            .collect();
        prop_assert!(parse(&kept).is_err());
    }
}
