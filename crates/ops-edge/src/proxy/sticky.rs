//! How the door knows a client again.

use http::{HeaderMap, HeaderValue, header::COOKIE};
use ops_core::route::Sticky;

use crate::state::hash_of;

/// How long a client keeps its cookie, in seconds: a day, longer than any canary.
const COOKIE_SECONDS: u32 = 24 * 3600;

/// Characters of a cookie that the door made: 128 random bits in hexadecimal.
const COOKIE_LEN: usize = 32;

/// What is known of a client.
#[derive(Default)]
pub(super) struct Known {
    /// Hash of its name; `None` if it has none.
    pub(super) unit: Option<u64>,
    /// Set for a client that gets a name now.
    pub(super) cookie: Option<HeaderValue>,
}

/// Looks whether a request bears its client's name, and gives it one if that is the door's part.
pub(super) fn know(sticky: &Sticky, headers: &HeaderMap, path: &str, secure: bool) -> Known {
    match sticky {
        Sticky::Header(name) => {
            let value = headers.get(name).filter(|value| !value.is_empty());
            Known { unit: value.map(|value| hash_of(value.as_bytes())), cookie: None }
        }
        Sticky::Cookie(name) => match named(name, headers) {
            Some(client) => Known { unit: Some(hash_of(client.as_bytes())), cookie: None },
            None => baptise(name, path, secure),
        },
    }
}

fn named<'a>(name: &str, headers: &'a HeaderMap) -> Option<&'a str> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let crumbs = values.flat_map(|value| value.split(';'));
    let mut mine = crumbs.filter_map(|crumb| crumb.trim().strip_prefix(name)?.strip_prefix('='));
    // Only what the door made itself: others could choose names until they like their release.
    mine.find(|value| value.len() == COOKIE_LEN && value.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn baptise(name: &str, path: &str, secure: bool) -> Known {
    let client = format!("{:032x}", fastrand::u128(..));
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!(
        "{name}={client}; Path={path}; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax{secure}"
    );
    Known { unit: Some(hash_of(client.as_bytes())), cookie: HeaderValue::from_str(&cookie).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_named_once_and_known_again() {
        let sticky = Sticky::Cookie("door".to_owned());
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_static("door=chosen; x=y"));
        let first = know(&sticky, &headers, "/shop", true);
        let set = first.cookie.expect("a cookie");
        let set = set.to_str().expect("text");
        assert!(set.contains("; Path=/shop;") && set.ends_with("; Secure"), "{set}");
        let pair = set.split(';').next().expect("a pair");
        headers.append(COOKIE, HeaderValue::from_str(pair).expect("a value"));
        let again = know(&sticky, &headers, "/shop", true);
        assert_eq!(again.unit, first.unit);
        assert!(again.cookie.is_none());
    }

    #[test]
    fn a_header_names_a_client_too() {
        let sticky = Sticky::Header("x-client".to_owned());
        let mut headers = HeaderMap::new();
        assert!(know(&sticky, &headers, "/", false).unit.is_none());
        headers.insert("x-client", HeaderValue::from_static("7"));
        assert_eq!(know(&sticky, &headers, "/", false).unit, Some(hash_of(b"7")));
    }
}
