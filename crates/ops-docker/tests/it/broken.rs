//! A way to the engine that breaks at one question, for who acts here or in another process, which
//! may die there.

use std::{
    io::{self, Read as _, Write as _},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use ops_conformance::{Break, Broken, Errand, Said, Sent, obey};
use ops_core::id::Stamp;
use ops_docker::ComposeProgram;
use ops_engine::ports::Target;

use crate::{
    compose::yard,
    stand::{self, SOCKET, Stand},
};

/// Each question is a connection of its own.
struct Way {
    folder: tempfile::TempDir,
    state: Arc<WayState>,
}

struct WayState {
    breaks: Break,
    at: usize,
    count: AtomicUsize,
    met: AtomicBool,
    end: AtomicBool,
    /// Who dies.
    acting: Mutex<Option<Child>>,
}

impl Way {
    fn new((breaks, at): (Break, usize)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("docker.sock")).unwrap();
        let state = Arc::new(WayState {
            breaks,
            at,
            count: AtomicUsize::new(0),
            met: AtomicBool::new(false),
            end: AtomicBool::new(false),
            acting: Mutex::new(None),
        });
        let inside = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if inside.end.load(Ordering::SeqCst) {
                    break;
                }
                if inside.count.fetch_add(1, Ordering::SeqCst) == inside.at {
                    inside.met.store(true, Ordering::SeqCst);
                    let _ = inside.break_off(client);
                } else {
                    thread::spawn(move || carry(&client));
                }
            }
        });
        Self { folder, state }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    fn met(&self) -> bool {
        self.state.met.load(Ordering::SeqCst)
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.state.end.store(true, Ordering::SeqCst);
        let _ = UnixStream::connect(self.socket());
    }
}

impl WayState {
    fn break_off(&self, mut client: UnixStream) -> io::Result<()> {
        let mut question = vec![0; 64 * 1024];
        let read = client.read(&mut question)?;
        if self.breaks != Break::Fails {
            let mut engine = UnixStream::connect(SOCKET)?;
            engine.write_all(&question[..read])?;
            // The first byte of the answer comes when it is done.
            engine.read_exact(&mut [0])?;
        }
        if self.breaks == Break::Dies {
            self.acting.lock().unwrap().as_mut().unwrap().kill()?;
        }
        client.shutdown(Shutdown::Both)
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

/// What another process needs to know: the stand's folders, the way to the engine, the ports, and the
/// program of Compose if it is about projects.
type Place = (PathBuf, PathBuf, PathBuf, (u16, u16), Option<PathBuf>);

/// Gives an act over such a way.
pub(crate) fn broken(
    (stand, compose): (&Stand, Option<&Path>),
    at: (Break, usize),
    (errand, stamp): (&Errand, Stamp),
) -> Broken {
    let way = Way::new(at);
    let (state, secrets) = (stand.state().to_owned(), stand.secrets_dir());
    let place: Place = (state, secrets, way.socket(), stand.ports, compose.map(Path::to_owned));
    if at.0 != Break::Dies {
        let said = Said::from(errand.give(&*open(place), stamp));
        return Broken { met: way.met(), said: Some(said) };
    }
    let folder = tempfile::tempdir().unwrap();
    let words = serde_json::to_string(&place).unwrap();
    let sent = Sent::new(folder.path(), "broken::told", words, (errand, stamp));
    // Whoever comes to that point waits until it is known whom to kill.
    let mut acting = way.state.acting.lock().unwrap();
    let child = acting.insert(sent.command().stdout(Stdio::null()).spawn().unwrap());
    let id = rustix::process::Pid::from_child(child);
    drop(acting);
    // It is waited for and not reaped: the lock stays free for who kills it.
    let done = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
    rustix::process::waitid(rustix::process::WaitId::Pid(id), done).unwrap();
    way.state.acting.lock().unwrap().as_mut().unwrap().wait().unwrap();
    Broken { met: way.met(), said: sent.said() }
}

fn open((state, secrets, socket, ports, compose): Place) -> Box<dyn Target> {
    let target = stand::open(&state, secrets, &socket, ports);
    match compose {
        Some(program) => {
            Box::new(target.with_projects(yard::projects(&state, ComposeProgram::at(&program))))
        }
        None => Box::new(target),
    }
}

#[test]
fn told() {
    obey(|place| open(serde_json::from_str(place).unwrap()));
}
