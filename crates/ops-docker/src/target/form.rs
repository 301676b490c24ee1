//! How a container was made, in a form that can be compared with how it is.
//!
//! Only what ops or somebody else can set is in it, not what the engine gives out anew at each
//! start, such as addresses. Values of variables and labels are in it as hashes: they are compared
//! and never told (P13).

use std::collections::BTreeMap;

use bollard::models::{ContainerInspectResponse, HostConfig, MountPoint};
use ops_core::id::Digest;
use serde::{Deserialize, Serialize};

/// Each thing by its name, with what it is set to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Form(BTreeMap<String, String>);

/// What it is set to may be told of these.
const TOLD: [&str; 3] = ["limit", "restart policy", "port"];

impl Form {
    /// Of a container as the engine tells it.
    pub(super) fn of(found: &ContainerInspectResponse) -> Self {
        let mut form = Self::default();
        form.set("name", found.name.as_deref().unwrap_or_default());
        form.set("image", found.image.as_deref().unwrap_or_default());
        form.set("command", format!("{:?} {:?}", found.path, found.args));
        if let Some(config) = &found.config {
            for variable in config.env.iter().flatten() {
                let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
                form.hidden(&format!("variable {name}"), value);
            }
            for (label, value) in config.labels.iter().flatten() {
                form.hidden(&format!("label {label}"), value);
            }
            form.set("user", config.user.as_deref().unwrap_or_default());
            form.hidden("health check", &format!("{:?}", config.healthcheck));
        }
        for mount in found.mounts.iter().flatten() {
            let inside = mount.destination.as_deref().unwrap_or_default();
            form.set(&format!("mount {inside}"), mounted(mount));
        }
        let networks = found.network_settings.as_ref().and_then(|all| all.networks.as_ref());
        for network in networks.into_iter().flat_map(|all| all.keys()) {
            form.set(&format!("network {network}"), "joined");
        }
        if let Some(host) = &found.host_config {
            form.host(host);
        }
        form
    }

    fn host(&mut self, host: &HostConfig) {
        let restart = host.restart_policy.as_ref();
        let policy = restart.and_then(|policy| policy.name).map(|name| name.to_string());
        self.set("restart policy", policy.unwrap_or_default());
        for (limit, value) in [
            ("memory", host.memory),
            ("memory with swap", host.memory_swap),
            ("memory reservation", host.memory_reservation),
            ("cpus (in billionths)", host.nano_cpus),
            ("cpu shares", host.cpu_shares),
            ("cpu quota", host.cpu_quota),
            ("cpu period", host.cpu_period),
            ("processes", host.pids_limit),
        ] {
            let value = value.filter(|value| *value != 0);
            let value = value.map_or_else(|| "none".to_owned(), |value| value.to_string());
            self.set(&format!("limit of {limit}"), value);
        }
        self.set("privileges", format!("{:?} {:?}", host.privileged, host.cap_add));
        for (port, bindings) in host.port_bindings.iter().flatten() {
            let each = bindings.iter().flatten().map(|one| {
                let part = |text: &Option<String>| text.clone().unwrap_or_default();
                format!("{}:{}", part(&one.host_ip), part(&one.host_port))
            });
            self.set(&format!("port {port}"), each.collect::<Vec<_>>().join(" "));
        }
    }

    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    fn hidden(&mut self, name: &str, value: &str) {
        self.set(name, Digest::of(value.as_bytes()).hex());
    }

    /// What the container was called.
    pub(super) fn name(&self) -> Option<&str> {
        self.0.get("name").map(|name| name.trim_start_matches('/'))
    }

    /// What differs in what is now from how it was made, in words.
    pub(super) fn differences(&self, is: &Self) -> Vec<String> {
        let gone = self.0.keys().filter(|name| !is.0.contains_key(*name));
        let mut all: Vec<String> = gone.map(|name| format!("{name} is gone")).collect();
        for (name, value) in &is.0 {
            match self.0.get(name) {
                None => all.push(format!("{name} is new")),
                Some(made) if made == value => {}
                Some(made) if TOLD.iter().any(|told| name.starts_with(told)) => {
                    all.push(format!("{name} is {value}, and ops made it with {made}"));
                }
                Some(_) => all.push(format!("{name} is another one")),
            }
        }
        all
    }
}

/// What is mounted somewhere: a volume by its name, a folder by its path.
fn mounted(mount: &MountPoint) -> String {
    let source = mount.name.as_ref().or(mount.source.as_ref());
    format!("{:?} {source:?} {:?}", mount.typ, mount.rw)
}

#[cfg(test)]
mod tests {
    use bollard::models::ContainerConfig;

    use super::*;

    fn form(variables: &[&str], memory: i64) -> Form {
        Form::of(&ContainerInspectResponse {
            config: Some(ContainerConfig {
                env: Some(variables.iter().copied().map(str::to_owned).collect()),
                ..ContainerConfig::default()
            }),
            host_config: Some(HostConfig { memory: Some(memory), ..HostConfig::default() }),
            ..ContainerInspectResponse::default()
        })
    }

    #[test]
    fn p13_what_differs_is_named_and_no_value_of_a_variable_is_told() {
        let (made, is) = (form(&["A=hush", "B=1", "C=1"], 64), form(&["A=quiet", "C=1", "D=x"], 0));
        assert_eq!(made.differences(&made), [""; 0]);
        let told = made.differences(&is);
        assert_eq!(
            told,
            [
                "variable B is gone",
                "limit of memory is none, and ops made it with 64",
                "variable A is another one",
                "variable D is new",
            ]
        );
        let kept = serde_json::to_string(&made).unwrap();
        assert!(!kept.contains("hush"), "{kept}");
    }

    #[test]
    fn it_is_read_back_as_it_was_written_down() {
        let made = form(&["A=b"], 1);
        let text = serde_json::to_string(&made).unwrap();
        assert_eq!(serde_json::from_str::<Form>(&text).unwrap(), made);
    }
}
