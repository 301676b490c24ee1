//! An engine whose connection breaks at any point of an act: what is answered is true, and whoever
//! comes next goes on.

use std::{
    io::{self, Read as _, Write as _},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use ops_conformance::{done, stamp};
use ops_core::world::{
    ReleaseSpec,
    ReplicaState::{Running, Stopped},
};
use ops_engine::ports::{Act, ActError, Target};

use crate::stand::{SOCKET, Stand};

/// What is lost where the connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The question: the engine never sees it.
    Question,
    /// The answer: the engine does what was asked.
    Answer,
}

/// A way to the engine that breaks once. Each question is a connection of its own.
pub(crate) struct Way {
    folder: tempfile::TempDir,
    pub(crate) met: Arc<AtomicBool>,
    end: Arc<AtomicBool>,
}

impl Way {
    pub(crate) fn new(breaks_at: usize, lost: Lost) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("docker.sock")).unwrap();
        let (met, end) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (meets, ends, count) = (Arc::clone(&met), Arc::clone(&end), AtomicUsize::new(0));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if ends.load(Ordering::SeqCst) {
                    break;
                }
                if count.fetch_add(1, Ordering::SeqCst) == breaks_at {
                    meets.store(true, Ordering::SeqCst);
                    let _ = break_off(client, lost);
                } else {
                    thread::spawn(move || carry(&client));
                }
            }
        });
        Self { folder, met, end }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.end.store(true, Ordering::SeqCst);
        let _ = UnixStream::connect(self.socket());
    }
}

fn carry(client: &UnixStream) -> io::Result<()> {
    let engine = UnixStream::connect(SOCKET)?;
    let (mut from, mut to) = (client.try_clone()?, engine.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    io::copy(&mut engine.try_clone()?, &mut client.try_clone()?)?;
    client.shutdown(Shutdown::Both)
}

fn break_off(mut client: UnixStream, lost: Lost) -> io::Result<()> {
    let mut question = vec![0; 64 * 1024];
    let read = client.read(&mut question)?;
    if lost == Lost::Answer {
        let mut engine = UnixStream::connect(SOCKET)?;
        engine.write_all(&question[..read])?;
        // The first byte of the answer comes when it is done.
        engine.read_exact(&mut [0])?;
    }
    client.shutdown(Shutdown::Both)
}

/// Containers with their state, as the engine has them.
fn world(stand: &Stand) -> String {
    let label = format!("label=ops.service={}", stand.name);
    stand.docker(&["ps", "-a", "--format", "{{.ID}} {{.State}}", "--filter", &label])
}

/// Does an act over a way that breaks at each point in turn, until it comes through whole. Before
/// each, the world is made; after each, the act is given again by somebody else.
fn at_every_point(
    lost: Lost,
    mut before: impl FnMut(&Stand, &ReleaseSpec, u32),
    act: impl Fn(&dyn Target, &ReleaseSpec, u32) -> Act,
    mut after: impl FnMut(&Stand, &ReleaseSpec),
) {
    let mut stand = Stand::new();
    let mut op = 0;
    for point in 0.. {
        assert!(point < 40, "the act asks ever more");
        let spec = stand.one(&format!("abc-{point}"));
        before(&stand, &spec, op + 1);
        let was = world(&stand);
        let way = Way::new(point, lost);
        let straight = std::mem::replace(&mut stand.socket, way.socket());
        let answer = act(&stand.target(), &spec, op + 2);
        stand.socket = straight;
        let met = way.met.load(Ordering::SeqCst);
        match &answer {
            Ok(()) => {}
            Err(ActError::NotApplied(fault)) => {
                assert_eq!(world(&stand), was, "{lost:?} at {point}: {fault}");
            }
            Err(ActError::Unknown(_)) => assert!(met, "{answer:?}"),
            Err(ActError::Stale(_)) => panic!("{answer:?}"),
        }
        // Given again by whoever comes next, with the same stamp.
        act(&stand.target(), &spec, op + 2).unwrap();
        after(&stand, &spec);
        clear(&stand, &spec, op + 3);
        op += 4;
        if !met {
            assert!(answer.is_ok() && point > 2, "{answer:?} at {point}");
            return;
        }
    }
}

fn clear(stand: &Stand, spec: &ReleaseSpec, op: u32) {
    let target = stand.target();
    done(|| target.stop(stamp(1, op), &spec.service, &spec.release));
    ops_conformance::eventually("it is removed", || {
        target.remove(stamp(1, op + 1), &spec.service, &spec.release).is_ok()
    });
    assert_eq!(stand.containers(), [""; 0]);
    assert!(
        !Path::new(&stand.state().join("docker").join(&stand.name).join("releases"))
            .read_dir()
            .unwrap()
            .any(|entry| entry.unwrap().path().extension().is_some_and(|e| e == "json"))
    );
}

fn start_at_every_point(lost: Lost) {
    at_every_point(
        lost,
        |_, _, _| {},
        |target, spec, op| target.start(stamp(1, op), spec),
        |stand, spec| {
            stand.wait_for(&[Running]);
            assert_eq!(stand.containers(), [format!("ops-{}-{}-0", stand.name, spec.release)]);
            assert_eq!(stand.ask("/"), "ok");
        },
    );
}

#[test]
fn p5_a_start_whose_question_is_lost_anywhere_is_told_truly_and_finished_by_the_next() {
    start_at_every_point(Lost::Question);
}

#[test]
fn p5_a_start_whose_answer_is_lost_anywhere_is_told_truly_and_finished_by_the_next() {
    start_at_every_point(Lost::Answer);
}

#[test]
fn p5_a_stop_whose_question_or_answer_is_lost_is_told_truly_and_finished_by_the_next() {
    for lost in [Lost::Question, Lost::Answer] {
        at_every_point(
            lost,
            |stand, spec, op| {
                done(|| stand.target().start(stamp(1, op), spec));
                stand.wait_for(&[Running]);
            },
            |target, spec, op| target.stop(stamp(1, op), &spec.service, &spec.release),
            |stand, _| stand.wait_for(&[Stopped]),
        );
    }
}

#[test]
fn p5_a_removal_whose_question_or_answer_is_lost_is_told_truly_and_finished_by_the_next() {
    for lost in [Lost::Question, Lost::Answer] {
        at_every_point(
            lost,
            |stand, spec, op| {
                let target = stand.target();
                done(|| target.start(stamp(1, op), spec));
                done(|| target.stop(stamp(1, op), &spec.service, &spec.release));
                stand.wait_for(&[Stopped]);
            },
            |target, spec, op| target.remove(stamp(1, op), &spec.service, &spec.release),
            |stand, _| stand.wait_for(&[]),
        );
    }
}
