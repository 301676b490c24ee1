//! What all pages share: the frame around them, their headers, their style.

use std::sync::LazyLock;

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::empty;
use crate::{Member, http::etag::base64, store};

const STYLE: &str = include_str!("style.css");

/// Nothing is loaded from anywhere; only this one style may act, and forms go to this page alone.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = base64(&Sha256::digest(STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}='; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// A page that is ready to be sent.
pub(super) type Html = Markup;

/// Somebody who is logged in looks at a page.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) member: Member,
    pub(super) csrf: String,
}

impl Visit {
    /// Whether a form is one that this session was given.
    pub(super) fn owns(&self, csrf: &str) -> bool {
        // Hashes are compared, so the duration tells nothing about the secret.
        store::hash(csrf) == store::hash(&self.csrf)
    }

    /// The hidden field of every form.
    pub(super) fn seal(&self) -> Markup {
        html! { input type="hidden" name="csrf" value=(self.csrf); }
    }
}

/// A whole page.
pub(super) fn page(title: &str, visit: Option<&Visit>, permissive: bool, main: &Markup) -> Html {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · ops boards" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header.top {
                    nav aria-label="Boards" { a href="/" { "Board" } }
                    @if let Some(visit) = visit { (account(visit)) }
                }
                @if permissive {
                    p.warning role="note" {
                        "This board is permissive: every token may do everything. What stands here \
                         proves nothing."
                    }
                }
                main id="main" tabindex="-1" { (main) }
            }
        }
    }
}

fn account(visit: &Visit) -> Markup {
    html! {
        form.account method="post" action="/logout" aria-label="Account" {
            span { (visit.member.name()) " (" (visit.member.role()) ")" }
            (visit.seal())
            button type="submit" { "Log out" }
        }
    }
}

/// The page that says why something was not done.
pub(super) fn trouble(status: StatusCode, said: &str, back: &str) -> Html {
    let title = status.canonical_reason().unwrap_or("Error");
    let back = if back.is_empty() { "/" } else { back };
    page(
        title,
        None,
        false,
        &html! {
            h1 { (title) }
            p role="alert" { (said) }
            p { a href=(back) { "Back" } }
        },
    )
}

/// Sends a page.
pub(super) fn answer(status: StatusCode, html: Html) -> Response {
    let mut response = empty(status);
    *response.body_mut() = Body::from(html.into_string());
    let fixed: [(HeaderName, &str); 4] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let headers = response.headers_mut();
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    response
}

/// Sends the reader to another page of this board.
pub(super) fn see(path: &str, cookie: Option<&str>) -> Response {
    let mut response = empty(StatusCode::SEE_OTHER);
    let headers = response.headers_mut();
    // A path that is no header value leads to the board.
    let to = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    headers.insert(header::LOCATION, to);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(cookie).ok()) {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of a colour, as WCAG 2.2 defines it.
    fn luminance(colour: &str) -> f64 {
        let digits = colour.strip_prefix('#').unwrap();
        let width = digits.len() / 3;
        let part = |n: usize| {
            let text = digits[n * width..(n + 1) * width].repeat(3 - width);
            let value = f64::from(u8::from_str_radix(&text, 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(0) + 0.7152 * part(1) + 0.0722 * part(2)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn letters_and_lines_stand_out_by_day_and_by_night() {
        let themes: Vec<&str> = STYLE.split(":root{").skip(1).collect();
        assert_eq!(themes.len(), 2);
        for theme in themes {
            let colour = |name: &str| {
                let (_, rest) = theme.split_once(&format!("--{name}:")).unwrap();
                rest.split([';', '}']).next().unwrap().to_owned()
            };
            for ground in ["paper", "soft"] {
                for (name, least) in
                    [("ink", 7.0), ("quiet", 7.0), ("link", 4.5), ("alert", 4.5), ("line", 3.0)]
                {
                    let found = contrast(&colour(name), &colour(ground));
                    assert!(found >= least, "{name} on {ground}: {found:.2}");
                }
            }
        }
    }
}
