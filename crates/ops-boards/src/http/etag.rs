//! Weak entity tags as Express makes them, and the 304 for whoever has the same already.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use sha2::{Digest as _, Sha256};

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// `W/"<length in hex>-<27 letters of a hash>"`.
pub(super) fn of(body: &str) -> String {
    let hash = Sha256::digest(body.as_bytes());
    format!("W/\"{:x}-{}\"", body.len(), base64(&hash[..20]))
}

/// Base 64 without padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut letters = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for part in bytes.chunks(3) {
        let missing = 3 - part.len();
        let bits = part.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte));
        let bits = bits << (8 * missing);
        for place in 0..=part.len() {
            let six = (bits >> (18 - 6 * place)) & 63;
            letters.push(char::from(BASE64[six as usize]));
        }
    }
    letters
}

/// What a request says that it has already.
#[derive(Debug)]
pub(super) struct Known {
    tags: Option<String>,
}

impl Known {
    /// Nothing.
    pub(super) fn none() -> Self {
        Self { tags: None }
    }

    /// Reads a request's head.
    pub(super) fn read(method: &Method, headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let insists = text(header::CACHE_CONTROL).is_some_and(|value| value.contains("no-cache"));
        let tags = text(header::IF_NONE_MATCH).filter(|_| reads && !insists);
        Self { tags: tags.map(str::to_owned) }
    }

    fn has(&self, tag: &str) -> bool {
        let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        self.tags.as_deref().is_some_and(|tags| {
            tags.trim() == "*" || tags.split(',').any(|known| strong(known) == strong(tag))
        })
    }

    /// Puts the tag on an answer, and takes the body away where the caller has it.
    pub(super) fn settle(&self, tag: &str, mut response: Response) -> Response {
        if response.status().is_success() && self.has(tag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Body::empty();
            response.headers_mut().remove(header::CONTENT_TYPE);
        }
        if let Ok(value) = HeaderValue::from_str(tag) {
            response.headers_mut().insert(header::ETAG, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_is_that_of_the_standard() {
        for (plain, letters) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v")] {
            assert_eq!(base64(plain.as_bytes()), letters);
        }
    }

    #[test]
    fn a_tag_has_the_form_that_express_gives_it() {
        let tag = of("{}");
        assert!(tag.starts_with("W/\"2-") && tag.ends_with('"'), "{tag}");
        assert_eq!(tag.len(), "W/\"2-\"".len() + 27);
        assert_ne!(tag, of("[]"));
    }

    #[test]
    fn tags_are_compared_weakly_and_only_for_reads() {
        let known = |method: Method, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(value));
            Known::read(&method, &headers)
        };
        for value in ["*", "\"a\"", "W/\"a\"", "\"b\", W/\"a\""] {
            assert!(known(Method::GET, value).has("W/\"a\""), "{value}");
            assert!(!known(Method::PUT, value).has("W/\"a\""), "{value}");
        }
        assert!(!known(Method::GET, "\"b\"").has("W/\"a\""));
    }
}
