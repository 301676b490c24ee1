//! Forms of text.

use std::net::{Ipv4Addr, SocketAddr};

use crate::moment::Moment;

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

/// Names of signals, which stand in records and charts.
pub(super) const SIGNAL_NAME: Format = Format {
    allowed: "lower-case letters and digits, dashes between them, at most 40",
    pattern: "^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$",
    holds: |text| {
        let part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (1..=40).contains(&text.len())
            && text.bytes().all(part)
            && !text.starts_with('-')
            && !text.ends_with('-')
    },
};

pub(super) const CONTAINER_LABEL: Format = Format {
    allowed: "a label's name: letters, digits, dots, slashes, dashes and underscores, not `ops.` in front",
    pattern: "^(?!ops\\.)[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$",
    holds: |text| {
        let part = |b: u8| b.is_ascii_alphanumeric() || b"._/-".contains(&b);
        text.len() <= 128
            && !text.starts_with("ops.")
            && text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
            && text.bytes().all(part)
    },
};

pub(super) const VOLUME: Format = Format {
    allowed: "`NAME:/inside` or `/folder:/inside`, with `:ro` at the end where it cannot be written",
    pattern: "^(?:/[^:]*|[A-Za-z0-9][A-Za-z0-9_.-]*):/[^:]*(?::ro)?$",
    holds: |text| {
        let text = text.strip_suffix(":ro").unwrap_or(text);
        let Some((source, target)) = text.split_once(':') else { return false };
        let named = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        let volume = source.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
            && source.bytes().all(named);
        (source.starts_with('/') || volume) && target.starts_with('/') && !target.contains(':')
    },
};

pub(super) const PROJECT: Format = Format {
    allowed: "a project's name: small letters, digits, dashes and underscores, not a dash in front",
    pattern: "^[a-z0-9][a-z0-9_-]{0,62}$",
    holds: |text| {
        let part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
        let first = text.as_bytes().first();
        text.len() <= 63
            && first.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            && text.bytes().all(part)
    },
};

pub(super) const INSIDE: Format = Format {
    allowed: "a file within the artifact, such as `compose.yaml` or `deploy/compose.yaml`",
    pattern: "^(?!/)(?!.*(^|/)\\.\\.?(/|$))[^\\x00-\\x1f]{1,256}$",
    holds: |text| {
        let inside = |part: &str| !part.is_empty() && part != "." && part != "..";
        (1..=256).contains(&text.len())
            && !text.chars().any(char::is_control)
            && text.split('/').all(inside)
    },
};

/// No word of it can be taken for an option by a program that gets it.
pub(super) const ENGINE: Format = Format {
    allowed: "ssh://user@host, ssh://host:port, tcp://host:2376 or unix:///path/to/docker.sock",
    pattern: "^(?:unix:///.+|tcp://[A-Za-z0-9][A-Za-z0-9.-]*:[0-9]{1,5}|ssh://(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?)$",
    holds: |text| {
        let word = |text: &str, more: &[u8]| {
            text.as_bytes().first().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
        };
        let host = |text: &str| word(text, b".-") && !text.starts_with('_');
        let at_port = |text: &str| {
            text.split_once(':').is_some_and(|(name, port)| {
                host(name) && port.parse::<u16>().is_ok_and(|port| port > 0)
            })
        };
        if let Some(path) = text.strip_prefix("unix://") {
            return path.len() > 1 && path.starts_with('/');
        }
        if let Some(rest) = text.strip_prefix("tcp://") {
            return at_port(rest);
        }
        let Some(rest) = text.strip_prefix("ssh://") else { return false };
        let (user, rest) = rest.split_once('@').map_or((None, rest), |(u, h)| (Some(u), h));
        user.is_none_or(|user| word(user, b"._-")) && (host(rest) || at_port(rest))
    },
};

pub(super) const IPV4: Format = Format {
    allowed: "an IPv4 address such as 10.0.0.2",
    pattern: "^[0-9]{1,3}(?:\\.[0-9]{1,3}){3}$",
    holds: |text| text.parse::<Ipv4Addr>().is_ok(),
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

/// A name that only people read.
pub(super) const TITLE: Format = Format {
    allowed: "one line of 1 to 80 characters",
    pattern: "^\\S(?:[\\s\\S]{0,78}\\S)?$",
    holds: |text| {
        (1..=80).contains(&text.chars().count())
            && text.trim() == text
            && !text.chars().any(char::is_control)
    },
};

/// The class of a ticket as `ops_core::checks::class_of` reads it.
pub(super) const CLASS: Format = Format {
    allowed: "a class of tickets: lower-case letters, digits, `-` and `_`, at most 40",
    pattern: "^[a-z0-9_-]{1,40}$",
    holds: |text| {
        let part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
        (1..=40).contains(&text.len()) && text.bytes().all(part)
    },
};

/// What can be read of it is checked with the calendar itself, by the rules.
pub(super) const CRON: Format = Format {
    allowed: "minute hour day month weekday, such as \"0 9 * * mon-fri\"",
    pattern: "^[ -~]{1,200}$",
    holds: |text| {
        (1..=200).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b))
    },
};

