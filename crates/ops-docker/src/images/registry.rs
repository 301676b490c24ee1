//! What registries say about images.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use oci_client::{
    Client, Reference,
    client::{ClientConfig, ClientProtocol},
    errors::{OciDistributionError, OciErrorCode},
    manifest::{
        IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
        OCI_IMAGE_MEDIA_TYPE,
    },
    secrets::RegistryAuth,
};
use ops_core::{id::Digest, world::Fault};
use ops_engine::ports::Look;

use super::{
    credentials,
    manifest::{Configuration, Document, Manifest, Part, configuration, document, entry_for},
};

/// How long a registry may take to take a connection, and to go on with an answer.
const CONNECT_MAX: Duration = Duration::from_secs(3);
const SILENCE_MAX: Duration = Duration::from_secs(6);
/// Layers that are asked for at once.
const AT_ONCE: usize = 6;
/// Bytes of a configuration.
const CONFIGURATION_MAX: u64 = 8 * 1024 * 1024;
const ACCEPTED: [&str; 4] = [
    OCI_IMAGE_MEDIA_TYPE,
    OCI_IMAGE_INDEX_MEDIA_TYPE,
    IMAGE_MANIFEST_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE,
];

/// The registries that this machine can reach, with the credentials of a Docker configuration.
///
/// They are spoken to over TLS; only one on this machine's own loopback may do without.
#[derive(Debug, Clone)]
pub struct Registries {
    config: PathBuf,
}

/// An image as its registry describes it.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    /// What it is named by: the digest of its manifest, or of the list that its manifest is in.
    pub(crate) digest: Digest,
    /// The documents, by digest: the list if there is one, then the manifest.
    pub(crate) documents: Vec<(Digest, Vec<u8>)>,
    /// Its manifest.
    pub(crate) manifest: Manifest,
    /// Its configuration as it was read.
    pub(crate) configuration: Configuration,
}

/// A registry with who we are to it.
pub(crate) struct Counter {
    client: Client,
    reference: Reference,
    auth: RegistryAuth,
    place: String,
}

impl Registries {
    /// With the credentials of a `config.json` of Docker's; there need not be one.
    pub fn new(config: &Path) -> Self {
        Self { config: config.to_owned() }
    }

    /// For how many registries the configuration has credentials, in words; says so if it cannot
    /// be read. No registry is asked.
    pub fn credentials(&self) -> Look<String> {
        credentials::told(&self.config)
    }

    /// Describes an image; says so if it is none that this architecture runs, or if the registry
    /// would not give all of it: apart from what is here.
    pub(crate) async fn image(
        &self,
        reference: &str,
        architecture: &str,
        here: impl Fn(&Digest) -> bool,
    ) -> Look<Image> {
        let counter = self.counter(reference).await?;
        let image = counter.image(architecture).await?;
        let layers = image.manifest.layers.iter().filter(|layer| !here(&layer.digest));
        stream::iter(layers.map(|layer| counter.gives(layer)).collect::<Vec<_>>())
            .buffer_unordered(AT_ONCE)
            .try_for_each(|()| std::future::ready(Ok(())))
            .await?;
        Ok(image)
    }

    /// Goes to the registry that a reference names.
    pub(crate) async fn counter(&self, reference: &str) -> Look<Counter> {
        let named = parse(reference)?;
        let registry = named.resolve_registry().to_owned();
        let config = self.config.clone();
        let name = named.registry().to_owned();
        let auth = tokio::task::spawn_blocking(move || credentials::of(&config, &name))
            .await
            .map_err(|_| silent(reference))??;
        let protocol =
            if is_loopback(&registry) { ClientProtocol::Http } else { ClientProtocol::Https };
        // Whoever was first chose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::try_from(ClientConfig {
            protocol,
            connect_timeout: Some(CONNECT_MAX),
            read_timeout: Some(SILENCE_MAX),
            user_agent: concat!("ops/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        })
        .map_err(|error| refused(&error, reference))?;
        Ok(Counter { client, reference: named, auth, place: reference.to_owned() })
    }
}

impl Counter {
    pub(crate) async fn image(&self, architecture: &str) -> Look<Image> {
        let (bytes, digest) = self.document(&self.reference).await?;
        let mut documents = vec![(digest.clone(), bytes.clone())];
        let manifest = match document(&bytes, &self.place)? {
            Document::Image(manifest) => manifest,
            Document::Index(entries) => {
                let chosen = entry_for(&entries, architecture, &self.place)?;
                let one = self.reference.clone_with_digest(chosen.to_string());
                let (bytes, inner) = self.document(&one).await?;
                let Document::Image(manifest) = document(&bytes, &self.place)? else {
                    let next = "push an image whose list names manifests";
                    return Err(Fault::new("a list of images names a list", &self.place, next));
                };
                documents.push((inner, bytes));
                manifest
            }
        };
        let text = self.small(&manifest.config).await?;
        let configuration = configuration(&text, architecture, &self.place)?;
        documents.push((manifest.config.digest.clone(), text));
        Ok(Image { digest, documents, manifest, configuration })
    }

    /// A manifest and its digest, which is that of its very bytes.
    async fn document(&self, reference: &Reference) -> Look<(Vec<u8>, Digest)> {
        let pulled = self.client.pull_manifest_raw(reference, &self.auth, &ACCEPTED).await;
        let (bytes, _) = pulled.map_err(|error| refused(&error, &self.place))?;
        let digest = Digest::of(&bytes);
        if reference.digest().is_some_and(|named| named != digest.as_str()) {
            return Err(false_content(&self.place, &digest));
        }
        Ok((bytes.to_vec(), digest))
    }

