//! What must go together in the watch of a service.

use ops_core::settings::{Service, Strategy};

use super::{Rules, below, path};
use crate::{complaint::Words, node::Node, scalar::show_duration};

pub(super) fn check(rules: &mut Rules<'_, '_>, service: &Service) {
    stretch(rules, service);
    requests(rules, service);
    evidence(rules, service);
    good_enough(rules, service);
    alerts(rules, service);
}

fn stretch(rules: &mut Rules<'_, '_>, service: &Service) {
    let watch = &service.watch;
    if watch.last_stretch_seconds >= watch.seconds {
        let (stretch, length) = (shown(watch.last_stretch_seconds), shown(watch.seconds));
        let words = Words::new(format!("the last stretch, {stretch}, fills the watch of {length}"))
            .allowed("a last stretch shorter than the watch")
            .hint("most of the watch has both versions on traffic, so that they can be compared");
        let place = below(service, ["watch"]);
        rules.blame(&[below(service, ["watch", "last_stretch"]), place], words);
    }
}

fn requests(rules: &mut Rules<'_, '_>, service: &Service) {
    if service.watch.min_requests > 0 && service.route.is_none() {
        let words = Words::new("no route brings requests, so this minimum is never reached")
            .allowed("0 without `route`");
        rules.blame(&[below(service, ["watch", "min_requests"]), below(service, ["route"])], words);
    }
}

/// Evidence that can never come would hold every deployment until it goes back.
fn evidence(rules: &mut Rules<'_, '_>, service: &Service) {
    let watch = &service.watch;
    if watch.min_synthetic > 0 && service.route.is_none() {
        let words =
            Words::new("no route leads through the door, so it sends no request of its own")
                .allowed("0 without `route`");
        rules.blame(&[below(service, ["watch", "min_synthetic"])], words);
    }
    if watch.min_heartbeats > 0 && service.route.is_some() {
        let words = Words::new("where requests come through the door, they are counted instead")
            .allowed("0 with `route`")
            .hint("write `min_requests` or `min_synthetic`");
        rules.blame(&[below(service, ["watch", "min_heartbeats"])], words);
    }
}

/// What may be shorter is the part with both versions on traffic, which only a canary has.
fn good_enough(rules: &mut Rules<'_, '_>, service: &Service) {
    let watch = &service.watch;
    let Some(least) = watch.good_enough_seconds else {
        return;
    };
    let place = below(service, ["watch", "good_enough"]);
    if least > watch.seconds {
        let (least, length) = (shown(least), shown(watch.seconds));
        let words = Words::new(format!("{least} is longer than the whole watch of {length}"))
            .allowed(format!("at most {length}, the length of the watch"))
            .hint("the watch is never shorter than this, and never longer because of it");
        rules.blame(&[place.clone(), below(service, ["watch", "for"])], words);
    }
    if !matches!(service.strategy, Strategy::Canary { .. }) {
        let words =
            Words::new("the two versions never share traffic here, so nothing can be shorter")
                .allowed("`good_enough` only with `strategy: canary`")
                .hint("take it away, or let traffic move in steps");
        let others = ["strategy", "route", "runs_twice"].map(|key| below(service, [key]));
        rules.blame(&[&[place], others.as_slice()].concat(), words);
    }
}

/// An alert that nobody reads could never bring anything back.
fn alerts(rules: &mut Rules<'_, '_>, service: &Service) {
    let list = below(service, ["watch", "trip_on_alerts"]);
    let names: Vec<&str> =
        rules.root.at(&list).map_or(&[][..], Node::items).iter().filter_map(Node::scalar).collect();
    let sources = &rules.settings.gate.alerts;
    if !names.is_empty() && sources.is_empty() {
        let words = Words::new("no alerts are read, so none of these is ever seen")
            .allowed("`trip_on_alerts` where `alerts` has a source")
            .hint(
                "add a source at the top: `alerts: [{ name: alertmanager, url: \
                 \"http://127.0.0.1:9093\", kind: alertmanager }]`",
            );
        rules.blame(&[list, path(["alerts"])], words);
        return;
    }
    for (at, name) in names.iter().enumerate() {
        let place = below(service, ["watch", "trip_on_alerts", &at.to_string()]);
        if names[..at].contains(name) {
            let words = Words::new(format!("{name} is named twice")).hint("keep one of them");
            rules.blame(&[place], words);
        } else if sources.iter().all(|source| source.ignore.iter().any(|one| one == name)) {
            let words = Words::new(format!("every source of alerts ignores {name}"))
                .allowed("alerts that are not under `ignore`")
                .hint("take it out of one of the two lists");
            rules.blame(&[place, path(["alerts"])], words);
        }
    }
}

fn shown(seconds: u64) -> String {
    show_duration(seconds.saturating_mul(1_000))
}
