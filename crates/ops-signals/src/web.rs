//! HTTP towards systems that are not ours: no proxies, no redirects, everything bounded.

use std::{io, sync::Arc, time::Duration};

use rustls::{CertificateError, crypto::ring};
use ureq::{
    Agent, Error, Timeout,
    config::Config,
    http::Uri,
    tls::{RootCerts, TlsConfig},
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

/// How long names may take to be looked up, and how long connections may take to be made.
const CONNECT: Duration = Duration::from_secs(3);

/// Longest address, in bytes.
const ADDRESS_LIMIT: usize = 4 << 10;

/// A caller whose every exchange, from the first look-up to the last byte, ends within a limit.
/// Certificates are checked against what the machine trusts.
pub(crate) fn agent(limit: Duration) -> Agent {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build();
    // A proxy of the environment or a redirect would carry tokens elsewhere, and an old connection
    // could break after a request that was never taken.
    let config = Agent::config_builder()
        .tls_config(tls)
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .max_idle_connections(0)
        .timeout_resolve(Some(CONNECT))
        .timeout_connect(Some(CONNECT))
        .timeout_global(Some(limit))
        .user_agent("ops")
        .build();
    Agent::with_parts(config, DefaultConnector::default(), Names::default())
}

/// Looks names up, and says so if it fails: otherwise a name that could not be looked up and a
/// connection that broke would look the same.
#[derive(Debug, Default)]
struct Names(DefaultResolver);

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        self.0.resolve(uri, config, timeout).map_err(|error| match error {
            Error::Io(_) => Error::HostNotFound,
            other => other,
        })
    }
}

/// Scheme and host of an address: all of it that may be told, since a path can hold a secret
/// (P13). Otherwise what is wrong with it.
pub(crate) fn origin(address: &str) -> Result<String, &'static str> {
    if address.len() > ADDRESS_LIMIT {
        return Err("the address is too long");
    }
    let uri: Uri = address.parse().map_err(|_| "the address is not a URL")?;
    let (Some(scheme @ ("http" | "https")), Some(host)) = (uri.scheme_str(), uri.authority())
    else {
        return Err("the address does not begin with http:// or https:// and a host");
    };
    if host.as_str().contains('@') {
        return Err("the address holds a user's name or password");
    }
    // Otherwise the usual port would be asked instead.
    if host.port_u16().is_none() && host.as_str() != host.host() {
        return Err("the port of the address is not a number up to 65535");
    }
    Ok(format!("{scheme}://{host}"))
}

/// Why an exchange did not come to its end; repeats nothing of what was sent or received.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Whether the request was certainly never sent.
    pub(crate) unsent: bool,
    /// In words, such as `the connection was refused`.
    pub(crate) why: String,
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        let unsent = |why: &str| Self { unsent: true, why: why.to_owned() };
        let perhaps = |why: &str| Self { unsent: false, why: why.to_owned() };
        match error {
            Error::Io(e) => broken_wire(&e),
            Error::Timeout(Timeout::Resolve) => unsent("its name was not looked up in time"),
            Error::Timeout(Timeout::Connect) => unsent("no connection was made in time"),
            Error::Timeout(_) => perhaps("it did not answer in time"),
            Error::HostNotFound => unsent("its name could not be looked up"),
            Error::ConnectionFailed => unsent("no connection could be made"),
            Error::BadUri(_) | Error::Http(_) => unsent("the address is not a URL"),
            // Before the first exchange the verifier looks for them.
            Error::Rustls(rustls::Error::General(_)) => unsent(
                "this machine trusts no authority for certificates (install ca-certificates)",
            ),
            Error::Tls(_) | Error::Rustls(_) => unsent("TLS could not be agreed on"),
            Error::BodyExceedsLimit(limit) => {
                perhaps(&format!("its answer is longer than {limit} bytes"))
            }
            Error::Protocol(_) => perhaps("it did not answer in sound HTTP/1"),
            _ => perhaps("the exchange broke"),
        }
    }
}

fn broken_wire(error: &io::Error) -> Broken {
    if let Some(rustls::Error::InvalidCertificate(why)) = tls_error(error) {
        let why = match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has ended"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name"
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "its certificate is from nobody this machine trusts"
            }
            _ => "its certificate does not hold",
        };
        return Broken { unsent: true, why: why.to_owned() };
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            Broken { unsent: true, why: "the connection was refused".to_owned() }
        }
        // Others, such as an unreachable host, come in the middle of an exchange as well.
        kind => Broken { unsent: false, why: format!("the connection broke ({kind})") },
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    let inner = error.get_ref()?;
    inner.downcast_ref().or_else(|| inner.source()?.downcast_ref())
}

#[cfg(test)]
mod tests;
