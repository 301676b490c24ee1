//! What the engine saw last, with its age: only for answers. It is nowhere kept: after a restart
//! nothing was seen yet.

use std::collections::BTreeMap;

use ops_core::{
    checks::{Facts, HostFact},
    deploy::{Created, Deployment, View},
    id::{EnvironmentName, ServiceName},
    talk::{Probed, Seen},
    time::BootMs,
};

/// What was seen last.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    services: BTreeMap<(EnvironmentName, ServiceName), (BootMs, Seen)>,
    rooms: BTreeMap<EnvironmentName, (BootMs, HostFact)>,
    alerts: Option<(BootMs, Vec<String>)>,
    /// When somebody last wanted something looked at.
    asked: BTreeMap<String, BootMs>,
}

impl Sight {
    /// Takes what the checks were told.
    pub(crate) fn gathered(&mut self, created: &Created, facts: &Facts, at: BootMs) {
        if let Ok(host) = &facts.host {
            self.rooms.insert(created.environment.clone(), (at, host.clone()));
        }
        let read: Option<Vec<_>> =
            facts.alerts.iter().map(|(_, alerts)| alerts.as_ref().ok()).collect();
        if let Some(read) = read.filter(|read| !read.is_empty()) {
            let mut names: Vec<_> =
                read.into_iter().flatten().map(|one| one.name.clone()).collect();
            names.sort();
            names.dedup();
            self.alerts = Some((at, names));
        }
        let Some(old) = facts.old.as_ref().filter(|_| !facts.health.is_empty()) else { return };
        let mut probed =
            Probed { version: old.candidate.version.clone(), healthy: 0, asked: 0, why: None };
        for answer in facts.health.values() {
            let why = match answer {
                Ok(why) => why.clone(),
                Err(fault) => Some(fault.what.clone()),
            };
            count(&mut probed, why);
        }
        let sick = facts.dependencies.iter().filter(|one| !matches!(one.health, Ok(None)));
        let sick = sick.map(|one| one.service.to_string()).collect();
        let key = (created.environment.clone(), old.spec.service.clone());
        self.services.insert(key, (at, Seen { ago_ms: 0, probed: vec![probed], sick }));
    }

    /// Takes a look at what a deployment is about.
    pub(crate) fn looked(&mut self, deployment: &Deployment, view: &View, at: BootMs) {
        let (Some(plan), Ok(target)) = (&deployment.plan, &view.target) else { return };
        let new = (&plan.new.spec.release, &plan.new.candidate.version);
        let old = plan.old.as_ref().map(|old| (&old.spec.release, &old.candidate.version));
        let mut all = Vec::new();
        for (release, version) in old.into_iter().chain([new]) {
            let mut probed = Probed { version: version.clone(), healthy: 0, asked: 0, why: None };
            for replica in target.of(release) {
                let Some(health) = view.health.get(&replica.id) else { continue };
                let sick = || health.why.clone().unwrap_or_else(|| "no answer yet".into());
                count(&mut probed, (health.good == 0).then(sick));
            }
            if probed.asked > 0 {
                all.push(probed);
            }
        }
        let sick = view.sick_dependencies.clone();
        let key = (plan.environment.clone(), plan.service.name.clone());
        self.services.insert(key, (at, Seen { ago_ms: 0, probed: all, sick }));
    }

    pub(super) fn seen(
        &self,
        environment: &EnvironmentName,
        service: &ServiceName,
        now: BootMs,
    ) -> Option<Seen> {
        let (at, seen) = self.services.get(&(environment.clone(), service.clone()))?;
        Some(Seen { ago_ms: now.saturating_sub(*at), ..seen.clone() })
    }

    pub(super) fn room(&self, environment: &EnvironmentName) -> Option<&(BootMs, HostFact)> {
        self.rooms.get(environment)
    }

    pub(super) fn alerts(&self, now: BootMs) -> Option<(Vec<String>, u64)> {
        let (at, names) = self.alerts.as_ref()?;
        Some((names.clone(), now.saturating_sub(*at)))
    }

    /// How long ago somebody wanted the same looked at, if that is less than so many milliseconds;
    /// else it is noted that they do now.
    pub(crate) fn asks(&mut self, what: &str, now: BootMs, least_ms: u64) -> Option<u64> {
        self.asked.retain(|_, at| now.saturating_sub(*at) < least_ms);
        if let Some(at) = self.asked.get(what) {
            return Some(now.saturating_sub(*at));
        }
        self.asked.insert(what.to_owned(), now);
        None
    }
}

fn count(probed: &mut Probed, sick: Option<String>) {
    probed.asked += 1;
    match sick {
        None => probed.healthy += 1,
        Some(why) => {
            probed.why.get_or_insert(why);
        }
    }
}
