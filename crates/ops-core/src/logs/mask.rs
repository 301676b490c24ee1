//! Hiding what differs from line to line, and what might name a person or a secret (P13).
//!
//! In doubt it is hidden: a template that says too little costs a look at the host's own logs, one
//! that says too much is in the journal for ever. What is written in plain lower-case words, with
//! nothing before it that announces a name or a secret, stays.

use super::{
    quotes::hide_quoted,
    shape,
    template::{HIDDEN, shown},
    token::{core, depth, is_clf_date, is_fence, is_joint, is_of_word},
    words::{self, Announces},
};

/// Words of a line that are looked at; the rest is hidden.
const WORDS_MAX: usize = 48;
/// Words that may stand between what is announced and what announces it: `password is …`.
const FILLERS: [&str; 8] = ["is", "was", "are", "were", "of", "to", "as", "for"];
/// A text as a template.
pub(super) fn mask(text: &str) -> String {
    let text = hide_quoted(text);
    let mut mask = Mask::default();
    let mut tokens = text.split(' ').filter(|token| !token.is_empty()).peekable();
    let mut count = 0;
    while let Some(token) = tokens.next() {
        count += 1;
        if count > WORDS_MAX {
            mask.out.push(' ');
            mask.hide();
            break;
        }
        mask.token(token, tokens.peek().copied().unwrap_or(""));
    }
    shown(&mask.out)
}

/// What is to be hidden next.
#[derive(Default)]
enum Due {
    #[default]
    Nothing,
    /// The next word, unless it is one that logs use anyway.
    Word,
    /// Everything up to a comma.
    Clause,
    /// Everything.
    Line,
    /// Everything until so many brackets were closed.
    Brackets(i32),
}

#[derive(Default)]
struct Mask {
    out: String,
    due: Due,
    /// Whether a sentence has begun, so that a capital letter makes a name.
    within: bool,
}

impl Mask {
    fn token(&mut self, token: &str, next: &str) {
        if !self.out.is_empty() {
            self.out.push(' ');
        }
        if !self.is_due(token) {
            self.plain(token, next);
        }
        let bare = core(token);
        let rule = bare.is_empty() && !token.contains(HIDDEN);
        let initial = token.ends_with('.') && bare.chars().count() == 1;
        self.within = !rule && (initial || !token.ends_with(['.', ':', '!', '?', ']', '|']));
    }

    fn hide(&mut self) {
        self.out.push(HIDDEN);
    }

    /// Hides a token of which something is due; says whether that was so.
    fn is_due(&mut self, token: &str) -> bool {
        match self.due {
            Due::Nothing => return false,
            Due::Line => self.hide(),
            Due::Clause => {
                self.hide();
                if token.ends_with([',', ';']) {
                    self.due = Due::Nothing;
                }
            }
            Due::Brackets(open) => {
                self.hide();
                let open = open + depth(token);
                self.due = if open > 0 { Due::Brackets(open) } else { Due::Nothing };
            }
            Due::Word => return self.is_due_word(token),
        }
        true
    }

    fn is_due_word(&mut self, token: &str) -> bool {
        let bare = core(token);
        if bare.is_empty() && !token.contains(HIDDEN) {
            self.out.push_str(token);
            return true;
        }
        if FILLERS.contains(&bare) {
            self.out.push_str(token);
            return true;
        }
        self.due = Due::Nothing;
        let hides = !bare.is_empty() && !words::is_ordinary(bare) && !token.contains('=');
        if hides {
            self.around(token);
        }
        hides
    }

    /// Hides a token but for the marks around it.
    fn around(&mut self, token: &str) {
        let bare = core(token);
        let start = token.find(bare).unwrap_or(0);
        self.out.push_str(token.get(..start).unwrap_or(""));
        self.hide();
        self.out.push_str(token.get(start + bare.len()..).unwrap_or(""));
    }

    fn plain(&mut self, token: &str, next: &str) {
        let bare = core(token);
        if let Some((scheme, rest)) = token.split_once("://")
            && core(scheme).chars().all(|c| c.is_ascii_alphanumeric() || is_joint(c))
        {
            self.url(scheme, rest);
        } else if shape::is_encoded(token.trim_matches(is_fence))
            || shape::is_address(token.trim_matches(is_fence))
        {
            self.around(token);
        } else if let Some((key, value)) = token.split_once('=') {
            self.assignment(key, value);
        } else if token.contains('@') || self.names(bare, next) {
            self.around(token);
        } else {
            self.words(token);
        }
    }

