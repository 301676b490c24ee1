//! The control sockets of daemon, keeper and door.

use std::{
    io::{Read as _, Write as _},
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::OnceLock,
    time::Duration,
};

use ops_edge::untrusted::Admin;
use ops_server::Request;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{runtime::Runtime, time::timeout};

/// Longest wait for an answer; only a conversation that hangs reaches it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Bytes of a keeper's line, and those that it may read on at once.
const KEEPER_LINE: usize = (8 + 1) * 1024;

/// A stream down which these bytes were sent, and the sender's end.
fn sent(bytes: &[u8]) -> (UnixStream, UnixStream) {
    let (mut far, near) = UnixStream::pair().expect("a pair of sockets");
    far.write_all(crate::cut(bytes)).expect("it fits into the kernel's buffer");
    far.shutdown(Shutdown::Write).expect("an open socket");
    (far, near)
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    crate::cut(bytes).split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"))
}

/// The daemon's socket: a line is a question that reads back as itself, or is told to be none; half a
/// line is nothing.
pub fn daemon_socket(bytes: &[u8]) {
    let (_far, near) = sent(bytes);
    let asked = ops_server::untrusted::questions(near);
    assert_eq!(asked.len(), lines(bytes).count(), "half a line counted, or a whole one did not");
    for question in asked {
        match question {
            Ok(question) => {
                let kept = serde_json::to_string(&question).expect("a question can be written");
                assert_eq!(serde_json::from_str::<Request>(&kept).ok(), Some(question));
            }
            Err(why) => assert!(!crate::moves_cursors(&why, false), "{why:?}"),
        }
    }
}

/// A keeper's socket: the lines up to the first one that is no request.
pub fn keeper_socket(bytes: &[u8]) {
    let (mut far, near) = sent(bytes);
    let asked = ops_keeper::untrusted::requests(near);
    assert!(asked.len() <= lines(bytes).count(), "half a line counted");
    for (request, line) in asked.iter().zip(lines(bytes)) {
        assert!(line.len() <= KEEPER_LINE, "a line of {} bytes was taken", line.len());
        let meant = serde_json::from_slice::<ops_keeper::Request>(line);
        assert_eq!(meant.ok().as_ref(), Some(request));
    }
    let mut answer = Vec::new();
    // A connection that was cut off with bytes unread is reset.
    let _ = far.read_to_end(&mut answer);
    assert!(answer.len() < 1_024, "more words than a refusal needs");
}

struct Door {
    runtime: Runtime,
    admin: Admin,
    _dir: TempDir,
}

impl Door {
    fn get() -> &'static Self {
        static DOOR: OnceLock<Door> = OnceLock::new();
        DOOR.get_or_init(|| {
            let dir = in_memory();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let admin = Admin::open(dir.path()).expect("a fresh folder");
            Self { runtime: runtime.expect("a runtime"), admin, _dir: dir }
        })
    }

    /// What is answered to these bytes.
    fn answers(&self, bytes: &[u8]) -> Vec<u8> {
        let (far, near) = sent(bytes);
        far.set_nonblocking(true).expect("an open socket");
        near.set_nonblocking(true).expect("an open socket");
        self.runtime.block_on(async {
            let near = tokio::net::UnixStream::from_std(near).expect("a runtime");
            let mut far = tokio::net::UnixStream::from_std(far).expect("a runtime");
            let mut said = Vec::new();
            let listen = tokio::io::AsyncReadExt::read_to_end(&mut far, &mut said);
            let both = async { tokio::join!(self.admin.converse(near), listen) };
            let _ = timeout(PATIENCE, both).await.expect("the door answered or hung up");
            said
        })
    }
}

/// A folder that costs no disk, where the machine has one.
pub(crate) fn in_memory() -> TempDir {
    let here = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new());
    here.expect("a folder for what is tried")
}

/// The door's admin socket: one answer for each line, and afterwards it answers as before.
pub fn edge_socket(bytes: &[u8]) {
    let door = Door::get();
    let said = door.answers(bytes);
    let answers: Vec<&[u8]> = said.split_inclusive(|byte| *byte == b'\n').collect();
    assert!(answers.len() <= lines(bytes).count() + 1, "an answer that nobody asked for");
    for answer in answers {
        if let Ok(answer) = serde_json::from_slice::<Value>(answer) {
            let fault = &answer["refused"]["fault"];
            let words = format!("{} {} {}", fault["what"], fault["place"], fault["next"]);
            assert!(words.len() < 8_192, "{} bytes of words", words.len());
        }
    }
    let status = door.answers(b"{\"ask\":\"status\"}\n");
    let status: Value = serde_json::from_slice(&status).expect("a status in JSON");
    let routes = status["status"]["routes"].as_array().expect("a status with routes");
    assert!(routes.len() <= 256, "more routes than may be");
}
