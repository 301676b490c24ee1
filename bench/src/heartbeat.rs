//! The heartbeat over a large board: 10,000 tickets, 300 of them ready, 500 services.

use std::{
    fmt::Write as _,
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use ops_boards::{BoardClient, BoardError, BoardStore, Member, NewMember, NewTicket, Role};
use ops_signals::SystemClock;
use serde::Serialize;

use crate::{
    answer::{Figures, Goal, progress},
    ground::{BenchError, program},
    processes::Memory,
};

const HEARTBEAT_MS: u64 = 1_000;
const EVENT_MS: u64 = 300;
const MEMORY_MAX: u64 = 150_000_000;
/// Looks at the log of the daemon.
const POLL: Duration = Duration::from_millis(5);
const WAIT: Duration = Duration::from_mins(5);
/// The daemon says nothing for so long: it rests.
const REST: Duration = Duration::from_secs(5);

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Tickets on the board
    #[arg(long, default_value_t = 10_000)]
    tickets: u32,
    /// Of these, how many are ready for production
    #[arg(long, default_value_t = 300)]
    ready: u32,
    /// Services in ops.yaml
    #[arg(long, default_value_t = 500)]
    services: u32,
    /// Events that are measured
    #[arg(long, default_value_t = 20)]
    events: u32,
}

/// The figures, in milliseconds and bytes.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    tickets: u32,
    ready: u32,
    services: u32,
    /// Reading the queue and taking it in, worst of all readings after the first.
    heartbeat_ms: u64,
    readings: usize,
    /// From a comment on a held ticket to its checks having run: each event.
    event_ms: Vec<u64>,
    /// Resident memory of the daemon at the end.
    memory: u64,
}

pub(crate) fn run(args: &Args) -> Result<Report, BenchError> {
    let folder = tempfile::tempdir().map_err(|why| {
        BenchError::system("make a folder", "the folder for temporary files", why)
    })?;
    let dir = folder.path();
    settings(dir, args.services)?;
    progress(&format!("{} tickets, {} of them ready", args.tickets, args.ready));
    let tokens = board(&dir.join(".ops"), args).map_err(|why| BenchError::Odd(why.to_string()))?;
    let daemon = Daemon::start(dir)?;
    let found = daemon.measure(args, &tokens);
    drop(daemon);
    found
}

/// An `ops.yaml` with many services, in a repository.
fn settings(dir: &Path, services: u32) -> Result<(), BenchError> {
    let mut text = String::from(
        "version: 1\nproject: many\npeople:\n  dan@example.org: dev\n  cleo@example.org: cq\n  \
         quinn@example.org: qa\n  pia@example.org: po\n",
    );
    text.push_str("boards:\n  embedded: { listen: \"127.0.0.1:0\" }\nservices:\n");
    for number in 0..services {
        let _ = writeln!(
            text,
            "  s{number}:\n    command: [bin/s, --port, \"{{port}}\"]\n    lock_group: g{number}\n    \
             route: {{ host: s{number}.example.org }}"
        );
    }
    fs::write(dir.join("ops.yaml"), text)
        .map_err(|why| BenchError::system("write", "ops.yaml", why))?;
    for args in [&["init", "-q"][..], &["add", "ops.yaml"], &["commit", "-q", "-m", "settings"]] {
        let done = Command::new("git")
            .current_dir(dir)
            .args(["-c", "user.name=team", "-c", "user.email=team@example.org"])
            .args(args)
            .status()
            .map_err(|why| BenchError::system("run", "git", why))?;
        if !done.success() {
            return Err(BenchError::Odd(format!("git {} failed", args.join(" "))));
        }
    }
    Ok(())
}

/// The board: tickets that wait and tickets that are ready but have no verdict that counts, so that
/// each reading has all of them to look at. Gives DEV's token.
fn board(state: &Path, args: &Args) -> Result<String, BoardError> {
    let folder = |why: std::io::Error| BoardError::Refused(why.to_string());
    fs::create_dir_all(state).map_err(folder)?;
    let clock = SystemClock::new().map_err(|fault| BoardError::Refused(fault.to_string()))?;
    let store = BoardStore::open(&state.join("boards.db"), Arc::new(clock))?;
    let member = |id: &str, role| {
        store.put_member(&NewMember {
            id: id.to_owned(),
            email: format!("{id}@example.org"),
            name: id.to_owned(),
            role,
            avatar: String::new(),
            gateway: None,
        })
    };
    let po = member("pia", Role::Po)?;
    let (dev, cq, qa) =
        (member("dan", Role::Dev)?, member("cleo", Role::Cq)?, member("quinn", Role::Qa)?);
    for number in 0..args.tickets {
        let ready = number < args.ready;
        let ticket = store.create(
            &po,
            &NewTicket {
                title: format!("Work {number}"),
                description: Some("Some words. ".repeat(20)),
                ..NewTicket::default()
            },
        )?;
        if ready {
            walk(&store, &ticket.ticket_number, number % args.services, [&po, &dev, &cq, &qa])?;
        }
    }
    store.issue_token("dan")
}

