//! What manifests say, in the form that both Docker and OCI share.

use ops_core::{
    id::Digest,
    world::{Fault, ImageView},
};
use ops_engine::ports::Look;
use serde::{Deserialize, Serialize};

/// Layers that one image may have: more than the engine's storage can stack.
const LAYERS_MAX: usize = 500;

/// Content by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// Its digest.
    pub(crate) digest: Digest,
    /// Its bytes.
    pub(crate) size: u64,
}

/// The manifest of an image for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Manifest {
    /// What the image is like.
    pub(crate) config: Part,
    /// Its layers, the lowest first.
    pub(crate) layers: Vec<Part>,
}

/// What of an image's configuration matters here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Configuration {
    /// The processor that it is for.
    pub(crate) architecture: String,
    /// Its file system.
    pub(crate) rootfs: RootFs,
    /// How it runs.
    #[serde(default)]
    config: Option<Running>,
}

/// What of the way in which an image runs matters here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Running {
    #[serde(default)]
    healthcheck: Option<HealthCheck>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HealthCheck {
    #[serde(default)]
    test: Option<Vec<String>>,
}

impl Configuration {
    /// What matters of it before it runs.
    pub(crate) fn view(&self) -> ImageView {
        let running = self.config.as_ref().and_then(|config| config.healthcheck.as_ref());
        let test = running.and_then(|check| check.test.as_ref()).and_then(|test| test.first());
        ImageView {
            architecture: self.architecture.clone(),
            // `NONE` takes away what an image below it brought.
            health_check: test.is_some_and(|word| word != "NONE"),
        }
    }
}

/// The digests of an image's layers as they are unpacked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct RootFs {
    /// The lowest first.
    #[serde(default)]
    pub(crate) diff_ids: Vec<String>,
}

/// A manifest as a registry gives it: that of an image, or a list of those for several platforms.
pub(crate) enum Document {
    Image(Manifest),
    Index(Vec<Entry>),
}

/// An image of a list.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Entry {
    digest: Digest,
    platform: Option<Platform>,
}

#[derive(Debug, Clone, Deserialize)]
struct Platform {
    architecture: String,
    os: String,
}

#[derive(Deserialize)]
struct Shape {
    manifests: Option<Vec<Entry>>,
}

/// Reads a manifest.
pub(crate) fn document(bytes: &[u8], place: &str) -> Look<Document> {
    let malformed = |error: serde_json::Error| {
        Fault::new(
            format!("its manifest cannot be read: {error}"),
            place,
            "build and push the image again with a current tool",
        )
    };
    let shape: Shape = serde_json::from_slice(bytes).map_err(malformed)?;
    if let Some(entries) = shape.manifests {
        return Ok(Document::Index(entries));
    }
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(malformed)?;
    if manifest.layers.len() > LAYERS_MAX {
        let what = format!("the image has {} layers", manifest.layers.len());
        return Err(Fault::new(what, place, format!("at most {LAYERS_MAX} can be run")));
    }
    Ok(Document::Image(manifest))
}

/// The entry of a list that this architecture runs.
pub(crate) fn entry_for(entries: &[Entry], architecture: &str, place: &str) -> Look<Digest> {
    let fits = |entry: &&Entry| {
        let platform = entry.platform.as_ref();
        platform.is_some_and(|one| one.os == "linux" && one.architecture == architecture)
    };
    if let Some(entry) = entries.iter().find(fits) {
        return Ok(entry.digest.clone());
    }
    let platforms = entries.iter().filter_map(|entry| entry.platform.as_ref());
    let names: Vec<String> =
        platforms.map(|one| format!("{}/{}", one.os, one.architecture)).collect();
    Err(other_architecture(&names.join(", "), architecture, place))
}

/// Reads an image's configuration and says so if it is for other machines.
pub(crate) fn configuration(bytes: &[u8], architecture: &str, place: &str) -> Look<Configuration> {
    let configuration = described(bytes, place)?;
    if configuration.architecture == architecture {
        return Ok(configuration);
    }
    Err(other_architecture(&configuration.architecture, architecture, place))
}

/// Reads an image's configuration.
pub(crate) fn described(bytes: &[u8], place: &str) -> Look<Configuration> {
    serde_json::from_slice(bytes).map_err(|error| {
        let what = format!("its configuration cannot be read: {error}");
        Fault::new(what, place, "build and push the image again with a current tool")
    })
}

fn other_architecture(is: &str, wanted: &str, place: &str) -> Fault {
    Fault::new(
        format!("the image is for {is}, and the engine's machine is {wanted}"),
        place,
        format!("build it for {wanted} (`docker buildx build --platform linux/{wanted}`)"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_of_a_list_is_the_one_that_the_engine_runs() {
        let digest = |text: &str| Digest::of(text.as_bytes());
        let text = format!(
            r#"{{"schemaVersion":2,"manifests":[
                {{"digest":"{}","size":1,"platform":{{"architecture":"arm64","os":"linux"}}}},
                {{"digest":"{}","size":1,"platform":{{"architecture":"amd64","os":"linux"}}}},
                {{"digest":"{}","size":1,"platform":{{"architecture":"unknown","os":"unknown"}}}}]}}"#,
            digest("arm"),
            digest("amd"),
            digest("attestation"),
        );
        let Document::Index(entries) = document(text.as_bytes(), "here").unwrap() else {
            panic!("it is a list");
        };
        assert_eq!(entry_for(&entries, "amd64", "here").unwrap(), digest("amd"));
        let fault = entry_for(&entries, "riscv64", "here").unwrap_err();
        assert!(fault.to_string().contains("linux/arm64, linux/amd64"), "{fault}");
    }

    #[test]
    fn a_health_check_is_one_that_is_not_taken_away() {
        let view = |check: &str| {
            let text = format!(
                r#"{{"architecture":"amd64","rootfs":{{"diff_ids":[]}},"config":{{{check}}}}}"#
            );
            described(text.as_bytes(), "here").unwrap().view().health_check
        };
        assert!(view(r#""Healthcheck":{"Test":["CMD","/service"],"Retries":1}"#));
        for none in ["", r#""Healthcheck":null"#, r#""Healthcheck":{"Test":["NONE"]}"#] {
            assert!(!view(none), "{none}");
        }
    }

    #[test]
    fn an_image_for_other_machines_is_refused_by_its_configuration() {
        let text = br#"{"architecture":"s390x","os":"linux","rootfs":{"type":"layers"}}"#;
        assert!(configuration(text, "amd64", "here").is_err());
        assert!(configuration(text, "s390x", "here").is_ok());
    }
}