/// Whether there is such a zone is checked by the rules.
pub(super) const ZONE: Format = Format {
    allowed: "a time zone such as Europe/Berlin, or UTC",
    pattern: "^[!-~]{1,64}$",
    holds: |text| (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()),
};

pub(super) const TIME: Format = Format {
    allowed: "a time of day such as 17:30",
    pattern: "^(?:[01][0-9]|2[0-3]):[0-5][0-9]$",
    holds: |text| ops_core::settings::TimeOfDay::read(text, String::new()).is_some(),
};

pub(super) const MOMENT: Format = Format {
    allowed: "a date and time: 2026-12-18T17:00 with a `zone`, or 2026-12-18T17:00:00+01:00",
    pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?\
              (?:Z|[+-][0-9]{2}:[0-9]{2})?)?$",
    holds: |text| Moment::read(text).is_some(),
};

/// An address that is asked or posted to.
pub(super) const URL: Format = Format {
    allowed: "an address that begins with http:// or https://",
    pattern: "^https?://[!-\"$-~]{1,2000}$",
    holds: url,
};

/// An address below which others are asked.
pub(super) const BASE_URL: Format = Format {
    allowed: "an address that begins with http:// or https://, without query",
    pattern: "^https?://[!-\"$->@-~]{1,2000}$",
    holds: |text| url(text) && !text.contains('?'),
};

fn url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?']).next().unwrap_or("");
        !host.is_empty()
            && rest.len() <= 2_000
            && rest.bytes().all(|b| b.is_ascii_graphic())
            && !rest.contains('#')
    })
}

/// A query of Prometheus; what it must name is checked by the rules, what it means by Prometheus.
pub(super) const QUERY: Format = Format {
    allowed: "a query of 1 to 2000 characters, without control characters",
    pattern: "^[\\s\\S]{1,2000}$",
    holds: |text| {
        (1..=2_000).contains(&text.chars().count())
            && !text.trim().is_empty()
            && !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t')
    },
};

/// A label of Prometheus.
pub(super) const LABEL: Format = Format {
    allowed: "a label: letters, digits and underscores, not from a digit on",
    pattern: VARIABLE.pattern,
    holds: VARIABLE.holds,
};

/// A file of the machine.
/// What a shell of another machine must take for one word.
pub(super) const HOST_PROGRAM: Format = Format {
    allowed: "a path or a name of letters, digits, dots, dashes, underscores and slashes, not with a dash in front",
    pattern: "^[A-Za-z0-9._/][A-Za-z0-9._/-]{0,254}$",
    holds: |text| {
        let part = |b: u8| b.is_ascii_alphanumeric() || b"._/-".contains(&b);
        (1..=255).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(part)
    },
};

pub(super) const FILE: Format = Format {
    allowed: "a path that begins with `/`",
    pattern: "^/[^\\u0000-\\u001f]{1,1023}$",
    holds: |text| {
        (2..=1_024).contains(&text.len())
            && text.starts_with('/')
            && !text.chars().any(char::is_control)
    },
};

/// Versions of another service.
pub(super) const VERSIONS: Format = Format {
    allowed: "versions such as `>=2.1, <3`, or 2 for every 2.x",
    pattern: "^[ -~]{1,100}$",
    holds: |text| text.len() <= 100 && semver::VersionReq::parse(text).is_ok(),
};

/// Content by its hash.
pub(super) const DIGEST: Format = Format {
    allowed: "sha256: and 64 hex digits in lower case",
    pattern: "^sha256:[0-9a-f]{64}$",
    holds: |text| text.parse::<ops_core::id::Digest>().is_ok(),
};

/// A commit of git, whole or short.
pub(super) const COMMIT: Format = Format {
    allowed: "7 to 40 hex digits in lower case",
    pattern: "^[0-9a-f]{7,40}$",
    holds: |text| {
        (7..=40).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    },
};

/// Names of headers and cookies.
pub(super) const HEADER: Format = Format {
    allowed: "letters, digits, `-` and `_`, at most 64",
    pattern: "^[A-Za-z0-9_-]{1,64}$",
    holds: |text| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    },
};
