//! Takes out of a text what may be a secret or a person's address (P13). It errs on the side of
//! taking out too much: a model loses little by it.

/// What stands where something was taken out.
const GONE: &str = "(redacted)";
/// Beginnings of words that are keys of well-known services.
const KEYS: [&str; 16] = [
    "sk-",
    "pk-",
    "rk_",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "xox",
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    "npm_",
    "hf_",
];
/// Names after which a value is a secret.
const NAMES: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "credential",
    "credentials",
    "authorization",
    "bearer",
    "private_key",
];
/// Opaque words of so many characters may be keys.
const OPAQUE: usize = 24;

/// The text without what may be a secret or a mail address.
pub fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_block = false;
    for line in text.split_inclusive('\n') {
        if line.contains("-----BEGIN ") {
            in_block = true;
            out.push_str(GONE);
            out.push('\n');
        }
        if !in_block {
            words(line, &mut out);
        }
        if line.contains("-----END ") {
            in_block = false;
        }
    }
    out
}

/// What a word is made of: everything that keys, addresses and URLs hold.
fn of_a_word(c: char) -> bool {
    c.is_alphanumeric() || "_-+/=.:@%~$#&?!".contains(c)
}

fn words(line: &str, out: &mut String) {
    let mut rest = line;
    let mut secret_next = false;
    while let Some(first) = rest.chars().next() {
        let is_word = of_a_word(first);
        let end = rest.find(|c| of_a_word(c) != is_word).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        rest = after;
        if !is_word {
            out.push_str(piece);
            continue;
        }
        secret_next = word(piece, secret_next, rest, out);
    }
}

/// Whether what follows assigns: ` = x`, ` : x`.
fn assigned(after: &str) -> bool {
    let after = after.trim_start_matches(['\"', '\'', ' ', '\t']);
    after.starts_with(['=', ':'])
}

/// Writes one word. True if the next one is a secret.
fn word(word: &str, secret: bool, after: &str, out: &mut String) -> bool {
    // `password: x`, `password = x`, `password=x`, `Bearer x`.
    if secret && !matches!(word, "=" | ":" | "is" | "==") {
        let next = names_a_secret(word);
        out.push_str(if next { word } else { GONE });
        return next;
    }
    if secret {
        out.push_str(word);
        return true;
    }
    if let Some(at) = word.find(['=', ':'])
        && names_a_secret(word.get(..at).unwrap_or_default())
    {
        let (name, value) = word.split_at(at + 1);
        out.push_str(name);
        if value.is_empty() {
            return true;
        }
        out.push_str(GONE);
        return false;
    }
    if names_a_secret(word) {
        out.push_str(word);
        // Only what is assigned: «the token was rotated» is a sentence.
        return word.eq_ignore_ascii_case("bearer") || assigned(after);
    }
    out.push_str(if may_be_secret(word) { GONE } else { word });
    false
}

fn names_a_secret(word: &str) -> bool {
    let name = word.trim_matches(|c: char| !c.is_alphanumeric()).as_bytes();
    NAMES.iter().any(|known| {
        let Some(at) = name.len().checked_sub(known.len()) else { return false };
        let (before, end) = name.split_at(at);
        end.eq_ignore_ascii_case(known.as_bytes())
            && before.last().is_none_or(|last| matches!(last, b'_' | b'-'))
    })
}

fn may_be_secret(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    if KEYS.iter().any(|key| bare.starts_with(key) && bare.len() >= key.len() + 8) {
        return true;
    }
    if let Some((_, after)) = word.split_once("://")
        && after.split(['/', '?']).next().is_some_and(|host| host.contains('@'))
    {
        return true;
    }
    if let Some((name, domain)) = bare.split_once('@')
        && !name.is_empty()
        && domain.contains('.')
    {
        return true;
    }
    bare.split(['/', ':', '.', '?', '&', '=']).any(opaque)
        && !bare.starts_with("sha256:")
        && !bare.contains("@sha256:")
}

/// A long run of letters and digits that no person would write.
fn opaque(part: &str) -> bool {
    let part = part.trim_matches(['-', '_', '+', '=']);
    if part.len() < OPAQUE || part.contains('-') && part.split('-').all(|one| one.len() < 16) {
        return false;
    }
    let hex = part.bytes().all(|b| b.is_ascii_hexdigit());
    if hex {
        // Commits have 40 digits; a dossier must be able to name one.
        return part.len() != 40;
    }
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    let upper = part.bytes().filter(u8::is_ascii_uppercase).count();
    let lower = part.bytes().filter(u8::is_ascii_lowercase).count();
    digits >= 4 || digits >= 1 && upper >= 2 && lower >= 2
}