    /// Whether a word is somebody's name: in a sentence, at its beginning before another one, or
    /// where the Common Log Format has it: `- jane [10/Oct/2000:13:55:36 -0700]`.
    fn names(&self, word: &str, next: &str) -> bool {
        let listed = is_clf_date(next) && !word.is_empty();
        listed || (is_name(word) && (self.within || is_name(core(next))))
    }

    /// `scheme://user:secret@host:port/path?query`: neither user nor query stay.
    fn url(&mut self, scheme: &str, rest: &str) {
        self.words(scheme);
        self.out.push_str("://");
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if path.contains('@') {
            return self.hide();
        }
        let host = match authority.rsplit_once('@') {
            Some((_, host)) => {
                self.hide();
                self.out.push('@');
                host
            }
            None => authority,
        };
        if shape::is_address(host.trim_matches(is_fence)) {
            self.around(host);
        } else {
            self.words(host);
        }
        match path.find(['?', '#', '=']) {
            Some(at) => {
                self.words(path.get(..at).unwrap_or(""));
                self.out.push('?');
                self.hide();
            }
            None => {
                self.words(path);
            }
        }
    }

    /// `key=value`: the key stays.
    fn assignment(&mut self, key: &str, value: &str) {
        if core(key).is_empty() && core(value).is_empty() && !value.contains(HIDDEN) {
            self.out.push_str(key);
            self.out.push('=');
            self.out.push_str(value);
            return;
        }
        let announced = if key.contains('@') {
            self.around(key);
            Announces::Nothing
        } else {
            self.words(key)
        };
        self.out.push('=');
        if value.is_empty() {
            if announced != Announces::Nothing {
                self.due = Due::Word;
            }
            return;
        }
        self.hide();
        self.due = Due::Nothing;
        let open = depth(value);
        if open > 0 {
            self.due = Due::Brackets(open);
            return;
        }
        // A bracket that the value did not open stays.
        let end = value.trim_end_matches(|c| {
            matches!(c, ',' | ';' | '.') || (open < 0 && matches!(c, ')' | ']' | '}' | '>'))
        });
        self.out.push_str(value.get(end.len()..).unwrap_or(""));
    }

    /// A token word by word. What its last word announces becomes due, and is returned.
    fn words(&mut self, token: &str) -> Announces {
        let mut announced = Announces::Nothing;
        let mut rest = token;
        while !rest.is_empty() {
            let end = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if !word.is_empty() {
                announced = self.word(word, announced);
            }
            let Some(mark) = after.chars().next() else {
                rest = "";
                continue;
            };
            rest = after.get(mark.len_utf8()..).unwrap_or("");
            self.out.push(mark);
            let more = !core(rest).is_empty();
            if more && (mark == '?' || (mark != '/' && is_secret(announced))) {
                self.around(rest);
                return Announces::Nothing;
            }
            if more && matches!(mark, '/' | '\\') && words::is_home(word) {
                announced = Announces::Person;
            }
        }
        self.announce(token, announced);
        announced
    }

    /// One word, given what was announced right before it in the same token; returns what it
    /// announces itself.
    fn word(&mut self, word: &str, before: Announces) -> Announces {
        let signed = word.starts_with(['-', '+']) && shape::is_value(word);
        let bare = if signed { word } else { word.trim_start_matches(is_joint) };
        let lead = word.len() - bare.len();
        let bare = bare.trim_end_matches(is_joint);
        let tail = word.get(lead + bare.len()..).unwrap_or("");
        self.out.push_str(word.get(..lead).unwrap_or(""));
        let announced = before != Announces::Nothing && !words::is_ordinary(bare);
        if bare.is_empty() {
            return before;
        }
        let hidden = announced || shape::is_value(bare);
        if hidden {
            self.hide();
        } else {
            self.out.push_str(bare);
        }
        self.out.push_str(tail);
        if hidden { Announces::Nothing } else { words::announces(bare) }
    }

    /// Takes down what the last word of a token announced for the tokens after it.
    fn announce(&mut self, token: &str, announced: Announces) {
        let colon = token.ends_with(':');
        let ends = token.ends_with(['.', ',', ';', '!', '?']) && !is_title(core(token));
        self.due = match announced {
            Announces::SecretLine if colon => Due::Line,
            Announces::Secret if colon => Due::Clause,
            Announces::Nothing => return,
            _ if ends => return,
            _ => Due::Word,
        };
    }
}

/// Whether a word names somebody, and does not announce a name or a secret itself.
fn is_name(word: &str) -> bool {
    shape::is_name(word) && words::announces(word) == Announces::Nothing
}

