//! A team's repository with its own ops: every process that it starts ends with it.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use ops_boards::{BoardClient, NewTicket};
use ops_demo::shop::ShopConfig;
use rustix::process::{Pid, Signal, kill_process};

/// Longest wait for anything; only a broken program reaches it.
pub(crate) const LONGEST: Duration = Duration::from_secs(150);
/// Pause between two looks at a condition.
const POLL: Duration = Duration::from_millis(20);
/// Ports that replicas of one site may get.
const PORTS: u16 = 20;

/// The team, by the names before the `@`.
pub(crate) const TEAM: [&str; 4] = ["po", "dev", "cq", "qa"];

/// Waits until something is there.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + LONGEST;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "never: {what}");
        thread::sleep(POLL);
    }
}

/// A repository, its state, and what runs on it.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    daemon: Option<Child>,
}

/// What a call of ops said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Everything, for a snapshot.
    pub(crate) fn whole(&self) -> String {
        format!("exit {}\n--- out\n{}--- err\n{}", self.code, self.out, self.err)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).expect("an answer in JSON")
    }
}

impl Site {
    /// A folder without anything.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::Builder::new().prefix("ops-it-").tempdir().unwrap();
        Self { folder, daemon: None }
    }

    /// A repository whose ops.yaml deploys the shop with the shortest watch that there is.
    pub(crate) fn shop() -> Self {
        Self::shop_with(str::to_owned)
    }

    /// The same with a changed ops.yaml.
    pub(crate) fn shop_with(change: impl FnOnce(&str) -> String) -> Self {
        let site = Self::empty();
        let first = free_range();
        let last = first + PORTS - 1;
        site.write(
            "ops.yaml",
            &change(&format!(
                r#"version: 1
project: shop
people:
  po@example.org: po
  dev@example.org: dev
  cq@example.org: cq
  qa@example.org: qa
operators: [po@example.org]
environments:
  production: {{ ports: {first}-{last} }}
boards:
  embedded: {{ listen: "127.0.0.1:0" }}
edge: {{ listen: ["127.0.0.1:0"] }}
services:
  shop:
    command: [bin/shop, --port, "{{port}}"]
    route: {{ path: / }}
    health: {{ path: /healthz, in_a_row: 2 }}
    replicas: 1
    drain: 5s
    smoke: [{{ get: /, status: 200 }}]
    strategy: {{ canary: {{ steps: [50%], dwell: 1s, min_requests: 5 }} }}
    watch: {{ for: 30s, last_stretch: 5s, min_requests: 20 }}
"#
            )),
        );
        site.git(&["init", "--quiet"]);
        site.commit();
        site
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path().join(".ops")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    /// Changes ops.yaml without a commit.
    pub(crate) fn edit(&self, change: impl FnOnce(&str) -> String) {
        let text = fs::read_to_string(self.path().join("ops.yaml")).unwrap();
        let changed = change(&text);
        assert_ne!(text, changed, "an edit that changes nothing");
        self.write("ops.yaml", &changed);
    }

    /// Changes ops.yaml in a commit, and gives its id.
    pub(crate) fn edit_and_commit(&self, change: impl FnOnce(&str) -> String) -> String {
        self.edit(change);
        self.commit();
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let done = Command::new("git")
            .current_dir(self.path())
            .args(["-c", "user.name=team", "-c", "user.email=team@example.org"])
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    pub(crate) fn commit(&self) {
        self.git(&["add", "ops.yaml"]);
        self.git(&["commit", "--quiet", "-m", "what ops deploys"]);
    }

    /// A call of ops, which finds programs of the site's own before those of this machine.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_ops")), args)
    }

    fn command_of<S: AsRef<OsStr>>(&self, program: &Path, args: &[S]) -> Command {
        let mut path = self.path().join("programs").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", path)
            .stdin(Stdio::null());
        command
    }

    /// Runs ops to its end.
    pub(crate) fn ops(&self, args: &[&str]) -> Said {
        said(&self.command(args).output().unwrap())
    }

    /// The same with a variable.
    pub(crate) fn ops_with(&self, args: &[&str], name: &str, value: &str) -> Said {
        said(&self.command(args).env(name, value).output().unwrap())
    }

    /// Starts ops and lets it run.
    pub(crate) fn begin(&self, args: &[&str]) -> Child {
        self.begin_as(Path::new(env!("CARGO_BIN_EXE_ops")), args)
    }

    /// The same by another program.
    pub(crate) fn begin_as(&self, program: &Path, args: &[&str]) -> Child {
        let mut command = self.command_of(program, args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command.spawn().unwrap()
    }

    /// Starts the daemon and waits until it answers.
    pub(crate) fn serve(&mut self) {
        self.serve_with(&[]);
    }

    /// The same with variables.
    pub(crate) fn serve_with(&mut self, variables: &[(&str, &str)]) {
        self.serve_as(Path::new(env!("CARGO_BIN_EXE_ops")), variables);
    }

    /// The same by another program.
    pub(crate) fn serve_as(&mut self, program: &Path, variables: &[(&str, &str)]) {
        let path = self.path().join("serve.log");
        let log = fs::File::options().append(true).create(true).open(path).unwrap();
        let mut command = self.command_of(program, &["serve"]);
        command.envs(variables.iter().copied());
        command.stdout(Stdio::null()).stderr(log).process_group(0);
        let mut child = command.spawn().unwrap();
        let socket = self.state().join("ops.sock");
        let client = ops_server::ControlClient::new(self.state());
        eventually("the daemon answers", || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "serve ended: {}", self.serve_log());
            (socket.exists() && client.ping().ok()?.pid == child.id()).then_some(())
        });
        self.daemon = Some(child);
    }

    pub(crate) fn serve_log(&self) -> String {
        fs::read_to_string(self.path().join("serve.log")).unwrap_or_default()
    }

    pub(crate) fn daemon_pid(&self) -> u32 {
        self.daemon.as_ref().expect("a daemon").id()
    }

    /// Ends the daemon by a signal; its exit code if it had one.
    pub(crate) fn end_daemon(&mut self, signal: Signal) -> Option<i32> {
        let mut child = self.daemon.take().expect("a daemon");
        kill_process(pid(child.id()), signal).unwrap();
        eventually("the daemon ends", || child.try_wait().unwrap()).code()
    }

    /// A caller of the boards over HTTP, with a fresh token.
    pub(crate) fn as_member(&self, who: &str) -> BoardClient {
        let boards = ops_server::ControlClient::new(self.state()).ping().unwrap().boards;
        BoardClient::new(&format!("http://{boards}"), &self.token(who)).unwrap()
    }

    pub(crate) fn token(&self, who: &str) -> String {
        let said = self.ops(&["--quiet", "board", "token", who]);
        assert_eq!(said.code, 0, "{}", said.err);
        said.out.trim().to_owned()
    }

    /// Builds a version of the shop. The program itself stays outside of the artifact: a debug
    /// build of it is large, and it would be hashed many times.
    pub(crate) fn build(&self, version: &str) -> PathBuf {
        let shop = self.path().join("shop");
        if !shop.exists() {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ops"), &shop).unwrap();
        }
        let dir = self.path().join("dist").join(version);
        fs::create_dir_all(dir.join("bin")).unwrap();
        let config = serde_json::to_vec(&ShopConfig::healthy(version)).unwrap();
        fs::write(dir.join("shop.json"), config).unwrap();
        let script = format!(
            "#!/bin/sh\nexec {} --config \"$(dirname \"$0\")/../shop.json\" \"$@\"\n",
            shop.display()
        );
        let program = dir.join("bin/shop");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        dir
    }

    /// Walks a ticket through DEV, CQ and QA to `rfp`.
    pub(crate) fn ready(&self, version: &str, artifact: &Path) -> String {
        self.ready_with(version, &artifact.display().to_string())
    }

    /// The same with an artifact by any reference.
    pub(crate) fn ready_with(&self, version: &str, artifact: &str) -> String {
        self.ready_as(version, notes(version, artifact))
    }

    /// The same, but for QA's last step.
    pub(crate) fn draft_with(&self, version: &str, artifact: &str) -> String {
        self.draft_as(version, notes(version, artifact))
    }

    /// A ticket that is ready, with notes as they are.
    pub(crate) fn ready_as(&self, version: &str, notes: String) -> String {
        let id = self.draft_as(version, notes);
        let qa = self.as_member(TEAM[3]);
        qa.move_ticket(&id, "rfp").unwrap();
        id
    }

    fn draft_as(&self, version: &str, notes: String) -> String {
        walk(&TEAM.map(|who| self.as_member(who)), version, notes, ["CQ: PASS", "QA: PASS"])
    }

    /// Where users reach services.
    pub(crate) fn door(&self) -> String {
        let text = fs::read_to_string(self.state().join("edge/edge.json")).unwrap();
        let about: serde_json::Value = serde_json::from_str(&text).unwrap();
        about["listen"][0].as_str().unwrap().to_owned()
    }

    /// Processes that run on this site, by their id: daemon, edge, keepers, services.
    fn processes(&self) -> Vec<u32> {
        let mine = self.path().display().to_string();
        let ids = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let id: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let line = fs::read(format!("/proc/{id}/cmdline")).ok()?;
            String::from_utf8_lossy(&line).contains(&mine).then_some(id)
        });
        ids.filter(|id| *id != std::process::id()).collect()
    }

    /// Ends everything. What comes back in between, as a keeper's service does, is ended too.
    pub(crate) fn clean(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        let until = Instant::now() + LONGEST;
        loop {
            let left = self.processes();
            if left.is_empty() || Instant::now() >= until {
                break;
            }
            for id in left {
                let _ = kill_process(pid(id), Signal::KILL);
            }
            thread::sleep(POLL);
        }
    }

    /// Asserts that nothing runs any more.
    pub(crate) fn assert_clean(&mut self) {
        self.clean();
        assert_eq!(self.processes(), Vec::<u32>::new());
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.clean();
        if thread::panicking() {
            let mut out = std::io::stderr();
            let _ = writeln!(out, "--- serve.log\n{}", self.serve_log());
            let edge = fs::read_to_string(self.state().join("edge.log")).unwrap_or_default();
            let _ = writeln!(out, "--- edge.log\n{edge}");
        }
    }
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap()).unwrap()
}

