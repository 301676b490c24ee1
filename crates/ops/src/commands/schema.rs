//! `ops schema`.

use crate::{context::Context, exit::Exit, problem::Problem};

pub(crate) fn run(context: &Context) -> Result<Exit, Problem> {
    let schema = ops_config::schema();
    context.ui.answer(&schema, |_| serde_json::to_string_pretty(&schema).unwrap_or_default())?;
    Ok(Exit::Ok)
}
