//! Names and labels of containers.

use ops_core::{
    id::{Digest, Generation, OpId, ReleaseId, ServiceName, Stamp},
    world::{Fault, ReleaseSpec},
};
use ops_engine::ports::Look;

/// Bytes of a service's or a release's name.
const NAME_MAX: usize = 100;

pub(super) const OURS: &str = "ops.";
pub(super) const SERVICE: &str = "ops.service";
pub(super) const RELEASE: &str = "ops.release";
pub(super) const ARTIFACT: &str = "ops.artifact";
/// The stamp of the act that made the container.
pub(super) const STAMP: &str = "ops.stamp";
/// A hash of the specification that it was made from.
pub(super) const SPECIFICATION: &str = "ops.specification";
/// What proves that this state folder's ops made it.
pub(super) const TOKEN: &str = "ops.token";

/// A replica's name, which is its container's.
pub(super) fn container(service: &ServiceName, release: &ReleaseId, index: u32) -> String {
    // The name of a stage has a character that Docker would not have.
    let service = service.as_str().replace('@', ".");
    format!("ops-{service}-{release}-{index}")
}

/// Refuses what Docker would not have as a name, apart from the `@` of a stage, or what would lead
/// elsewhere as a file's.
pub(super) fn check(name: &str) -> Look<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins && name.len() <= NAME_MAX && name.chars().all(allowed) {
        return Ok(());
    }
    Err(Fault::new(
        format!("`{name}` cannot be part of a container's name"),
        "docker target",
        "use letters, digits, `-`, `_` and `.`, and begin with a letter or digit",
    ))
}

/// A stamp as a label.
pub(super) fn stamp_label(stamp: Stamp) -> String {
    format!("{}.{}.{}", stamp.generation, stamp.deployment, stamp.op.0)
}

/// Reads a label of [`stamp_label`].
pub(super) fn read_stamp(label: &str) -> Option<Stamp> {
    let mut numbers = label.split('.');
    let generation = Generation(numbers.next()?.parse().ok()?);
    let deployment = numbers.next()?.parse().ok()?;
    let op = OpId(numbers.next()?.parse().ok()?);
    numbers.next().is_none().then_some(Stamp { generation, deployment, op })
}

/// A hash of what a container is made from: all of a specification but the number of replicas, and
/// where the values of its secrets are found, which may change while the release stays the same.
pub(super) fn specification(spec: &ReleaseSpec) -> Look<String> {
    let mut bare = spec.clone();
    bare.replicas = 0;
    for (_, reference) in &mut bare.secrets {
        reference.clear();
    }
    let text = serde_json::to_vec(&bare).map_err(|error| {
        Fault::new(error.to_string(), spec.release.to_string(), "report this as a defect of ops")
    })?;
    Ok(Digest::of(&text).hex().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_docker_takes() {
        for good in ["shop", "a.b-c_d", "9f2c01ab34cd-12"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "-a", "a/b", "a b", "@a", "ä", &"x".repeat(NAME_MAX + 1)] {
            assert!(check(bad).is_err(), "{bad}");
        }
        let staged = ServiceName::from("portal@staging");
        assert_eq!(check(staged.as_str()), Ok(()));
        let name = container(&staged, &ReleaseId::from("9f2c01ab34cd-12"), 0);
        assert_eq!(name, "ops-portal.staging-9f2c01ab34cd-12-0");
    }

    #[test]
    fn a_stamp_is_read_back_from_its_label() {
        let stamp = Stamp { generation: Generation(7), deployment: 12, op: OpId(3) };
        assert_eq!(read_stamp(&stamp_label(stamp)), Some(stamp));
        for bad in ["", "1", "1.2", "1.2.x", "1.2.3.4"] {
            assert_eq!(read_stamp(bad), None, "{bad}");
        }
    }
}
