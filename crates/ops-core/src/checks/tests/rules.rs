//! The rules of single situations: who overtakes whom, what stays condemned, what a fix may relax.

use super::{
    BAD, Scene, Verdict,
    scene::{COMMIT, SICK, condemned, fault, fixed, rewrite, rival},
};
use crate::{
    checks::{Age, Condemned, judge},
    fixture::comment,
    id::{DeploymentId, Digest, TicketId},
    settings::{Certificate, EdgeTls, Role},
};

fn causes(change: impl FnOnce(&mut Scene)) -> Vec<String> {
    let mut scene = Scene::good();
    change(&mut scene);
    let list = scene.judged();
    if list.passed() { Vec::new() } else { list.causes() }
}

fn tickets(scene: &Scene) -> Vec<TicketId> {
    judge(&scene.created, &scene.facts).plan.map(|plan| plan.tickets).unwrap_or_default()
}

#[test]
fn s3_s4_configuration_of_another_commit_may_be_anything_but_looser() {
    assert!(causes(|scene| scene.propose(|_| {})).is_empty(), "the same");
    assert!(causes(|scene| scene.propose(|shop| shop.watch.seconds = 600)).is_empty(), "stricter");
    assert!(causes(|scene| scene.propose(|shop| shop.command.push("-v".into()))).is_empty());
    assert_eq!(causes(|scene| scene.propose(|shop| shop.watch.min_requests = 0)), ["settings"]);
    assert_eq!(causes(|scene| scene.propose(|shop| shop.smoke.clear())), ["settings"]);
    assert_eq!(causes(|scene| scene.propose(|shop| shop.budget = None)), ["settings"]);
}

#[test]
fn s3_a_configuration_that_is_deployed_is_the_one_that_is_named() {
    let mut scene = Scene::good();
    scene.propose(|shop| shop.command.push("-v".into()));
    let plan = judge(&scene.created, &scene.facts).plan.unwrap();
    assert_eq!(plan.service.command.last().map(String::as_str), Some("-v"));
}

#[test]
fn s8_only_a_newer_candidate_with_its_own_evidence_overtakes() {
    assert_eq!(causes(|scene| scene.rival(rival("v3", Age::Newer))), ["overtaken"]);
    assert!(causes(|scene| scene.rival(rival("v0", Age::Older))).is_empty());
    assert!(causes(|scene| scene.rival(rival("v0", Age::Ancestor))).is_empty());
    let mut failed = rival("v3", Age::Newer);
    comment(&mut failed.ticket, "quinn@example.org", "## QA FAIL");
    assert!(causes(|scene| scene.rival(failed)).is_empty(), "QA failed it");
    let mut other = rival("v3", Age::Newer);
    other.artifact = None;
    assert!(causes(|scene| scene.rival(other)).is_empty(), "its artifact is nowhere");
}

#[test]
fn s8_what_was_condemned_overtakes_nobody_until_its_round_names_the_failure() {
    let judged = |by: fn(&mut crate::checks::Rival), bad| {
        causes(|scene| {
            let mut rival = rival("v3", Age::Newer);
            by(&mut rival);
            scene.rival(rival);
            scene.facts.condemned.push(bad);
        })
    };
    assert!(judged(|_| {}, condemned("v3", None)).is_empty(), "by its artifact");
    assert!(judged(|_| {}, condemned("x", Some("badc0ffee5"))).is_empty(), "by its commit");
    let undigested: fn(&mut crate::checks::Rival) = |rival| {
        let line = format!("digest: {}\n", Digest::of(b"v3"));
        rewrite(&mut rival.ticket, &line, "");
    };
    assert!(judged(undigested, condemned("v3", None)).is_empty(), "a path without a digest");
    let named: fn(&mut crate::checks::Rival) = |rival| {
        comment(&mut rival.ticket, "cleo@example.org", "APPROVED. The cause of D-3 is mended.");
        comment(&mut rival.ticket, "quinn@example.org", "## QA PASS\n\nD-3 does not happen again.");
    };
    assert_eq!(judged(named, condemned("v3", None)), ["overtaken"]);
}

