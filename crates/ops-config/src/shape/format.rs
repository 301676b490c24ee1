//! Forms of text.

use std::net::SocketAddr;

/// A form of text: words for people, a pattern for the schema, and the check itself, which may be
/// stricter than the pattern.
pub(crate) struct Format {
    /// What is allowed, for people.
    pub(crate) allowed: &'static str,
    /// ECMA 262, as JSON Schema wants it.
    pub(crate) pattern: &'static str,
    pub(crate) holds: fn(&str) -> bool,
}

impl std::fmt::Debug for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.pattern)
    }
}

/// Names end up in file names, addresses and chat.
pub(super) const NAME: Format = Format {
    allowed: "lower-case letters, digits and dashes, from a letter on, at most 40",
    pattern: "^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$",
    holds: |text| {
        let part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        text.len() <= 40
            && text.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
            && text.bytes().all(part)
            && !text.ends_with('-')
    },
};

pub(super) const VARIABLE: Format = Format {
    allowed: "a variable's name: letters, digits and underscores, not from a digit on",
    pattern: "^[A-Za-z_][A-Za-z0-9_]{0,127}$",
    holds: |text| {
        text.len() <= 128
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && text.bytes().next().is_some_and(|b| !b.is_ascii_digit())
    },
};

pub(super) const IDENTITY: Format = Format {
    allowed: "an e-mail address, as the planning board knows it",
    pattern: "^[^@\\s]{1,64}@[^@\\s]{1,255}$",
    holds: |text| {
        text.split_once('@').is_some_and(|(local, domain)| {
            let part = |part: &str, max: usize| {
                !part.is_empty()
                    && part.chars().count() <= max
                    && !part.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@')
            };
            part(local, 64) && part(domain, 255)
        })
    },
};

pub(super) const ADDRESS: Format = Format {
    allowed: "an address and port such as 127.0.0.1:8080, or 0.0.0.0:8080 for all interfaces",
    pattern: "^.+:[0-9]{1,5}$",
    holds: |text| text.parse::<SocketAddr>().is_ok(),
};

/// The meeting board's channels.
pub(super) const CHANNEL: Format = Format {
    allowed: "a channel's name without `#`",
    pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
    holds: |text| {
        text.len() <= 64
            && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    },
};

/// Host names as they arrive in requests, without a port.
pub(super) const HOST: Format = Format {
    allowed: "a host name in lower case, without scheme and port, such as shop.example.org",
    pattern: "^[a-z0-9-]{1,63}(?:\\.[a-z0-9-]{1,63})*$",
    holds: |text| {
        let label = |part: &str| {
            (1..=63).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !part.starts_with('-')
                && !part.ends_with('-')
        };
        text.len() <= 253 && text.split('.').all(label)
    },
};

fn path(text: &str) -> bool {
    text.len() <= 1_024 && text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic())
}

/// A path prefix of a route: no query, no fragment.
pub(super) const ROUTE_PATH: Format = Format {
    allowed: "a path that begins with `/`, without query",
    pattern: "^/[!-\"$->@-~]{0,1023}$",
    holds: |text| path(text) && !text.contains(['?', '#']),
};

/// What a request asks for.
pub(super) const REQUEST_PATH: Format = Format {
    allowed: "a path that begins with `/`, with or without query, without spaces",
    pattern: "^/[!-\"$-~]{0,1023}$",
    holds: |text| path(text) && !text.contains('#'),
};

/// Where a secret's value is found; never the value.
pub(crate) const REFERENCE: Format = Format {
    allowed: "a reference, never a value: env:NAME or file:/path",
    pattern: "^(?:env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:/.{1,1023})$",
    holds: |text| match text.split_once(':') {
        Some(("env", name)) => (VARIABLE.holds)(name),
        Some(("file", path)) => {
            (2..=1_024).contains(&path.len())
                && path.starts_with('/')
                && !path.chars().any(char::is_control)
        }
        _ => false,
    },
};

/// Text that a smoke request looks for.
pub(super) const NEEDLE: Format = Format {
    allowed: "text of 1 to 1024 characters",
    pattern: "^[\\s\\S]{1,1024}$",
    holds: |text| (1..=1_024).contains(&text.chars().count()),
};
