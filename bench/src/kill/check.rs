//! What must be so after everything was killed and has come to rest.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use ops_core::{id::ServiceName, world::ReplicaState};
use ops_demo::stage::{Site, Team};
use ops_edge::EdgeDoor;
use ops_engine::ports::{Door as _, Target as _};

use crate::{
    comments::{headed, repeated},
    ground::{BenchError, Ground},
    processes::{Role, of_stage},
};

/// How long keepers and the daemon get to come back or to leave.
const SETTLE_WAIT: Duration = Duration::from_secs(15);
/// Replicas of the shop on a stage.
const REPLICAS: usize = 2;
/// Messages of a channel that one reading brings.
const POSTS_MAX: usize = 1_000;

/// A ticket, and what must have become of it.
pub(super) struct Wanted {
    pub(super) ticket: String,
    pub(super) version: String,
    pub(super) bad: bool,
}

/// What is not right with what runs, given some time to settle.
pub(super) fn world(ground: &Ground, version: &str) -> Result<Vec<String>, BenchError> {
    ground.site.await_daemon()?;
    let until = Instant::now() + SETTLE_WAIT;
    loop {
        let found = look(ground, version);
        if found.is_empty() || Instant::now() > until {
            return Ok(found);
        }
        ground.pause()?;
    }
}

fn look(ground: &Ground, version: &str) -> Vec<String> {
    let mut found = Vec::new();
    let status = match ground.control.status() {
        Ok(status) => status,
        Err(why) => return vec![format!("the daemon does not answer: {why}")],
    };
    let serving = status.serving.iter().find(|one| one.service == "shop");
    if serving.is_none_or(|one| one.version != version) {
        let says = serving.map_or("nothing", |one| one.version.as_str());
        found.push(format!("ops says that {says} serves instead of {version}"));
    }
    let artifact = serving.map_or("", |one| one.artifact.as_str());
    match ground.site.target().look(&ServiceName::new("shop")) {
        Err(why) => found.push(format!("the replicas cannot be seen: {why}")),
        Ok(view) => {
            for replica in &view.replicas {
                let right = replica.artifact.to_string() == artifact;
                if !right || replica.state != ReplicaState::Running {
                    let whose = if right { "serving" } else { "left-over" };
                    found.push(format!("{whose} replica {} is {:?}", replica.id, replica.state));
                }
            }
            if view.replicas.len() != REPLICAS {
                found.push(format!("{} replicas, not {REPLICAS}", view.replicas.len()));
            }
        }
    }
    found.extend(door(&ground.site));
    found.extend(processes(&ground.site));
    found
}

/// All traffic must go to one release, with all its replicas.
fn door(site: &Site) -> Vec<String> {
    let door = EdgeDoor::new(site.state().join("edge"));
    match door.look(&ServiceName::new("shop")).map(|view| view.served) {
        Err(why) => vec![format!("the door does not answer: {why}")],
        Ok(None) => vec!["the door has no route".into()],
        Ok(Some(served)) => {
            let legs: Vec<_> =
                served.route.legs.iter().map(|leg| (leg.weight, leg.backends.len())).collect();
            if legs == [(100, REPLICAS)] {
                return Vec::new();
            }
            vec![format!("the door's shares and numbers of replicas are {legs:?}")]
        }
    }
}

fn processes(site: &Site) -> Vec<String> {
    let all = of_stage(site.folder());
    let of = |role| all.iter().filter(move |one| one.role == role);
    let mut found = Vec::new();
    for (role, words) in [(Role::Keeper, "keepers"), (Role::Service, "processes of replicas")] {
        let count = of(role).count();
        if count != REPLICAS {
            let who: Vec<_> = of(role).map(super::super::processes::Process::words).collect();
            found.push(format!("{count} {words}, not {REPLICAS}: {}", who.join(", ")));
        }
    }
    let mut markers: Vec<_> = of(Role::Service).filter_map(|one| one.marker.clone()).collect();
    markers.sort_unstable();
    markers.dedup();
    if markers.len() != of(Role::Service).count() {
        found.push("a replica runs twice".into());
    }
    for keeper in of(Role::Keeper) {
        if keeper.replica().is_some_and(|folder| !folder.is_dir()) {
            found.push(format!("a keeper of a replica that was removed: {}", keeper.words()));
        }
    }
    found
}

/// What is not right on the boards.
pub(super) fn boards(team: &Team, tickets: &[Wanted]) -> Result<Vec<String>, BenchError> {
    let mut found = Vec::new();
    for Wanted { ticket, version, bad } in tickets {
        let status = team.status(ticket)?;
        let (wanted, complete, failed) = if *bad { ("rfp", 0, 1) } else { ("closed", 1, 0) };
        if status != wanted {
            found.push(format!("{ticket} of {version} is {status}, not {wanted}"));
        }
        let comments = team.comments(ticket)?;
        for (heading, wanted) in
            [("## Deployment Complete", complete), ("## Deployment Failed", failed)]
        {
            let count = headed(&comments, heading);
            if count != wanted {
                found
                    .push(format!("{ticket} of {version} has {count} × «{heading}», not {wanted}"));
            }
        }
        if headed(&comments, "## Deployment Planned") == 0 {
            found.push(format!("{ticket} of {version} never got a plan"));
        }
        for (marker, count) in repeated(comments.iter().map(String::as_str)) {
            found.push(format!("{ticket} of {version}: {marker} stands {count} times"));
        }
    }
    let posts = team.posts(POSTS_MAX)?;
    for (marker, count) in repeated(posts.iter().map(String::as_str)) {
        found.push(format!("on the meeting board {marker} stands {count} times"));
    }
    Ok(found)
}

/// What is not right with the journal.
pub(super) fn journal(site: &Site) -> Result<Vec<String>, BenchError> {
    let output = site
        .ops(&["audit", "verify"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .map_err(|why| BenchError::system("run ops audit verify", "the program", why))?;
    if output.status.success() {
        return Ok(Vec::new());
    }
    let words = [output.stdout, output.stderr].concat();
    Ok(vec![format!("ops audit verify: {}", String::from_utf8_lossy(&words).trim())])
}