fn said(output: &Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Walks a ticket of the shop through PO's, DEV's and CQ's hands to QA, who has passed it in these words.
pub(crate) fn walk(
    [po, dev, cq, qa]: &[BoardClient; 4],
    version: &str,
    notes: String,
    [cq_says, qa_says]: [&str; 2],
) -> String {
    let new = NewTicket {
        title: format!("Shop {version}"),
        description: Some(notes),
        status: Some("todo".into()),
        ..NewTicket::default()
    };
    let id = po.create(&new).unwrap().ticket_number;
    dev.move_ticket(&id, "in-progress").unwrap();
    dev.move_ticket(&id, "in-review").unwrap();
    cq.comment(&id, cq_says).unwrap();
    cq.move_ticket(&id, "in-qa").unwrap();
    qa.comment(&id, qa_says).unwrap();
    id
}

/// Notes of the shop with an artifact by any reference.
pub(crate) fn notes(version: &str, artifact: &str) -> String {
    format!(
        "```ops\nservice: shop\nartifact: {artifact}\nversion: {version}\nmigrations: none\n\
         rollback: previous\n```\n"
    )
}

/// Ends with its exit code, and what it wrote.
pub(crate) fn finish(child: Child) -> Said {
    said(&child.wait_with_output().unwrap())
}

/// Presses Ctrl-C.
pub(crate) fn interrupt(child: &Child) {
    kill_process(pid(child.id()), Signal::INT).unwrap();
}

/// The next lines of a running program until one has the word in it.
pub(crate) fn read_until(child: &mut Child, word: &str) {
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        if line.contains(word) {
            break;
        }
        line.clear();
    }
    assert!(line.contains(word), "it never said {word}");
    child.stderr = Some(lines.into_inner());
}

/// A range of ports that nobody listens on, below those that the system gives away.
fn free_range() -> u16 {
    let begin = 10_000 + (std::process::id() % 500) as u16 * PORTS;
    let free = |first: &u16| {
        (*first..first + PORTS).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok())
    };
    (begin..32_000).step_by(PORTS.into()).find(free).expect("free ports")
}
