//! A shop whose every gate is switched on, and a good second version of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use crate::{
    checks::{
        Age, ArtifactFact, Checklist, Condemned, DependencyFact, Facts, Fingerprint, Fixed, Judged,
        LimitFacts, Outside, Rival, Tally, Trace, judge,
    },
    deploy::Created,
    fixture::{self, World},
    id::{DeploymentId, Digest, ServiceName},
    plan::{Kind, KnownRelease},
    reading::{Reading, Sample},
    secrets,
    settings::{
        AlertKind, AlertSource, Budget, Dependency, HostLimits, Infrastructure, Opening, ReadState,
        Secret, Service, Settings, Signal, SignalKind, TargetKind, Window, WindowKind,
    },
    ticket::Ticket,
    world::{Container, EngineView, Fault, Foreign, ImageView, Proof},
};

/// The commit of the good candidate.
pub(super) const COMMIT: &str = "5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed";
/// What a ticket may say that it fixes.
pub(super) const SICK: DeploymentId = DeploymentId(5);

static GOOD: LazyLock<Scene> = LazyLock::new(make);

/// All that one judgement looks at.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) created: Created,
    pub(super) facts: Facts,
}

impl Scene {
    /// Everything is declared, and everything is well.
    pub(super) fn good() -> Self {
        GOOD.clone()
    }

    /// The second version was closed and is taken back.
    pub(super) fn rollback() -> Self {
        let mut scene = Self::good();
        let by = "pia@example.org".into();
        scene.created.kind = Kind::Rollback { of: DeploymentId(1), by };
        let mut undo = scene.old().clone();
        undo.candidate.version = "v0".into();
        undo.candidate.artifact = Digest::of(b"v0");
        scene.facts.undo = Some(undo);
        scene.facts.artifact = None;
        scene
    }

    /// A secret of the first version has another value, and may rotate.
    pub(super) fn rotation() -> Self {
        let mut scene = Self::good();
        scene.created.kind = Kind::Rotation { of: DeploymentId(1) };
        scene.created.tickets.clear();
        scene.facts.ticket = Ok(None);
        scene.facts.artifact = None;
        scene.facts.then = None;
        scene.facts.undo = scene.facts.old.clone();
        scene.shop(|shop| {
            let previous = Some("env:DB_URL_BEFORE".into());
            let secret = Secret { previous, rotate: true, ..Secret::from("env:DB_URL") };
            shop.secrets.insert("DB_URL".into(), secret);
        });
        scene.facts.secrets = found("env:DB_URL", Ok(Some("version 2")));
        scene.facts.secrets.extend(found("env:DB_URL_BEFORE", Ok(Some("version 1"))));
        scene
    }

    /// Somebody else runs a version that is to be adopted, and nothing serves under ops yet.
    pub(super) fn adoption() -> Self {
        let mut scene = Self::good();
        scene.created.kind = Kind::Adoption;
        scene.created.tickets.clear();
        scene.facts.ticket = Ok(None);
        scene.facts.then = None;
        scene.facts.old = None;
        scene.facts.old_stored = None;
        scene.facts.health.clear();
        scene.facts.target = Ok(crate::world::TargetView::default());
        scene.facts.door = Ok(crate::world::DoorView::default());
        let adopt = fixture::adopt();
        let artifact = ArtifactFact { digest: adopt.artifact.clone(), size: 0, image: None };
        scene.facts.artifact = Some(Ok(artifact));
        scene.facts.engines = Ok(Vec::new());
        scene.shop(|shop| {
            shop.adopt = Some(adopt);
            // Containers that somebody else started are not adopted.
            (shop.target, shop.container) = (TargetKind::Process, None);
        });
        let since = "2026-09-01T08:00:00Z".parse().unwrap();
        let runs = Foreign { pid: 4_711, since, proof: Proof::Program };
        scene.facts.outside =
            Some(Outside { found: Ok(Some(runs)), health: Some(Ok(None)), seen: None });
        scene
    }

    pub(super) fn outside(&mut self, change: impl FnOnce(&mut Outside)) {
        change(self.facts.outside.as_mut().unwrap());
    }

    /// What it is judged to, shown to pass every check and to have something to do.
    pub(super) fn passes(&self) -> Judged {
        let judged = judge(&self.created, &self.facts);
        let list = &judged.checklist;
        assert!(list.passed(), "{:#?}", list.failing().collect::<Vec<_>>());
        assert_eq!(judged.moot, None);
        judged
    }

    pub(super) fn judged(&self) -> Arc<Checklist> {
        judge(&self.created, &self.facts).checklist
    }

    pub(super) fn old(&self) -> &KnownRelease {
        self.facts.old.as_ref().unwrap()
    }

