//! From what an edge is told to what an engine makes its container of.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType, RestartPolicy,
    RestartPolicyNameEnum,
};
use ops_core::{id::Digest, world::Fault};
use ops_engine::ports::Look;

use super::TOKEN;
use crate::images::OwnImage;

/// The label with the hash of what it is made from.
pub(super) const SPECIFICATION: &str = "ops.specification";
/// The label with its number.
pub(super) const NUMBER: &str = "ops.door";
/// The label with the process that it was made to follow.
pub(super) const AFTER: &str = "ops.after";
/// Where its state is inside.
const STATE: &str = "/state";
/// Seconds between TERM and KILL: longer than an edge drains.
const GRACE_SECONDS: i64 = 40;
/// Changes with the form of the container, so that those of before are replaced.
const FORM: u32 = 1;

/// A hash of all that a container is made from.
pub(super) fn specification(image: &OwnImage, words: &[String]) -> Look<String> {
    let text = serde_json::to_vec(&(FORM, image.digest(), words))
        .map_err(|error| Fault::new(error.to_string(), "door", "report this as a defect of ops"))?;
    Ok(Digest::of(&text).hex().to_owned())
}

/// The name of what is ours on an engine: part of the token's hash, since several may be there.
fn family(token: &str) -> String {
    let hash = Digest::of(token.as_bytes());
    format!("ops-edge-{}", hash.hex().get(..8).unwrap_or_default())
}

pub(super) fn name(token: &str, number: u64) -> String {
    format!("{}-{number}", family(token))
}

/// A container to be made.
pub(super) struct Making<'a> {
    pub(super) token: &'a str,
    pub(super) number: u64,
    pub(super) specification: &'a str,
    pub(super) image: &'a str,
    pub(super) words: &'a [String],
    /// The process that it follows, if one serves.
    pub(super) after: Option<&'a str>,
}

impl Making<'_> {
    pub(super) fn name(&self) -> String {
        name(self.token, self.number)
    }

    pub(super) fn body(&self) -> ContainerCreateBody {
        // It follows this very process and no other: started again later, it begins by itself.
        let after = self.after.iter().flat_map(|process| ["--after", process]);
        let words = self.words.iter().map(String::as_str).chain(after).map(str::to_owned);
        let labels = [
            (TOKEN, self.token.to_owned()),
            (NUMBER, self.number.to_string()),
            (SPECIFICATION, self.specification.to_owned()),
        ];
        let after = self.after.map(|process| (AFTER, process.to_owned()));
        let labels = labels.into_iter().chain(after);
        ContainerCreateBody {
            image: Some(self.image.to_owned()),
            cmd: Some(words.collect()),
            labels: Some(labels.map(|(label, value)| (label.to_owned(), value)).collect()),
            stop_timeout: Some(GRACE_SECONDS),
            host_config: Some(self.host()),
            ..ContainerCreateBody::default()
        }
    }

    /// It has the host's network and its own state, and nothing else of the host.
    fn host(&self) -> HostConfig {
        let words = |words: &[&str]| Some(words.iter().map(ToString::to_string).collect());
        HostConfig {
            network_mode: Some("host".to_owned()),
            restart_policy: Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::UNLESS_STOPPED),
                maximum_retry_count: None,
            }),
            mounts: Some(vec![Mount {
                target: Some(STATE.to_owned()),
                source: Some(family(self.token)),
                typ: Some(MountType::VOLUME),
                ..Mount::default()
            }]),
            readonly_rootfs: Some(true),
            cap_drop: words(&["ALL"]),
            cap_add: words(&["NET_BIND_SERVICE"]),
            security_opt: words(&["no-new-privileges"]),
            log_config: Some(HostConfigLogConfig {
                typ: Some("json-file".to_owned()),
                config: Some(HashMap::from([
                    ("max-size".to_owned(), "5m".to_owned()),
                    ("max-file".to_owned(), "2".to_owned()),
                ])),
            }),
            ..HostConfig::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn making<'a>(words: &'a [String], after: Option<&'a str>) -> Making<'a> {
        Making { token: "t", number: 3, specification: "s", image: "sha256:i", words, after }
    }

    #[test]
    fn it_follows_one_process_and_keeps_its_state_beside_the_others() {
        let words = ["edge".to_owned()];
        let first = making(&words, None).body();
        assert_eq!(first.cmd.unwrap(), ["edge"]);
        assert!(!first.labels.unwrap().contains_key(AFTER));
        let (second, body) = (making(&words, Some("i1")), making(&words, Some("i1")).body());
        assert_eq!(body.cmd.unwrap(), ["edge", "--after", "i1"]);
        assert_eq!(body.labels.unwrap()[AFTER], "i1");
        assert!(second.name().starts_with("ops-edge-") && second.name().ends_with("-3"));
    }

    #[test]
    fn it_may_do_nothing_to_the_host_but_listen() {
        let words = ["edge".to_owned()];
        let host = making(&words, None).body().host_config.unwrap();
        assert_eq!(host.cap_drop.unwrap(), ["ALL"]);
        assert_eq!(host.cap_add.unwrap(), ["NET_BIND_SERVICE"]);
        assert_eq!((host.privileged, host.readonly_rootfs), (None, Some(true)));
        let mounts = host.mounts.unwrap();
        assert!(mounts.iter().all(|mount| mount.typ == Some(MountType::VOLUME)), "{mounts:?}");
        assert!(host.port_bindings.is_none(), "no port beside those of the users");
    }
}
