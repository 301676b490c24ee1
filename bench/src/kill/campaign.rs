//! Deployments, one after the other, while one kind of process is killed again and again.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use ops_demo::{load::LoadReport, shop::ShopConfig};
use ops_engine::DeploymentView;
use rustix::process::{Pid, Signal, kill_process};

use super::{
    Outcome, Victim,
    check::{Wanted, boards, journal, world},
};
use crate::{
    answer::progress,
    dice::Dice,
    ground::{BenchError, Case, Ground, at_rest, said},
    machine::boot_ms,
    processes::{Role, of_stage},
};

/// Longest time from one start of a daemon to its next end.
const DAEMON_LIFE_MS: u64 = 3_000;
/// The same for edge and keepers: a deployment must come to feel several, and to see them gone.
const OTHER_LIFE_MS: u64 = 10_000;
/// How long a deployment may take while it is disturbed.
const DISTURBED_WAIT: Duration = Duration::from_mins(6);
/// A deployment that is held for this long goes on by itself only much later.
const HELD_WAIT: Duration = Duration::from_secs(20);
/// Pause between two looks: moments of kills are no finer.
const LOOK: Duration = Duration::from_millis(10);
/// How long a new edge gets until it answers.
const EDGE_WAIT: Duration = Duration::from_secs(10);
/// Every so many versions one is bad, while the daemon is killed.
const BAD_EVERY: u32 = 3;
/// Share of the bad version's requests that fail.
const BAD_SHARE: f64 = 0.2;

/// Kills of one kind.
pub(super) struct Campaign<'a> {
    ground: &'a mut Ground,
    victim: Victim,
    dice: &'a mut Dice,
    outcome: Outcome,
    /// When the door was down, in milliseconds since boot.
    down: Vec<(u64, u64)>,
    /// Every kill, for the diagnosis of what was lost.
    moments: Vec<(u64, String)>,
}

impl<'a> Campaign<'a> {
    pub(super) fn new(
        ground: &'a mut Ground,
        victim: Victim,
        wanted: u32,
        dice: &'a mut Dice,
    ) -> Self {
        let outcome = Outcome { wanted, ..Outcome::default() };
        Self { ground, victim, dice, outcome, down: Vec::new(), moments: Vec::new() }
    }

    /// Deploys until all kills are done. Returns what serves then.
    pub(super) fn run(mut self, mut serving: String) -> Result<(Outcome, String), BenchError> {
        self.ground.users_come()?;
        let mut tickets = Vec::new();
        let mut number = 0;
        while self.outcome.kills < self.outcome.wanted {
            number += 1;
            let version = format!("{}-{number}", self.victim.words());
            let bad = self.victim == Victim::Daemon && number % BAD_EVERY == BAD_EVERY - 1;
            let error_share = if bad { BAD_SHARE } else { 0.0 };
            let shop = ShopConfig { error_share, ..ShopConfig::healthy(&version) };
            let (ticket, view) = self.disturb(&shop)?;
            let closed = view.as_ref().is_some_and(|view| view.phase == "closed");
            self.ended(&version, bad, view.as_ref());
            if closed {
                serving.clone_from(&version);
            }
            tickets.push(Wanted { ticket, version, bad });
            let found = world(self.ground, &serving)?;
            self.complain(tickets.last(), found);
        }
        let found = boards(&self.ground.team, &tickets)?;
        self.complain(None, found);
        let found = journal(&self.ground.site)?;
        self.complain(None, found);
        let users = self.ground.users_go()?;
        self.count(&users);
        Ok((self.outcome, serving))
    }

    fn complain(&mut self, about: Option<&Wanted>, found: Vec<String>) {
        for words in found {
            let words = match about {
                Some(wanted) => format!("after {}: {words}", wanted.version),
                None => words,
            };
            progress(&format!("  NOT RIGHT: {words}"));
            self.outcome.complaints.push(words);
        }
    }

    fn ended(&mut self, version: &str, bad: bool, view: Option<&DeploymentView>) {
        let how = view.map_or_else(|| "never came to rest".to_owned(), said);
        let id = view.map_or("?", |view| view.id.as_str());
        progress(&format!("  {id} {version}: {how} after {} kills", self.outcome.kills));
        let phase = view.map_or("", |view| view.phase.as_str());
        self.outcome.closed += u32::from(phase == "closed");
        self.outcome.rolled_back += u32::from(phase == "rolled-back");
        let wanted = if bad { "rolled-back" } else { "closed" };
        if phase != wanted {
            let checks = view.map_or_else(String::new, held_by);
            self.complain(None, vec![format!("{id} {version}: {how}, not {wanted}{checks}")]);
        }
    }

