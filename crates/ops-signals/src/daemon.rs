//! For tests: real programs, as Debian packages them.

use std::{
    fs,
    io::Read as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long a program may take to start, or a rule to be looked at.
const PLENTY: Duration = Duration::from_mins(1);

/// A program that runs as long as the test does.
pub(crate) struct Daemon {
    child: Child,
    /// Its address, such as `http://127.0.0.1:1234`.
    pub(crate) url: String,
    dir: tempfile::TempDir,
}

impl Daemon {
    /// Starts a program in a folder with these files, listening wherever it likes.
    pub(crate) fn start(program: &str, files: &[(&str, &str)], arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let child = Command::new(program)
            .args(arguments)
            .arg("--web.listen-address=127.0.0.1:0")
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|e| {
                panic!("{program} is missing here ({e}): run `apt-get install -y {program}`")
            });
        let mut daemon = Self { child, url: String::new(), dir };
        let port = daemon.until("listens", |daemon| listening(daemon.child.id()));
        daemon.url = format!("http://127.0.0.1:{port}");
        daemon
    }

    /// Waits until something is so.
    pub(crate) fn until<T>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let end = Instant::now() + PLENTY;
        loop {
            if let Some(seen) = look(self) {
                return seen;
            }
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > end {
                let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
                panic!("never: it {what}; ended: {ended:?}; log: {log}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The port on which a process listens on 127.0.0.1.
fn listening(pid: u32) -> Option<u16> {
    let folder = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let sockets: Vec<String> = folder
        .filter_map(|fd| fs::read_link(fd.ok()?.path()).ok()?.to_str().map(str::to_owned))
        .filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let mut table = String::new();
    fs::File::open(Path::new("/proc/net/tcp")).ok()?.read_to_string(&mut table).ok()?;
    table.lines().find_map(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (local, state, inode) = (words.get(1)?, words.get(3)?, words.get(9)?);
        let own = *state == "0A" && sockets.iter().any(|socket| socket == inode);
        u16::from_str_radix(local.strip_prefix("0100007F:")?, 16).ok().filter(|_| own)
    })
}
