//! `routes.json`: what the door must know again after a restart.

use std::{collections::BTreeMap, io};

use ops_core::{
    id::{ServiceName, Stamp},
    route::{Returned, Route},
    world::Fault,
};
use serde::{Deserialize, Serialize};

use super::{
    check::{check_claims, check_route},
    disk::{StateDir, Unwritten},
};
use crate::error::EdgeError;

const ROUTES_FILE: &str = "routes.json";

/// The only format there is so far.
const FORMAT: u32 = 1;

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// What is remembered of a service. The stamp outlives the route, so that an act that was
/// overtaken by a removal stays refused (P4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// Stamp of the last act.
    pub(crate) stamp: Stamp,
    /// The route, or `None` if that act removed it.
    pub(crate) route: Option<Route>,
    /// Set if that act was the door's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) returned: Option<Returned>,
}

/// What is remembered of all services.
pub(crate) type Entries = BTreeMap<ServiceName, Entry>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: u32,
    services: Entries,
}

/// Reads the entries; none if the file does not exist.
pub(crate) fn load(dir: &StateDir) -> Result<Entries, EdgeError> {
    let path = dir.file(ROUTES_FILE);
    let bad = |why: String| EdgeError::Routes { path: path.clone(), why };
    let size = match std::fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Entries::new()),
        Err(error) => return Err(bad(error.to_string())),
        Ok(meta) => meta.len(),
    };
    if size > MAX_BYTES {
        return Err(bad(format!("it has {size} bytes, more than {MAX_BYTES}")));
    }
    let content = std::fs::read(&path).map_err(|error| bad(error.to_string()))?;
    let stored: Stored =
        serde_json::from_slice(&content).map_err(|error| bad(error.to_string()))?;
    if stored.format != FORMAT {
        return Err(bad(format!("it has format {}, this edge knows {FORMAT}", stored.format)));
    }
    check(&stored.services).map_err(|fault| bad(fault.to_string()))?;
    Ok(stored.services)
}

fn check(entries: &Entries) -> Result<(), Fault> {
    let routes = || entries.values().filter_map(|entry| entry.route.as_ref());
    for (name, entry) in entries {
        let Some(route) = &entry.route else { continue };
        if &route.service != name {
            let what = format!("the route of {} stands under the name {name}", route.service);
            return Err(Fault::new(what, ROUTES_FILE, "restore the file"));
        }
        check_route(route)?;
        check_claims(route, routes())?;
    }
    Ok(())
}

/// Writes the entries, durably.
pub(crate) fn save(dir: &StateDir, entries: &Entries) -> Result<(), Unwritten> {
    let stored = Stored { format: FORMAT, services: entries.clone() };
    let content = serde_json::to_vec_pretty(&stored)
        .map_err(|error| Unwritten::Untouched(io::Error::other(error)))?;
    dir.replace(ROUTES_FILE, &content)
}