#[test]
fn s8_what_the_notes_include_ships_along_with_its_own_evidence() {
    let scene = |age, names: bool| {
        let mut scene = Scene::good();
        if names {
            scene.notes("depends_on: [cart]", "depends_on: [cart]\nincludes: MNS-9");
        }
        scene.rival(rival("v1.9", age));
        scene
    };
    assert_eq!(tickets(&scene(Age::Ancestor, true)), ["MNS-7".into(), "MNS-9".into()]);
    assert_eq!(tickets(&scene(Age::Ancestor, false)), ["MNS-7".into()], "not named");
    assert_eq!(tickets(&scene(Age::Older, true)), ["MNS-7".into()], "not held by our commit");
    let mut failed = scene(Age::Ancestor, true);
    if let Ok(rivals) = &mut failed.facts.rivals {
        comment(&mut rivals[0].ticket, "quinn@example.org", "## QA FAIL");
    }
    assert_eq!(tickets(&failed), ["MNS-7".into()], "QA failed it");
}

#[test]
fn s10_a_round_that_names_the_failure_frees_what_was_condemned() {
    let judged = |cq: &str, qa: &str| {
        causes(|scene| {
            scene.facts.condemned.push(condemned("v2", Some(COMMIT)));
            scene.ticket(|ticket| {
                comment(ticket, "cleo@example.org", cq);
                comment(ticket, "quinn@example.org", qa);
            });
        })
    };
    assert!(judged("APPROVED. Mends D-3.", "## QA PASS\n\nd-3 is gone.").is_empty());
    assert_eq!(judged("APPROVED. Mends D-3.", "## QA PASS"), ["guards"], "QA does not name it");
    assert_eq!(judged("APPROVED", "## QA PASS\n\nD-3 is gone."), ["guards"], "CQ does not");
    assert_eq!(judged("APPROVED D-33", "## QA PASS D-33"), ["guards"], "another number");
}

#[test]
fn p15_what_was_judged_bad_since_it_passed_does_not_come_back_by_itself() {
    let judged = |by: u64, artifact: &str| {
        let mut scene = Scene::rollback();
        let undo = scene.facts.undo.as_mut().unwrap();
        undo.by = DeploymentId(2);
        let service = undo.candidate.service.clone();
        undo.candidate.artifact = Digest::of(b"v1");
        undo.spec.artifact = Digest::of(b"v1");
        let by = DeploymentId(by);
        scene.facts.condemned.push(Condemned { service, by, ..condemned(artifact, None) });
        scene.judged().get("guards").unwrap().verdict
    };
    assert_eq!(judged(3, "v1"), Verdict::Fail, "judged bad after it had passed");
    assert_eq!(judged(1, "v1"), Verdict::Pass, "it has passed since");
    assert_eq!(judged(3, "v2"), Verdict::Pass, "another one");
}

#[test]
fn s10_what_another_service_did_condemns_nothing_here() {
    let mut other = condemned("v2", Some(COMMIT));
    other.service = "cart".into();
    assert!(causes(|scene| scene.facts.condemned.push(other)).is_empty());
    assert!(causes(|scene| scene.facts.condemned.push(condemned("v1", Some("beef")))).is_empty());
}

#[test]
fn p8_s10_where_commits_cannot_be_compared_descent_is_not_known() {
    let mut scene = Scene::good();
    scene.facts.rivals = Err(fault());
    scene.facts.condemned.push(condemned("v1.9", Some("badbadbad")));
    assert_eq!(scene.judged().get("guards").unwrap().verdict, Verdict::Inconclusive);
}

/// What a bad deployment can turn red.
const OF_STATE: [&str; 6] =
    ["service-health", "dependencies", "host", "alerts", "error-budget", "conflict"];

