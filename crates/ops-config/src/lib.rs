//! The wishes: ops.yaml to core types, with line and column for every complaint.
//!
//! ```text
//! text ─ yaml ─▶ nodes ─ check (shape) ─▶ view/build ─▶ Settings ─ rules ─▶ Settings
//!                            └────────── all complaints at once ──────┘
//! ```
//!
//! The shape of the file is data (`shape`): the check, the complaints and the JSON Schema are all
//! made from it. Only `yaml` knows the YAML library, only `render` the one that shows complaints,
//! only `git` the program of that name.

mod ancestry;
mod build;
mod check;
mod complaint;
mod git;
mod hash;
mod mask;
mod moment;
mod node;
mod parse;
mod query;
mod render;
mod rules;
mod scalar;
mod schema;
mod shape;
mod source;
mod starter;
mod view;
mod yaml;

pub use ancestry::{head, holds, same_tree};
pub use complaint::{Complaint, Complaints, Span};
pub use hash::service_hash;
pub use parse::{FILE_MAX, parse};
pub use render::Look;
pub use schema::schema;
pub use source::{FILE_NAME, LoadError, Loaded, load, load_at, load_working_copy};
pub use starter::{Adopted, adopted_block, starter, starter_adopting};
