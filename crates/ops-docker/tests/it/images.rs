//! Images come from their registry, are proved, kept, and given to the engine again.

use std::{
    fs::Permissions,
    io::Write as _,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use oci_client::secrets::RegistryAuth;
use ops_conformance::{done, eventually, stamp};
use ops_core::{id::Digest, world::ReplicaState::Running};
use ops_docker::{DockerImages, Registries};
use ops_engine::ports::{ActError, Artifacts as _, Target as _};

use crate::{
    image::{REGISTRY, here, push, push_as},
    stand::Stand,
};

/// A registry of a test's own that lets nobody in but `user` with the word `word`.
struct Guarded {
    address: String,
    process: Child,
    folder: tempfile::TempDir,
}

impl Guarded {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let place = folder.path().display();
        // bcrypt of `word`.
        let hash = "user:$2y$05$W.pqRlCZecyi0iDj1djIQ.B7u6HKXFvLdop9AQ274G.cHczoc82Xy";
        std::fs::write(folder.path().join("users"), hash).unwrap();
        let config = format!(
            "version: 0.1\nlog: {{ level: error }}\nstorage: {{ filesystem: {{ rootdirectory: {place}/data }} }}\n\
             http: {{ addr: {address} }}\nauth: {{ htpasswd: {{ realm: here, path: {place}/users }} }}\n"
        );
        let file = folder.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{error}: run testbed/registry-up first"));
        eventually("the registry", || std::net::TcpStream::connect(&address).is_ok());
        Self { address, process, folder }
    }

    fn push(&self) -> crate::image::Pushed {
        let auth = RegistryAuth::Basic("user".to_owned(), "word".to_owned());
        push_as(&self.address, "guarded", "behind-a-door", here(), &auth)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn images_with(stand: &Stand, config: &str) -> DockerImages {
    let file = stand.state().join("config.json");
    std::fs::write(&file, config).unwrap();
    DockerImages::new(stand.engine(), Registries::new(&file), stand.state(), 512)
}

/// An image that no other test has; its tag and its mark are the stand's name.
fn unique(stand: &Stand) -> crate::image::Pushed {
    push(REGISTRY, "unique", &stand.name, here())
}

#[test]
fn a_tag_and_a_digest_are_resolved_and_what_was_imported_is_kept() {
    let stand = Stand::new();
    let (images, pushed) = (stand.images(), unique(&stand));
    let tag = format!("{}:{}", pushed.repository, stand.name);
    for reference in [tag.clone(), pushed.reference()] {
        let found = images.resolve(&reference, &[]).unwrap();
        assert_eq!((&found.digest, found.stored), (&pushed.digest, false), "{reference}");
        assert!(found.size > 100_000, "{}", found.size);
    }
    assert!(images.verify(&pushed.digest).is_err(), "it is not here yet");
    for _ in 0..2 {
        images.import(&tag, &pushed.digest).unwrap();
    }
    assert!(images.verify(&pushed.digest).unwrap());
    for reference in [tag, pushed.reference(), pushed.digest.to_string()] {
        let found = images.resolve(&reference, &[]).unwrap();
        assert_eq!((&found.digest, found.stored), (&pushed.digest, true), "{reference}");
    }
}

#[test]
fn p2_an_engine_that_lost_an_image_is_given_it_again_from_the_store() {
    let stand = Stand::new();
    let pushed = unique(&stand);
    stand.import(&pushed);
    let mut spec = Stand::with_container(stand.one("abc-1"), |one| one.image = pushed.reference());
    spec.artifact = pushed.digest.clone();
    let name = format!("ops.local/kept:{}", pushed.digest.hex());
    stand.docker(&["rmi", &name]);
    assert!(!stand.docker_says(&["image", "inspect", &name]).status.success());
    done(|| stand.target().start(stamp(1, 1), &spec));
    stand.wait_for(&[Running]);
    assert_eq!(stand.ask("/file/mark"), stand.name);
}

#[test]
fn a_name_in_the_engine_that_was_moved_is_not_what_runs() {
    let stand = Stand::new();
    let pushed = unique(&stand);
    stand.import(&pushed);
    let name = |digest: &Digest| format!("ops.local/kept:{}", digest.hex());
    stand.docker(&["tag", &name(&stand.pushed.digest), &name(&pushed.digest)]);
    let mut spec = Stand::with_container(stand.one("abc-1"), |one| one.image = pushed.reference());
    spec.artifact = pushed.digest.clone();
    done(|| stand.target().start(stamp(1, 1), &spec));
    stand.wait_for(&[Running]);
    assert_eq!(stand.ask("/file/mark"), stand.name, "the approved content runs");
}

#[test]
fn what_was_damaged_on_disk_is_noticed_and_brought_again() {
    let stand = Stand::new();
    let (images, pushed) = (stand.images(), unique(&stand));
    images.import(&pushed.reference(), &pushed.digest).unwrap();
    let blobs = std::fs::read_dir(stand.state().join("images/blobs")).unwrap();
    let mut files: Vec<_> = blobs.map(|entry| entry.unwrap().path()).collect();
    files.sort_by_key(|path| std::fs::metadata(path).unwrap().len());
    for largest in files.iter().rev().take(2) {
        let mut file = std::fs::File::options().write(true).open(largest).unwrap();
        file.write_all(b"damage").unwrap();
    }
    assert!(!images.verify(&pushed.digest).unwrap());
    images.import(&pushed.reference(), &pushed.digest).unwrap();
    assert!(images.verify(&pushed.digest).unwrap());
}

#[test]
fn a_tag_that_means_something_else_now_is_refused() {
    let stand = Stand::new();
    let (images, pushed) = (stand.images(), unique(&stand));
    let tag = format!("{}:{}", pushed.repository, stand.name);
    let answer = images.import(&tag, &Digest::of(b"approved"));
    let Err(ActError::NotApplied(fault)) = answer else { panic!("{answer:?}") };
    assert!(fault.to_string().contains("not the approved"), "{fault}");
}

#[test]
fn a_registry_that_is_down_is_told_as_that() {
    let stand = Stand::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let reference = format!("{address}/shop@{}", Digest::of(b"x"));
    let fault = stand.images().resolve(&reference, &[]).unwrap_err();
    assert!(fault.to_string().contains("cannot be reached"), "{fault}");
    let answer = stand.images().import(&reference, &Digest::of(b"x"));
    assert!(matches!(answer, Err(ActError::NotApplied(_))), "{answer:?}");
    // What is kept needs no registry.
    let kept = format!("{address}/shop@{}", stand.pushed.digest);
    assert!(stand.images().resolve(&kept, &[]).unwrap().stored);
    stand.images().import(&kept, &stand.pushed.digest).unwrap();
}

#[test]
fn p9_a_registry_that_never_answers_is_given_up() {
    let stand = Stand::new();
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let reference = format!("{}/shop@{}", mute.local_addr().unwrap(), Digest::of(b"x"));
    let fault = stand.images().resolve(&reference, &[]).unwrap_err();
    assert!(fault.to_string().contains("does not answer"), "{fault}");
}

#[test]
fn a_digest_that_is_gone_is_told_as_that() {
    let stand = Stand::new();
    let reference = format!("{}@{}", stand.pushed.repository, Digest::of(b"gone"));
    let fault = stand.images().resolve(&reference, &[]).unwrap_err();
    assert!(fault.to_string().contains("does not have this image"), "{fault}");
}

#[test]
fn an_image_for_other_machines_is_refused_before_it_is_brought() {
    let stand = Stand::new();
    let other = push(REGISTRY, "other-machine", "one", "s390x");
    let fault = stand.images().resolve(&other.reference(), &[]).unwrap_err();
    assert!(fault.to_string().contains("s390x"), "{fault}");
    let answer = stand.images().import(&other.reference(), &other.digest);
    assert!(matches!(answer, Err(ActError::NotApplied(_))), "{answer:?}");
}

#[test]
fn a_store_without_room_says_so_and_keeps_what_it_has() {
    let stand = Stand::new();
    let pushed = unique(&stand);
    let registries = Registries::new(Path::new("/nowhere/config.json"));
    let narrow = DockerImages::new(stand.engine(), registries, stand.state(), 0);
    let answer = narrow.import(&pushed.reference(), &pushed.digest);
    let Err(ActError::NotApplied(fault)) = answer else { panic!("{answer:?}") };
    assert!(fault.to_string().contains("quota"), "{fault}");
    assert!(narrow.verify(&stand.pushed.digest).unwrap());
}

#[test]
fn p13_credentials_are_those_of_dockers_configuration() {
    let stand = Stand::new();
    let registry = Guarded::new();
    let pushed = registry.push();
    let refusal = |config: &str| {
        let images = images_with(&stand, config);
        images.resolve(&pushed.reference(), &[]).unwrap_err().to_string()
    };
    let auth =
        |text: &str| format!(r#"{{"auths":{{"{}":{{"auth":"{text}"}}}}}}"#, registry.address);
    assert!(refusal("{}").contains("docker login"));
    // `user:wrong` and `user:word` in base64.
    let wrong = refusal(&auth("dXNlcjp3cm9uZw=="));
    assert!(wrong.contains("does not let us in") && !wrong.contains("wrong"), "{wrong}");
    let images = images_with(&stand, &auth("dXNlcjp3b3Jk"));
    images.import(&pushed.reference(), &pushed.digest).unwrap();
    assert!(images.verify(&pushed.digest).unwrap());
}

#[test]
fn p2_a_layer_that_the_registry_lost_is_told_before_a_deployment() {
    let stand = Stand::new();
    let registry = Guarded::new();
    let pushed = registry.push();
    // `user:word` in base64.
    let auth = format!(r#"{{"auths":{{"{}":{{"auth":"dXNlcjp3b3Jk"}}}}}}"#, registry.address);
    let images = images_with(&stand, &auth);
    images.resolve(&pushed.reference(), &[]).unwrap();
    let blobs = registry.folder.path().join("data/docker/registry/v2/blobs/sha256");
    let files = Command::new("find").arg(blobs).args(["-name", "data", "-size", "+100k"]).output();
    let text = String::from_utf8(files.unwrap().stdout).unwrap();
    let [layer] = text.lines().collect::<Vec<_>>()[..] else { panic!("one is large: {text}") };
    std::fs::remove_file(layer).unwrap();
    let fault = images.resolve(&pushed.reference(), &[]).unwrap_err().to_string();
    assert!(fault.contains("does not have this image") && fault.contains("its layer"), "{fault}");
}

/// Runs itself once more with a helper on its path.
#[test]
fn credential_helpers_are_asked() {
    let folder = match std::env::var_os("OPS_TEST_HELPERS") {
        Some(_) => return with_a_helper(),
        None => tempfile::tempdir().unwrap(),
    };
    let helper = folder.path().join("docker-credential-test");
    let text = "#!/bin/sh\ncat > /dev/null\necho '{\"Username\":\"user\",\"Secret\":\"word\"}'\n";
    std::fs::write(&helper, text).unwrap();
    std::fs::set_permissions(&helper, Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "images::credential_helpers_are_asked", "--nocapture"])
        .envs([("PATH", path), ("OPS_TEST_HELPERS", "1".to_owned())])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn with_a_helper() {
    let stand = Stand::new();
    let registry = Guarded::new();
    let pushed = registry.push();
    let config = format!(r#"{{"credHelpers":{{"{}":"test"}}}}"#, registry.address);
    let found = images_with(&stand, &config).resolve(&pushed.reference(), &[]).unwrap();
    assert_eq!(found.digest, pushed.digest);
}

#[test]
fn pruning_keeps_what_is_named_and_what_it_shares() {
    let stand = Stand::new();
    let (one, other) =
        (unique(&stand), push(REGISTRY, "second", &format!("{}-2", stand.name), here()));
    let images = stand.images();
    for pushed in [&one, &other] {
        images.import(&pushed.reference(), &pushed.digest).unwrap();
    }
    images.prune(&[one.digest.clone(), other.digest.clone()]).unwrap();
    assert!(images.verify(&other.digest).unwrap());
    images.prune(std::slice::from_ref(&one.digest)).unwrap();
    assert!(images.verify(&one.digest).unwrap());
    assert!(images.verify(&other.digest).is_err());
    let name = |digest: &Digest| format!("ops.local/kept:{}", digest.hex());
    stand.docker(&["image", "inspect", &name(&one.digest)]);
    assert!(!stand.docker_says(&["image", "inspect", &name(&other.digest)]).status.success());
}
