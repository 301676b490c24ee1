//! `ops edge`.

use std::{net::SocketAddr, sync::Arc};

use ops_config::Loaded;
use ops_edge::{Edge, EdgeConfig};
use ops_targets::ProcessTarget;
use tokio::signal::unix::{SignalKind, signal};

use crate::{context::Context, exit::Exit, keepers::Care, problem::Problem, serve};

/// What the edge writes down about itself.
const ABOUT: &str = "edge.json";

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave the terminal's session first
    #[arg(long, hide = true)]
    detached: bool,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    if args.detached {
        // It fails only for whoever leads a group of processes already, and then for good reason.
        let _ = rustix::process::setsid();
    }
    context.make_state()?;
    serve::log(context);
    let (listen, target) = wishes(context)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("ops-edge")
        .build()
        .map_err(|error| Problem::internal(format!("the edge cannot run: {error}")))?;
    runtime.block_on(async {
        let failed =
            |error: std::io::Error| Problem::internal(format!("signals cannot be caught: {error}"));
        let mut term = signal(SignalKind::terminate()).map_err(failed)?;
        let mut int = signal(SignalKind::interrupt()).map_err(failed)?;
        let edge = Edge::bind(EdgeConfig::new(listen, context.edge_dir()))
            .await
            .map_err(|error| Problem::refused(error.to_string()))?;
        let addresses: Vec<_> = edge.addresses().iter().map(ToString::to_string).collect();
        context.ui.status(&format!("the edge answers on {}", addresses.join(", ")));
        // Services come back after the door stands, also before any daemon.
        let care = target.map(|target| Care::begin(Arc::new(target)));
        edge.serve(async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
        })
        .await;
        drop(care);
        context.ui.status("the edge has ended; services run on, and nobody reaches them");
        Ok(Exit::Ok)
    })
}

/// Where to listen: as `ops.yaml` says, or, if it cannot be read, as the last edge did. A door must
/// come back whatever somebody just committed.
fn wishes(context: &Context) -> Result<(Vec<SocketAddr>, Option<ProcessTarget>), Problem> {
    match context.load() {
        Ok(Loaded { settings, .. }) => {
            let target = context.target(&settings)?;
            let listen = settings.edge.listen.iter().map(|text| address(text));
            Ok((listen.collect::<Result<_, _>>()?, Some(target)))
        }
        Err(problem) => {
            let last = last_addresses(context);
            if last.is_empty() {
                return Err(problem);
            }
            context.ui.warning(&format!("{problem}; listening where the last edge did"));
            Ok((last, None))
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, Problem> {
    text.parse().map_err(|_| {
        Problem::configuration(format!("`{text}` under `edge.listen` is no address"))
            .hint("write it like 127.0.0.1:8080")
    })
}

fn last_addresses(context: &Context) -> Vec<SocketAddr> {
    let text = std::fs::read_to_string(context.edge_dir().join(ABOUT)).unwrap_or_default();
    let about: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let listen = about.get("listen").and_then(serde_json::Value::as_array);
    let texts = listen.into_iter().flatten().filter_map(serde_json::Value::as_str);
    texts.filter_map(|text| text.parse().ok()).collect()
}
