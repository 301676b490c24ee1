//! Compose projects: what a team's file says, what it takes to run it, and what is kept of it.
//!
//! ops never edits the team's file. It asks the Compose program what the file means, and writes a
//! second one beside its own records, an overlay, that pins images and names the copies of the
//! service behind the door, where there is one. Which containers a release has is said in [`crate::target`].

mod bundle;
mod files;
mod model;
mod overlay;
mod program;
mod text;

pub(crate) use bundle::Bundle;
pub use bundle::{ComposeProjects, Folder, ProjectFolders};
pub(crate) use model::{Brought, Front, Model, Secret};
pub(crate) use overlay::{CONFIGURATION, Copy, Other, overlay, write};
pub use program::ComposeProgram;
pub(crate) use program::{Call, Halt};

use ops_core::{id::ServiceName, world::Compose};

/// What Compose calls a service's project: its own name on each stage, so that two stages on one
/// engine are two projects.
pub(crate) fn project_name(compose: &Compose, service: &ServiceName) -> String {
    let (base, stage) = match service.as_str().split_once('@') {
        Some((base, stage)) => (base, Some(stage)),
        None => (service.as_str(), None),
    };
    let mut name = compose.project.clone().unwrap_or_else(|| base.to_lowercase());
    if let Some(stage) = stage {
        name = format!("{name}-{}", stage.to_lowercase());
    }
    name.replace(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "-")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_stage_is_a_project_of_its_own() {
        let mut compose = Compose {
            file: "compose.yaml".to_owned(),
            project: None,
            front: None,
            port: None,
            without_door: false,
            images: BTreeMap::new(),
        };
        assert_eq!(project_name(&compose, &"Shop.a".into()), "shop-a");
        assert_eq!(project_name(&compose, &"shop@staging".into()), "shop-staging");
        compose.project = Some("store".to_owned());
        assert_eq!(project_name(&compose, &"shop".into()), "store");
        assert_eq!(project_name(&compose, &"shop@staging".into()), "store-staging");
    }
}
