//! `ops doctor`: looks for what is wrong, and says what to do.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use ops_config::Loaded;
use ops_core::{
    settings::Settings,
    world::{Fault, ReplicaState},
};
use ops_engine::ports::{Clock as _, Door as _, Host as _, Journal as _, Target as _};
use ops_signals::{LocalHost, SystemClock};

use super::{engines, findings::Findings};
use crate::{
    context::Context,
    doors::{self, OnHosts},
    exit::Exit,
    past,
    places::Places,
    problem::Problem,
    team::Team,
};

/// Bytes of free disk below which a doctor worries.
const DISK_LOW: u64 = 1 << 30;
/// Inodes below which a doctor worries.
const INODES_LOW: u64 = 10_000;

pub(crate) fn run(context: &Context) -> Result<Exit, Problem> {
    let mut findings = Findings::default();
    let settings = configuration(context, &mut findings);
    if let Some(settings) = &settings {
        let places = Places {
            processes: context.target(settings)?.into(),
            docker: context.docker(settings),
        };
        engines::look(&places, settings, &mut findings);
        leaving(&places, &mut findings);
    }
    if context.state.is_dir() {
        permissions(context, &mut findings);
        daemon(context, &mut findings);
        journal(context, &mut findings);
        boards(context, settings.as_ref(), &mut findings);
        door(context, settings.as_ref(), &mut findings)?;
        if let Some(settings) = &settings {
            keepers(context, settings, &mut findings)?;
        }
        disk(context, &mut findings);
        leftovers(context, &mut findings);
    } else {
        let seen = format!("there is no {}", context.state.display());
        findings.bad("state", seen, "start `ops serve`, which makes it");
    }
    clock(context, &mut findings);
    context.ui.answer(&findings, |paint| findings.text(paint))?;
    Ok(if findings.well() { Exit::Ok } else { Exit::Refused })
}

fn configuration(context: &Context, findings: &mut Findings) -> Option<Settings> {
    match context.load() {
        Ok(Loaded { settings, uncommitted, from_git }) => {
            let commit = settings.revision.commit.clone().unwrap_or_default();
            let short: String = commit.chars().take(12).collect();
            if !from_git {
                findings.bad(
                    "git",
                    "ops.yaml is in no git repository",
                    "run `git init` and commit it",
                );
            } else if uncommitted {
                let seen = format!("commit {short} governs, and the file differs from it");
                findings.bad("git", seen, "commit ops.yaml, or take the change back");
            } else {
                findings.good("git", format!("commit {short} governs"));
            }
            Some(settings)
        }
        Err(problem) => {
            let next = problem.hints.first().cloned().unwrap_or_default();
            findings.bad("ops.yaml", problem.what, next);
            None
        }
    }
}

fn permissions(context: &Context, findings: &mut Findings) {
    let open = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o077 != 0)
    };
    let private = ["journal.db", "boards.db", "secrets.key", "ops.sock"];
    let paths = private.iter().map(|name| context.state.join(name));
    let too_open: Vec<_> =
        std::iter::once(context.state.clone()).chain(paths).filter(open).collect();
    if too_open.is_empty() {
        findings.good("permissions", "the state is its owner's alone");
    }
    for path in too_open {
        let seen = format!("{} is open to others", path.display());
        findings.bad("permissions", seen, format!("run `chmod go= {}`", path.display()));
    }
}

fn daemon(context: &Context, findings: &mut Findings) {
    match context.daemon().ping() {
        Ok(about) => {
            let own = env!("CARGO_PKG_VERSION");
            let seen = format!("runs as process {}, version {}", about.pid, about.version);
            if about.version == own {
                findings.good("daemon", seen);
            } else {
                findings.bad("daemon", seen, format!("this is {own}: restart the daemon"));
            }
        }
        Err(error) => {
            let problem = Problem::from(error);
            findings.bad("daemon", problem.what, problem.hints.join("; "));
        }
    }
}

fn journal(context: &Context, findings: &mut Findings) {
    let verified = context.journal().and_then(|journal| Ok(journal.verify()?));
    match verified {
        Ok((records, _)) => findings.good("journal", format!("{records} records fit the chain")),
        Err(problem) => {
            let next = problem.hints.first().cloned().unwrap_or_default();
            findings.bad("journal", problem.what, next);
        }
    }
}

fn boards(context: &Context, settings: Option<&Settings>, findings: &mut Findings) {
    if let Some(settings) = settings.filter(|settings| settings.boards.devteam.is_some()) {
        let told = Team::known(context, settings).and_then(|team| {
            let (planning, meeting) = team.ports(&settings.boards.me)?;
            let refused = |fault: Fault| Problem::refused(fault.to_string());
            meeting.mentions(None).map_err(refused)?;
            let ready = planning.ready().map_err(refused)?.len();
            Ok((planning.me().map_err(refused)?, ready))
        });
        match told {
            Ok((me, ready)) => {
                findings.good("boards", format!("DevTeam's, which know {me}; {ready} ready"));
            }
            Err(problem) => findings.bad("boards", problem.what, problem.hints.join("; ")),
        }
        return;
    }
    let members = context.boards().and_then(|boards| Ok(boards.members()?.len()));
    match members {
        Ok(members) => findings.good("boards", format!("open, with {members} members")),
        Err(problem) => {
            let next = problem.hints.first().cloned().unwrap_or_default();
            findings.bad("boards", problem.what, next);
        }
    }
}

