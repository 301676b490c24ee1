//! What an artifact consists of, and its digest.
//!
//! The digest is a SHA-256 over `ops artifact 1\n` and then, for each entry in the order of its
//! path's bytes: one byte of kind (`d` folder, `f` file, `x` executable file, `l` symbolic link),
//! the path, and for files the size and the SHA-256 of the bytes, for links the target. Paths and
//! targets are preceded by their length, all numbers are 64 bits, big-endian. Owners, times, other
//! mode bits and the form of packing do not count, so a folder and an archive of it have one
//! digest; a hard link counts as a file of its own.

use std::collections::{BTreeMap, VecDeque};

use ops_core::{id::Digest, world::Fault};
use rustix::fs::{Access, access};
use sha2::{Digest as _, Sha256};

/// Links that are followed from one to the next.
const HOPS_MAX: u32 = 40;
const PREFIX: &[u8] = b"ops artifact 1\n";

/// One entry of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Folder,
    File { executable: bool, size: u64, hash: [u8; 32] },
    Link { target: Vec<u8> },
}

/// All entries by their path: components joined by `/`, without a leading one.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) nodes: BTreeMap<Vec<u8>, Node>,
}

/// Where a path leads, links followed.
enum Landing {
    At(Vec<u8>),
    Outside,
    Loop,
}

