//! The candidates of the demo: good ones, one that fails, one that is slow.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    random::Dice,
    shop::{CONFIG_FILE, PROGRAM_NAME, ShopConfig},
};

/// Latest onset that is drawn, in seconds.
const ONSET_SECONDS_MAX: u64 = 15;

/// What is wrong with the two bad versions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BadVersions {
    /// Share of the requests that v3 fails, 0.03 to 0.10 when drawn.
    pub v3_error_share: f64,
    /// Seconds from v3's first user request until it fails, 0 to 15 when drawn.
    pub v3_onset_seconds: u32,
    /// Factor on v4's latency, 1.6 to 2.5 when drawn.
    pub v4_slowness: f64,
    /// Seconds from v4's first user request until it is slow, 0 to 15 when drawn.
    pub v4_onset_seconds: u32,
}

impl Default for BadVersions {
    /// v3 fails 5 % and v4 takes twice as long, both from their first request on.
    fn default() -> Self {
        Self { v3_error_share: 0.05, v3_onset_seconds: 0, v4_slowness: 2.0, v4_onset_seconds: 0 }
    }
}

impl BadVersions {
    /// Draws the faults. The same seed gives the same faults on every machine.
    pub fn draw(seed: u64) -> Self {
        let mut dice = Dice::from_seed(seed);
        let v3_error_share = dice.between(0.03, 0.10);
        let v4_slowness = dice.between(1.6, 2.5);
        let mut onset = || dice.below(ONSET_SECONDS_MAX + 1) as u32;
        Self { v3_error_share, v3_onset_seconds: onset(), v4_slowness, v4_onset_seconds: onset() }
    }

    /// The version that fails.
    pub fn v3(&self) -> ShopConfig {
        ShopConfig {
            error_share: self.v3_error_share,
            onset_seconds: f64::from(self.v3_onset_seconds),
            ..ShopConfig::healthy("v3")
        }
    }

    /// The version that is slow.
    pub fn v4(&self) -> ShopConfig {
        ShopConfig {
            slowness: self.v4_slowness,
            onset_seconds: f64::from(self.v4_onset_seconds),
            ..ShopConfig::healthy("v4")
        }
    }
}

/// Why a candidate's folder could not be written.
#[derive(Debug, thiserror::Error)]
pub enum CandidateError {
    /// The configuration would be refused by the shop.
    #[error("the candidate {version} cannot be written: {why}; correct its configuration")]
    Config {
        /// The version's name.
        version: String,
        /// What is wrong.
        why: String,
    },
    /// The system refused.
    #[error("cannot {act} {}: {source}; check the path, its permissions and the free space", path.display())]
    Io {
        /// What was tried.
        act: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Writes a candidate's folder: `bin/shop` and `shop.json`. What was there under these two names
/// is replaced. `shop_program` is the shop itself or a multi-call binary that
/// [`is_called`](crate::shop::is_called) makes one; it is linked where the file system allows it,
/// else copied.
pub fn write_candidate(
    dir: &Path,
    shop_program: &Path,
    config: &ShopConfig,
) -> Result<(), CandidateError> {
    if let Some(why) = config.complaint() {
        return Err(CandidateError::Config { version: config.version.clone(), why });
    }
    let failed = |act, path: &Path| {
        let path = path.to_path_buf();
        move |source| CandidateError::Io { act, path, source }
    };
    let bin = dir.join("bin");
    fs::create_dir_all(&bin).map_err(failed("make the folder", &bin))?;
    // A link to a symbolic link would leave a candidate that points out of its own folder.
    let original = shop_program.canonicalize().map_err(failed("find", shop_program))?;
    let program = bin.join(PROGRAM_NAME);
    match fs::remove_file(&program) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("replace", &program)(error));
        }
        _ => {}
    }
    if fs::hard_link(&original, &program).is_err() {
        // Another file system, or a kernel that protects other people's files from links.
        fs::copy(&original, &program).map_err(failed("copy the program to", &program))?;
    }
    let file = dir.join(CONFIG_FILE);
    let text = serde_json::to_vec_pretty(config)
        .map_err(|error| failed("put into JSON", &file)(error.into()))?;
    fs::write(&file, text).map_err(failed("write", &file))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn draws_stay_in_their_ranges_and_repeat(seed: u64) {
            let bad = BadVersions::draw(seed);
            prop_assert!((0.03..=0.10).contains(&bad.v3_error_share));
            prop_assert!((1.6..=2.5).contains(&bad.v4_slowness));
            prop_assert!((0..=15).contains(&bad.v3_onset_seconds));
            prop_assert!((0..=15).contains(&bad.v4_onset_seconds));
            prop_assert_eq!(bad, BadVersions::draw(seed));
            prop_assert_eq!(bad.v3().complaint(), None);
            prop_assert_eq!(bad.v4().complaint(), None);
        }
    }

    #[test]
    fn draws_reach_both_ends_of_every_range() {
        let draws: Vec<BadVersions> = (0..2_000).map(BadVersions::draw).collect();
        for end in [0, 15] {
            assert!(draws.iter().any(|bad| bad.v3_onset_seconds == end));
            assert!(draws.iter().any(|bad| bad.v4_onset_seconds == end));
        }
        assert!(draws.iter().any(|bad| bad.v3_error_share < 0.031));
        assert!(draws.iter().any(|bad| bad.v3_error_share > 0.099));
        assert!(draws.iter().any(|bad| bad.v4_slowness < 1.61));
        assert!(draws.iter().any(|bad| bad.v4_slowness > 2.49));
    }

    #[test]
    fn each_bad_version_has_one_fault() {
        let (v3, v4) = (BadVersions::default().v3(), BadVersions::default().v4());
        assert_eq!((v3.error_share, v3.slowness, v3.onset_seconds), (0.05, 1.0, 0.0));
        assert_eq!((v4.error_share, v4.slowness, v4.onset_seconds), (0.0, 2.0, 0.0));
    }

    #[test]
    fn a_candidate_can_be_written_twice() {
        let folder = tempfile::tempdir().unwrap();
        let original = folder.path().join("original");
        fs::write(&original, "program").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&original, &link).unwrap();
        let dir = folder.path().join("v3");
        write_candidate(&dir, &link, &ShopConfig::healthy("v2")).unwrap();
        let bad = BadVersions::draw(1).v3();
        write_candidate(&dir, &link, &bad).unwrap();
        assert_eq!(ShopConfig::read(&dir.join(CONFIG_FILE)).unwrap(), bad);
        let program = dir.join("bin/shop");
        assert!(fs::symlink_metadata(&program).unwrap().is_file());
        assert_eq!(fs::read(program).unwrap(), b"program");
    }

    #[test]
    fn a_candidate_that_the_shop_would_refuse_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let config = ShopConfig { error_share: 2.0, ..ShopConfig::healthy("v3") };
        let error = write_candidate(folder.path(), Path::new("/bin/true"), &config).unwrap_err();
        assert!(error.to_string().contains("error_share"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
