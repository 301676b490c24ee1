//! What holds deployments of the whole team, and who is told.
//!
//! An item that the rules complain about is left out, and the file refused with it.

use ops_core::{
    id::{EnvironmentName, ServiceName},
    settings::{AlertKind, AlertSource, Gate, Notify, Opening, Via, Window, WindowKind},
};

use crate::{
    moment::{Moment, time_zone},
    node::Node,
    view::View,
};

const LABEL: &str = "service";
const EVERY_SECONDS: u64 = 15 * 60;

pub(super) fn gate(file: View<'_>) -> Gate {
    Gate { windows: all(file, "windows", window), alerts: all(file, "alerts", alert) }
}

pub(super) fn notify(file: View<'_>) -> Vec<Notify> {
    all(file, "notify", somebody)
}

fn all<T>(file: View<'_>, key: &str, read: impl Fn(View<'_>) -> Option<T>) -> Vec<T> {
    let one = |node: &Node| file.keep(node, read(file.over(node)));
    file.items(key).iter().filter_map(one).collect()
}

fn window(view: View<'_>) -> Option<Window> {
    let (kind, key) = match (view.has("allow"), view.has("deny")) {
        (true, false) => (WindowKind::Allow, "allow"),
        (false, true) => (WindowKind::Deny, "deny"),
        _ => return None,
    };
    let names = |key| view.texts(key).unwrap_or_default().into_iter();
    Some(Window {
        name: view.text("name")?,
        kind,
        open: opening(view.child(key))?,
        environments: names("environments").map(EnvironmentName::new).collect(),
        services: names("services").map(ServiceName::new).collect(),
        except: names("except").collect(),
    })
}

/// When something is open; nothing if the rules complain about it.
fn opening(view: View<'_>) -> Option<Opening> {
    let zone = view.text("zone");
    if view.has("cron") {
        return Some(Opening::Cron {
            expression: view.text("cron")?,
            zone: zone?,
            seconds: view.seconds("for")?,
        });
    }
    let zone = match zone {
        Some(name) => Some(time_zone(&name)?),
        None => None,
    };
    let instant = |key| Moment::read(&view.text(key)?)?.instant(zone.as_ref()).ok();
    Some(Opening::Between { from: instant("from")?, until: instant("until")? })
}

fn alert(view: View<'_>) -> Option<AlertSource> {
    Some(AlertSource {
        name: view.text("name")?,
        url: view.text("url")?,
        kind: match view.text("kind")?.as_str() {
            "alertmanager" => AlertKind::Alertmanager,
            "prometheus" => AlertKind::Prometheus,
            _ => return None,
        },
        label: view.text("label").unwrap_or_else(|| LABEL.to_owned()),
        ignore: view.texts("ignore").unwrap_or_default(),
    })
}

fn somebody(view: View<'_>) -> Option<Notify> {
    let via = match (view.text("webhook"), view.texts("command")) {
        (Some(url), None) => Via::Webhook { url, token: view.text("token") },
        (None, Some(command)) => Via::Command(command),
        _ => return None,
    };
    Some(Notify {
        name: view.text("name")?,
        via,
        after_seconds: view.seconds("after").unwrap_or(0),
        every_seconds: view.seconds("every").unwrap_or(EVERY_SECONDS),
    })
}
