//! An image of the program that runs: its executable, what interprets it and the libraries that it
//! is linked with, from nothing else. So engines of other machines can run parts of ops without a
//! registry, and without anything that ops would have to be given first.
//!
//! An engine has it under the name `ops.local/own:<digest of its configuration>`, which stands for
//! all that is in it. Those that bear both that name and ops's label are ops's; what no container
//! uses of them leaves when another one comes. Nothing else is touched.

mod elf;

use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    io::{self, Cursor, Read, Write},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bollard::{
    Docker,
    query_parameters::{ListImagesOptionsBuilder, RemoveImageOptionsBuilder},
};
use ops_core::{id::Digest, world::Fault};
use ops_engine::ports::{ActError, Look};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::{
    archive::{Content, Entry},
    load::{self, Meant},
};
use crate::engine::{Engine, Trouble};

/// Its executable inside.
const PROGRAM: &str = "/ops";
/// The repository of its name.
const REPOSITORY: &str = "ops.local/own";
/// The label that says that an image is one of these.
const LABEL: &str = "ops.own";
/// How long it may take to be there, for who waits.
const GIVE_MAX: Duration = Duration::from_mins(2);
/// How long an engine may take to forget others; what it keeps does no harm.
const FORGET_MAX: Duration = Duration::from_secs(4);
const BLOCK: u64 = 512;

/// An image of the program that runs. Clones are the same.
#[derive(Debug, Clone)]
pub struct OwnImage {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    files: Vec<Packed>,
    config: Vec<u8>,
    digest: Digest,
    layer: Digest,
    size: u64,
    diff_ids: Vec<String>,
}

/// A file of the layer. It stays open, so that it stays what it was when it was read first.
#[derive(Debug)]
struct Packed {
    header: Vec<u8>,
    file: File,
    size: u64,
}

impl OwnImage {
    /// The image of this very program, as it was started: reads all of it once.
    pub fn of_this_program() -> Look<Self> {
        static THIS: Mutex<Option<OwnImage>> = Mutex::new(None);
        let mut this = THIS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = &*this {
            return Ok(image.clone());
        }
        let image = Self::read(Path::new("/proc/self/exe"), Path::new("/proc/self/maps"))?;
        Ok(this.insert(image).clone())
    }

    fn read(program: &Path, maps: &Path) -> Look<Self> {
        let unreadable = |path: &Path, error: &io::Error| {
            Fault::new(
                format!("ops cannot make an image of itself: {error}"),
                path.display().to_string(),
                "see that the file can be read; after an upgrade, start ops again",
            )
        };
        let open = |path: &Path| {
            File::open(path)
                .and_then(|file| Ok((elf::read(&file)?, file)))
                .map_err(|error| unreadable(path, &error))
        };
        let pack = |at: &Path, file: File, mode: u32| {
            Packed::new(at, file, mode).map_err(|error| unreadable(at, &error))
        };
        let (elf, file) = open(program)?;
        let mut known = BTreeSet::from([identity(&file)]);
        let mut files = vec![pack(Path::new(PROGRAM), file, 0o755)?];
        if let Some(interpreter) = elf.and_then(|elf| elf.interpreter) {
            let (_, file) = open(&interpreter)?;
            known.insert(identity(&file));
            files.push(pack(&interpreter, file, 0o755)?);
        }
        let text = std::fs::read_to_string(maps).map_err(|error| unreadable(maps, &error))?;
        let mut folders = BTreeSet::new();
        for path in mapped(&text) {
            let (elf, file) = open(&path)?;
            let Some(elf) = elf.filter(|_| known.insert(identity(&file))) else { continue };
            let folder = path.parent().unwrap_or(Path::new("/"));
            let inside = elf.soname.map_or_else(|| path.clone(), |name| folder.join(name));
            files.push(pack(&inside, file, 0o644)?);
            folders.insert(folder.display().to_string());
        }
        Self::of(files, folders).map_err(|error| unreadable(program, &error))
    }

