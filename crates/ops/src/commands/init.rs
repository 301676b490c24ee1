//! `ops init`.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
};

use ops_config::FILE_NAME;

use crate::{context::Context, exit::Exit, problem::Problem};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print it instead of writing it
    #[arg(long)]
    print: bool,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    let text = ops_config::starter(&context.config);
    if args.print {
        context.ui.answer(&serde_json::json!({ "text": text }), |_| text.clone())?;
        return Ok(Exit::Ok);
    }
    let path = context.config.join(FILE_NAME);
    let mut file =
        OpenOptions::new().write(true).create_new(true).open(&path).map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                Problem::refused(format!("{} is there already", path.display())).hint(
                    "`ops check` says whether it is right; `ops init --print` shows a fresh one",
                )
            } else {
                Problem::file("write", &path, &error)
            }
        })?;
    file.write_all(text.as_bytes()).map_err(|error| Problem::file("write", &path, &error))?;
    let written = path.display().to_string();
    context
        .ui
        .answer(&serde_json::json!({ "written": written }), |_| format!("wrote {written}"))?;
    context.ui.hint("read it, then `ops check`, then `git add ops.yaml && git commit`");
    context.ui.hint("`ops serve` then starts the daemon, boards and edge");
    Ok(Exit::Ok)
}