    /// Changes what governs, as far as it can be read.
    pub(super) fn settings(&mut self, change: impl FnOnce(&mut Settings)) {
        if let Ok(settings) = &mut self.facts.settings {
            change(Arc::make_mut(settings));
        }
    }

    pub(super) fn shop(&mut self, change: impl FnOnce(&mut Service)) {
        self.settings(|settings| change(shop(settings)));
    }

    pub(super) fn ticket(&mut self, change: impl FnOnce(&mut Ticket)) {
        if let Ok(Some(ticket)) = &mut self.facts.ticket {
            change(ticket);
        }
    }

    /// Replaces a part of the deployment notes, as if they had always been so.
    pub(super) fn notes(&mut self, part: &str, by: &str) {
        self.ticket(|ticket| rewrite(ticket, part, by));
    }

    /// The shop as another commit would configure it.
    pub(super) fn propose(&mut self, change: impl FnOnce(&mut Service)) {
        if let Ok(settings) = &self.facts.settings {
            let mut other = Settings::clone(settings);
            other.revision.commit = Some("0123456789abcdef0123456789abcdef01234567".into());
            change(shop(&mut other));
            self.facts.proposed = Some(Ok(Arc::new(other)));
        }
    }

    pub(super) fn rival(&mut self, rival: Rival) {
        if let Ok(rivals) = &mut self.facts.rivals {
            rivals.push(rival);
        }
    }

    /// The ticket says that it fixes what made things sick, and PO has confirmed it.
    pub(super) fn fix(&mut self) {
        self.facts.fixes.push(fixed());
        self.ticket(|ticket| fixture::comment(ticket, "pia@example.org", "Confirmed: fixes D-5"));
    }
}

pub(super) fn fault() -> Fault {
    Fault::new("no answer within 5 s", "the other side", "start it again")
}

pub(super) fn fixed() -> Fixed {
    Fixed {
        deployment: Some(SICK),
        named: SICK.to_string(),
        stands: true,
        green: Checklist::IDS.map(str::to_owned).to_vec(),
        left: None,
    }
}

pub(super) fn condemned(artifact: &str, commit: Option<&str>) -> Condemned {
    Condemned {
        service: "shop".into(),
        artifact: Digest::of(artifact.as_bytes()),
        candidate: Digest::of(b"candidate"),
        commit: commit.map(str::to_owned),
        by: DeploymentId(3),
        words: "one of five requests failed".into(),
    }
}

/// Another ticket that passed CQ and QA.
pub(super) fn rival(version: &str, age: Age) -> Rival {
    let mut ticket = fixture::ticket(version);
    ticket.id = "MNS-9".into();
    rewrite(&mut ticket, "rollback: previous", "rollback: previous\ncommit: badc0ffee");
    Rival { ticket, age, artifact: Some(Digest::of(version.as_bytes())) }
}

/// The shop's secret, pinned.
pub(super) fn pinned() -> Secret {
    Secret { pinned: true, ..Secret::from("env:DB_URL") }
}

/// What one reference leads to.
pub(super) fn found(reference: &str, version: Result<Option<&str>, Fault>) -> secrets::Found {
    let version = version.map(|version| version.map(str::to_owned));
    BTreeMap::from([(reference.to_owned(), version)])
}

pub(super) fn trace(state: &str) -> Trace {
    Trace { state: Some(Digest::of(state.as_bytes())), by: None }
}

fn shop(settings: &mut Settings) -> &mut Service {
    settings.services.get_mut(&ServiceName::new("shop")).unwrap()
}

/// Changes the notes and what the history repeats of them.
pub(super) fn rewrite(ticket: &mut Ticket, part: &str, by: &str) {
    let comment = &mut ticket.comments[0];
    comment.text = comment.text.replace(part, by);
    let short: String = comment.text.chars().take(100).collect();
    let dots = if comment.text.chars().count() > 100 { "..." } else { "" };
    let entry = ticket.history.iter_mut().find(|one| one.action == "comment_added").unwrap();
    entry.details = format!("Comment: {short}{dots}");
}

/// What the shop's containers are made of.
pub(super) fn container() -> Container {
    Container {
        port: Some(8_080),
        memory_bytes: Some(256 << 20),
        image_health: true,
        ..Container::default()
    }
}

/// The engine that runs them, with room for both versions.
pub(super) fn engine() -> EngineView {
    EngineView {
        place: "Docker".into(),
        version: "28.2.2".into(),
        architecture: "amd64".into(),
        holds: false,
        memory_bytes: 8 << 30,
        memory_free: Some(6 << 30),
        memory_promised: 512 << 20,
        disk_free: Some(50 << 30),
        changed: Vec::new(),
    }
}

/// One window of the declared signal, of what serves.
pub(super) fn reading(new: Sample) -> Reading {
    Reading { signal: "payments".into(), second: 900, seconds: 15, new, old: Sample::Missing }
}

