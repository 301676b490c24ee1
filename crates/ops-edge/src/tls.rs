//! TLS from files: which certificate a client is shown, and how new files come into force.
//!
//! All files are read and checked together before any of them is used: a certificate that came
//! before its key leaves the old pair in force, is told loudly, and is tried again.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
};
use x509_cert::{
    Certificate,
    der::Decode as _,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

use crate::{config::CertificateFiles, error::EdgeError};

/// Largest file of a certificate or key, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Protocols that are offered, the best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A certificate in force.
struct Pair {
    files: CertificateFiles,
    key: Arc<CertifiedKey>,
    /// Names of hosts in lower case; `*.` stands for one label.
    names: Vec<String>,
    not_after: SystemTime,
}

/// All that is in force.
struct Pairs {
    all: Vec<Pair>,
    by_name: HashMap<String, usize>,
    /// What the files were when they were read.
    seen: Vec<Seen>,
}

/// By what a change of a file is noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    modified: Option<SystemTime>,
    bytes: u64,
}

/// The certificates of an edge.
pub(crate) struct Tls {
    files: Vec<CertificateFiles>,
    provider: Arc<CryptoProvider>,
    pairs: RwLock<Arc<Pairs>>,
    /// What was tried last and was not sound.
    refused: RwLock<Option<(Vec<Seen>, String)>>,
    reloads: AtomicU64,
    failed_reloads: AtomicU64,
}

/// A certificate as it is reported.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CertificateStatus {
    /// Names that it is for.
    pub names: Vec<String>,
    /// Its file.
    pub file: PathBuf,
    /// Days until it is no longer valid; negative afterwards.
    pub days_left: f64,
}

/// TLS as it is reported.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TlsStatus {
    /// What is in force.
    pub certificates: Vec<CertificateStatus>,
    /// How often new files came into force.
    pub reloads: u64,
    /// How often new files were not sound and the old ones stayed.
    pub failed_reloads: u64,
    /// Why the files as they are now are not in force.
    pub refused: Option<String>,
}

impl Tls {
    /// Reads all files.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read, or a key does not belong to its certificate.
    pub(crate) fn load(files: Vec<CertificateFiles>) -> Result<Arc<Self>, EdgeError> {
        let provider = Arc::new(ring::default_provider());
        let pairs = read_all(&files, &provider)?;
        Ok(Arc::new(Self {
            files,
            provider,
            pairs: RwLock::new(Arc::new(pairs)),
            refused: RwLock::new(None),
            reloads: AtomicU64::new(0),
            failed_reloads: AtomicU64::new(0),
        }))
    }

    /// What accepts clients with these certificates.
    pub(crate) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, EdgeError> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| EdgeError::Tls { why: error.to_string() })?;
        let resolver = Resolver(Arc::clone(self));
        let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn pairs(&self) -> Arc<Pairs> {
        Arc::clone(&self.pairs.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks whether files changed, and takes them if all of them are sound. Blocks.
    pub(crate) fn reload(&self) {
        let now = see_all(&self.files);
        if self.pairs().seen == now {
            return;
        }
        let known_bad = {
            let refused = self.refused.read().unwrap_or_else(PoisonError::into_inner);
            refused.as_ref().is_some_and(|(seen, _)| *seen == now)
        };
        if known_bad {
            return;
        }
        let refused = match read_all(&self.files, &self.provider) {
            Ok(pairs) => {
                *self.pairs.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pairs);
                self.reloads.fetch_add(1, Ordering::Relaxed);
                tracing::info!("new certificates are in force");
                None
            }
            Err(error) => {
                self.failed_reloads.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%error, "new certificates are not sound: the old ones stay");
                Some((now, error.to_string()))
            }
        };
        *self.refused.write().unwrap_or_else(PoisonError::into_inner) = refused;
    }

    /// What is in force.
    pub(crate) fn status(&self) -> TlsStatus {
        let now = SystemTime::now();
        let pairs = self.pairs();
        let one = |pair: &Pair| CertificateStatus {
            names: pair.names.clone(),
            file: pair.files.chain.clone(),
            days_left: days_left(pair.not_after, now),
        };
        let refused = self.refused.read().unwrap_or_else(PoisonError::into_inner);
        TlsStatus {
            certificates: pairs.all.iter().map(one).collect(),
            reloads: self.reloads.load(Ordering::Relaxed),
            failed_reloads: self.failed_reloads.load(Ordering::Relaxed),
            refused: refused.as_ref().map(|(_, why)| why.clone()),
        }
    }
}