#[test]
fn s11_a_confirmed_fix_is_not_held_by_what_it_mends_and_by_all_else() {
    for bad in BAD {
        let mut scene = Scene::good();
        scene.fix();
        (bad.change)(&mut scene);
        let list = scene.judged();
        // A configuration that names no environment or dependency is not what was mended.
        let relaxed = OF_STATE.contains(&bad.id) && bad.verdict == Verdict::Fail;
        assert_eq!(list.passed(), relaxed, "{}: {list:#?}", bad.what);
        if relaxed {
            assert_eq!(list.get(bad.id).unwrap().verdict, Verdict::Relaxed, "{}", bad.what);
        }
    }
}

fn sick(scene: &mut Scene) {
    scene.facts.health.values_mut().for_each(|one| *one = Ok(Some("answered 503".into())));
}

/// What holds a fix of a sick service, with a comment by somebody, and facts about what it fixes.
fn fix(who: &str, says: &str, change: impl FnOnce(&mut crate::checks::Fixed)) -> Vec<String> {
    causes(|scene| {
        sick(scene);
        let mut fixed = fixed();
        change(&mut fixed);
        scene.facts.fixes.push(fixed);
        scene.ticket(|ticket| comment(ticket, who, says));
    })
}

#[test]
fn s11_only_po_or_a_listed_person_confirms_a_fix() {
    let says = "Confirmed: fixes D-5";
    for who in ["pia@example.org", "olga@example.org"] {
        assert!(fix(who, says, |_| {}).is_empty(), "{who}");
        assert!(fix(who, "Go.\n\n**confirmed: fixes d-5.**", |_| {}).is_empty(), "{who}");
    }
    for who in ["dan@example.org", "cleo@example.org", "quinn@example.org", "eve@example.org"] {
        // Some of these words are a verdict from CQ or QA; that is another matter.
        assert!(fix(who, says, |_| {}).contains(&"service-health".to_owned()), "{who}");
    }
    for other in [
        "Confirmed: fixes D-55",
        "Confirmed: fixes D-6",
        "> Confirmed: fixes D-5",
        "```\nConfirmed: fixes D-5\n```",
        "Not confirmed: fixes D-5",
        "Confirmed: fixes D-5, perhaps",
    ] {
        assert_eq!(fix("pia@example.org", other, |_| {}), ["service-health"], "{other}");
    }
}

#[test]
fn s11_only_what_was_green_before_and_stands_now_is_relaxed() {
    let says = "Confirmed: fixes D-5";
    let held = ["service-health"];
    assert_eq!(fix("pia@example.org", says, |fixed| fixed.green.clear()), held, "red before");
    assert_eq!(fix("pia@example.org", says, |fixed| fixed.stands = false), held, "it is over");
    assert_eq!(fix("pia@example.org", says, |fixed| fixed.deployment = None), held, "unknown");
}

#[test]
fn s11_who_may_confirm_is_told_where_that_would_help() {
    let mut scene = Scene::good();
    sick(&mut scene);
    scene.facts.fixes.push(fixed());
    let list = scene.judged();
    let remedy = &list.get("service-health").unwrap().remedy;
    assert!(remedy.contains("`Confirmed: fixes D-5`"), "{remedy}");
    scene.facts.fixes[0].green.clear();
    let list = scene.judged();
    assert!(!list.get("service-health").unwrap().remedy.contains("Confirmed"));
}

#[test]
fn p4_s11_a_fix_passes_only_the_deployment_that_it_fixes() {
    let with = |conflicts: Vec<DeploymentId>| {
        causes(|scene| {
            scene.fix();
            scene.facts.conflicts = conflicts;
        })
    };
    assert!(with(vec![SICK]).is_empty());
    assert_eq!(with(vec![DeploymentId(9)]), ["conflict"]);
    assert_eq!(with(vec![SICK, DeploymentId(9)]), ["conflict"]);
}

