//! Secrets are references, everywhere (P13).

use ops_core::settings::Service;

use super::{Rules, below};
use crate::complaint::Words;

/// Ends of names of variables that hold secrets.
const SECRET_NAMES: [&str; 8] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "API_KEY",
    "PRIVATE_KEY",
    "CREDENTIALS",
];

pub(super) fn check(rules: &mut Rules<'_, '_>, service: &Service) {
    for (name, value) in &service.env {
        let place = below(service, ["env", name]);
        if service.secrets.contains_key(name) {
            let words = Words::new(format!("{name} is in `env` and in `secrets`"))
                .hint("keep it in one of them");
            rules.blame(&[place], words);
        } else if looks_secret(name, value) {
            let words =
                Words::new(format!("{name} looks like a secret with its value in the file"))
                    .allowed(
                        "plain settings; what `env` holds is shown in records and on the dashboard",
                    )
                    .hint(format!("move it: `secrets: {{ {name}: env:{name} }}`"));
            rules.blame(&[place], words);
        }
    }
    for (name, secret) in &service.secrets {
        if secret.previous.as_ref() == Some(&secret.from) {
            let place = below(service, ["secrets", name, "previous"]);
            let words = Words::new(format!("{name} is found in one place before and after"))
                .allowed("a reference of its own for the value before")
                .hint("the way back of a rotation is the value before: keep it beside the new one");
            rules.blame(&[place], words);
        }
    }
    for (at, word) in service.command.iter().enumerate() {
        if has_login(word) {
            let words = Words::new("an address with a password in the command")
                .allowed("no secrets: every user of the machine can read a command line")
                .hint("pass it as a variable: `secrets: { NAME: env:NAME }`");
            rules.blame(&[below(service, ["command", &at.to_string()])], words);
        }
    }
}

/// Whether a plain variable holds what should be a secret.
pub(crate) fn looks_secret(name: &str, value: &str) -> bool {
    let upper = name.to_uppercase();
    let named = SECRET_NAMES.iter().any(|end| upper.ends_with(end));
    (named && !value.is_empty()) || has_login(value)
}

/// Whether text holds `scheme://user:password@`.
pub(crate) fn has_login(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        rest = &rest[at + 3..];
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or("");
        let password = authority.rsplit_once('@').and_then(|(login, _)| login.split_once(':'));
        if password.is_some_and(|(_, password)| !password.is_empty()) {
            return true;
        }
    }
    false
}

/// Parameters of a query that hold secrets, beside those whose names end as variables' do.
const SECRET_PARAMETERS: [&str; 6] = ["key", "apikey", "sig", "signature", "auth", "code"];

/// Whether an address holds anybody's login, with or without a password, or a secret in its query
/// or fragment.
pub(crate) fn secret_in_address(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let mut parameters = rest.split(['?', '#']).skip(1).flat_map(|part| part.split(['&', ';']));
    let secret = |parameter: &str| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let name = name.replace('-', "_");
        !value.is_empty()
            && (looks_secret(&name, value)
                || SECRET_PARAMETERS.contains(&name.to_lowercase().as_str()))
    };
    authority.contains('@') || parameters.any(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p13_values_that_look_secret() {
        assert!(looks_secret("DB_PASSWORD", "x"));
        assert!(looks_secret("DB_URL", "postgres://app:hunter2@db/shop"));
        assert!(!looks_secret("DB_URL", "postgres://app@db/shop"));
        assert!(!looks_secret("DB_URL", "http://[::1]:80/a:b@c"));
        assert!(!looks_secret("TOKEN_TTL", "60"));
        assert!(!looks_secret("API_TOKEN", ""));
    }

    #[test]
    fn p13_addresses_with_secrets() {
        assert!(secret_in_address("https://app:hunter2@example.org/hook"));
        assert!(secret_in_address("https://hunter2@example.org"));
        assert!(secret_in_address("https://example.org/hook?team=1&access-token=hunter2"));
        assert!(secret_in_address("https://example.org/hook?SIG=hunter2"));
        assert!(secret_in_address("https://example.org/hook?team=1#access_token=hunter2"));
        assert!(secret_in_address("https://example.org/hook#token=hunter2"));
        assert!(!secret_in_address("https://example.org/hook?team=1&token="));
        assert!(!secret_in_address("https://example.org/a@b?to=c@d"));
        assert!(!secret_in_address("hook"));
    }
}
