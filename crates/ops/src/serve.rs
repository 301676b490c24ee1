//! The daemon: every port of the engine wired to its adapter, and everything that runs beside it.

mod boards;
mod candidate;
mod charts;
mod edge;
mod guest;
mod hosts;
mod identity;
mod members;
mod stop;
mod wishes;

use std::{net::TcpListener, sync::Arc};

use ops_boards::BoardStore;
use ops_config::Loaded;
use ops_core::settings::Settings;
use ops_engine::{
    Daemon, Engine,
    ports::{Clock, Door, Ports, Senses, Wishes as _},
};
use ops_server::{About, ControlServer};
use ops_signals::{
    HttpAlerts, HttpProber, LocalHost, NoticeHerald, PrometheusMetrics, ReferenceSecrets,
    SystemClock,
};
use ops_store::SqliteJournal;
use ops_targets::ProcessTarget;

pub(crate) use boards::Nudge;
pub(crate) use candidate::{facts_of, nothing_known};
pub(crate) use members::{id_of, member_of};
pub(crate) use wishes::CommitWishes;

use crate::{
    advisor::advisor,
    context::Context,
    doors::{Care, OnHosts},
    exit::Exit,
    keepers,
    places::{Docker, Goods, Places},
    problem::Problem,
    team::{Guest, Team},
};

/// Runs the daemon until it is told to stop.
pub(crate) fn run(context: &Context, own_edge: bool) -> Result<Exit, Problem> {
    let newest = committed(context)?;
    context.make_state()?;
    log(context);
    // The journal's lock comes before everything else: a second daemon touches nothing.
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new()?);
    let journal = SqliteJournal::open(&context.journal_path())?;
    // What says who governs and who was judged bad must be what ops wrote (P3, P14).
    crate::commands::unchanged(context, &journal)?;
    let mut engine = Engine::open(journal, &clock.now())?;
    // What the journal says governs, which need not be the newest commit (S4).
    let loaded = match &engine.knowledge().governs {
        Some(commit) => ops_config::load_at(&context.config, commit)?,
        None => newest,
    };
    let settings = &loaded.settings;
    let team = Team::made(context, settings)?;
    let front = Front::of(context, settings, &team)?;
    let target = Arc::new(context.target(settings)?);
    let docker = context.docker(settings);
    restore(context, &target, &docker);
    let care = keepers::Care::begin(Arc::clone(&target));
    let of_hosts = hosts::Care::begin(docker.clone());
    let hosts = OnHosts::of(context, settings)?;
    let door: Arc<dyn Door> = match &hosts {
        Some(hosts) => Arc::clone(&hosts.doors) as Arc<dyn Door>,
        None => Arc::new(context.door()),
    };
    let edge = begin_edge(context, own_edge, hosts, settings)?;
    let wishes = Arc::new(CommitWishes::new(&context.config, team.store().cloned()));
    wishes.govern(&Arc::new(settings.clone()));
    let places = (target, docker, Arc::clone(&door));
    let ports = ports(context, settings, &team, places, Arc::clone(&wishes))?;
    let charts = charts::Charts::begin(context, &mut engine)?;
    let (daemon, handle) = Daemon::new(engine, ports.clone(), clock);
    let nudge = Nudge::start(handle.clone())?;
    let boards = front.address();
    let open = front.open(ports, Arc::clone(&wishes), nudge)?;
    let about = About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        state_dir: context.state.display().to_string(),
        boards: boards.clone(),
    };
    let identify = identity::by_account(wishes);
    let control = ControlServer::start(&context.state, handle.clone(), about, identify)
        .map_err(|error| Problem::refused(error.to_string()))?;
    stop::on_signals(handle)?;
    welcome(context, settings, &boards, &*door);
    daemon.run();
    charts.end();
    drop(control);
    open.close();
    drop(edge);
    drop(of_hosts);
    drop(care);
    farewell(context);
    Ok(Exit::Ok)
}

/// Where the team is met: on boards of ops's own, which listen, or on those of others.
enum Front {
    Boards { store: Arc<BoardStore>, listener: TcpListener, address: String },
    Guest(Guest),
}

impl Front {
    fn of(context: &Context, settings: &Settings, team: &Team) -> Result<Self, Problem> {
        let me = &settings.boards.me;
        match team.clone() {
            Team::Own(store) => {
                members::sync(&store, settings)?;
                let wanted = &settings.boards.listen;
                let (listener, address) = listen(wanted, "the boards", "boards.embedded.listen")?;
                Ok(Self::Boards { store, listener, address })
            }
            Team::Guest(guest) => {
                guest::is_me(context, &guest, me)?;
                Ok(Self::Guest(guest))
            }
        }
    }

    /// Where boards of ops's own listen; empty if there are none.
    fn address(&self) -> String {
        match self {
            Self::Boards { address, .. } => address.clone(),
            Self::Guest(_) => String::new(),
        }
    }

    fn open(self, ports: Ports, wishes: Arc<CommitWishes>, nudge: Nudge) -> Result<Open, Problem> {
        match self {
            Self::Boards { store, listener, .. } => {
                boards::serve(listener, store, ports, wishes, nudge).map(Open::Boards)
            }
            Self::Guest(guest) => guest::Ears::open(&guest, nudge).map(Open::Ears),
        }
    }
}

/// What is open towards the team while the daemon runs.
enum Open {
    Boards(boards::Serving),
    Ears(guest::Ears),
}

impl Open {
    fn close(self) {
        match self {
            Self::Boards(boards) => boards.end(),
            Self::Ears(ears) => ears.close(),
        }
    }
}