fn is_secret(announced: Announces) -> bool {
    matches!(announced, Announces::Secret | Announces::SecretLine)
}

fn is_title(word: &str) -> bool {
    matches!(word, "Mr" | "Mrs" | "Ms" | "Dr" | "Prof")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::TEMPLATE_MAX;

    #[test]
    fn values_are_hidden_and_words_stay() {
        for (text, template) in [
            ("took 12.5ms for 3 of 4 items", "took <*> for <*> of <*> items"),
            ("peer 10.0.0.1:8080 and [fe80::1]:443 gone", "peer <*> and [<*>]:<*> gone"),
            ("order 7f3e9a0c-1d2b-4c5d-8e9f-0a1b2c3d4e5f lost", "order <*> lost"),
            ("at 2024-01-02T03:04:05.678Z", "at <*>"),
            ("GET /users/42/orders/x7?page=2 500", "GET /users/<*>/orders/<*>?<*>=<*>"),
            ("main.go:12 handler[3] (0x1f)", "main.go:<*> handler[<*>] (<*>)"),
            ("ids [1, 2, 3]", "ids [<*>]"),
            ("a=1 b=two c=", "a=<*> b=<*> c="),
            ("x == y => z", "x == y => z"),
            ("temperature -5 or +5", "temperature <*> or <*>"),
            ("shop::cart: no stock", "shop::cart: no stock"),
            ("java.lang.NullPointerException", "java.lang.NullPointerException"),
            ("speaks http2 with utf-8", "speaks http2 with utf-8"),
            ("", ""),
        ] {
            assert_eq!(mask(text), template, "{text}");
        }
    }

    #[test]
    fn p13_secrets_are_hidden_wherever_they_are_announced() {
        for (text, template) in [
            ("Authorization: Bearer abc def", "Authorization: <*>"),
            ("sent Bearer abcdef to peer", "sent Bearer <*> to peer"),
            ("password=hunter", "password=<*>"),
            ("password is hunter", "password is <*>"),
            ("db_password: correct horse battery", "db_password: <*>"),
            ("token:abc/def+ghi", "token:<*>"),
            ("password=abc://def token:abc://def", "password=<*> token:<*>"),
            ("api key abcdef refused", "api key <*> refused"),
            ("password expired", "password expired"),
            ("invalid token for user jane", "invalid token for user <*>"),
            ("postgres://jane:pass@db.internal:5432/shop", "postgres://<*>@db.internal:<*>/shop"),
            ("https://shop.example/a?email=jane", "https://shop.example/a?<*>"),
            ("https://shop.example/jane@doe.example/x", "https://<*>"),
            ("card 4111 1111 1111 1111 declined", "card <*> declined"),
        ] {
            assert_eq!(mask(text), template, "{text}");
        }
    }

    #[test]
    fn p13_people_are_hidden_where_they_look_like_people() {
        for (text, template) in [
            ("user jane logged in", "user <*> logged in"),
            ("user=jane, name=Jane Doe, age=7", "user=<*>, name=<*>, age=<*>"),
            ("user not found", "user not found"),
            ("welcome back, Jane", "welcome back, <*>"),
            ("payment for John Smith failed", "payment for <*> failed"),
            ("John Smith logged in", "<*> logged in"),
            ("greeted Dr. Strange twice", "greeted Dr. <*> twice"),
            ("mail to <jane@doe.example>, bounced", "mail to <<*>>, bounced"),
            ("Key (name)=(mary ann) already exists", "Key (name)=<*> already exists"),
            ("owner=Owner(name=mary ann, of=x) left", "owner=<*> left"),
            ("192.168.100.200 - jane [10/Oct/2000:13:55:36 -0700] GET", "<*> [<*>] GET"),
            ("/home/jane/.cache and /users/jane/cart", "/home/<*>/.cache and /users/<*>/cart"),
            ("C:\\Users\\jane\\x", "C:\\Users\\<*>\\x"),
            ("Bad Gateway", "Bad Gateway"),
            ("Connection Refused by Redis", "Connection Refused by Redis"),
        ] {
            assert_eq!(mask(text), template, "{text}");
        }
    }

    #[test]
    fn a_template_is_bounded_whatever_the_line() {
        let many = "word ".repeat(4000);
        assert!(mask(&many).len() <= TEMPLATE_MAX && mask(&many).ends_with("word <*>"));
        let one = "abcde.".repeat(2000);
        assert!(mask(&one).len() <= TEMPLATE_MAX);
        assert!(mask(&"é".repeat(5000)).len() <= TEMPLATE_MAX);
    }
}