/// The door, wherever it is.
pub(super) fn door(
    context: &Context,
    settings: Option<&Settings>,
    findings: &mut Findings,
) -> Result<(), Problem> {
    let wanted = settings.and_then(|settings| settings.edge.doors.as_ref());
    for host in doors::left(&context.state, wanted) {
        let seen = "ops.yaml names it no more; it serves on by its last routes";
        let next = "remove its container (`docker ps --filter label=ops.door` there), or name the \
                    host below `edge: hosts` again";
        findings.bad(&format!("door on {host}"), seen, next);
    }
    let hosts = settings.map(|settings| OnHosts::of(context, settings)).transpose()?.flatten();
    let Some(hosts) = hosts else {
        let answers = context.door().addresses();
        findings.look("edge", answers.map(|list| format!("answers on {}", list.join(", "))));
        return Ok(());
    };
    for (host, said) in hosts.look() {
        findings.look(&format!("door on {host}"), said);
    }
    for service in hosts.doors.apart().unwrap_or_default() {
        let seen = "its doors do not all serve the same";
        let next = "a deployment under way brings them together; else deploy or roll back";
        findings.bad(&format!("service {service}"), seen, next);
    }
    Ok(())
}

/// Everything that the target runs, whether `ops.yaml` still names it or not.
fn keepers(context: &Context, settings: &Settings, findings: &mut Findings) -> Result<(), Problem> {
    let target = context.target(settings)?;
    let mut names: Vec<_> = settings.services.keys().cloned().collect();
    names.extend(
        folders(&context.state.join("replicas"))
            .into_iter()
            .filter_map(|path| Some(ops_core::id::ServiceName::new(path.file_name()?.to_str()?))),
    );
    names.sort();
    names.dedup();
    let mut running = 0;
    for name in names {
        let about = format!("service {name}");
        let view = match target.look(&name) {
            Ok(view) => view,
            Err(fault) => {
                findings.look(&about, Err(fault));
                continue;
            }
        };
        for replica in view.replicas {
            match replica.state {
                ReplicaState::Running => running += 1,
                ReplicaState::Unknown => findings.bad(
                    &about,
                    format!("{} has no keeper that answers", replica.id),
                    "restart `ops serve` or `ops edge`, which bring keepers back",
                ),
                ReplicaState::BackingOff => {
                    let last = replica.last_exit.unwrap_or_default();
                    let seen =
                        format!("{} ended {} times, last by {last}", replica.id, replica.restarts);
                    findings.bad(&about, seen, "read its log under replicas/ in the state folder");
                }
                ReplicaState::Stopping | ReplicaState::Stopped => {}
            }
        }
    }
    findings.good("keepers", format!("{running} replicas run under their keepers"));
    Ok(())
}

fn disk(context: &Context, findings: &mut Findings) {
    match LocalHost::new(&context.state).facts() {
        Ok(facts) if facts.disk_free < DISK_LOW || facts.inodes_free < INODES_LOW => findings.bad(
            "disk",
            format!("{} MB and {} inodes are left", facts.disk_free >> 20, facts.inodes_free),
            "free some space where the state folder lies",
        ),
        Ok(facts) => findings.good(
            "disk",
            format!(
                "{} MB of disk and {} MB of memory are free",
                facts.disk_free >> 20,
                facts.memory_free >> 20
            ),
        ),
        Err(fault) => findings.look("disk", Err(fault)),
    }
}

/// What other hosts still have of releases that left.
fn leaving(places: &Places, findings: &mut Findings) {
    match places.docker.leaving() {
        Ok(replicas) => {
            for replica in replicas {
                let next = "bring the host back; ops removes it then by itself";
                findings.bad("hosts", format!("{replica} was to leave and is there still"), next);
            }
        }
        Err(fault) => findings.look("hosts", Err(fault)),
    }
}

/// The wall clock only labels records, but labels that go back confuse people.
fn clock(context: &Context, findings: &mut Findings) {
    let now = match SystemClock::new() {
        Ok(clock) => clock.now(),
        Err(fault) => return findings.look("clock", Err(fault)),
    };
    let last = context.journal().ok().and_then(|journal| {
        let newest = journal.summaries(false, 1).ok()?.pop()?;
        past::brief(newest).ok().map(|view| view.last)
    });
    match last {
        Some(last) if last > now.wall => findings.bad(
            "clock",
            format!("the newest record is of {last}, which is still to come"),
            "set the clock right; waits use the time since boot and are not affected",
        ),
        _ => findings.good("clock", format!("{} UTC", now.wall.strftime("%Y-%m-%d %H:%M:%S"))),
    }
}

/// What crashes left behind: folders that were being filled or emptied.
fn leftovers(context: &Context, findings: &mut Findings) {
    let mut places = vec![context.state.join("artifacts")];
    places.extend(folders(&context.state.join("replicas")));
    let passing = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with('.')
    };
    let left: Vec<_> = places.iter().flat_map(|place| folders(place)).filter(passing).collect();
    if left.is_empty() {
        findings.good("leftovers", "none");
    }
    for path in left {
        let next = "remove it while nothing is being deployed";
        findings.bad("leftovers", format!("{} was left by a crash", path.display()), next);
    }
}

fn folders(inside: &Path) -> Vec<PathBuf> {
    let Ok(listing) = fs::read_dir(inside) else { return Vec::new() };
    let mut found: Vec<_> = listing
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}