#[test]
fn p3_only_po_gives_the_class_that_a_window_or_a_budget_lets_through() {
    let night = |scene: &mut Scene| scene.facts.at = "2026-09-21T20:00:00Z".parse().unwrap();
    let spent = |scene: &mut Scene| scene.facts.tally.failed = 5_000;
    for who in ["pia", "dan", "cleo", "quinn", "olga", "eve"] {
        let class = |scene: &mut Scene| {
            scene.ticket(|ticket| {
                comment(ticket, &format!("{who}@example.org"), "Class: hotfix");
            });
        };
        let held = |change: &dyn Fn(&mut Scene)| {
            causes(|scene| {
                class(scene);
                change(scene);
            })
        };
        let po = who == "pia";
        assert_eq!(held(&night).is_empty(), po, "{who}");
        assert_eq!(held(&spent).is_empty(), po, "{who}");
    }
}

#[test]
fn s5_a_few_failures_of_few_requests_spend_no_budget() {
    let held = |requests, failed| {
        causes(|scene| {
            scene.facts.tally.requests = requests;
            scene.facts.tally.failed = failed;
        })
    };
    assert!(held(10, 9).is_empty());
    assert_eq!(held(10, 10), ["error-budget"]);
    assert_eq!(held(10_000, 10), ["error-budget"]);
    assert!(held(10_001, 10).is_empty());
}

#[test]
fn s1_a_first_deployment_has_spent_nothing_and_nothing_is_sick() {
    let held = causes(|scene| {
        scene.facts.old = None;
        scene.facts.old_stored = None;
        scene.facts.health.clear();
        scene.facts.target = Ok(crate::world::TargetView::default());
        scene.facts.tally = crate::checks::Tally::default();
    });
    assert!(held.is_empty(), "{held:?}");
}

#[test]
fn migrations_that_the_service_runs_itself_are_said_by_ops_yaml() {
    let held = causes(|scene| {
        scene.notes("migrations: none", "migrations: [0007-add-column]");
        scene.shop(|shop| shop.migrations = crate::settings::Migrations::AtStart);
    });
    assert!(held.is_empty(), "{held:?}");
}

#[test]
fn alerts_of_others_and_those_that_are_ignored_hold_nothing() {
    let alert = |name: &str, service: Option<&str>| crate::checks::Alert {
        name: name.into(),
        service: service.map(str::to_owned),
        since: "14:02".into(),
    };
    let held = causes(|scene| {
        let firing = vec![alert("TooSlow", Some("mail")), alert("Watchdog", None)];
        scene.facts.alerts = vec![("alertmanager".into(), Ok(firing))];
    });
    assert!(held.is_empty(), "{held:?}");
}

#[test]
fn p1_solo_mode_is_named_on_the_record() {
    let mut scene = Scene::good();
    scene.settings(|settings| {
        settings.people.solo = true;
        settings.people.roles.insert("dan@example.org".into(), vec![Role::Dev, Role::Cq, Role::Qa]);
    });
    scene.ticket(|ticket| {
        for comment in &mut ticket.comments {
            comment.author = "dan@example.org".into();
        }
        for change in &mut ticket.history {
            change.user = "dan@example.org".into();
        }
    });
    let list = scene.judged();
    assert!(list.passed(), "{:#?}", list.failing().collect::<Vec<_>>());
    assert!(list.get("evidence").unwrap().evidence.contains("solo mode"));
}

#[test]
fn p8_the_certificates_that_the_door_shows_are_looked_at_too() {
    let shown = |left: Option<i64>| {
        causes(|scene| {
            scene.settings(|settings| {
                let one = Certificate { chain: "tls/door.pem".into(), key: "tls/door.key".into() };
                settings.edge.tls = Some(EdgeTls {
                    listen: vec!["127.0.0.1:8443".into()],
                    certificates: vec![one],
                });
            });
            let left = left.map(|left| ("tls/door.pem".to_owned(), Ok(left)));
            scene.facts.limits.certificates.extend(left);
        })
    };
    assert!(shown(Some(60 * 24 * 3_600)).is_empty());
    assert_eq!(shown(Some(2 * 24 * 3_600)), ["host"], "it ends in two days");
    assert_eq!(shown(None), ["host"], "nobody looked");
}