/// The newest settings, which must stand in a commit (S4).
fn committed(context: &Context) -> Result<Loaded, Problem> {
    let loaded = context.load()?;
    if !loaded.from_git {
        return Err(Problem::configuration(format!(
            "{} is in no git repository, so that nothing says who changed what governs",
            context.config.display()
        ))
        .hint("run `git init`, commit ops.yaml, and start again"));
    }
    if loaded.uncommitted {
        context.ui.warning("ops.yaml in the folder differs from the commit; the commit governs");
    }
    Ok(loaded)
}

fn ports(
    context: &Context,
    settings: &Settings,
    team: &Team,
    (target, docker, door): (Arc<ProcessTarget>, Docker, Arc<dyn Door>),
    wishes: Arc<CommitWishes>,
) -> Result<Ports, Problem> {
    let (planning, meeting) = team.ports(&settings.boards.me)?;
    let target = Arc::new(Places { processes: target, docker: docker.clone() });
    let governs = Arc::clone(&wishes);
    let known = Arc::new(settings.clone());
    let advisor = advisor(move || Some(governs.governing().unwrap_or_else(|| Arc::clone(&known))));
    Ok(Ports {
        senses: Arc::clone(&target) as Arc<dyn Senses>,
        target,
        artifacts: Arc::new(Goods { store: context.artifacts(settings), docker }),
        door,
        prober: Arc::new(HttpProber::new()),
        planning,
        meeting,
        host: Arc::new(LocalHost::new(&context.state)),
        alerts: Arc::new(HttpAlerts::new()),
        herald: Arc::new(NoticeHerald::new()),
        metrics: Arc::new(PrometheusMetrics::new()),
        secrets: Arc::new(ReferenceSecrets::open(&context.state)?),
        wishes,
        advisor,
    })
}

/// The ports for looking only: what `ops plan`, `ops check --online` and `ops doctor` ask.
pub(crate) fn looking_ports(context: &Context, settings: &Settings) -> Result<Ports, Problem> {
    let team = Team::known(context, settings)?;
    let target = Arc::new(context.target(settings)?);
    let wishes = Arc::new(CommitWishes::new(&context.config, None));
    let door = crate::doors::door(context, settings)?;
    ports(context, settings, &team, (target, context.docker(settings), door), wishes)
}

/// What looks after the door, wherever it is.
enum DoorCare {
    Here { _edge: edge::Edge },
    OnHosts { _care: Care },
}

fn begin_edge(
    context: &Context,
    own_edge: bool,
    hosts: Option<OnHosts>,
    settings: &Settings,
) -> Result<DoorCare, Problem> {
    for host in crate::doors::left(&context.state, settings.edge.doors.as_ref()) {
        context.ui.warning(&format!(
            "ops.yaml names no door on {host} any more; the one there serves on by its last routes \
             until its container is removed"
        ));
    }
    Ok(match hosts {
        Some(hosts) if own_edge => DoorCare::OnHosts { _care: Care::begin(hosts)? },
        Some(_) => DoorCare::OnHosts { _care: Care::default() },
        None => DoorCare::Here { _edge: edge::Edge::begin(context, own_edge)? },
    })
}

/// Listens for somebody, as a key of ops.yaml says.
fn listen(address: &str, who: &str, key: &str) -> Result<(TcpListener, String), Problem> {
    let failed = |error: std::io::Error| {
        Problem::refused(format!("{who} cannot listen on {address}: {error}")).hint(format!(
            "stop the program that listens there (`ss -ltnp` names it), or set `{key}` in ops.yaml"
        ))
    };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound.to_string()))
}

/// Brings keepers back that died, and containers that a reboot left down, before anything is looked
/// at.
fn restore(context: &Context, target: &ProcessTarget, docker: &Docker) {
    match docker.restore() {
        Ok(None) => {}
        Ok(Some(done)) => {
            for replica in done.started {
                tracing::info!(replica, "its container is back");
            }
            for (replica, fault) in done.failed {
                context.ui.warning(&format!("the container of {replica} is not back: {fault}"));
            }
        }
        Err(fault) => context.ui.warning(&format!("containers could not be looked at: {fault}")),
    }
    match target.restore() {
        Ok(done) => {
            for replica in done.restored {
                tracing::info!(replica, "its keeper is back");
            }
            for (replica, fault) in done.failed {
                context.ui.warning(&format!("{replica} has no keeper: {fault}"));
            }
        }
        Err(fault) => context.ui.warning(&format!("keepers could not be looked at: {fault}")),
    }
}

/// Sets the log of a long-running process up, on standard error.
pub(crate) fn log(context: &Context) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("OPS_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // Somebody else's subscriber stays: there is only ever one.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(context.ui.moves())
        .with_target(false)
        .try_init();
}

fn welcome(context: &Context, settings: &Settings, boards: &str, door: &dyn Door) {
    let ui = &context.ui;
    ui.status(&format!(
        "ops looks after {}; state in {}",
        settings.project,
        context.state.display()
    ));
    if boards.is_empty() {
        ui.status("ops is a guest on DevTeam's boards");
    } else {
        ui.status(&format!("boards on http://{boards}"));
    }
    match door.addresses() {
        Ok(addresses) => ui.status(&format!("the edge answers on {}", addresses.join(", "))),
        Err(fault) if settings.edge.doors.is_some() => {
            ui.warning(&format!("not every door answers yet: {fault}"));
        }
        Err(_) => ui.warning("no edge answers yet: start it with `ops edge`"),
    }
    ui.status("Ctrl-C ends this daemon; services and edge go on without it");
}

fn farewell(context: &Context) {
    context.ui.status(
        "the daemon has ended; services and the edge keep running, and what was under way is \
         taken up by the next `ops serve`",
    );
}
