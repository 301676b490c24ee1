//! Notices by webhook.

use ops_core::world::Fault;
use ops_engine::ports::{Act, ActError, Look};
use ureq::http::HeaderValue;

use crate::{
    secrets,
    web::{Broken, origin},
};

/// Posts a document. Of the address only scheme and host are ever told, since those of many chat
/// systems are secrets themselves (P13).
pub(super) fn post(
    agent: &ureq::Agent,
    who: &str,
    url: &str,
    token: Option<&str>,
    document: &[u8],
) -> Act {
    let wish = format!("`{who}` under `notify` in ops.yaml");
    let origin = origin(url).map_err(|what| {
        let next = "write the address like https://chat.example/hook, without a user's name";
        ActError::NotApplied(Fault::new(what, &wish, next))
    })?;
    let mut request = agent.post(url).content_type("application/json");
    if let Some(reference) = token {
        let bearer = bearer(reference, &wish).map_err(ActError::NotApplied)?;
        request = request.header("Authorization", bearer);
    }
    let fault = |why: String, next: &str| {
        Fault::new(
            format!("`{who}` was not surely told: {why}"),
            format!("webhook at {origin}"),
            next,
        )
    };
    let status = match request.send(document) {
        Ok(answer) => answer.status().as_u16(),
        Err(error) => {
            let Broken { unsent, why, .. } = error.into();
            let fault = fault(why, "see that it can be reached from here");
            return Err(if unsent {
                ActError::NotApplied(fault)
            } else {
                ActError::Unknown(fault)
            });
        }
    };
    match status {
        200..=299 => Ok(()),
        300..=399 => Err(ActError::NotApplied(fault(
            format!("it answered {status}, and redirects are not followed"),
            "name the address to which it redirects",
        ))),
        401 | 403 => Err(ActError::NotApplied(fault(
            format!("it answered {status}"),
            "see whether the token is the right one for it",
        ))),
        // One that broke in the middle, or stands before another, may have passed it on.
        500.. => Err(ActError::Unknown(fault(format!("it answered {status}"), "see what ails it"))),
        _ => Err(ActError::NotApplied(fault(
            format!("it answered {status}"),
            "see whether it takes a JSON document there",
        ))),
    }
}

/// The header with the token. A line's end after a token in a file does not belong to it.
fn bearer(reference: &str, wish: &str) -> Look<HeaderValue> {
    let value = secrets::value(reference, wish)?.ok_or_else(|| {
        let next = "put the token where the reference leads";
        Fault::new("the token's reference leads to no value", wish, next)
    })?;
    let token = value.strip_suffix(b"\n").unwrap_or(&value);
    let token = token.strip_suffix(b"\r").unwrap_or(token);
    let unfit = || {
        let next = "keep only the token there, in one line of ASCII";
        Fault::new("the token is not one word that can be sent", wish, next)
    };
    if token.is_empty() || !token.iter().all(u8::is_ascii_graphic) {
        return Err(unfit());
    }
    let mut value = HeaderValue::from_bytes(&[b"Bearer ", token].concat()).map_err(|_| unfit())?;
    value.set_sensitive(true);
    Ok(value)
}
