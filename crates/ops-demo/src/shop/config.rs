//! How a shop is told what it is: `shop.json`.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use http::HeaderValue;
use serde::{Deserialize, Serialize};

use super::ShopError;

/// Name of the configuration file in a candidate's folder.
pub const CONFIG_FILE: &str = "shop.json";

/// Longest version name, in bytes.
const VERSION_BYTES: usize = 64;
/// Largest configuration file, in bytes.
const CONFIG_BYTES: u64 = 64 * 1024;
/// Largest factor on the latency.
const SLOWNESS_MAX: f64 = 1_000.0;
/// Largest time without trouble: a day.
const ONSET_SECONDS_MAX: f64 = 86_400.0;
/// Largest median latency, in milliseconds.
const BASE_LATENCY_MS_MAX: f64 = 10_000.0;

/// One version of the shop, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopConfig {
    /// Name of the version, sent as `x-shop-version` with every answer.
    pub version: String,
    /// Share of the users' requests that fail with 500 once the trouble begins, 0 to 1.
    #[serde(default)]
    pub error_share: f64,
    /// Factor on the latency once the trouble begins; 1 changes nothing.
    #[serde(default = "unchanged")]
    pub slowness: f64,
    /// Seconds from the first request of a user (not of a health probe) until the trouble begins.
    #[serde(default)]
    pub onset_seconds: f64,
    /// Median of the latency, in milliseconds.
    #[serde(default = "usual_latency_ms")]
    pub base_latency_ms: f64,
}

fn unchanged() -> f64 {
    1.0
}

fn usual_latency_ms() -> f64 {
    2.0
}

impl ShopConfig {
    /// A version without faults.
    pub fn healthy(version: impl Into<String>) -> Self {
        Self {
            version: version.into(),
            error_share: 0.0,
            slowness: unchanged(),
            onset_seconds: 0.0,
            base_latency_ms: usual_latency_ms(),
        }
    }

    /// Says what is wrong with the values, in words, or `None`.
    pub fn complaint(&self) -> Option<String> {
        let within = |name: &str, value: f64, low: f64, high: f64| {
            (!(low..=high).contains(&value))
                .then(|| format!("{name} is {value}, it must lie between {low} and {high}"))
        };
        if self.version.is_empty()
            || self.version.len() > VERSION_BYTES
            || HeaderValue::from_str(&self.version).is_err()
        {
            return Some(format!("version must be 1 to {VERSION_BYTES} printable characters"));
        }
        within("error_share", self.error_share, 0.0, 1.0)
            .or_else(|| within("slowness", self.slowness, 0.01, SLOWNESS_MAX))
            .or_else(|| within("onset_seconds", self.onset_seconds, 0.0, ONSET_SECONDS_MAX))
            .or_else(|| within("base_latency_ms", self.base_latency_ms, 0.0, BASE_LATENCY_MS_MAX))
    }

    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, ShopError> {
        let unreadable = |source| ShopError::ConfigUnreadable { path: path.to_path_buf(), source };
        let invalid = |why| ShopError::ConfigInvalid { path: path.to_path_buf(), why };
        let length = fs::metadata(path).map_err(unreadable)?.len();
        if length > CONFIG_BYTES {
            return Err(invalid(format!("it has {length} bytes, at most {CONFIG_BYTES} are read")));
        }
        let text = fs::read(path).map_err(unreadable)?;
        let config: Self =
            serde_json::from_slice(&text).map_err(|error| invalid(error.to_string()))?;
        match config.complaint() {
            Some(why) => Err(invalid(why)),
            None => Ok(config),
        }
    }
}

/// Finds the configuration: beside the program, or one folder up where the program is in `bin`.
pub(super) fn find_config() -> Result<PathBuf, ShopError> {
    let program = env::current_exe().map_err(ShopError::ProgramUnknown)?;
    let folder = program.parent().unwrap_or(Path::new("/"));
    let beside = folder.join(CONFIG_FILE);
    let above = folder.parent().unwrap_or(folder).join(CONFIG_FILE);
    [beside.clone(), above.clone()]
        .into_iter()
        .find(|path| path.is_file())
        .ok_or(ShopError::ConfigMissing { beside, above })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_version_must_be_given() {
        let config: ShopConfig = serde_json::from_str(r#"{ "version": "v2" }"#).unwrap();
        assert_eq!(config, ShopConfig::healthy("v2"));
        assert_eq!(config.complaint(), None);
    }

    #[test]
    fn misspelt_fields_are_refused() {
        let read = serde_json::from_str::<ShopConfig>(r#"{ "version": "v2", "slownes": 2 }"#);
        assert!(read.unwrap_err().to_string().contains("slownes"));
    }

    #[test]
    fn values_out_of_range_are_named() {
        let good = ShopConfig::healthy("v2");
        let bad = [
            (ShopConfig { version: String::new(), ..good.clone() }, "version"),
            (ShopConfig { version: "v\n2".into(), ..good.clone() }, "version"),
            (ShopConfig { error_share: 1.1, ..good.clone() }, "error_share"),
            (ShopConfig { slowness: 0.0, ..good.clone() }, "slowness"),
            (ShopConfig { onset_seconds: -1.0, ..good.clone() }, "onset_seconds"),
            (ShopConfig { base_latency_ms: f64::NAN, ..good }, "base_latency_ms"),
        ];
        for (config, name) in bad {
            let complaint = config.complaint().unwrap();
            assert!(complaint.contains(name), "{complaint}");
        }
    }

    #[test]
    fn a_broken_file_is_named_with_line_and_column() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CONFIG_FILE);
        fs::write(&path, "{ \"version\": \"v1\",\n  \"slowness\": fast }").unwrap();
        let complaint = ShopConfig::read(&path).unwrap_err().to_string();
        assert!(complaint.contains(CONFIG_FILE) && complaint.contains("line 2"), "{complaint}");
    }
}
