//! References to secrets, resolved on the machine at the moment of a start (P13).

use std::{fs::File, io::Read as _, path::Path};

/// Bytes that a secret may have.
const SECRET_MAX: u64 = 64 * 1024;

/// Why a reference leads to no value. Never holds the value or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretError {
    /// The reference.
    pub reference: String,
    /// Why, in words.
    pub why: String,
}

impl std::fmt::Display for SecretError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the secret `{}` has no value: {}", self.reference, self.why)
    }
}

impl std::error::Error for SecretError {}

/// The value behind `env:NAME` (a variable of this process) or `file:/absolute/path` (its
/// content without one line end at its end).
pub fn resolve(reference: &str) -> Result<String, SecretError> {
    value(reference).map_err(|why| SecretError { reference: reference.to_owned(), why })
}

fn value(reference: &str) -> Result<String, String> {
    let value = if let Some(name) = reference.strip_prefix("env:") {
        std::env::var(name).map_err(|_| format!("the variable {name} is not set as text"))?
    } else if let Some(path) = reference.strip_prefix("file:") {
        read(Path::new(path))?
    } else {
        return Err("a reference is written `env:NAME` or `file:/absolute/path`".to_owned());
    };
    match value {
        empty if empty.is_empty() => Err("it is empty".to_owned()),
        text if text.contains('\0') => Err("it holds a zero byte".to_owned()),
        text => Ok(text),
    }
}

fn read(path: &Path) -> Result<String, String> {
    if !path.is_absolute() {
        return Err("the path must be absolute".to_owned());
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    if !file.metadata().map_err(|error| error.to_string())?.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut text = String::new();
    file.take(SECRET_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|_| "it cannot be read as UTF-8 text".to_owned())?;
    if text.len() as u64 > SECRET_MAX {
        return Err(format!("it is larger than {SECRET_MAX} bytes"));
    }
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_lead_to_values_or_say_why_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "s3cret\n").unwrap();
        let reference = format!("file:{}", path.display());
        assert_eq!(resolve(&reference).unwrap(), "s3cret");
        std::fs::write(&path, "a\0b").unwrap();
        for bad in [
            reference.as_str(),
            "file:relative",
            "file:/",
            "file:/nowhere/at/all",
            "env:OPS_TEST_IS_NOT_SET",
            "vault:x",
        ] {
            let error = resolve(bad).unwrap_err();
            assert!(error.to_string().contains(bad), "{error}");
        }
    }
}
