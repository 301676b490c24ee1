//! What the ticket, the team and `ops explain` are told, for each way that a deployment can take.
//! The snapshots are the product's voice: read them aloud.

use std::fmt::Write as _;

use super::{Halt, Input, Outcome, Phase, PhaseName, owed};
use crate::{
    checks::{Checklist, Facts},
    fixture::{World, canary, comment, moved},
    id::{DeploymentId, Identity},
    plan::Kind,
    settings::{Opening, Stage, Window, WindowKind},
    world::Fault,
};

const PIA: &str = "pia@example.org";

fn pia() -> Identity {
    PIA.into()
}

/// A deployment on its way, with what `ops explain` says in each of its phases.
struct Tale {
    world: World,
    explained: String,
    last: Option<PhaseName>,
}

impl Tale {
    fn new(world: World) -> Self {
        Self { world, explained: String::new(), last: None }
    }

    /// The second version of a service.
    fn second() -> Self {
        let mut first = World::new(canary(), "v1");
        first.ended();
        Self::new(first.next("v2"))
    }

    fn explain(&mut self) {
        let phase = self.world.state.phase_name();
        if self.last == Some(phase) {
            return;
        }
        self.last = Some(phase);
        let report = owed(&self.world.state, &self.world.now).report;
        let left = report.left_ms.map_or("no end".into(), |ms| format!("{} s", ms / 1_000));
        let (name, waits, then) = (phase.text(), report.waiting_for, report.then);
        let _ = writeln!(self.explained, "{name}: waits until {waits} ({left}), then {then}");
    }

    fn until(&mut self, what: impl Fn(&World) -> bool) {
        for _ in 0..30_000 {
            self.explain();
            if what(&self.world) {
                return;
            }
            self.world.step();
        }
        panic!("never: {:?}", self.world.state.phase);
    }

    fn phase(&mut self, name: PhaseName) {
        self.until(|world| world.state.phase_name() == name && !world.state.busy());
    }

    fn told(mut self, end: PhaseName) -> String {
        self.until(|world| world.state.ended());
        assert_eq!(self.world.state.phase_name(), end, "{:?}", self.world.state.phase);
        self.said()
    }

    fn said(self) -> String {
        format!("{}\n--- ops explain\n{}", self.world.words().trim_end(), self.explained)
    }
}

#[test]
fn s4_a_hold_is_told_once_and_solved_by_a_word() {
    let mut tale = Tale::second();
    tale.world.settings.gate.windows.push(Window {
        name: "year's end".into(),
        kind: WindowKind::Deny,
        open: Opening::Between {
            from: "2026-01-01T00:00:00Z".parse().unwrap(),
            until: tale.world.now.wall + jiff::SignedDuration::from_mins(5),
        },
        environments: Vec::new(),
        services: Vec::new(),
        except: vec!["hotfix".into()],
    });
    tale.phase(PhaseName::Held);
    let Phase::Held { recheck, .. } = &tale.world.state.phase else { panic!("held") };
    assert!(recheck.length < 5 * 60_000 + 2_000, "it looks again when the window opens");
    insta::assert_snapshot!(tale.told(PhaseName::Closed));
}

#[test]
fn a_hold_that_comes_back_is_told_again() {
    let mut tale = Tale::second();
    tale.world.broken.push("start");
    tale.phase(PhaseName::Held);
    tale.world.broken.clear();
    tale.phase(PhaseName::Watching);
    let held = |tale: &Tale| tale.world.words().matches("## Deployment Held").count();
    assert_eq!((held(&tale), tale.world.words().matches("Hold Solved").count()), (1, 1));
}

#[test]
fn s5_a_preparation_that_fails_holds_the_ticket() {
    let mut tale = Tale::second();
    tale.world.broken.push("start");
    tale.phase(PhaseName::Held);
    insta::assert_snapshot!(tale.said());
}

