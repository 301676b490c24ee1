//! The facts of answers: what the engine knows, and nothing else.

mod past;
mod why;

use ops_core::{
    deploy::{Deployment, owed},
    id::{EnvironmentName, ServiceName},
    record,
    settings::Service,
    talk::{
        About, Capacity, Facts, Health, Question, Rate, Room, ServiceRoom, Serving, Subject,
        UnderWay,
    },
    time::Now,
};

use crate::{Engine, EngineError, ports::Journal};

/// Deployments that a status names.
const STATUS_MAX: usize = 10;
const HOUR_SECONDS: i64 = 3_600;

impl<J: Journal> Engine<J> {
    pub(super) fn tell(&self, question: &Question, now: &Now) -> Result<Facts, EngineError> {
        Ok(match question {
            Question::Serving(about) => Facts::Serving { serving: self.serving(about) },
            Question::Status(about) => self.status_facts(about, now),
            Question::Explain(Subject::Incident(id)) => {
                let mut all = self.knowledge().incidents.iter();
                match all.find(|one| one.incident.id == *id) {
                    Some(found) => Facts::Incident(Box::new(found.clone())),
                    None => Facts::NoSuch { named: id.to_string(), list: "incidents".into() },
                }
            }
            Question::Explain(subject) => self.explained(subject, now)?,
            Question::Health(about) => Facts::Health {
                services: self.each(about, |engine, place| engine.health(place, now)),
                alerts: self.sight().alerts(now.ms),
            },
            Question::Capacity(about) => Facts::Capacity(Box::new(self.capacity(about, now))),
            Question::History(about) => Facts::History { past: self.past(about)? },
            Question::Incidents => {
                Facts::Incidents { open: self.open_incidents().cloned().collect() }
            }
            Question::Metrics => {
                let days = self.metrics_days();
                Facts::Metrics(Box::new(self.figures(now.wall, days)?))
            }
            Question::Help => Facts::Help,
        })
    }

    pub(crate) fn queue_age(&self, now: &Now) -> Option<u64> {
        let read = self.read_queue_at()?;
        self.queue().map(|_| now.ms.saturating_sub(read))
    }

    fn serving(&self, about: &About) -> Vec<Serving> {
        let all = self.knowledge().serves.iter();
        all.filter(|((environment, service), _)| about.means(service, environment))
            .map(|((environment, service), (release, by))| Serving {
                service: service.clone(),
                environment: environment.clone(),
                version: release.candidate.version.clone(),
                by: *by,
            })
            .collect()
    }

    fn status_facts(&self, about: &About, now: &Now) -> Facts {
        let meant: Vec<&Deployment> = self
            .deployments()
            .filter(|one| about.means(&one.created.service, &one.created.environment))
            .collect();
        Facts::Status {
            serving: self.serving(about),
            under_way: meant.iter().take(STATUS_MAX).map(|one| under_way(one, now)).collect(),
            more: meant.len().saturating_sub(STATUS_MAX),
            halted_by: self.knowledge().halted.as_ref().map(record::person),
        }
    }

    /// Something of each service on each of its stages.
    fn each<T>(&self, about: &About, of: impl Fn(&Self, &Place<'_>) -> T) -> Vec<T> {
        let Some(settings) = self.settings() else { return Vec::new() };
        let mut all = Vec::new();
        for service in settings.services.values() {
            for environment in service.environments() {
                let unit = service.in_stage(environment).map(|here| here.name);
                let Some(unit) = unit.filter(|_| about.means(&service.name, environment)) else {
                    continue;
                };
                all.push(of(self, &Place { service, unit, environment }));
            }
        }
        all
    }

    fn health(&self, place: &Place<'_>, now: &Now) -> Health {
        let key = (place.environment.clone(), place.unit.clone());
        let serves = self.knowledge().serves.get(&key);
        let open = self.deployments().find(|one| {
            one.created.service == place.unit && one.created.environment == *place.environment
        });
        let here = self.open_incidents().filter(|one| {
            one.incident.service == place.unit && one.incident.environment == *place.environment
        });
        Health {
            service: place.unit.clone(),
            environment: place.environment.clone(),
            serves: serves.map(|(release, by)| (release.candidate.version.clone(), *by)),
            under_way: open.map(|one| (one.id(), one.phase_name().text().to_owned())),
            seen: self.sight().seen(place.environment, &place.unit, now.ms),
            incidents: here.map(|one| one.incident.id.to_string()).collect(),
        }
    }

    fn capacity(&self, about: &About, now: &Now) -> Capacity {
        let environments = self.settings().into_iter().flat_map(|all| all.environments.keys());
        let rooms = environments
            .filter(|one| about.environment.as_ref().is_none_or(|wanted| wanted == *one))
            .map(|environment| {
                let read = self.sight().room(environment);
                let host = read.map(|(_, host)| host);
                Room {
                    environment: environment.clone(),
                    ago_ms: read.map(|(at, _)| now.ms.saturating_sub(*at)),
                    disk_free: host.map_or(0, |host| host.disk_free),
                    memory_free: host.map_or(0, |host| host.memory_free),
                    ports_free: host.map_or(0, |host| host.ports_free),
                }
            })
            .collect();
        let services = self.each(about, |engine, place| ServiceRoom {
            service: place.unit.clone(),
            environment: place.environment.clone(),
            replicas: place.service.replicas,
            min_serving: place.service.min_serving,
            memory_mb: place.service.needs.memory_mb,
            rate: engine.rate(place, now),
        });
        Capacity { rooms, services }
    }

    /// Requests of a service: of the watch under way, or of the last hour that the door counted.
    fn rate(&self, place: &Place<'_>, now: &Now) -> Option<Rate> {
        let open = self.deployments().find(|one| {
            one.created.service == place.unit && one.created.environment == *place.environment
        });
        let watching = open.and_then(|one| Some((one.id(), one.watching.as_deref()?)));
        if let Some((id, watching)) = watching.filter(|(_, watching)| watching.seconds > 0) {
            let requests = watching.requests.saturating_add(watching.control_requests);
            let seconds = watching.seconds;
            let per_second = requests as f64 / seconds as f64;
            return Some(Rate { per_second, seconds, counted: format!("in the watch of {id}") });
        }
        let key = (place.environment.clone(), place.unit.clone());
        let book = self.knowledge().tallies.get(&key)?;
        let (hour, tally) = book.hours.iter().next_back().filter(|(_, tally)| tally.seconds > 0)?;
        let ago = now.wall.as_second().div_euclid(HOUR_SECONDS) - hour;
        let counted = match ago {
            0 => "counted at the door in this hour".to_owned(),
            hours => format!("counted at the door {hours} h ago"),
        };
        let per_second = tally.requests as f64 / tally.seconds as f64;
        Some(Rate { per_second, seconds: tally.seconds, counted })
    }
}

/// A service on one of its stages.
struct Place<'a> {
    service: &'a Service,
    /// Its name there.
    unit: ServiceName,
    environment: &'a EnvironmentName,
}

fn under_way(deployment: &Deployment, now: &Now) -> UnderWay {
    UnderWay {
        id: deployment.id(),
        asked_by: record::asked_by(deployment),
        service: deployment.created.service.clone(),
        environment: deployment.created.environment.clone(),
        phase: deployment.phase_name().text().to_owned(),
        waits: record::report_sentence(&owed(deployment, now).report),
    }
}
