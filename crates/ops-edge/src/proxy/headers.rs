//! What the door changes in headers: connection headers stay on their side (RFC 9110 §7.6.1), and
//! backends learn who the client is.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONNECTION, CONTENT_LENGTH, COOKIE, FORWARDED, HOST, PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
    },
};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Removes what belongs to one connection only: the known names, and those that `Connection`
/// lists.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    // Nearly all messages have none: one look at each name costs less than a search for each.
    if !headers.keys().any(|name| HOP_BY_HOP.contains(name)) {
        return;
    }
    if headers.contains_key(CONNECTION) {
        let listed: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            // What nearly all say names no header that would not be removed below.
            .filter(|name| {
                !name.eq_ignore_ascii_case("keep-alive") && !name.eq_ignore_ascii_case("close")
            })
            .filter_map(|name| name.parse().ok())
            // A message without these would be a different message.
            .filter(|name| *name != HOST && *name != CONTENT_LENGTH)
            .collect();
        for name in listed {
            headers.remove(name);
        }
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        // The encoding decides about the length (RFC 9112 §6.3); a second opinion would let two
        // readers see two different messages.
        headers.remove(CONTENT_LENGTH);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Tells the backend who asks, over what, and for which host.
pub(crate) fn set_forwarded(
    headers: &mut HeaderMap,
    client: &HeaderValue,
    proto: &'static str,
    host: Option<&HeaderValue>,
    trust: bool,
) {
    let mut chain = client.clone();
    if trust {
        let named = headers.get_all(X_FORWARDED_FOR).iter().chain([client]);
        let named: Vec<&str> = named.filter_map(|value| value.to_str().ok()).collect();
        chain = HeaderValue::from_str(&named.join(", ")).unwrap_or(chain);
    } else {
        headers.remove(FORWARDED);
    }
    headers.insert(X_FORWARDED_FOR, chain);
    if !(trust && headers.contains_key(X_FORWARDED_PROTO)) {
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(proto));
    }
    if !(trust && headers.contains_key(X_FORWARDED_HOST)) {
        match host {
            Some(host) => headers.insert(X_FORWARDED_HOST, host.clone()),
            None => headers.remove(X_FORWARDED_HOST),
        };
    }
}

/// Whether a sender of this message understands trailers. The only wish of a connection that is
/// passed on (RFC 9110 §6.5.1).
pub(crate) fn takes_trailers(headers: &HeaderMap) -> bool {
    let values = headers.get_all(TE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|it| it.trim().eq_ignore_ascii_case("trailers"))
}

/// Joins the crumbs into which HTTP/2 may cut a cookie (RFC 9113 §8.2.3).
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let mut crumbs = headers.get_all(COOKIE).iter();
    if crumbs.next().is_none() || crumbs.next().is_none() {
        return;
    }
    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(whole) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(COOKIE, whole);
    }
}

/// Whether the client asks for another protocol, to which the service may agree. A wish for
/// HTTP/2 over plain text is optional for the server and ignored, as RFC 9110 §7.8 allows.
pub(crate) fn wants_upgrade(headers: &HeaderMap) -> bool {
    let listed = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|name| name.trim().eq_ignore_ascii_case("upgrade"));
    let foreign = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"h2c");
    listed && headers.get(UPGRADE).is_some_and(foreign)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn hop_by_hop_headers_stay_on_their_side() {
        let mut headers = map(&[
            ("connection", "keep-alive, X-Secret"),
            ("connection", "Host, Content-Length"),
            ("keep-alive", "timeout=5"),
            ("x-secret", "1"),
            ("te", "trailers"),
            ("host", "shop"),
            ("content-length", "3"),
            ("accept", "*/*"),
        ]);
        strip_hop_by_hop(&mut headers);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "content-length", "host"]);
    }

    #[test]
    fn a_length_beside_an_encoding_is_removed() {
        let mut headers = map(&[("transfer-encoding", "chunked"), ("content-length", "3")]);
        strip_hop_by_hop(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn a_client_cannot_invent_its_address() {
        let claims = map(&[
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "for=1.2.3.4"),
        ]);
        let host = HeaderValue::from_static("shop");
        let client = &HeaderValue::from_static("10.0.0.9");
        let mut headers = claims.clone();
        set_forwarded(&mut headers, client, "http", Some(&host), false);
        assert_eq!(headers[X_FORWARDED_FOR], "10.0.0.9");
        assert_eq!(headers[X_FORWARDED_PROTO], "http");
        assert_eq!(headers[X_FORWARDED_HOST], "shop");
        assert!(!headers.contains_key(FORWARDED));
        let mut headers = claims;
        set_forwarded(&mut headers, client, "http", Some(&host), true);
        assert_eq!(headers[X_FORWARDED_FOR], "1.2.3.4, 10.0.0.9");
        assert_eq!(headers[X_FORWARDED_PROTO], "https");
        assert!(headers.contains_key(FORWARDED));
    }

    #[test]
    fn crumbs_of_a_cookie_are_joined() {
        let mut headers = map(&[("cookie", "a=1"), ("cookie", "b=2; c=3"), ("x", "y")]);
        join_cookies(&mut headers);
        assert_eq!(headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2; c=3"]);
    }

    #[test]
    fn only_foreign_protocols_count_as_upgrades() {
        assert!(wants_upgrade(&map(&[("connection", "x, Upgrade"), ("upgrade", "websocket")])));
        assert!(!wants_upgrade(&map(&[("connection", "Upgrade"), ("upgrade", "h2c")])));
        assert!(!wants_upgrade(&map(&[("upgrade", "websocket")])));
    }
}