fn days_left(end: SystemTime, now: SystemTime) -> f64 {
    const DAY: f64 = 86_400.0;
    match end.duration_since(now) {
        Ok(left) => left.as_secs_f64() / DAY,
        Err(over) => -over.duration().as_secs_f64() / DAY,
    }
}

/// Chooses a certificate by the name that a client asks for.
struct Resolver(Arc<Tls>);

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver")
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let pairs = self.0.pairs();
        let found = hello.server_name().and_then(|name| pairs.find(name));
        pairs.all.get(found.unwrap_or(0)).map(|pair| Arc::clone(&pair.key))
    }
}

impl Pairs {
    fn find(&self, name: &str) -> Option<usize> {
        let name = name.to_ascii_lowercase();
        let wild = || {
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(&format!("*.{parent}"))
        };
        self.by_name.get(&name).or_else(wild).copied()
    }
}

fn see_all(files: &[CertificateFiles]) -> Vec<Seen> {
    let see = |path: &PathBuf| {
        let meta = fs::metadata(path).ok();
        let modified = meta.as_ref().and_then(|meta| meta.modified().ok());
        Seen { modified, bytes: meta.map_or(0, |meta| meta.len()) }
    };
    files.iter().flat_map(|files| [see(&files.chain), see(&files.key)]).collect()
}

fn read_all(files: &[CertificateFiles], provider: &CryptoProvider) -> Result<Pairs, EdgeError> {
    // Seen before they are read: a change in between is then noticed at the next look.
    let seen = see_all(files);
    let pairs: Vec<Pair> =
        files.iter().map(|files| read(files, provider)).collect::<Result<_, _>>()?;
    let mut by_name = HashMap::new();
    for (at, pair) in pairs.iter().enumerate() {
        for name in &pair.names {
            by_name.entry(name.clone()).or_insert(at);
        }
    }
    Ok(Pairs { all: pairs, by_name, seen })
}

fn read(files: &CertificateFiles, provider: &CryptoProvider) -> Result<Pair, EdgeError> {
    let bad = |path: &Path, why: String| EdgeError::Certificate { path: path.to_owned(), why };
    let content = |path: &Path| -> Result<Vec<u8>, EdgeError> {
        match fs::metadata(path) {
            Ok(meta) if meta.len() > MAX_FILE_BYTES => Err(bad(path, "it is too large".to_owned())),
            Ok(_) => fs::read(path).map_err(|error| bad(path, error.to_string())),
            Err(error) => Err(bad(path, error.to_string())),
        }
    };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&content(&files.chain)?)
            .collect::<Result<_, _>>()
            .map_err(|error| bad(&files.chain, format!("it is not sound PEM: {error}")))?;
    let first = chain
        .first()
        .ok_or_else(|| bad(&files.chain, "there is no certificate in it".to_owned()))?;
    let (names, not_after) =
        names_and_end(first).ok_or_else(|| bad(&files.chain, "it is no certificate".to_owned()))?;
    let key = PrivateKeyDer::from_pem_slice(&content(&files.key)?)
        .map_err(|_| bad(&files.key, "there is no private key in it".to_owned()))?;
    let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| {
        let chain = files.chain.display();
        bad(&files.key, format!("the key does not go with the certificate in {chain}: {error}"))
    })?;
    Ok(Pair { files: files.clone(), key: Arc::new(key), names, not_after })
}

fn names_and_end(der: &CertificateDer<'_>) -> Option<(Vec<String>, SystemTime)> {
    let certificate = Certificate::from_der(der).ok()?;
    let body = certificate.tbs_certificate();
    let end = body.validity().not_after.to_unix_duration();
    let alternatives = body.get_extension::<SubjectAltName>().ok()?;
    let names =
        alternatives.into_iter().flat_map(|(_, names)| names.0).filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
            _ => None,
        });
    Some((names.collect(), UNIX_EPOCH + Duration::from_secs(end.as_secs())))
}
