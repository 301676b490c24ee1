//! The street: HTTP towards systems that are not ours: no proxies, no redirects, everything bounded.
//!
//! Adapters never see each other, and several of them ask such systems: what they share is here.

use std::{io, sync::Arc, time::Duration};

use rustls::{CertificateError, crypto::ring};
use ureq::{
    Agent, Error, Timeout,
    config::{Config, ConfigBuilder},
    http::Uri,
    tls::{RootCerts, TlsConfig},
    typestate::AgentScope,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

/// Longest address, in bytes.
const ADDRESS_LIMIT: usize = 4 << 10;

/// How a caller asks: certificates are checked against what the machine trusts, and names and
/// connections may take so long each. Whoever builds on it bounds the whole exchange.
pub fn config(connect: Duration) -> ConfigBuilder<AgentScope> {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build();
    // A proxy of the environment or a redirect would carry tokens elsewhere.
    Agent::config_builder()
        .tls_config(tls)
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .timeout_resolve(Some(connect))
        .timeout_connect(Some(connect))
        .user_agent("ops")
}

/// A caller that makes a connection for each exchange: an old one could break after a request that
/// was never taken. Without a `limit` of the whole exchange each request brings its own.
pub fn agent(connect: Duration, limit: Option<Duration>) -> Agent {
    let config = config(connect).max_idle_connections(0).timeout_global(limit).build();
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
///
/// # Errors
///
/// In words that repeat nothing of the address.
pub fn origin(address: &str) -> Result<String, &'static str> {
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
pub struct Broken {
    /// Whether the request was certainly never sent.
    pub unsent: bool,
    /// Which bound of the caller's own ended it, after it may have been sent.
    pub bound: Option<Bound>,
    /// In words, such as `the connection was refused`.
    pub why: String,
}

/// A bound of the caller's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The time was over.
    Time,
    /// More came than is read.
    Length,
}

impl Broken {
    fn unsent(why: &str) -> Self {
        Self { unsent: true, bound: None, why: why.to_owned() }
    }

    fn perhaps(why: impl Into<String>) -> Self {
        Self { unsent: false, bound: None, why: why.into() }
    }

    /// A bound ended it.
    pub fn by(bound: Bound, why: impl Into<String>) -> Self {
        Self { unsent: false, bound: Some(bound), why: why.into() }
    }
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(e) => broken_wire(&e),
            Error::Timeout(Timeout::Resolve) => Self::unsent("its name was not looked up in time"),
            Error::Timeout(Timeout::Connect) => Self::unsent("no connection was made in time"),
            Error::Timeout(_) => Self::by(Bound::Time, "it did not answer in time"),
            Error::HostNotFound => Self::unsent("its name could not be looked up"),
            Error::ConnectionFailed => Self::unsent("no connection could be made"),
            Error::BadUri(_) | Error::Http(_) => Self::unsent("the address is not a URL"),
            // Before the first exchange the verifier looks for them.
            Error::Rustls(rustls::Error::General(_)) => Self::unsent(
                "this machine trusts no authority for certificates (install ca-certificates)",
            ),
            Error::Tls(_) | Error::Rustls(_) => Self::unsent("TLS could not be agreed on"),
            Error::BodyExceedsLimit(limit) => {
                Self::by(Bound::Length, format!("its answer is longer than {limit} bytes"))
            }
            Error::Protocol(_) => Self::perhaps("it did not answer in sound HTTP/1"),
            _ => Self::perhaps("the exchange broke"),
        }
    }
}

fn broken_wire(error: &io::Error) -> Broken {
    let tls = tls_error(error);
    if let Some(rustls::Error::InvalidCertificate(why)) = tls {
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
        return Broken::unsent(why);
    }
    if tls.is_some() {
        // Who does not speak it answers with what is no record of it, now or in mid-exchange.
        return Broken::perhaps("TLS could not be agreed on, or broke");
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Broken::unsent("the connection was refused"),
        // Others, such as an unreachable host, come in the middle of an exchange as well.
        kind => Broken::perhaps(format!("the connection broke ({kind})")),
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    let inner = error.get_ref()?;
    inner.downcast_ref().or_else(|| inner.source()?.downcast_ref())
}

#[cfg(test)]
mod tests;
