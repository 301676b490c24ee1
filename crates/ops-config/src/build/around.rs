//! What stands around a service: stages, dependencies, infrastructure, its budget.
//!
//! An item whose name is missing stays in its list without one, so that every item keeps its
//! number: the rules complain by it.

use ops_core::{
    id::{EnvironmentName, ServiceName},
    settings::{Budget, Dependency, Infrastructure, Migrations, ReadState, Stage},
};

use super::{PRODUCTION, door::route};
use crate::{
    node::{Node, Value},
    view::View,
};

const BUDGET_DAYS: u32 = 28;

pub(super) fn stages(view: View<'_>) -> Vec<Stage> {
    let plain =
        |name| Stage { environment: EnvironmentName::new(name), route: None, soak_seconds: 0 };
    if !view.has("stages") {
        return vec![plain(PRODUCTION.to_owned())];
    }
    let stage = |node| match named(view, node) {
        Named::Plain(name) => plain(name),
        Named::Table(table) => Stage {
            environment: EnvironmentName::new(table.text("environment").unwrap_or_default()),
            route: table.has("route").then(|| route(table.child("route"))),
            soak_seconds: table.seconds("soak").unwrap_or(0),
        },
    };
    view.items("stages").iter().map(stage).collect()
}

pub(super) fn dependencies(view: View<'_>) -> Vec<Dependency> {
    let dependency = |node| match named(view, node) {
        Named::Plain(name) => Dependency { service: ServiceName::new(name), version: None },
        Named::Table(table) => Dependency {
            service: ServiceName::new(table.text("service").unwrap_or_default()),
            version: table.text("version"),
        },
    };
    view.items("depends_on").iter().map(dependency).collect()
}

/// A name, or a mapping that holds it.
enum Named<'a> {
    Plain(String),
    Table(View<'a>),
}

fn named<'a>(view: View<'a>, node: &'a Node) -> Named<'a> {
    match node.value {
        Value::Map(_) => Named::Table(view.over(node)),
        _ => Named::Plain(view.scalar(node).unwrap_or_default()),
    }
}

pub(super) fn infrastructure(view: View<'_>) -> Vec<Infrastructure> {
    let one = |node| {
        let table: View<'_> = view.over(node);
        let read = match (table.text("file"), table.texts("command")) {
            (Some(file), None) => Some(ReadState::File(file)),
            (None, Some(command)) => Some(ReadState::Command(command)),
            // The rules complain about both and about neither.
            _ => None,
        };
        Some(Infrastructure { name: table.text("name")?, read: view.keep(node, read)? })
    };
    view.items("infrastructure").iter().filter_map(one).collect()
}

pub(super) fn budget(view: View<'_>) -> Option<Budget> {
    let node = view.get("budget")?;
    let table = view.child("budget");
    let budget = table.share("errors").map(|error_share| Budget {
        error_share,
        days: table.whole("days").unwrap_or(BUDGET_DAYS),
        except: table.texts("except").unwrap_or_default(),
    });
    view.keep(node, budget)
}

pub(super) fn migrations(view: View<'_>) -> Migrations {
    let Some(node) = view.get("migrations") else {
        return Migrations::default();
    };
    let read = match node.scalar() {
        Some("held") => Some(Migrations::Held),
        Some("at-start") => Some(Migrations::AtStart),
        _ => None,
    };
    view.keep(node, read).unwrap_or_default()
}