#[test]
fn an_abort_before_the_first_act_waits_for_a_person() {
    let mut tale = Tale::second();
    tale.phase(PhaseName::Planned);
    tale.world.feed(&Input::Abort { by: pia() });
    tale.phase(PhaseName::Held);
    tale.world.feed(&Input::Resume { by: pia() });
    insta::assert_snapshot!(tale.told(PhaseName::Closed));
}

#[test]
fn s13_pulled_back_while_it_is_held() {
    let mut tale = Tale::second();
    comment(&mut tale.world.ticket, "quinn@example.org", "QA: FAIL");
    tale.phase(PhaseName::Held);
    moved(&mut tale.world.ticket, PIA, "rfp", "in-progress");
    insta::assert_snapshot!(tale.told(PhaseName::Withdrawn));
}

#[test]
fn s13_pulled_back_while_users_are_on_it() {
    let mut tale = Tale::second();
    tale.phase(PhaseName::Watching);
    moved(&mut tale.world.ticket, PIA, "rfp", "in-progress");
    insta::assert_snapshot!(tale.told(PhaseName::Withdrawn));
}

#[test]
fn s13_a_verdict_revoked_while_users_are_on_it() {
    let mut tale = Tale::second();
    tale.phase(PhaseName::Watching);
    comment(&mut tale.world.ticket, "quinn@example.org", "QA: FAIL, I was wrong.");
    insta::assert_snapshot!(tale.told(PhaseName::Withdrawn));
}

#[test]
fn p9_an_abort_takes_it_back() {
    let mut tale = Tale::second();
    tale.phase(PhaseName::Watching);
    tale.world.feed(&Input::Abort { by: pia() });
    insta::assert_snapshot!(tale.told(PhaseName::RolledBack));
}

#[test]
fn p9_a_halt_that_nobody_ends_takes_it_back() {
    let mut tale = Tale::second();
    tale.phase(PhaseName::Watching);
    tale.world.feed(&Input::Halt { by: pia() });
    assert!(matches!(tale.world.state.halted, Some(Halt { .. })));
    insta::assert_snapshot!(tale.told(PhaseName::RolledBack));
}

#[test]
fn s5_too_little_was_seen() {
    let mut tale = Tale::second();
    for service in tale.world.settings.services.values_mut() {
        service.watch.min_requests = 1_000_000;
    }
    insta::assert_snapshot!(tale.told(PhaseName::RolledBack));
}

#[test]
fn p15_a_version_that_never_gets_healthy_is_condemned() {
    let mut tale = Tale::second();
    tale.phase(PhaseName::Deploying);
    let new = tale.world.state.plan.as_ref().unwrap().new.spec.release.clone();
    tale.world.sick.push(new);
    insta::assert_snapshot!(tale.told(PhaseName::RolledBack));
}

/// A way back that fails, and where nothing of the previous version is healthy.
fn frozen(old_is_sick: bool) -> Tale {
    let mut tale = Tale::second();
    tale.phase(PhaseName::Watching);
    tale.world.broken.push("set-route");
    tale.world.feed(&Input::Abort { by: pia() });
    tale.phase(PhaseName::Frozen);
    if old_is_sick {
        let old = tale.world.old.as_ref().unwrap().spec.release.clone();
        tale.world.sick.push(old);
    }
    tale
}

#[test]
fn s11_frozen_acknowledged_and_thawed_on_the_previous_version() {
    let mut tale = frozen(false);
    tale.world.feed(&Input::Acknowledge { by: pia() });
    tale.world.broken.clear();
    insta::assert_snapshot!(tale.told(PhaseName::Thawed));
}

#[test]
fn s11_thawed_on_the_new_version_because_nothing_else_is_healthy() {
    let mut tale = frozen(true);
    tale.world.broken.clear();
    tale.until(|world| world.state.ended());
    assert!(matches!(tale.world.state.phase, Phase::Thawed { new: true, .. }));
    insta::assert_snapshot!(tale.told(PhaseName::Thawed));
}

#[test]
fn s11_frozen_and_mended_by_another_ticket() {
    let mut tale = frozen(false);
    tale.world.feed(&Input::Superseded { by: DeploymentId(9) });
    insta::assert_snapshot!(tale.told(PhaseName::Thawed));
}

