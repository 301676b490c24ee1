//! Merges after CQ's verdict, with real commits and the stamps of the embedded board.

use std::path::Path;

use crate::{
    gates::goes,
    house::{Site, eventually},
    team::{Team, more_notes, notes},
};

#[test]
fn s9_a_merge_with_the_same_tree_keeps_cqs_verdict_and_any_other_does_not() {
    let mut site = Site::shop();
    site.serve();
    let team = Team::new(&site);

    let way = "a merge that brings what nobody has seen";
    let seen = branch(&site, "shipping");
    site.write("trunk.txt", "meanwhile");
    commit(&site, "trunk.txt");
    let merge = merged(&site, "shipping");
    let id = tested(&team, &built(&team, "m1", &seen), &built(&team, "m2", &merge));
    team.held(way, &id, "m2", "the very same source tree");

    let way = "a merge after QA's verdict";
    let seen = branch(&site, "basket");
    let merge = merged(&site, "basket");
    let (before, after) = (built(&team, "m3", &seen), built(&team, "m4", &merge));
    let id = team.judged(way, &before, |id| {
        team.by("dev").comment(id, &after).unwrap();
    });
    team.held(way, &id, "m4", "QA's pass");

    let way = "a merge under another configuration of the service";
    let (before, after) = (built(&team, "m5", &seen), built(&team, "m6", &merge));
    let id = reviewed(&team, &before);
    site.edit_and_commit(|text| text.replace("drain: 5s", "drain: 6s"));
    eventually("the new commit governs", || {
        let head = site.git(&["rev-parse", "HEAD"]);
        site.ops(&["plan", &id]).out.contains(&head).then_some(())
    });
    retested(&team, &id, &after);
    team.held(way, &id, "m6", "another candidate");

    let seen = branch(&site, "voucher");
    let merge = merged(&site, "voucher");
    let id = tested(&team, &built(&team, "m7", &seen), &built(&team, "m8", &merge));
    goes(&site, &id);
    let said = site.ops(&["plan", &id]).out;
    assert!(said.contains("for the same source tree as in comment 2"), "{said}");
    team.none_led_through();
    site.assert_clean();
}

/// A commit on a branch of its own, from which the trunk is checked out again.
fn branch(site: &Site, name: &str) -> String {
    site.git(&["checkout", "--quiet", "-b", name]);
    site.write(&format!("{name}.txt"), name);
    let id = commit(site, &format!("{name}.txt"));
    site.git(&["checkout", "--quiet", "-"]);
    id
}

fn commit(site: &Site, file: &str) -> String {
    site.git(&["add", file]);
    site.git(&["commit", "--quiet", "-m", file]);
    site.git(&["rev-parse", "HEAD"])
}

fn merged(site: &Site, branch: &str) -> String {
    site.git(&["merge", "--quiet", "--no-ff", "--no-edit", branch]);
    site.git(&["rev-parse", "HEAD"])
}

/// Notes for the build of a commit, with the digest of what was built.
fn built(team: &Team<'_>, version: &str, commit: &str) -> String {
    let artifact = team.site.build(version);
    let digest = digest(team, version, &artifact);
    more_notes(version, &artifact, &format!("digest: {digest}\ncommit: \"{commit}\"\n"))
}

/// The digest as ops tells it.
fn digest(team: &Team<'_>, version: &str, artifact: &Path) -> String {
    let id = team.todo(&format!("What is {version}?"), &notes(version, artifact));
    let said = team.site.ops(&["plan", &id]).out;
    let found = said.split_whitespace().find_map(|word| {
        word.strip_suffix(',').filter(|word| word.starts_with("sha256:") && word.len() == 71)
    });
    found.unwrap_or_else(|| panic!("no digest in {said}")).to_owned()
}

/// A ticket that CQ passed and QA has.
fn reviewed(team: &Team<'_>, before: &str) -> String {
    let id = team.review("Sell more", before);
    team.by("cq").comment(&id, "CQ: PASS").unwrap();
    team.by("cq").move_ticket(&id, "in-qa").unwrap();
    id
}

/// DEV merges, and QA passes the merge.
fn retested(team: &Team<'_>, id: &str, after: &str) {
    team.by("dev").comment(id, after).unwrap();
    team.by("qa").comment(id, "QA: PASS").unwrap();
    team.by("qa").move_ticket(id, "rfp").unwrap();
}

fn tested(team: &Team<'_>, before: &str, after: &str) -> String {
    let id = reviewed(team, before);
    retested(team, &id, after);
    id
}
