//! `ops edge`.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use ops_config::Loaded;
use ops_core::settings;
use ops_edge::{CertificateFiles, Edge, EdgeConfig, Ended};
use ops_targets::ProcessTarget;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    context::{Context, own_build},
    exit::Exit,
    keepers::Care,
    problem::Problem,
    serve,
};

/// What the edge writes down about itself.
const ABOUT: &str = "edge.json";

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave the terminal's session first
    #[arg(long, hide = true)]
    detached: bool,
    /// Take the place of the edge that runs: it hands over its sockets and ends when it is empty
    #[arg(long)]
    take_over: bool,
    /// Print what the running edge counted, as Prometheus reads it
    #[arg(long, conflicts_with = "take_over")]
    metrics: bool,
    /// Listen on this address, whatever ops.yaml says: for an edge on a host that has none
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// All that an edge is told, as ops itself tells it
    #[arg(long, hide = true, conflicts_with = "listen")]
    wishes: Option<String>,
    /// Take the place of the edge that runs if it is this process
    #[arg(long, hide = true, conflicts_with = "take_over")]
    after: Option<String>,
    #[command(subcommand)]
    also: Option<Also>,
}

/// What is done beside a running edge.
#[derive(Debug, clap::Subcommand)]
enum Also {
    /// Bring questions from the standard input to the edge that runs, and answers back: what ops on
    /// another machine starts here
    Control,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    if args.detached {
        // It fails only for whoever leads a group of processes already, and then for good reason.
        let _ = rustix::process::setsid();
    }
    if args.metrics {
        let counted = context.door().metrics()?;
        context.ui.answer(&counted, |_| counted.clone())?;
        return Ok(Exit::Ok);
    }
    if let Some(Also::Control) = args.also {
        let carried =
            ops_edge::bridge(&context.edge_dir(), std::io::stdin(), std::io::stdout().lock());
        // Whoever asked has gone: nobody is left to be told anything.
        return Ok(if carried.is_ok() { Exit::Ok } else { Exit::Refused });
    }
    context.make_state()?;
    serve::log(context);
    let (config, target) = wishes(context, args)?;
    let follows = args.take_over
        || args.after.as_ref().is_some_and(|process| {
            context.door().status().is_ok_and(|status| status.instance == *process)
        });
    let runtime =
        runtime().map_err(|error| Problem::internal(format!("the edge cannot run: {error}")))?;
    runtime.block_on(async {
        let failed =
            |error: std::io::Error| Problem::internal(format!("signals cannot be caught: {error}"));
        let mut term = signal(SignalKind::terminate()).map_err(failed)?;
        let mut int = signal(SignalKind::interrupt()).map_err(failed)?;
        let edge = if follows { Edge::take_over(config).await } else { Edge::bind(config).await };
        let edge = edge.map_err(|error| Problem::refused(error.to_string()))?;
        let addresses: Vec<_> = edge.addresses().iter().map(ToString::to_string).collect();
        context.ui.status(&format!("the edge answers on {}", addresses.join(", ")));
        // Services come back after the door stands, also before any daemon.
        let care = target.map(|target| Care::begin(Arc::new(target)));
        let ended = edge
            .serve(async move {
                tokio::select! {
                    _ = term.recv() => {}
                    _ = int.recv() => {}
                }
            })
            .await;
        drop(care);
        context.ui.status(match ended {
            Ended::Stopped => "the edge has ended; services run on, and nobody reaches them",
            Ended::Replaced => "the edge has ended; another one serves in its place",
        });
        Ok(Exit::Ok)
    })
}

/// One thread where there is one core: nothing is handed between threads then, which costs a fifth of
/// the time that a request takes.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut builder = match cores {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.enable_all().thread_name("ops-edge").build()
}

/// What to listen on and how: as `ops.yaml` says, or, if it cannot be read, as the last edge did. A door must
/// come back whatever somebody just committed.
fn wishes(context: &Context, args: &Args) -> Result<(EdgeConfig, Option<ProcessTarget>), Problem> {
    let (config, target) = match told(args)? {
        Some(edge) => (config(context, &edge)?, None),
        None => read_wishes(context)?,
    };
    Ok((EdgeConfig { build: own_build(), ..config }, target))
}

/// What the edge is told with its start, if it is.
fn told(args: &Args) -> Result<Option<settings::Edge>, Problem> {
    if !args.listen.is_empty() {
        let listen = args.listen.clone();
        return Ok(Some(settings::Edge { listen, ..settings::Edge::default() }));
    }
    let Some(text) = &args.wishes else { return Ok(None) };
    serde_json::from_str(text).map(Some).map_err(|error| {
        Problem::configuration(format!("what the edge is told cannot be read: {error}"))
            .hint("`--wishes` is what ops writes itself; use `--listen`")
    })
}

fn read_wishes(context: &Context) -> Result<(EdgeConfig, Option<ProcessTarget>), Problem> {
    match context.load() {
        Ok(Loaded { settings, .. }) => {
            let target = context.target(&settings)?;
            Ok((config(context, &settings.edge)?, Some(target)))
        }
        Err(problem) => {
            let Some(last) = last_config(context) else {
                return Err(problem);
            };
            context.ui.warning(&format!("{problem}; listening where the last edge did"));
            Ok((last, None))
        }
    }
}

fn config(context: &Context, edge: &settings::Edge) -> Result<EdgeConfig, Problem> {
    let addresses = |texts: &[String]| -> Result<Vec<_>, _> {
        texts.iter().map(|text| address(text)).collect()
    };
    let mut config = EdgeConfig::new(addresses(&edge.listen)?, context.edge_dir());
    if let Some(tls) = &edge.tls {
        config.tls_listen = addresses(&tls.listen)?;
        let files = |it: &settings::Certificate| CertificateFiles {
            chain: it.chain.clone().into(),
            key: it.key.clone().into(),
        };
        config.certificates = tls.certificates.iter().map(files).collect();
    }
    config.metrics = edge.metrics.as_deref().map(address).transpose()?;
    config.max_body_bytes = edge.max_body_megabytes.map(|size| size * 1_000_000);
    config.access_log_percent = edge.access_log_percent;
    let millis = |ms: Option<u64>, default| ms.map_or(default, Duration::from_millis);
    config.response_timeout = millis(edge.response_timeout_ms, config.response_timeout);
    config.header_timeout = millis(edge.header_timeout_ms, config.header_timeout);
    Ok(config)
}

fn address(text: &str) -> Result<SocketAddr, Problem> {
    text.parse().map_err(|_| {
        Problem::configuration(format!("`{text}` under `edge.listen` is no address"))
            .hint("write it like 127.0.0.1:8080")
    })
}

/// What the last edge listened on; `None` if it left no word.
fn last_config(context: &Context) -> Option<EdgeConfig> {
    let text = std::fs::read_to_string(context.edge_dir().join(ABOUT)).ok()?;
    let about: About = serde_json::from_str(&text).ok()?;
    let mut config = EdgeConfig::new(about.listen, context.edge_dir());
    config.tls_listen = about.tls;
    let files = |(chain, key)| CertificateFiles { chain, key };
    config.certificates = about.certificates.into_iter().map(files).collect();
    Some(config).filter(|config| config.listen.len() + config.tls_listen.len() > 0)
}

/// What an edge writes down of where it listens.
#[derive(serde::Deserialize)]
struct About {
    listen: Vec<SocketAddr>,
    #[serde(default)]
    tls: Vec<SocketAddr>,
    #[serde(default)]
    certificates: Vec<(PathBuf, PathBuf)>,
}
