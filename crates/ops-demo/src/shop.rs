//! A small real shop: the service that is deployed in the demo and in the benchmarks.
//!
//! `GET /healthz`, `GET /`, `GET /products`, `GET /products/{id}`, `POST /cart`, `GET /cart/{id}`.
//! Every answer that the service itself gives carries [`VERSION_HEADER`].

mod answer;
mod conduct;
mod config;
mod serve;
mod stock;

use std::{
    ffi::{OsStr, OsString},
    future::Future,
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::Parser;
use http::HeaderValue;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

pub use self::config::{CONFIG_FILE, ShopConfig};
use self::{answer::Shop, config::find_config};
use crate::random::Dice;

/// Header of every answer of the service itself; its value is the version.
pub const VERSION_HEADER: &str = "x-shop-version";

/// Name under which a multi-call binary is the shop.
pub const PROGRAM_NAME: &str = "shop";

/// Whether a program that was called as `argv0` is to be the shop.
pub fn is_called(argv0: &OsStr) -> bool {
    Path::new(argv0).file_name() == Some(OsStr::new(PROGRAM_NAME))
}

/// Why the shop does not serve, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    /// No configuration was found.
    #[error(
        "no configuration: neither {} nor {} exists; write one, or name it with --config",
        beside.display(), above.display()
    )]
    ConfigMissing {
        /// Where it was looked for first.
        beside: PathBuf,
        /// Where it was looked for then.
        above: PathBuf,
    },
    /// The configuration cannot be read.
    #[error("cannot read {}: {source}; name a readable file with --config", path.display())]
    ConfigUnreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The configuration says something that cannot be.
    #[error("{} is no shop configuration: {why}; correct the file", path.display())]
    ConfigInvalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The program does not know its own path.
    #[error("cannot find the program's own folder: {0}; name the configuration with --config")]
    ProgramUnknown(io::Error),
    /// The system gave no seed.
    #[error("the system gives no random numbers: {0}; check getrandom(2) and its sandbox")]
    NoChance(getrandom::Error),
    /// The port cannot be had.
    #[error("cannot listen on {address}: {source}; choose another with --port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Runtime or signals cannot be set up.
    #[error("cannot start: {0}; check the limits on processes and file descriptors")]
    Start(io::Error),
    /// Requests were still in flight at the limit.
    #[error("{0} connections were cut off after 30 s; give the drain more time before TERM")]
    CutOff(usize),
}

/// A small shop that serves until it is told to stop by TERM.
#[derive(Debug, Parser)]
#[command(name = PROGRAM_NAME)]
struct Options {
    /// Port; 0 takes a free one, which is printed.
    #[arg(long)]
    port: u16,
    /// Address; in a container, 0.0.0.0 lets others in.
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST)]
    listen: Ipv4Addr,
    /// Configuration; by default `shop.json` beside the program or one folder up.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Runs the shop until TERM or INT. The arguments begin with the program's name. The exit status
/// is 0 after an order to stop with everything finished, 1 after an error, 2 for wrong arguments.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = match Options::try_parse_from(args) {
        Ok(options) => options,
        Err(error) => {
            // Without a place to complain to, the exit status has to do.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "shop: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), ShopError> {
    let path = match &options.config {
        Some(path) => path.clone(),
        None => find_config()?,
    };
    let config = ShopConfig::read(&path)?;
    let version = HeaderValue::from_str(&config.version)
        .map_err(|error| ShopError::ConfigInvalid { path, why: error.to_string() })?;
    let dice = Dice::from_system().map_err(ShopError::NoChance)?;
    let shop = Arc::new(Shop::open(&config, version, dice));
    // One thread: waiting is all that the shop does at length, and a fixed share of one core
    // makes it a quiet neighbour of what is measured beside it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ShopError::Start)?;
    runtime.block_on(async {
        let term = catch_term().map_err(ShopError::Start)?;
        let address = SocketAddr::from((options.listen, options.port));
        let unheard = |source| ShopError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(unheard)?;
        let address = listener.local_addr().map_err(unheard)?;
        // A closed standard output is no reason not to serve.
        let _ = writeln!(io::stdout(), "shop {} listens on {address}", config.version);
        match serve::serve(listener, shop, term).await {
            0 => Ok(()),
            cut_off => Err(ShopError::CutOff(cut_off)),
        }
    })
}

/// Done when TERM or INT has come. The signals are caught from this call on.
fn catch_term() -> io::Result<impl Future<Output = ()>> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}