/// A signal that the shop declares.
pub(super) fn signal() -> Signal {
    let (total, events) = ("payments_total".into(), "payments_failed".into());
    Signal {
        name: "payments".into(),
        prometheus: "http://127.0.0.1:9090".into(),
        kind: SignalKind::Rate { total, events, limit: Some(0.05) },
        every_seconds: 15,
        grace_seconds: None,
    }
}

fn make() -> Scene {
    let mut world = World::new(fixture::canary(), "v1");
    world.ended();
    let world = world.next("v2");
    let mut scene = Scene { created: fixture::created(2), facts: world.facts() };
    scene.settings(declare);
    scene.notes(
        "rollback: previous",
        &format!(
            "rollback: previous\ncommit: {COMMIT}\nvariables: [LOG]\nsecrets: [DB_URL]\n\
             depends_on: [cart]"
        ),
    );
    scene.notes("artifact: dist/v2", "artifact: registry.example.org/shop:v2");
    let facts = &mut scene.facts;
    facts.engines = Ok(vec![engine()]);
    if let Some(Ok(artifact)) = &mut facts.artifact {
        artifact.image = Some(ImageView { architecture: "amd64".into(), health_check: true });
    }
    facts.secrets = found("env:DB_URL", Ok(Some("version 1")));
    let old = facts.old.as_mut().unwrap();
    old.spec.container = Some(Box::new(container()));
    old.spec.secrets = vec![("DB_URL".into(), "env:DB_URL".into())];
    old.secret_versions = BTreeMap::from([("DB_URL".into(), "version 1".into())]);
    facts.dependencies = vec![DependencyFact {
        service: "cart".into(),
        health: Ok(None),
        version: Some("v2.3.0".into()),
    }];
    facts.limits = LimitFacts {
        load_per_core: Some(Ok(0.7)),
        clock_ms: Some(Ok(3)),
        certificates: vec![("tls/shop.pem".into(), Ok(60 * 24 * 3_600))],
    };
    facts.alerts = vec![("alertmanager".into(), Ok(Vec::new()))];
    facts.declared =
        vec![("payments".into(), Ok(vec![reading(Sample::Counts { total: 40, events: 1 })]))];
    facts.tally = Tally { requests: 100_000, failed: 12, seconds: 90 * 3_600 };
    facts.now = BTreeMap::from([
        ("service cart".to_owned(), trace("cart v2.3.0")),
        ("nginx".to_owned(), trace("nginx.conf")),
    ]);
    facts.then = Some(Fingerprint {
        verdict: "c2".into(),
        at: "2026-09-21T09:00:00Z".into(),
        items: facts.now.clone(),
    });
    scene
}

fn declare(settings: &mut Settings) {
    // The clock of the fixture shows the afternoon of 2026-09-21.
    let open =
        Opening::Cron { expression: "0 6 * * *".into(), zone: "UTC".into(), seconds: 43_200 };
    let freeze = Opening::Between {
        from: "2026-12-18T16:00:00Z".parse().unwrap(),
        until: "2027-01-04T07:00:00Z".parse().unwrap(),
    };
    let window = |name: &str, kind, open| Window {
        name: name.into(),
        kind,
        open,
        environments: Vec::new(),
        services: Vec::new(),
        except: vec!["hotfix".into()],
    };
    settings.gate.windows = vec![
        window("office hours", WindowKind::Allow, open),
        window("year's end", WindowKind::Deny, freeze),
    ];
    settings.gate.alerts = vec![AlertSource {
        name: "alertmanager".into(),
        url: "http://127.0.0.1:9093".into(),
        kind: AlertKind::Alertmanager,
        label: "service".into(),
        ignore: vec!["Watchdog".into()],
    }];
    settings.people.operators.push("olga@example.org".into());
    for environment in settings.environments.values_mut() {
        environment.host = HostLimits {
            load_per_core: Some(4.0),
            clock_ms: Some(500),
            certificates: vec!["tls/shop.pem".into()],
            certificate_days: 14,
        };
    }
    let shop = shop(settings);
    shop.target = TargetKind::Docker;
    shop.container = Some(Box::new(container()));
    shop.env.insert("LOG".into(), "info".into());
    shop.secrets.insert("DB_URL".into(), "env:DB_URL".into());
    shop.depends_on =
        vec![Dependency { service: "cart".into(), version: Some(">=2.1, <3".into()) }];
    shop.infrastructure = vec![Infrastructure {
        name: "nginx".into(),
        read: ReadState::File("conf/nginx.conf".into()),
    }];
    shop.signals = vec![signal()];
    shop.budget = Some(Budget { error_share: 0.001, days: 28, except: vec!["hotfix".into()] });
}
