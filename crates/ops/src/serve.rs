//! The daemon: every port of the engine wired to its adapter, and everything that runs beside it.

mod boards;
mod candidate;
mod charts;
mod edge;
mod identity;
mod members;
mod stop;
mod wishes;

use std::{net::TcpListener, sync::Arc};

use ops_boards::{BoardStore, EmbeddedMeeting, EmbeddedPlanning};
use ops_config::Loaded;
use ops_core::settings::Settings;
use ops_engine::{
    Daemon, Engine,
    ports::{Clock, Ports, Senses, Wishes as _},
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
pub(crate) use members::member_of;
pub(crate) use wishes::CommitWishes;

use crate::{
    context::Context,
    exit::Exit,
    keepers::Care,
    places::{Docker, Goods, Places},
    problem::Problem,
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
    let store = context.make_boards()?;
    members::sync(&store, settings)?;
    let (listener, boards) = listen(&settings.boards.listen)?;
    let target = Arc::new(context.target(settings)?);
    let docker = context.docker(settings);
    restore(context, &target, &docker);
    let care = Care::begin(Arc::clone(&target));
    let edge = edge::Edge::begin(context, own_edge)?;
    let wishes = Arc::new(CommitWishes::new(&context.config, Some(Arc::clone(&store))));
    wishes.govern(&Arc::new(settings.clone()));
    let ports = ports(context, settings, &store, (target, docker), Arc::clone(&wishes))?;
    let charts = charts::Charts::begin(context, &mut engine)?;
    let (daemon, handle) = Daemon::new(engine, ports.clone(), clock);
    let nudge = Nudge::start(handle.clone())?;
    let serving = boards::serve(listener, Arc::clone(&store), ports, Arc::clone(&wishes), nudge)?;
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
    welcome(context, settings, &boards);
    daemon.run();
    charts.end();
    drop(control);
    serving.end();
    drop(edge);
    drop(care);
    farewell(context);
    Ok(Exit::Ok)
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
    store: &Arc<BoardStore>,
    (target, docker): (Arc<ProcessTarget>, Docker),
    wishes: Arc<CommitWishes>,
) -> Result<Ports, Problem> {
    let me = members::id_of(store, &settings.boards.me)?;
    let target = Arc::new(Places { processes: target, docker: docker.clone() });
    Ok(Ports {
        senses: Arc::clone(&target) as Arc<dyn Senses>,
        target,
        artifacts: Arc::new(Goods { store: context.artifacts(settings), docker }),
        door: Arc::new(context.door()),
        prober: Arc::new(HttpProber::new()),
        planning: Arc::new(EmbeddedPlanning::new(Arc::clone(store), &me)?),
        meeting: Arc::new(EmbeddedMeeting::new(Arc::clone(store), &me)?),
        host: Arc::new(LocalHost::new(&context.state)),
        alerts: Arc::new(HttpAlerts::new()),
        herald: Arc::new(NoticeHerald::new()),
        metrics: Arc::new(PrometheusMetrics::new()),
        secrets: Arc::new(ReferenceSecrets::open(&context.state)?),
        wishes,
    })
}

/// The ports for looking only: what `ops plan`, `ops check --online` and `ops doctor` ask.
pub(crate) fn looking_ports(context: &Context, settings: &Settings) -> Result<Ports, Problem> {
    let store = context.boards()?;
    let target = Arc::new(context.target(settings)?);
    let wishes = Arc::new(CommitWishes::new(&context.config, None));
    ports(context, settings, &store, (target, context.docker(settings)), wishes)
}

fn listen(address: &str) -> Result<(TcpListener, String), Problem> {
    let failed = |error: std::io::Error| {
        Problem::refused(format!("the boards cannot listen on {address}: {error}")).hint(
            "stop the program that listens there (`ss -ltnp` names it), or set \
             `boards.embedded.listen` in ops.yaml",
        )
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

fn welcome(context: &Context, settings: &Settings, boards: &str) {
    let ui = &context.ui;
    ui.status(&format!(
        "ops looks after {}; state in {}",
        settings.project,
        context.state.display()
    ));
    ui.status(&format!("boards on http://{boards}"));
    match edge::addresses(context) {
        Ok(addresses) => ui.status(&format!("the edge answers on {}", addresses.join(", "))),
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