#[test]
fn s13_pulled_back_after_the_watch() {
    let mut tale = Tale::second();
    let fault = Fault::new("its status is in-progress", "the board", "look");
    let refused = Outcome::NotApplied { fault };
    tale.world.refused_letters = vec![(super::About::Close, refused)];
    tale.until(|world| world.state.outbox.iter().any(|one| one.about == super::About::Close));
    moved(&mut tale.world.ticket, PIA, "rfp", "in-progress");
    insta::assert_snapshot!(tale.told(PhaseName::KeptNotClosed));
}

#[test]
fn s13_our_own_move_that_came_late_is_no_pull_back() {
    let mut tale = Tale::second();
    let refused = Outcome::NotApplied { fault: Fault::new("away", "the board", "look") };
    tale.world.refused_letters = vec![(super::About::Close, refused)];
    tale.until(|world| world.state.outbox.iter().any(|one| one.about == super::About::Close));
    moved(&mut tale.world.ticket, "ops@example.org", "rfp", "closed");
    for _ in 0..60 {
        tale.world.step();
    }
    assert_eq!(tale.world.state.phase_name(), PhaseName::Documenting);
    tale.world.refused_letters.clear();
    tale.phase(PhaseName::Closed);
}

/// The same service on a stage before production.
fn staged() -> Tale {
    let mut world = World::new(canary(), "v1");
    let environment = world.settings.environments[&"production".into()].clone();
    let staging = crate::settings::Environment { name: "staging".into(), ..environment };
    world.settings.environments.insert("staging".into(), staging);
    for service in world.settings.services.values_mut() {
        let stage = |environment: &str, soak_seconds| Stage {
            environment: environment.into(),
            route: None,
            soak_seconds,
        };
        service.stages = vec![stage("staging", 600), stage("production", 0)];
    }
    world.state.created.environment = "staging".into();
    Tale::new(world)
}

#[test]
fn s12_soaks_and_goes_on() {
    insta::assert_snapshot!(staged().told(PhaseName::Promoted));
}

#[test]
fn s12_pulled_back_while_it_soaks() {
    let mut tale = staged();
    tale.phase(PhaseName::Soaking);
    moved(&mut tale.world.ticket, PIA, "rfp", "in-progress");
    insta::assert_snapshot!(tale.told(PhaseName::Withdrawn));
}

#[test]
fn s12_another_deployment_takes_the_stage() {
    let mut tale = staged();
    tale.phase(PhaseName::Soaking);
    tale.world.feed(&Input::Superseded { by: DeploymentId(9) });
    insta::assert_snapshot!(tale.told(PhaseName::Withdrawn));
}

#[test]
fn s15_rolled_back_later() {
    let mut closed = Tale::second();
    closed.until(|world| world.state.ended());
    let undo = closed.world.old.clone();
    let mut world = closed.world.next("v2");
    let of = DeploymentId(world.state.id().0 - 1);
    world.state.created.kind = Kind::Rollback { of, by: pia() };
    world.undo = undo;
    world.version = "v1".into();
    insta::assert_snapshot!(Tale::new(world).told(PhaseName::Closed));
}

#[test]
fn checks_that_do_not_end_are_given_up() {
    let mut world = World::new(canary(), "v1");
    world.feed(&Input::Turn);
    world.now.ms += super::CHECK_MS + 1_000;
    world.feed(&Input::Tick);
    assert!(world.words().contains("they did not end in time"), "{}", world.words());
}

#[test]
fn every_hold_says_what_was_stopped_why_what_first_and_when() {
    let mut tale = Tale::second();
    let fault = || Fault::new("no answer", "the board", "start the board");
    let facts = Facts { ticket: Err(fault()), host: Err(fault()), ..tale.world.facts() };
    tale.world.feed(&Input::Turn);
    tale.world.feed(&Input::Facts(Box::new(facts)));
    let checklist = tale.world.state.checklist.clone().unwrap();
    assert_eq!(checklist.checks.len(), Checklist::IDS.len());
    insta::assert_snapshot!(tale.said());
}