    fn of(files: Vec<Packed>, folders: BTreeSet<String>) -> io::Result<Self> {
        let mut seen = Seen { hash: Sha256::new(), size: 0 };
        io::copy(&mut layer(&files)?, &mut seen)?;
        let layer = Digest::from_hash(&seen.hash.finalize());
        let diff_ids = vec![layer.to_string()];
        let folders: Vec<String> = folders.into_iter().collect();
        let mut variables = vec!["PATH=/".to_owned()];
        if !folders.is_empty() {
            variables.push(format!("LD_LIBRARY_PATH={}", folders.join(":")));
        }
        let config = serde_json::to_vec(&serde_json::json!({
            "architecture": here(),
            "os": "linux",
            "config": {
                "Entrypoint": [PROGRAM],
                "Env": variables,
                "Labels": { LABEL: env!("CARGO_PKG_VERSION") },
            },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        }))?;
        let digest = Digest::of(&config);
        let inner = Inner { files, config, digest, layer, size: seen.size, diff_ids };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What it is named by: the digest of its configuration, which stands for all that is in it.
    pub fn digest(&self) -> &Digest {
        &self.inner.digest
    }

    /// The name under which engines have it.
    pub fn name(&self) -> String {
        format!("{REPOSITORY}:{}", self.inner.digest.hex())
    }

    /// Makes sure that an engine has it, and tells by which id it is run. For who can wait for an
    /// engine that is given it over a slow line.
    pub fn give(&self, engine: &Engine) -> Result<String, ActError> {
        let (own, to) = (self.clone(), engine.clone());
        engine.within(GIVE_MAX, async move { own.ensure(&to).await }).unwrap_or_else(|| {
            let lost = Trouble::Lost("it did not take ops's own image in time".to_owned());
            Err(ActError::Unknown(lost.fault(&engine.place())))
        })
    }

    /// Makes sure that an engine has it, and tells by which id it is run; then lets the engine
    /// forget others of ops that nothing uses.
    pub(crate) async fn ensure(&self, engine: &Engine) -> Result<String, ActError> {
        let there = engine.architecture().await.map_err(ActError::NotApplied)?;
        fits(&there, &engine.place()).map_err(ActError::NotApplied)?;
        let meant =
            Meant { name: self.name(), config: &self.inner.digest, diff_ids: &self.inner.diff_ids };
        let id = load::ensure(engine, &meant, || self.content()).await?;
        let _ = timeout(FORGET_MAX, self.forget_others(engine)).await;
        Ok(id)
    }

    /// By which id an engine runs it, if it has it.
    pub(crate) async fn id_in(&self, docker: &Docker) -> Result<Option<String>, Trouble> {
        load::found(docker, &self.meant()).await
    }

    fn meant(&self) -> Meant<'_> {
        Meant { name: self.name(), config: &self.inner.digest, diff_ids: &self.inner.diff_ids }
    }

    fn content(&self) -> Content {
        let (config, files) = (self.inner.config.clone(), Arc::clone(&self.inner));
        Content {
            name: self.name(),
            config: Entry {
                digest: self.inner.digest.clone(),
                open: Box::new(move || {
                    Ok((config.len() as u64, Box::new(Cursor::new(config.clone()))))
                }),
            },
            layers: vec![Entry {
                digest: self.inner.layer.clone(),
                open: Box::new(move || Ok((files.size, layer(&files.files)?))),
            }],
        }
    }

    /// What a container uses stays: the engine refuses to let go of it.
    async fn forget_others(&self, engine: &Engine) -> Result<(), Trouble> {
        let docker = engine.connect().await?;
        let filters = HashMap::from([("label", vec![LABEL]), ("reference", vec![REPOSITORY])]);
        let options = ListImagesOptionsBuilder::new().filters(&filters).build();
        let prefix = format!("{REPOSITORY}:");
        for image in docker.list_images(Some(options)).await? {
            let names = image.repo_tags.iter().filter(|name| name.starts_with(&prefix));
            for name in names.filter(|name| **name != self.name()) {
                let options = RemoveImageOptionsBuilder::new().build();
                let _ = docker.remove_image(name, Some(options), None).await;
            }
        }
        Ok(())
    }
}

