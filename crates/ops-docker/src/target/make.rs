//! From a specification to what the engine makes a container of.

use std::{collections::HashMap, path::Path};

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, Mount, MountType,
    PortBinding, RestartPolicy, RestartPolicyNameEnum,
};
use ops_core::{
    id::Stamp,
    world::{Container, Fault, ReleaseSpec},
};
use ops_engine::ports::Look;

use super::{
    Grounds, REPLICAS_MAX, names,
    record::{Place, Record},
};

/// Where secrets are inside.
const SECRETS: &str = "/run/secrets";

/// What of a specification a container needs; what must be so before anything is made.
pub(super) fn check(spec: &ReleaseSpec) -> Look<&Container> {
    let place = spec.release.to_string();
    names::check(spec.service.as_str())?;
    names::check(spec.release.as_str())?;
    let Some(container) = spec.container.as_deref() else {
        let what = "this release is no container";
        return Err(Fault::new(what, place, "name an image in the service's notes"));
    };
    if spec.replicas > REPLICAS_MAX || (spec.fixed_port.is_some() && spec.replicas > 1) {
        let what = format!("{} replicas cannot be started", spec.replicas);
        let next = format!("at most {REPLICAS_MAX} replicas; with a fixed port, one");
        return Err(Fault::new(what, place, next));
    }
    let named = container.image.rsplit_once('@').map(|(_, digest)| digest);
    if named != Some(spec.artifact.as_str()) {
        let what = format!("the image {} is not the artifact {}", container.image, spec.artifact);
        return Err(Fault::new(what, place, "name the image by the approved digest"));
    }
    if spec.fixed_port.is_some() && container.port.is_none() {
        let what = "a fixed port is wanted of a container that listens on none";
        return Err(Fault::new(what, place, "say which port the service listens on inside"));
    }
    if let Some((label, _)) = container.labels.iter().find(|(l, _)| l.starts_with(names::OURS)) {
        let what = format!("the label {label} is one of ops's own");
        return Err(Fault::new(what, place, "give the label another name"));
    }
    Ok(container)
}

/// The body of a request that makes a replica's container.
pub(super) fn body(
    record: &Record,
    place: &Place,
    container: &Container,
    image: &str,
    grounds: &Grounds,
    secrets: Option<&Path>,
) -> ContainerCreateBody {
    let spec = &record.spec;
    let inside = container.port;
    let command = (!spec.command.is_empty()).then(|| {
        let port = inside.map_or_else(String::new, |port| port.to_string());
        spec.command.iter().map(|word| word.replace("{port}", &port)).collect()
    });
    let health = HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() };
    ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: command,
        env: Some(variables(spec, inside)),
        user: container.user.clone(),
        labels: Some(labels(record, place.stamp, container)),
        exposed_ports: inside.map(|port| vec![format!("{port}/tcp")]),
        healthcheck: (!container.image_health).then_some(health),
        stop_timeout: Some(grace_seconds(spec)),
        host_config: Some(host(place, container, grounds, secrets)),
        ..ContainerCreateBody::default()
    }
}

/// Whole seconds between TERM and KILL; Docker counts no others.
pub(super) fn grace_seconds(spec: &ReleaseSpec) -> i64 {
    i64::try_from(spec.stop_grace_ms.div_ceil(1000)).unwrap_or(i64::MAX)
}

fn variables(spec: &ReleaseSpec, inside: Option<u16>) -> Vec<String> {
    let mut variables: Vec<String> =
        spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    variables.push(format!("OPS_SERVICE={}", spec.service));
    variables.push(format!("OPS_RELEASE={}", spec.release));
    variables.extend(inside.map(|port| format!("PORT={port}")));
    variables
}

fn labels(record: &Record, stamp: Stamp, container: &Container) -> HashMap<String, String> {
    container.labels.iter().cloned().chain(own_labels(record, stamp)).collect()
}

/// The labels by which a replica of a release is known.
pub(super) fn own_labels(record: &Record, stamp: Stamp) -> Vec<(String, String)> {
    let spec = &record.spec;
    let labels = [
        (names::SERVICE, spec.service.to_string()),
        (names::RELEASE, spec.release.to_string()),
        (names::ARTIFACT, spec.artifact.to_string()),
        (names::STAMP, names::stamp_label(stamp)),
        (names::SPECIFICATION, record.specification.clone()),
        (names::TOKEN, record.token.clone()),
    ];
    labels.map(|(label, value)| (label.to_owned(), value)).into()
}

fn host(
    place: &Place,
    container: &Container,
    grounds: &Grounds,
    secrets: Option<&Path>,
) -> HostConfig {
    let memory = container.memory_bytes.and_then(|bytes| i64::try_from(bytes).ok());
    let bindings = container.port.zip(place.port).map(|(inside, outside)| {
        let binding = PortBinding {
            host_ip: Some(grounds.publish.to_string()),
            host_port: Some(outside.to_string()),
        };
        HashMap::from([(format!("{inside}/tcp"), Some(vec![binding]))])
    });
    HostConfig {
        memory,
        // As much as memory: none of it is swapped.
        memory_swap: memory,
        nano_cpus: container.cpu_millis.map(|millis| i64::from(millis) * 1_000_000),
        network_mode: container.networks.first().cloned(),
        port_bindings: bindings,
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::UNLESS_STOPPED),
            maximum_retry_count: None,
        }),
        mounts: Some(mounts(container, secrets)),
        log_config: Some(logs(grounds.log_quota_mb)),
        ..HostConfig::default()
    }
}

/// Two files of logs, each half of what a replica may leave.
fn logs(quota_mb: u64) -> HostConfigLogConfig {
    let half_kb = (quota_mb * 1024 / 2).max(1);
    HostConfigLogConfig {
        typ: Some("json-file".to_owned()),
        config: Some(HashMap::from([
            ("max-size".to_owned(), format!("{half_kb}k")),
            ("max-file".to_owned(), "2".to_owned()),
        ])),
    }
}

fn mounts(container: &Container, secrets: Option<&Path>) -> Vec<Mount> {
    let volumes = container.volumes.iter().map(|volume| Mount {
        target: Some(volume.target.clone()),
        source: Some(volume.source.clone()),
        typ: Some(if volume.source.starts_with('/') { MountType::BIND } else { MountType::VOLUME }),
        read_only: Some(volume.read_only),
        ..Mount::default()
    });
    // A mount, not a bind of the old form: that one would make an empty folder where none is, and
    // the service would start without its secrets.
    let secrets = secrets.map(|folder| Mount {
        target: Some(SECRETS.to_owned()),
        source: Some(folder.display().to_string()),
        typ: Some(MountType::BIND),
        read_only: Some(true),
        ..Mount::default()
    });
    volumes.chain(secrets).collect()
}
