//! Images made from nothing but our own static program, and a registry to take them from.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use flate2::{Compression, write::GzEncoder};
use oci_client::{
    Client, Reference,
    client::{ClientConfig, ClientProtocol, Config, ImageLayer},
    manifest::OciImageManifest,
    secrets::RegistryAuth,
};
use ops_core::id::Digest;

/// The registry of `testbed/registry-up`.
pub(crate) const REGISTRY: &str = "127.0.0.1:5000";

/// An image in a registry.
#[derive(Debug, Clone)]
pub(crate) struct Pushed {
    pub(crate) repository: String,
    pub(crate) digest: Digest,
}

impl Pushed {
    pub(crate) fn reference(&self) -> String {
        format!("{}@{}", self.repository, self.digest)
    }
}

/// The architecture of this machine, as images name it.
pub(crate) fn here() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The program that containers run, compiled once for all tests.
fn program() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/service.rs");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let text = std::fs::read(&source).unwrap();
    let made = folder.join(format!("service-{}", Digest::of(&text).short()));
    let lock = File::create(folder.join("service.lock")).unwrap();
    lock.lock().unwrap();
    if !made.exists() {
        let fresh = made.with_extension("new");
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let status = Command::new(rustc)
            .args(["--edition=2024", "-Ctarget-feature=+crt-static", "-Copt-level=s"])
            .args(["-Cstrip=symbols", "-o"])
            .args([&fresh, &source])
            .status();
        assert!(status.unwrap().success(), "the program for containers cannot be compiled");
        std::fs::rename(fresh, &made).unwrap();
    }
    made
}

/// A layer with the program as `/service` and, beside it, a file with a text.
fn layer(mark: &str) -> (Vec<u8>, String) {
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |path: &str, mode: u32, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        archive.append_data(&mut header, path, content).unwrap();
    };
    add("service", 0o755, &std::fs::read(program()).unwrap());
    add("mark", 0o644, mark.as_bytes());
    let plain = archive.into_inner().unwrap();
    let diff_id = Digest::of(&plain).to_string();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&plain).unwrap();
    (packed.finish().unwrap(), diff_id)
}

/// Pushes an image that runs the program; another mark is another image.
pub(crate) fn push(registry: &str, name: &str, mark: &str, architecture: &str) -> Pushed {
    push_as(registry, name, mark, architecture, &RegistryAuth::Anonymous)
}

pub(crate) fn push_as(
    registry: &str,
    name: &str,
    mark: &str,
    architecture: &str,
    auth: &RegistryAuth,
) -> Pushed {
    let (bytes, diff_id) = layer(mark);
    let config = serde_json::json!({
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Entrypoint": ["/service"],
            "Healthcheck": { "Test": ["CMD", "/service", "check"], "Interval": 1_000_000_000, "Retries": 1 },
        },
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
    });
    let layers = [ImageLayer::oci_v1_gzip(bytes, None)];
    let config = Config::oci_v1(serde_json::to_vec(&config).unwrap(), None);
    let manifest = OciImageManifest::build(&layers, &config, None);
    // A repository per content: what is there under a tag is what would be pushed.
    let content = Digest::of(&config.data);
    let repository = format!("{registry}/ops-test/{name}-{}", content.short());
    let reference: Reference = format!("{repository}:{mark}").parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let protocol = ClientProtocol::Http;
        let client = Client::new(ClientConfig { protocol, ..ClientConfig::default() });
        // One after the other, and each once: the registry rewrites files that others read.
        let lock = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("push.lock")).unwrap();
        lock.lock().unwrap();
        if let Ok(told) = client.fetch_manifest_digest(&reference, auth).await {
            return Pushed { repository, digest: told.parse().unwrap() };
        }
        let pushed = client.push(&reference, &layers, config, auth, Some(manifest)).await;
        pushed.unwrap_or_else(|error| {
            panic!("{error}: no registry at {registry}? run testbed/registry-up first")
        });
        let told = client.fetch_manifest_digest(&reference, auth).await.unwrap();
        Pushed { repository, digest: told.parse().unwrap() }
    })
}
