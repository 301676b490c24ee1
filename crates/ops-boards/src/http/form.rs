//! Reads `a=b&c=d`: queries and form bodies.

/// Names and values in their order. What is not properly encoded stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

/// What stands under one name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry<'a> {
    /// Nothing.
    None,
    /// One value.
    One(&'a str),
    /// A repeated name, or one with brackets: on `DevTeam`'s planning board a list or an operator.
    /// Here neither matches anything.
    Odd,
}

impl Form {
    pub(super) fn read(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        });
        Self(pairs.collect())
    }

    /// What stands under a name.
    pub(super) fn entry(&self, name: &str) -> Entry<'_> {
        let mut found = Entry::None;
        for (known, value) in &self.0 {
            let bracketed = known.strip_prefix(name).is_some_and(|rest| rest.starts_with('['));
            if bracketed || (known == name && found != Entry::None) {
                return Entry::Odd;
            }
            if known == name {
                found = Entry::One(value);
            }
        }
        found
    }

    /// The first value of a name, as Go reads a query.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All pairs.
    pub(super) fn pairs(self) -> impl Iterator<Item = (String, String)> {
        self.0.into_iter()
    }
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let pair = (bytes.get(at + 1).copied(), bytes.get(at + 2).copied());
        match (byte, pair) {
            (b'+', _) => plain.push(b' '),
            (b'%', (Some(high), Some(low))) => match (digit(high), digit(low)) {
                (Some(high), Some(low)) => {
                    plain.push(high * 16 + low);
                    at += 2;
                }
                _ => plain.push(b'%'),
            },
            (other, _) => plain.push(*other),
        }
        at += 1;
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pairs_are_decoded() {
        let form = Form::read("a=b%20c+d&e=%zz%4&f&%C3%A9=%e2%86%92&&a=2");
        assert_eq!(form.first("a"), Some("b c d"));
        assert_eq!(form.entry("a"), Entry::Odd);
        assert_eq!(form.entry("e"), Entry::One("%zz%4"));
        assert_eq!(form.entry("f"), Entry::One(""));
        assert_eq!(form.entry("é"), Entry::One("→"));
        assert_eq!(form.entry("g"), Entry::None);
        assert_eq!(Form::read("status[$ne]=rfp").entry("status"), Entry::Odd);
    }

    proptest! {
        #[test]
        fn any_query_is_read(text in "\\PC{0,100}") {
            let _ = Form::read(&text);
        }
    }
}
