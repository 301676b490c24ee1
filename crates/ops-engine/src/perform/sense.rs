//! One question to a sense beside the door.

use ops_core::{
    deploy::{Sense, Sensed},
    id::ReleaseId,
    plan::{KnownRelease, Plan, Senses, Which},
    reading::Reading,
    settings::{Service, Settings, Signal},
    time::Now,
    world::{Fault, TargetView},
};

use super::facts::governing;
use crate::ports::{Asked, Look, Ports, Version};

/// Seconds before a deployment over which declared signals are read.
const BEFORE_SECONDS: u64 = 600;

pub(super) fn sense(ports: &Ports, plan: &Plan, sense: &Sense, now: &Now) -> Sensed {
    let service = &plan.service.name;
    match sense {
        Sense::Signal { signal, after } => {
            let read = signal_of(ports, plan, signal, *after, now);
            Sensed::Signal { name: signal.name.clone(), read }
        }
        Sense::Usage => Sensed::Usage(ports.senses.usage(service)),
        Sense::Logs => Sensed::Logs(ports.senses.logs(service, now)),
        Sense::Alerts => Sensed::Alerts(alerts(ports, plan)),
    }
}

fn signal_of(
    ports: &Ports,
    plan: &Plan,
    signal: &Signal,
    after: u64,
    now: &Now,
) -> Look<Vec<Reading>> {
    let view = ports.target.look(&plan.service.name)?;
    let old = plan.old.as_ref().filter(|_| plan.service.runs_twice);
    let asked = Asked {
        signal: signal.clone(),
        service: plan.service.name.clone(),
        new: version(&plan.new, plan.release(Which::New), &view),
        old: old.map(|old| version(old, plan.release(Which::Old), &view)),
        after,
    };
    ports.metrics.read(&asked, now)
}

fn version(known: &KnownRelease, release: Option<ReleaseId>, view: &TargetView) -> Version {
    let release = release.unwrap_or_else(|| known.spec.release.clone());
    let instances = view.running(&release).filter_map(|one| one.address.clone()).collect();
    Version { version: known.candidate.version.clone(), instances, release }
}

/// What declared signals say of what serves, before anything is done.
pub(super) fn before(
    ports: &Ports,
    service: Option<&Service>,
    old: Option<&KnownRelease>,
    view: &Look<TargetView>,
    now: &Now,
) -> Vec<(String, Result<Vec<Reading>, Fault>)> {
    let Some(service) = service else { return Vec::new() };
    let after = (now.ms / 1_000).saturating_sub(BEFORE_SECONDS);
    let nobody = || Version {
        release: ReleaseId::new("none"),
        version: String::new(),
        instances: Vec::new(),
    };
    let one = |signal: &Signal| {
        let serves = match (old, view) {
            (Some(old), Ok(view)) => version(old, None, view),
            (Some(_), Err(fault)) => return (signal.name.clone(), Err(fault.clone())),
            (None, _) => nobody(),
        };
        let (signal, service) = (signal.clone(), service.name.clone());
        let asked = Asked { signal, service, new: serves, old: None, after };
        (asked.signal.name.clone(), ports.metrics.read(&asked, now))
    };
    service.signals.iter().map(one).collect()
}

/// What else can be read during a watch.
pub(super) fn can(
    ports: &Ports,
    service: Option<&Service>,
    settings: Option<&Settings>,
    old: Option<&KnownRelease>,
    now: &Now,
) -> Senses {
    let Some(service) = service else { return Senses::default() };
    let usage = old.is_some_and(|old| {
        let read = ports.senses.usage(&service.name);
        read.is_ok_and(|all| all.iter().any(|one| one.release == old.spec.release))
    });
    Senses {
        usage,
        logs: old.is_some() && ports.senses.logs(&service.name, now).is_ok(),
        alerts: settings.is_some_and(|settings| !settings.gate.alerts.is_empty()),
    }
}

/// Names of alerts of the service, or of hosts, that fire at any source.
fn alerts(ports: &Ports, plan: &Plan) -> Look<Vec<String>> {
    let settings = governing(ports, plan.revision.commit.as_deref())?;
    let mut names = Vec::new();
    for source in &settings.gate.alerts {
        let firing = ports.alerts.firing(source)?;
        let ours = |about: &str| plan.service.name.as_str().split('@').next() == Some(about);
        names.extend(
            firing
                .into_iter()
                .filter(|alert| !source.ignore.contains(&alert.name))
                .filter(|alert| alert.service.as_deref().is_none_or(ours))
                .map(|alert| alert.name),
        );
    }
    names.sort();
    names.dedup();
    Ok(names)
}
