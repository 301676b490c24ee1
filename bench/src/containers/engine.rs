//! Images of the shop, and Docker's own programs.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use ops_core::id::Digest;
use ops_demo::{
    shop::ShopConfig,
    stage::{CONTAINER_PORT, Candidate},
};

use crate::ground::{BenchError, Ground};

/// The registry of the testbed.
const REGISTRY: &str = "127.0.0.1:5000";
/// Longest wait for a container.
const PATIENCE: Duration = Duration::from_secs(30);

/// Images of one run, and what was made of them.
pub(super) struct Images {
    repository: String,
    state: PathBuf,
    made: Vec<String>,
}

/// Runs a program to its end; what it says on its output.
fn run(program: &str, args: &[&str], folder: &Path) -> Result<String, BenchError> {
    let done = Command::new(program).args(args).current_dir(folder).output();
    let done = done.map_err(|why| BenchError::system("start a program", program, why))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    Err(BenchError::Odd(format!("{program} {args:?}: {said}")))
}

impl Images {
    pub(super) fn new(ground: &Ground) -> Result<Self, BenchError> {
        let folder = ground.site.folder();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let mut images = Self {
            repository: format!("{REGISTRY}/{name}/shop"),
            state: ground.site.state(),
            made: Vec::new(),
        };
        // The one that bare starts run.
        images.build(ground, "bare")?;
        Ok(images)
    }

    fn name(&self, version: &str) -> String {
        format!("{}:{version}", self.repository)
    }

    /// Builds a version: the program, and the libraries that it is linked with.
    fn build(&mut self, ground: &Ground, version: &str) -> Result<String, BenchError> {
        let candidate = ground.site.candidate(&ShopConfig::healthy(version))?;
        let folder = &candidate.folder;
        let program = folder.join("bin/shop");
        for library in libraries(&program)? {
            let to = folder.join(library.trim_start_matches('/'));
            let made = to.parent().map_or(Ok(()), fs::create_dir_all);
            made.and_then(|()| fs::copy(&library, &to))
                .map_err(|why| BenchError::system("copy a library", &library, why))?;
        }
        let file = format!(
            "FROM scratch\nCOPY . /\nENTRYPOINT [\"/bin/shop\", \"--listen\", \"0.0.0.0\", \
             \"--port\", \"{CONTAINER_PORT}\"]\n"
        );
        fs::write(folder.join("Dockerfile"), file)
            .map_err(|why| BenchError::system("write a Dockerfile", "the folder", why))?;
        let name = self.name(version);
        run("docker", &["build", "--quiet", "--tag", &name, "."], folder)?;
        self.made.push(name.clone());
        Ok(name)
    }

    /// Builds and pushes a version for ops.
    pub(super) fn push(&mut self, ground: &Ground, version: &str) -> Result<Candidate, BenchError> {
        let name = self.build(ground, version)?;
        let here = Path::new("/");
        run("docker", &["push", "--quiet", &name], here)?;
        let reference =
            run("docker", &["inspect", "--format", "{{index .RepoDigests 0}}", &name], here)?;
        let (_, digest) = reference.rsplit_once('@').unwrap_or_default();
        let digest: Digest =
            digest.parse().map_err(|_| BenchError::Odd(format!("no digest in {reference}")))?;
        Ok(Candidate { folder: reference.into(), digest })
    }

    /// Milliseconds from `docker run` to the first healthy answer.
    pub(super) fn bare_start(&self, address: SocketAddr) -> Result<u64, BenchError> {
        let here = Path::new("/");
        let publish = format!("{address}:{CONTAINER_PORT}");
        let began = Instant::now();
        let id =
            run("docker", &["run", "--detach", "--publish", &publish, &self.name("bare")], here)?;
        let healthy = until_healthy(address);
        let took = began.elapsed().as_millis() as u64;
        run("docker", &["rm", "--force", &id], here)?;
        healthy.map(|()| took)
    }

    /// What a team does without ops: the new tag into the file, and up.
    pub(super) fn compose_up(
        &self,
        ground: &Ground,
        version: &str,
        address: SocketAddr,
    ) -> Result<(), BenchError> {
        let text = format!(
            "version: \"2.4\"\nservices:\n  shop:\n    image: {}\n    ports: [\"{address}:\
             {CONTAINER_PORT}\"]\n",
            self.name(version)
        );
        fs::write(ground.site.folder().join("compose.yaml"), text)
            .map_err(|why| BenchError::system("write compose.yaml", "the folder", why))?;
        compose(ground, &["up", "--detach"])
    }

    /// Removes containers that ops made on this stage, and all images.
    pub(super) fn clear(&self) {
        let here = Path::new("/");
        let releases = fs::read_dir(self.state.join("docker/shop/releases"));
        for record in releases.into_iter().flatten().flatten() {
            let name = record.file_name().to_string_lossy().into_owned();
            let filter = format!("label=ops.release={}", name.trim_end_matches(".json"));
            let ids = run("docker", &["ps", "--all", "--quiet", "--filter", &filter], here);
            for id in ids.unwrap_or_default().lines() {
                // What is gone already needs no removal.
                let _ = run("docker", &["rm", "--force", id], here);
            }
        }
        for name in &self.made {
            let _ = run("docker", &["image", "rm", "--force", name], here);
        }
    }
}

/// Takes away what [`Images::compose_up`] made.
pub(super) fn compose_down(ground: &Ground) -> Result<(), BenchError> {
    compose(ground, &["down"])
}

/// Waits until something healthy answers.
pub(super) fn until_healthy(address: SocketAddr) -> Result<(), BenchError> {
    let until = Instant::now() + PATIENCE;
    while !healthy(address) {
        if Instant::now() > until {
            return Err(BenchError::Odd(format!("nothing healthy came at {address}")));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn compose(ground: &Ground, words: &[&str]) -> Result<(), BenchError> {
    let folder = ground.site.folder();
    let mut all = vec!["--file", "compose.yaml", "--project-name", "opsbench"];
    all.extend(words);
    run("docker-compose", &all, folder).map(|_| ())
}

/// What a program is linked with, by absolute path.
fn libraries(program: &Path) -> Result<Vec<String>, BenchError> {
    let said = run("ldd", &[&program.display().to_string()], Path::new("/"))?;
    let path = |line: &str| {
        let words = line.split_whitespace();
        words.into_iter().find(|word| word.starts_with('/')).map(str::to_owned)
    };
    Ok(said.lines().filter_map(path).collect())
}

fn healthy(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")?;
        let mut said = [0; 12];
        stream.read_exact(&mut said)?;
        std::io::Result::Ok(said.starts_with(b"HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}
