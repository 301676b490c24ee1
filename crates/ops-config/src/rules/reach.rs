//! What ops reaches out to: sources of alerts, people to tell, gateways, shared infrastructure.

use ops_core::{id::Identity, settings::Service};

use super::{
    Rules, below, exactly_one, path,
    secrets::{has_login, secret_in_address},
    unique_names,
};
use crate::{
    check::did_you_mean,
    complaint::Words,
    node::{Node, Path},
};

const TOKEN: &str = "put the secret in `token: env:NAME`, which is sent as bearer";
const API_KEY: &str = "put the secret in `api_key: env:NAME`, which is sent as bearer";

pub(super) fn check(rules: &mut Rules<'_, '_>) {
    for list in ["alerts", "notify"] {
        let list = path([list]);
        unique_names(rules, &list);
    }
    for (source, at) in items(rules, &path(["alerts"])) {
        address(rules, source, &at, "url", "let a proxy on this machine add the login");
    }
    for (somebody, at) in items(rules, &path(["notify"])) {
        address(rules, somebody, &at, "webhook", TOKEN);
        told(rules, somebody, &at);
    }
    boards(rules);
    gateways(rules);
    for service in rules.settings.services.values() {
        infrastructure(rules, service);
    }
}

fn items<'r>(rules: &Rules<'r, '_>, list: &Path) -> Vec<(&'r Node, Path)> {
    let items = rules.root.at(list).map_or(&[][..], Node::items).iter().enumerate();
    items.map(|(at, item)| (item, below_item(list, &at.to_string()))).collect()
}

fn below_item(place: &Path, segment: &str) -> Path {
    let mut place = place.clone();
    place.push(segment.to_owned());
    place
}

/// Nothing secret stands in an address (P13).
pub(super) fn address(rules: &mut Rules<'_, '_>, item: &Node, place: &Path, key: &str, hint: &str) {
    let text = item.get(key).and_then(Node::scalar).unwrap_or("");
    if secret_in_address(text) {
        let words = Words::new("an address with a login or a secret in it")
            .allowed("an address alone")
            .hint(hint);
        rules.blame(&[below_item(place, key)], words);
    }
}

fn told(rules: &mut Rules<'_, '_>, somebody: &Node, place: &Path) {
    let hint =
        "for instance `webhook: https://example.org/hook`, or `command: [/usr/local/bin/page]`";
    let via = exactly_one(rules, somebody, place, ["webhook", "command"], hint);
    if via == Some("command") {
        if somebody.get("token").is_some() {
            let words = Words::new("a token is sent to an address, and there is none")
                .allowed("`token` only with `webhook`")
                .hint("a program reads its own secrets");
            rules.blame(&[below_item(place, "token")], words);
        }
        program(rules, somebody, place);
    }
}

fn infrastructure(rules: &mut Rules<'_, '_>, service: &Service) {
    let list = below(service, ["infrastructure"]);
    unique_names(rules, &list);
    for (item, place) in items(rules, &list) {
        let hint = "for instance `file: /etc/nginx/nginx.conf`";
        if exactly_one(rules, item, &place, ["file", "command"], hint) == Some("command") {
            program(rules, item, &place);
        }
    }
}

/// A program of the machine: found wherever the daemon was started, and without secrets.
fn program(rules: &mut Rules<'_, '_>, item: &Node, place: &Path) {
    let place = below_item(place, "command");
    let words: Vec<&str> =
        item.get("command").map_or(&[][..], Node::items).iter().filter_map(Node::scalar).collect();
    let name = words.first().copied().unwrap_or("x");
    let first = below_item(&place, "0");
    if name.trim().is_empty() {
        let words = Words::new("the program is empty").allowed("a program of this machine");
        rules.blame(&[first], words);
    } else if name.contains('/') && !name.starts_with('/') {
        let words = Words::new(format!("`{name}` is another file in every folder"))
            .allowed("a path that begins with `/`, or the name of a program in PATH")
            .hint("it does not run inside of an artifact: write its whole path");
        rules.blame(&[first], words);
    } else if words.len() == 1 && name.split_whitespace().count() > 1 {
        let parts: Vec<&str> = name.split_whitespace().collect();
        let words = Words::new("program and arguments stand in one word")
            .hint(format!("no shell splits it: write `[{}]`", parts.join(", ")));
        rules.blame(&[first], words);
    }
    for (at, _) in words.iter().enumerate().filter(|(_, word)| has_login(word)) {
        let words = Words::new("an address with a password in the command")
            .allowed("no secrets: every user of the machine can read a command line")
            .hint("let the program read it from a file of its own");
        rules.blame(&[below_item(&place, &at.to_string())], words);
    }
}

/// One team has one pair of boards.
fn boards(rules: &mut Rules<'_, '_>) {
    let (embedded, guest) = (path(["boards", "embedded"]), path(["boards", "devteam"]));
    if rules.root.at(&embedded).is_some() && rules.root.at(&guest).is_some() {
        let words = Words::new("the embedded boards and DevTeam's at the same time")
            .hint("keep the one on which the team works");
        rules.blame(std::slice::from_ref(&guest), words);
    }
    if let Some(node) = rules.root.at(&guest) {
        for key in ["planning", "meeting"] {
            address(rules, node, &guest, key, TOKEN);
        }
    }
    let advisor = path(["advisor"]);
    if let Some(node) = rules.root.at(&advisor) {
        address(rules, node, &advisor, "url", API_KEY);
    }
}

fn gateways(rules: &mut Rules<'_, '_>) {
    let settings = rules.settings;
    let place = path(["boards", "embedded", "gateways"]);
    for who in settings.boards.gateways.keys() {
        let place = below_item(&place, who.as_str());
        if let Some(gateway) = rules.root.at(&place) {
            address(rules, gateway, &place, "url", TOKEN);
        }
        if settings.people.roles.contains_key(who) || *who == settings.boards.me {
            continue;
        }
        let known = settings.people.roles.keys().map(Identity::as_str);
        let words = Words::new(format!("{who} is not among the people"))
            .allowed("identities that `people` names")
            .hint(match did_you_mean(who.as_str(), known) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("add `{who}` and a role to `people`"),
            });
        rules.blame(&[place, path(["people"])], words);
    }
}