impl Content {
    pub(super) fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        let text = |hash: &mut Sha256, text: &[u8]| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        };
        hash.update(PREFIX);
        for (path, node) in &self.nodes {
            match node {
                Node::Folder => {
                    hash.update(b"d");
                    text(&mut hash, path);
                }
                Node::File { executable, size, hash: content } => {
                    hash.update(if *executable { b"x" } else { b"f" });
                    text(&mut hash, path);
                    hash.update(size.to_be_bytes());
                    hash.update(content);
                }
                Node::Link { target } => {
                    hash.update(b"l");
                    text(&mut hash, path);
                    text(&mut hash, target);
                }
            }
        }
        Digest::from_hash(hash.finalize().as_slice())
    }

    /// Bytes of all files.
    pub(super) fn size(&self) -> u64 {
        let size = |node: &Node| {
            if let Node::File { size, .. } = node { *size } else { 0 }
        };
        self.nodes.values().map(size).sum()
    }

    /// Finds a link that leads out of the artifact, or into a circle.
    pub(super) fn check_links(&self, place: &str) -> Result<(), Fault> {
        for (path, node) in &self.nodes {
            let Node::Link { target } = node else {
                continue;
            };
            // By its own bytes: what a name is shown as may be another name.
            let landing = self.land(path);
            let path = String::from_utf8_lossy(path);
            let target = String::from_utf8_lossy(target);
            let next = "make it a relative link to something inside, or a copy";
            match landing {
                Landing::At(_) => {}
                Landing::Outside => {
                    let what =
                        format!("the link `{path}` leads out of the artifact, to `{target}`");
                    return Err(Fault::new(what, place, next));
                }
                Landing::Loop => {
                    let what = format!("the link `{path}` leads in a circle, by `{target}`");
                    return Err(Fault::new(what, place, next));
                }
            }
        }
        Ok(())
    }

    /// Checks that the program of a command is here and executable, or for an absolute path, that
    /// it is so on this machine.
    pub(super) fn check_program(&self, command: &[String], place: &str) -> Result<(), Fault> {
        let Some(program) = command.first().filter(|program| !program.is_empty()) else {
            return Err(Fault::new("the service has no command", place, "declare its `command`"));
        };
        if program.starts_with('/') {
            let runs = std::path::Path::new(program).is_file()
                && access(program.as_str(), Access::EXEC_OK).is_ok();
            let what = format!("`{program}` is no executable file on this machine");
            let next = "install it, or correct the service's `command`";
            return if runs { Ok(()) } else { Err(Fault::new(what, place, next)) };
        }
        let found = match self.land(program.as_bytes()) {
            Landing::At(path) => self.nodes.get(&path),
            Landing::Outside | Landing::Loop => None,
        };
        match found {
            Some(Node::File { executable: true, .. }) => Ok(()),
            Some(Node::File { .. }) => Err(Fault::new(
                format!("the program `{program}` is in the artifact but not executable"),
                place,
                format!("set its mode (`chmod +x {program}`) and build the artifact again"),
            )),
            _ => Err(Fault::new(
                format!("the program `{program}` is not in the artifact"),
                place,
                "correct the service's `command`: a path inside the artifact, or an absolute one",
            )),
        }
    }

    /// Follows a path as the kernel would. What is not there is taken for no link.
    fn land(&self, path: &[u8]) -> Landing {
        let mut at: Vec<Vec<u8>> = Vec::new();
        let mut ahead: VecDeque<Vec<u8>> = path.split(|b| *b == b'/').map(<[u8]>::to_vec).collect();
        let mut hops = 0;
        while let Some(part) = ahead.pop_front() {
            match part.as_slice() {
                b"" | b"." => continue,
                b".." if at.pop().is_none() => return Landing::Outside,
                b".." => continue,
                _ => at.push(part),
            }
            if let Some(Node::Link { target }) = self.nodes.get(&at.join(&b'/')) {
                hops += 1;
                if hops > HOPS_MAX {
                    return Landing::Loop;
                }
                if target.starts_with(b"/") {
                    return Landing::Outside;
                }
                at.pop();
                for part in target.split(|b| *b == b'/').rev() {
                    ahead.push_front(part.to_vec());
                }
            }
        }
        Landing::At(at.join(&b'/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(links: &[(&str, &str)]) -> Content {
        let mut content = Content::default();
        for folder in ["deep", "deep/er"] {
            content.nodes.insert(folder.into(), Node::Folder);
        }
        for (executable, path) in [(true, "deep/er/run"), (false, "deep/text")] {
            let file = Node::File { executable, size: 0, hash: [0; 32] };
            content.nodes.insert(path.into(), file);
        }
        for (path, target) in links {
            content.nodes.insert((*path).into(), Node::Link { target: (*target).into() });
        }
        content
    }

    #[test]
    fn links_stay_inside_however_they_are_chained() {
        for (good, links) in [
            (true, vec![("a", "deep/er"), ("b", "a/../text"), ("deep/c", "../deep")]),
            (true, vec![("dangling", "nowhere/at/all")]),
            (false, vec![("a", "..")]),
            (false, vec![("a", "/etc/passwd")]),
            (false, vec![("deep/a", "../../x")]),
            // By its text this one stays inside; by what it is, it leaves.
            (false, vec![("here", "."), ("a", "here/../x")]),
            (false, vec![("a", "b"), ("b", "a")]),
            (false, vec![("a", "a/b")]),
        ] {
            assert_eq!(content(&links).check_links("x").is_ok(), good, "{links:?}");
        }
    }

    #[test]
    fn links_with_names_that_are_no_text_stay_inside_too() {
        for (good, target) in [(true, "deep/text"), (false, ".."), (false, "/etc/passwd")] {
            let mut content = content(&[]);
            content.nodes.insert(b"\xac\xff".to_vec(), Node::Link { target: target.into() });
            assert_eq!(content.check_links("x").is_ok(), good, "{target}");
        }
    }

    #[test]
    fn a_program_is_found_through_links_and_must_be_executable() {
        let content = content(&[("bin", "deep/er"), ("start", "./bin/run")]);
        for (good, program) in [
            (true, "deep/er/run"),
            (true, "./start"),
            (true, "bin/run"),
            (true, "/bin/sh"),
            (false, "deep/text"),
            (false, "deep"),
            (false, "absent"),
            (false, "../bin/run"),
            (false, "sh"),
            (false, "/bin/absent"),
            (false, "/etc"),
            (false, ""),
        ] {
            let found = content.check_program(&[program.to_owned()], "x");
            assert_eq!(found.is_ok(), good, "{program}: {found:?}");
        }
    }
}
