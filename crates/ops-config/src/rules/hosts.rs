//! Hosts that run containers, and which services run on them.

use ops_core::settings::{Reach, Service};

use super::{Rules, below, path};
use crate::complaint::Words;

/// Complains about hosts that cannot be reached as they are written.
pub(super) fn check(rules: &mut Rules<'_, '_>) {
    let hosts: Vec<_> = rules.settings.docker.hosts.iter().collect();
    for (name, host) in hosts {
        let key = |key| path(["docker", "hosts", name, key]);
        let places = [key("certificates"), key("engine")];
        let certificates = rules.written(&places[0]);
        if rules.written(&key("ssh_config")) && !matches!(host.engine, Reach::Ssh { .. }) {
            let words = Words::new("`ssh_config` says nothing about this engine")
                .allowed("`ssh_config` with ssh:// only")
                .hint("take it away");
            rules.blame(&[key("ssh_config"), key("engine")], words);
        }
        match &host.engine {
            Reach::Tls { certificates, .. } if certificates.is_empty() => {
                let words = Words::new("who may speak with this engine is not said")
                    .allowed("tcp:// with `certificates`: there is no way without TLS")
                    .hint("add `certificates: /folder` with ca.pem, cert.pem and key.pem");
                rules.blame(&places[1..], words);
            }
            Reach::Socket { .. } | Reach::Ssh { .. } if certificates => {
                let words = Words::new("`certificates` says nothing about this engine")
                    .allowed("`certificates` with tcp:// only")
                    .hint("take it away");
                rules.blame(&places, words);
            }
            _ => {}
        }
    }
}

/// Complains about a service whose hosts do not fit.
pub(super) fn of(rules: &mut Rules<'_, '_>, service: &Service) {
    let Some(container) = &service.container else { return };
    let place = below(service, ["container", "hosts"]);
    let known = &rules.settings.docker.hosts;
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    let names = names.join(", ");
    for (at, host) in container.hosts.iter().enumerate() {
        let item = [place.as_slice(), &path([at.to_string().as_str()])].concat();
        if !known.contains_key(host) {
            let allowed =
                if names.is_empty() { "none is declared".to_owned() } else { names.clone() };
            let words = Words::new(format!("there is no host {host}"))
                .allowed(allowed)
                .hint("declare it below `docker: { hosts: … }`, or name one that is there");
            rules.blame(&[item], words);
        } else if container.hosts[..at].contains(host) {
            let words = Words::new(format!("{host} stands here twice"))
                .allowed("each host once")
                .hint("take one of them away");
            rules.blame(&[item], words);
        }
    }
    let hosts = u32::try_from(container.hosts.len()).unwrap_or(u32::MAX);
    if hosts > 0 && !service.replicas.is_multiple_of(hosts) {
        let words = Words::new(format!(
            "{} replicas cannot be shared equally by {hosts} hosts",
            service.replicas
        ))
        .allowed(format!("a multiple of {hosts}: as many on each host"))
        .hint(format!("say {hosts} for one on each"));
        rules.blame(&[below(service, ["replicas"]), place.clone()], words);
    }
    if hosts > 0 && service.fixed_port.is_some() && service.replicas > hosts {
        let words = Words::new("each host has a fixed port once")
            .allowed("one replica on each host with `fixed_port`")
            .hint("say as many replicas as hosts");
        rules.blame(&[below(service, ["replicas"]), place.clone()], words);
    }
    if container.batch.is_some() && hosts < 2 {
        let words = Words::new("there are no hosts to go through in batches")
            .allowed("`batch` with two or more `hosts`")
            .hint("take `batch` away");
        rules.blame(&[below(service, ["container", "batch"])], words);
    }
}
