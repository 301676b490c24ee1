//! Each check has a page, and each page a check.

use std::{collections::BTreeSet, fs, path::Path};

use crate::checks::{Checklist, page};

/// The longest page that somebody reads at night, in lines.
const LINES_MAX: usize = 40;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn every_check_has_a_page_with_its_title_and_a_link_to_it() {
    let index = fs::read_to_string(root().join("docs/checks/README.md")).unwrap();
    for id in Checklist::IDS {
        let path = page(id);
        let text =
            fs::read_to_string(root().join(&path)).unwrap_or_else(|why| panic!("{path}: {why}"));
        assert_eq!(text.lines().next(), Some(format!("# {id}").as_str()), "{path}");
        assert!(index.contains(&format!("({id}.md)")), "README.md does not link {id}");
        assert!(text.lines().count() <= LINES_MAX, "{path} is long");
        for heading in ["## Looks at", "## Fails when", "## What to do", "## Keys", "## Never"] {
            assert!(text.contains(heading), "{path} has no `{heading}`");
        }
        assert!(text.contains("Serves: "), "{path} names no promise");
    }
}

#[test]
fn no_page_is_left_of_a_check_that_is_gone() {
    let pages: BTreeSet<_> = fs::read_dir(root().join("docs/checks"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let wanted = Checklist::IDS.iter().map(|id| format!("{id}.md")).chain(["README.md".into()]);
    assert_eq!(pages, wanted.collect());
}
