//! `ops init`.

mod adopt;

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use ops_config::FILE_NAME;

use crate::{context::Context, exit::Exit, problem::Problem};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print it instead of writing it
    #[arg(long)]
    print: bool,

    /// Adopt what already runs: the address on which it listens (`:8080`), or its process number
    ///
    /// What it runs is taken into the artifact store, and ops.yaml is written for it. Nothing is
    /// started or stopped; `ops serve` does the rest.
    #[arg(long, value_name = "WHERE")]
    adopt: Option<String>,

    /// The folder that it was started from; needed where its program is not the service itself
    #[arg(long, value_name = "PATH", requires = "adopt")]
    artifact: Option<PathBuf>,

    /// Its name in ops.yaml
    #[arg(long, value_name = "NAME", requires = "adopt")]
    name: Option<String>,

    /// What people call the version that runs
    #[arg(long, value_name = "VERSION", requires = "adopt")]
    release: Option<String>,

    /// The commit that it was made from
    #[arg(long, value_name = "COMMIT", requires = "adopt")]
    commit: Option<String>,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    if let Some(place) = &args.adopt {
        return adopt::run(context, args, place);
    }
    let text = ops_config::starter(&context.config);
    if args.print {
        context.ui.answer(&serde_json::json!({ "text": text }), |_| text.clone())?;
        return Ok(Exit::Ok);
    }
    let path = context.config.join(FILE_NAME);
    create(&path, &text)?;
    let written = path.display().to_string();
    context
        .ui
        .answer(&serde_json::json!({ "written": written }), |_| format!("wrote {written}"))?;
    context.ui.hint("read it, then `ops check`, then `git add ops.yaml && git commit`");
    context.ui.hint("`ops serve` then starts the daemon, boards and edge");
    Ok(Exit::Ok)
}

/// Writes a file that was not there.
fn create(path: &Path, text: &str) -> Result<(), Problem> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            Problem::refused(format!("{} is there already", path.display()))
                .hint("`ops check` says whether it is right; `ops init --print` shows a fresh one")
        } else {
            Problem::file("write", path, &error)
        }
    })?;
    file.write_all(text.as_bytes()).map_err(|error| Problem::file("write", path, &error))
}