fn walk(store: &BoardStore, id: &str, service: u32, team: [&Member; 4]) -> Result<(), BoardError> {
    let [po, dev, cq, qa] = team;
    store.move_ticket(po, id, "todo")?;
    store.move_ticket(dev, id, "in-progress")?;
    let notes = format!(
        "```ops\nservice: s{service}\nartifact: dist/s{service}\nversion: v1\nmigrations: none\n\
         rollback: previous\n```"
    );
    store.comment(dev, id, &notes)?;
    store.move_ticket(dev, id, "in-review")?;
    store.comment(cq, id, "APPROVED. Reviewed.")?;
    store.move_ticket(cq, id, "in-qa")?;
    store.comment(qa, id, "## QA PASS")?;
    store.move_ticket(qa, id, "rfp")?;
    Ok(())
}

struct Daemon {
    process: Child,
    log: std::path::PathBuf,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone after this.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Daemon {
    fn start(dir: &Path) -> Result<Self, BenchError> {
        let log = dir.join("serve.log");
        let file = File::create(&log).map_err(|why| BenchError::system("make", "the log", why))?;
        let process = Command::new(program()?)
            .args(["--config".as_ref(), dir.as_os_str(), "serve".as_ref(), "--no-edge".as_ref()])
            .env("OPS_LOG", "info,ops_engine=debug")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .map_err(|why| BenchError::system("start", "ops serve", why))?;
        Ok(Self { process, log })
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn measure(&self, args: &Args, token: &str) -> Result<Report, BenchError> {
        let boards = self.until("the boards are open", |text| {
            let at = text.find("boards on http://")?;
            text.get(at + 17..)?.lines().next().map(str::to_owned)
        })?;
        self.rests()?;
        progress("every ready ticket was looked at once");
        let client = BoardClient::new(&format!("http://{boards}"), token)
            .map_err(|why| BenchError::Odd(why.to_string()))?;
        let mut event_ms = Vec::new();
        for number in 0..args.events {
            let before = self.text().len();
            let began = Instant::now();
            client
                .comment(&format!("MNS-{}", number + 1), "A remark.")
                .map_err(|why| BenchError::Odd(why.to_string()))?;
            self.until("its checks have run", |text| {
                let news = text.get(before..)?;
                let ran = |line: &str| line.contains("taken in") && line.contains("key=Gather");
                news.lines().any(ran).then_some(())
            })?;
            event_ms.push(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
            self.rests()?;
        }
        let (heartbeat_ms, readings) = heartbeats(&self.text());
        let memory = Memory::of(self.process.id())?.rss;
        let (tickets, ready, services) = (args.tickets, args.ready, args.services);
        Ok(Report { tickets, ready, services, heartbeat_ms, readings, event_ms, memory })
    }

    fn until<T>(&self, what: &str, found: impl Fn(&str) -> Option<T>) -> Result<T, BenchError> {
        let end = Instant::now() + WAIT;
        loop {
            if let Some(found) = found(&self.text()) {
                return Ok(found);
            }
            if Instant::now() > end {
                return Err(BenchError::Odd(format!("{what}: that did not come\n{}", self.text())));
            }
            thread::sleep(POLL);
        }
    }

    /// Waits until no check runs any more.
    fn rests(&self) -> Result<(), BenchError> {
        let checks = |text: &str| text.matches("key=Gather").count();
        let (mut known, mut since) = (usize::MAX, Instant::now());
        let end = Instant::now() + WAIT;
        while since.elapsed() < REST {
            let now = checks(&self.text());
            if now != known {
                (known, since) = (now, Instant::now());
            }
            if Instant::now() > end {
                return Err(BenchError::Odd("the daemon never rests".into()));
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

/// The longest reading of the queue, taking it in included, after the first; and how many.
fn heartbeats(log: &str) -> (u64, usize) {
    let of = |mark: &str| -> Vec<u64> {
        let mine = |line: &&str| line.contains(mark) && line.contains("key=Queue");
        log.lines().filter(mine).filter_map(ms).collect()
    };
    let (read, taken) = (of(" job "), of("taken in"));
    let whole = read.iter().zip(&taken).map(|(read, taken)| read + taken);
    (whole.skip(1).max().unwrap_or(u64::MAX), read.len())
}

fn ms(line: &str) -> Option<u64> {
    let at = line.find("ms=")?;
    line.get(at + 3..)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

impl Figures for Report {
    fn table(&self) -> String {
        let mut text = format!(
            "{} tickets, {} ready, {} services; {} readings of the queue\n",
            self.tickets, self.ready, self.services, self.readings
        );
        let _ = writeln!(text, "comment to checks: {:?} ms", self.event_ms);
        text
    }

    fn goals(&self) -> Vec<Goal> {
        let slowest = self.event_ms.iter().copied().max().unwrap_or(u64::MAX);
        vec![
            Goal::new(
                format!("a heartbeat in at most {HEARTBEAT_MS} ms"),
                format!("{} ms", self.heartbeat_ms),
                self.heartbeat_ms <= HEARTBEAT_MS,
            ),
            Goal::new(
                format!("an event reaches the checks, and they have run, in at most {EVENT_MS} ms"),
                format!("{slowest} ms"),
                slowest <= EVENT_MS,
            ),
            Goal::new(
                format!("the daemon has at most {} MB resident", MEMORY_MAX / 1_000_000),
                format!("{} MB", self.memory / 1_000_000),
                self.memory <= MEMORY_MAX,
            ),
        ]
    }
}
