//! The hash of a service's settings, which is part of its candidate (S3).

use ops_core::{
    id::{Digest, ServiceName},
    settings::Settings,
};
use serde_json::Value;

/// What is hashed begins with this, so that hashes of another form can never be equal.
const FORM: &str = "ops service settings 1\n";

/// Hashes everything that `ops.yaml` says about a service, for all its stages; `None` if there is
/// no such service.
///
/// Hashed is the canonical JSON of [`ops_core::settings::Service`]: keys sorted, no spaces. Equal
/// settings give equal hashes whatever the order, comments and spelling of the file (`60s`, `1m`),
/// and a default that is written out equals one that is not. Port ranges of environments and
/// everything outside of the service are no part of it: they are not what CQ and QA approve.
pub fn service_hash(settings: &Settings, service: &ServiceName) -> Option<Digest> {
    let service = settings.services.get(service)?;
    // Strings, numbers and maps with string keys: this cannot fail, and if it did there would be
    // no hash, never a wrong one.
    let value = serde_json::to_value(service).ok()?;
    let mut text = FORM.to_owned();
    canonical(&value, &mut text);
    Some(Digest::of(text.as_bytes()))
}

/// Writes JSON with sorted keys, also where a feature of `serde_json` keeps them in another order.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            list(out, ('{', '}'), entries, |(key, value), out| {
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                canonical(value, out);
            });
        }
        Value::Array(items) => list(out, ('[', ']'), items.iter().collect(), canonical),
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn list<T>(
    out: &mut String,
    (open, close): (char, char),
    items: Vec<T>,
    mut write: impl FnMut(T, &mut String),
) {
    out.push(open);
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(close);
}
