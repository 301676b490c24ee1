//! An engine whose connection breaks in the middle of an act on a project, for ops or for Compose:
//! what is answered is true, and whoever comes next goes on.

use std::sync::atomic::Ordering;

use ops_conformance::stamp;
use ops_core::world::{ReleaseSpec, ReplicaState::Running};
use ops_engine::ports::{Act, ActError, Target as _};

use super::yard::{Yard, patiently, stopped};
use crate::cut::{Lost, Way};

/// Connections between two that break: an act has dozens, and each try takes seconds.
const EACH: usize = 6;
/// More than any act has.
const CONNECTIONS_MAX: usize = 200;

fn shop(yard: &Yard, name: &str) -> ReleaseSpec {
    let text = "services:
  web:
    image: shop
    command: [serve]
    environment: { PORT: 8080 }
    ports: [\"80:8080\"]
  worker:
    image: shop-worker
    command: [serve]
";
    let folder = yard.folder(name, &[("compose.yaml", text)]);
    let one = &yard.stand.pushed;
    yard.release_of(name, &folder, &[("web", one), ("worker", one)])
}

/// Containers of the project with their state, as the engine has them.
fn world(yard: &Yard) -> String {
    let label = format!("label=com.docker.compose.project={}", yard.project());
    yard.stand.docker(&["ps", "-a", "--format", "{{.ID}} {{.State}}", "--filter", &label])
}

/// Gives an act over a way that breaks at this connection; whether it came to that.
fn broken(yard: &mut Yard, at: usize, lost: Lost, act: impl Fn(&Yard) -> Act) -> bool {
    let was = world(yard);
    let way = Way::new(at, lost);
    let straight = std::mem::replace(&mut yard.stand.socket, way.socket());
    let answer = act(yard);
    yard.stand.socket = straight;
    let met = way.met.load(Ordering::SeqCst);
    match &answer {
        Ok(()) => {}
        Err(ActError::NotApplied(fault)) => {
            assert_eq!(world(yard), was, "{lost:?} at {at}: {fault}");
        }
        Err(ActError::Unknown(_)) => assert!(met || lost == Lost::Question, "{answer:?}"),
        Err(ActError::Stale(_)) => panic!("{answer:?}"),
    }
    met
}

fn every_act_is_told_truly_and_finished_by_the_next(first: usize, lost: Lost) {
    let mut yard = Yard::with("v2");
    let mut op = 0;
    for at in (first..CONNECTIONS_MAX).step_by(EACH) {
        let spec = shop(&yard, &format!("abc-{at}"));
        let starts = |yard: &Yard| yard.target().start(stamp(1, op + 1), &spec);
        let mut met = broken(&mut yard, at, lost, starts);
        patiently(|| starts(&yard));
        yard.stand.wait_for(&[Running]);
        assert_eq!(yard.containers().len(), 2, "{lost:?} at {at}: {:?}", yard.containers());

        let (service, release) = (spec.service.clone(), spec.release.clone());
        let stops = |yard: &Yard| yard.target().stop(stamp(1, op + 2), &service, &release);
        met |= broken(&mut yard, at, lost, stops);
        stopped(&yard, &yard.target(), op + 2, &spec);
        let removes = |yard: &Yard| yard.target().remove(stamp(1, op + 3), &service, &release);
        met |= broken(&mut yard, at, lost, removes);
        patiently(|| removes(&yard));
        assert_eq!(yard.containers(), [""; 0], "{lost:?} at {at}");
        if !met {
            assert!(at > 20, "no act asks so little: {at}");
            return;
        }
        op += 3;
    }
    panic!("the acts ask ever more");
}

#[test]
fn p5_an_act_whose_question_is_lost_anywhere_is_told_truly_and_finished_by_the_next() {
    every_act_is_told_truly_and_finished_by_the_next(1, Lost::Question);
}

#[test]
fn p5_an_act_whose_answer_is_lost_anywhere_is_told_truly_and_finished_by_the_next() {
    every_act_is_told_truly_and_finished_by_the_next(4, Lost::Answer);
}