    /// Something small, as a whole.
    async fn small(&self, part: &Part) -> Look<Vec<u8>> {
        let mut whole = Vec::new();
        self.read(part, |bytes| {
            whole.extend_from_slice(bytes);
            if whole.len() as u64 <= CONFIGURATION_MAX {
                return Ok(());
            }
            let what = format!("its configuration is larger than {CONFIGURATION_MAX} bytes");
            Err(Fault::new(what, &self.place, "build the image anew"))
        })
        .await?;
        let digest = Digest::of(&whole);
        if digest == part.digest { Ok(whole) } else { Err(false_content(&self.place, &digest)) }
    }

    /// Whether the registry gives content, of which it is asked for one byte: many lead on to a
    /// store that answers nothing but a real question.
    async fn gives(&self, part: &Part) -> Look<()> {
        let digest = part.digest.as_str();
        let asked = self.client.pull_blob_stream_partial(&self.reference, digest, 0, Some(1)).await;
        asked.map(|_| ()).map_err(|error| {
            let fault = refused(&error, &self.place);
            Fault { what: format!("{}: its layer {digest}", fault.what), ..fault }
        })
    }

    /// Reads content piece by piece.
    pub(crate) async fn read(
        &self,
        part: &Part,
        mut take: impl FnMut(&[u8]) -> Look<()>,
    ) -> Look<()> {
        let pulled = self.client.pull_blob_stream(&self.reference, part.digest.as_str()).await;
        let mut stream = pulled.map_err(|error| refused(&error, &self.place))?.stream;
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|error| {
                let what = format!("the registry stopped in the middle: {error}");
                Fault::new(what, &self.place, "try again; then look at the registry's log")
            })?;
            take(&piece)?;
        }
        Ok(())
    }
}

impl Image {
    /// Bytes that it takes in the store.
    pub(crate) fn size(&self) -> u64 {
        let layers: u64 = self.manifest.layers.iter().map(|layer| layer.size).sum();
        self.documents.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>() + layers
    }
}

/// Reads a reference. One without a tag means `:latest`, which means another image tomorrow.
pub(super) fn parse(reference: &str) -> Look<Reference> {
    let named: Reference = reference.parse().map_err(|error: oci_client::ParseError| {
        Fault::new(
            format!("this is no reference of an image: {error}"),
            reference,
            "write it like registry.example/shop@sha256:…",
        )
    })?;
    if named.digest().is_none() && named.tag().is_none_or(|tag| tag == "latest") {
        return Err(Fault::new(
            "`:latest` is no version: it means another image tomorrow",
            reference,
            "name the image by its digest, or by a tag that is given once",
        ));
    }
    Ok(named)
}

/// Whether a registry's address is this machine's own loopback.
fn is_loopback(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What is to be said of a registry that does not answer in time.
pub(super) fn silent(reference: &str) -> Fault {
    let next = "see that the registry runs and can be reached from here, then try again";
    Fault::new("the registry does not answer in time", reference, next)
}

fn false_content(place: &str, digest: &Digest) -> Fault {
    Fault::new(
        format!("the registry gave other content than was asked for: {digest}"),
        place,
        "do not deploy from this registry before it is known why",
    )
}

/// Puts what a registry answered into words.
fn refused(error: &OciDistributionError, place: &str) -> Fault {
    use OciDistributionError as E;
    let codes = |wanted: &[OciErrorCode]| match error {
        E::RegistryError { envelope, .. } => {
            envelope.errors.iter().any(|one| wanted.contains(&one.code))
        }
        _ => false,
    };
    let denied = matches!(error, E::UnauthorizedError { .. } | E::AuthenticationFailure(_))
        || matches!(error, E::ServerError { code: 401 | 403, .. })
        || codes(&[OciErrorCode::Unauthorized, OciErrorCode::Denied]);
    let gone = matches!(error, E::ImageManifestNotFoundError(_))
        || matches!(error, E::ServerError { code: 404, .. })
        || codes(&[
            OciErrorCode::ManifestUnknown,
            OciErrorCode::NameUnknown,
            OciErrorCode::NotFound,
            OciErrorCode::BlobUnknown,
        ]);
    match error {
        _ if denied => Fault::new(
            "the registry does not let us in with these credentials",
            place,
            "run `docker login` for it as the user that runs ops, then try again",
        ),
        _ if gone => Fault::new(
            "the registry does not have this image (any more)",
            place,
            "push it again, and keep the registry from removing what is deployed",
        ),
        E::RequestError(cause) if cause.is_connect() => Fault::new(
            format!("the registry cannot be reached: {}", chain(cause)),
            place,
            "see that the registry runs and can be reached from here, then try again",
        ),
        E::RequestError(cause) if cause.is_timeout() => silent(place),
        other => Fault::new(
            format!("the registry did not do its part: {other}"),
            place,
            "look at the registry's log, then try again",
        ),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moving_name_is_refused_and_a_digest_or_a_tag_is_not() {
        let digest = Digest::of(b"x");
        for moving in ["shop", "127.0.0.1:5000/shop", "registry.example/shop:latest"] {
            let fault = parse(moving).unwrap_err();
            assert!(fault.to_string().contains("latest"), "{moving}: {fault}");
        }
        for good in ["127.0.0.1:5000/shop:v3".to_owned(), format!("registry.example/shop@{digest}")]
        {
            assert!(parse(&good).is_ok(), "{good}");
        }
        assert!(parse("shop@sha256:12").is_err());
    }

    #[test]
    fn only_loopback_does_without_tls() {
        for own in ["127.0.0.1:5000", "localhost", "localhost:5000", "[::1]:5000"] {
            assert!(is_loopback(own), "{own}");
        }
        for other in ["registry.example", "10.0.0.1:5000", "localhost.example:5000"] {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
