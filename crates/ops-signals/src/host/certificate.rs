//! For how long certificates are still valid.

use std::{fmt, io::Read as _, path::Path};

use ops_core::world::Fault;
use ops_engine::ports::Look;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use x509_cert::{Certificate, der::Decode as _, time::Validity};

use crate::secrets::open_without_waiting;

/// Longest PEM file of certificates, in bytes.
pub const CERTIFICATE_FILE_LIMIT: u64 = 1 << 20;

/// Seconds until the first of the certificates in a file ends; negative if one has ended, or has
/// not begun. Keys and whatever else stands in the file are passed over.
pub(super) fn seconds_left(path: &Path, now: jiff::Timestamp) -> Look<i64> {
    let unreadable = |why: &dyn fmt::Display| {
        let what = format!("cannot read a certificate: {why}");
        let next = "name a PEM file with the certificate, and let ops's user read it";
        Fault::new(what, path.display().to_string(), next)
    };
    let mut text = Vec::new();
    let file = open_without_waiting(path).map_err(|e| unreadable(&e))?;
    if !file.metadata().map_err(|e| unreadable(&e))?.is_file() {
        return Err(unreadable(&"it is not a regular file"));
    }
    file.take(CERTIFICATE_FILE_LIMIT + 1).read_to_end(&mut text).map_err(|e| unreadable(&e))?;
    if text.len() as u64 > CERTIFICATE_FILE_LIMIT {
        return Err(unreadable(&format_args!(
            "the file is longer than {CERTIFICATE_FILE_LIMIT} bytes"
        )));
    }
    first_to_end(&text, now.as_second()).map_err(|why| unreadable(&why))
}

/// Why nothing is known; repeats nothing of the file (P13).
fn first_to_end(text: &[u8], now: i64) -> Result<i64, String> {
    let mut least: Option<i64> = None;
    for (index, section) in CertificateDer::pem_slice_iter(text).enumerate() {
        let number = index + 1;
        let der = section.map_err(|_| format!("section {number} of the file is not sound PEM"))?;
        // Trailing bytes after the certificate are refused along.
        let certificate = Certificate::from_der(&der)
            .map_err(|_| format!("number {number} in the file is not an X.509 certificate"))?;
        let left = left(certificate.tbs_certificate().validity(), now)
            .ok_or_else(|| format!("number {number} in the file has dates that make no sense"))?;
        least = Some(least.map_or(left, |least| least.min(left)));
    }
    least.ok_or_else(|| "there is none in the file".to_owned())
}

fn left(validity: &Validity, now: i64) -> Option<i64> {
    let begin = i64::try_from(validity.not_before.to_unix_duration().as_secs()).ok()?;
    let end = i64::try_from(validity.not_after.to_unix_duration().as_secs()).ok()?;
    Some(if now < begin { now - begin } else { end - now })
}

#[cfg(test)]
mod tests;