/// The architecture that this program is for, as images name it.
fn here() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Whether an engine's machine can run this program.
fn fits(there: &str, place: &str) -> Look<()> {
    if there == here() {
        return Ok(());
    }
    Err(Fault::new(
        format!("ops is built for {}, and this engine's machine is {there}", here()),
        place,
        format!("run ops on a machine that is {there} too, or leave this host out"),
    ))
}

/// Files that are mapped, each once. One that was replaced since is the one that is there now: the
/// interpreter and the libraries fit each other as they are on the disk.
fn mapped(maps: &str) -> BTreeSet<PathBuf> {
    let path = |line: &str| {
        let path = line.get(line.find('/')?..)?;
        Some(PathBuf::from(path.strip_suffix(" (deleted)").unwrap_or(path)))
    };
    let executable = maps.lines().filter(|line| {
        line.split_ascii_whitespace().nth(1).is_some_and(|rights| rights.contains('x'))
    });
    executable.filter_map(path).filter(|path| path.is_file()).collect()
}

fn identity(file: &File) -> Option<(u64, u64)> {
    file.metadata().ok().map(|data| (data.dev(), data.ino()))
}

impl Packed {
    fn new(at: &Path, file: File, mode: u32) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let mut header = tar::Header::new_gnu();
        header.set_path(at.strip_prefix("/").unwrap_or(at))?;
        header.set_size(size);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        Ok(Self { header: header.as_bytes().to_vec(), file, size })
    }
}

/// The layer as it is unpacked, from its beginning.
fn layer(files: &[Packed]) -> io::Result<Box<dyn Read>> {
    let mut whole: Box<dyn Read> = Box::new(io::empty());
    for one in files {
        let content = Whole { file: one.file.try_clone()?, at: 0 };
        let padding = one.size.next_multiple_of(BLOCK) - one.size;
        whole = Box::new(
            whole
                .chain(Cursor::new(one.header.clone()))
                .chain(content.take(one.size))
                .chain(io::repeat(0).take(padding)),
        );
    }
    Ok(Box::new(whole.chain(io::repeat(0).take(2 * BLOCK))))
}

/// A file from its beginning, whoever else reads it.
struct Whole {
    file: File,
    at: u64,
}

impl Read for Whole {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Counts and hashes.
struct Seen {
    hash: Sha256,
    size: u64,
}

impl Write for Seen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mapped_to_be_run_is_found_each_once_and_the_rest_is_not() {
        let this = std::env::current_exe().unwrap();
        let this = this.display();
        let text = format!(
            "1000-2000 r--p 00000000 08:01 7 {this}\n\
             2000-3000 r-xp 00000000 08:01 7 {this}\n\
             3000-4000 r-xp 00000000 08:01 7 {this} (deleted)\n\
             4000-5000 r--p 00000000 08:01 8 /proc/self/maps\n\
             5000-6000 r-xp 00000000 00:00 0 [vdso]\n\
             6000-7000 r-xp 00000000 08:01 9 /nowhere/at/all\n"
        );
        assert_eq!(mapped(&text), BTreeSet::from([PathBuf::from(this.to_string())]));
    }

    #[test]
    fn the_same_files_are_the_same_image_and_others_are_another() {
        let digest = |content: &str| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(content.as_bytes()).unwrap();
            let maps = tempfile::NamedTempFile::new().unwrap();
            OwnImage::read(file.path(), maps.path()).unwrap().digest().clone()
        };
        assert_eq!(digest("one"), digest("one"));
        assert_ne!(digest("one"), digest("two"));
    }

    #[test]
    fn a_machine_of_another_architecture_is_refused_by_name() {
        assert_eq!(fits(here(), "here"), Ok(()));
        let fault = fits("riscv64", "Docker at b").unwrap_err().to_string();
        assert!(fault.contains("riscv64") && fault.contains("Docker at b"), "{fault}");
    }
}