    /// Ships a version and kills until all is at rest. `None` if it never came to rest.
    fn disturb(
        &mut self,
        shop: &ShopConfig,
    ) -> Result<(String, Option<DeploymentView>), BenchError> {
        self.ground.site.await_daemon()?;
        let mut case = Case::new(self.ground.ship(shop)?);
        let until = Instant::now() + DISTURBED_WAIT;
        let mut next = self.next();
        let mut phase = "not begun".to_owned();
        let mut resting: Option<Instant> = None;
        while Instant::now() < until {
            self.ground.rest(LOOK)?;
            if let Some(view) = case.look(&self.ground.control) {
                phase.clone_from(&view.phase);
                let since = *resting.get_or_insert_with(Instant::now);
                if !at_rest(&view) {
                    resting = None;
                } else if view.ended || since.elapsed() > HELD_WAIT {
                    return Ok((case.ticket, Some(view)));
                }
            }
            if self.outcome.kills < self.outcome.wanted && Instant::now() >= next {
                self.kill(&phase)?;
                next = self.next();
            }
        }
        let last = case.look(&self.ground.control);
        let late = last.map_or_else(|| "no answer".to_owned(), |view| format!("{view:#?}"));
        progress(&format!("  {late}"));
        Ok((case.ticket, None))
    }

    fn next(&mut self) -> Instant {
        let most = if self.victim == Victim::Daemon { DAEMON_LIFE_MS } else { OTHER_LIFE_MS };
        Instant::now() + Duration::from_millis(self.dice.below(most))
    }

    fn kill(&mut self, phase: &str) -> Result<(), BenchError> {
        let at = boot_ms();
        match self.victim {
            Victim::Daemon => {
                self.ground.site.kill("serve")?;
                self.ground.site.start_daemon()?;
            }
            Victim::Edge => {
                self.ground.site.kill("edge")?;
                self.ground.site.start_edge()?;
                answers(self.ground.site.door())?;
                self.down.push((at, boot_ms()));
            }
            Victim::Keeper => {
                if !self.kill_a_keeper() {
                    return Ok(());
                }
            }
        }
        self.outcome.kills += 1;
        *self.outcome.by_phase.entry(phase.to_owned()).or_default() += 1;
        self.moments.push((at, phase.to_owned()));
        Ok(())
    }

    /// False if there was none to kill.
    fn kill_a_keeper(&mut self) -> bool {
        let keepers: Vec<_> = of_stage(self.ground.site.folder())
            .into_iter()
            .filter(|process| process.role == Role::Keeper)
            .collect();
        let chosen = self.dice.below(keepers.len() as u64) as usize;
        let pid = keepers.get(chosen).and_then(|keeper| i32::try_from(keeper.pid).ok());
        let pid = pid.and_then(Pid::from_raw);
        // One that has just left is no kill.
        pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
    }

    /// Who lost what, and whether the door was down.
    fn count(&mut self, users: &LoadReport) {
        self.outcome.requests = users.total().requests;
        self.outcome.down_seconds =
            self.down.iter().fold(0.0, |sum, (from, to)| sum + (to - from) as f64 / 1e3);
        let mut odd = Vec::new();
        for record in users.records() {
            let Some(loss) = record.loss() else { continue };
            let (began, ended) = (record.intended_ms(), record.finished_ms());
            if self.down.iter().any(|(from, to)| began <= *to && ended >= *from) {
                self.outcome.lost_while_down += 1;
                continue;
            }
            self.outcome.lost += 1;
            let last = self.moments.iter().rev().find(|(at, _)| *at <= ended);
            let last = last.map_or_else(String::new, |(at, phase)| {
                format!(", {} ms after a kill while {phase}", ended - at)
            });
            odd.push(format!("a request was lost ({loss:?}) at {began}{last}"));
        }
        odd.truncate(20);
        self.complain(None, odd);
    }
}

fn held_by(view: &DeploymentView) -> String {
    let held = view.checks.iter().filter(|check| !check.verdict.lets_pass());
    let held: Vec<_> = held.map(|check| format!("; {}: {}", check.id, check.evidence)).collect();
    held.concat()
}

/// Waits until the door lets a request through to the shop.
fn answers(door: SocketAddr) -> Result<(), BenchError> {
    let until = Instant::now() + EDGE_WAIT;
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&door, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: door\r\nconnection: close\r\n\r\n")?;
        let mut begin = [0; 12];
        stream.read_exact(&mut begin)?;
        Ok(&begin == b"HTTP/1.1 200")
    };
    while !matches!(ask(), Ok(true)) {
        if Instant::now() > until {
            return Err(BenchError::Odd("the new edge does not let anybody through".into()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
