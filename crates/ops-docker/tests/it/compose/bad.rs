//! What a team can get wrong, and what others can: each is named, and nothing is made.

use ops_conformance::{eventually, stamp};
use ops_core::world::ReplicaState::{Running, Stopped};
use ops_engine::ports::{ActError, Target as _};

use super::{
    file, small,
    yard::{Yard, done},
};
use crate::image::{self, Pushed, REGISTRY};

#[test]
fn a_project_of_somebody_else_is_named_and_left_alone() {
    let yard = Yard::with("v2");
    let (name, project) = (format!("{}-theirs", yard.project()), yard.project());
    let label = format!("com.docker.compose.project={project}");
    let image = yard.stand.docker(&[
        "images",
        "-q",
        &format!("ops.local/kept:{}", yard.stand.pushed.digest.hex()),
    ]);
    let run = [
        "run",
        "-d",
        "--name",
        &name,
        "--label",
        &label,
        "--label",
        "com.docker.compose.service=web",
    ];
    let id = yard.stand.docker(&[&run[..], &[&image, "serve"]].concat());
    let spec = small(&yard, "abc-1", "");
    let refused = yard.target().start(stamp(1, 1), &spec);
    let Err(ActError::NotApplied(fault)) = refused else { panic!("{refused:?}") };
    assert!(fault.to_string().contains(&name), "{fault}");
    assert!(fault.to_string().contains("down"), "and says what to do: {fault}");
    let runs = yard.stand.docker(&["inspect", "-f", "{{.State.Running}}", &id]);
    assert_eq!((runs.as_str(), yard.containers().len()), ("true", 1));
}

#[test]
fn a_file_that_does_not_parse_is_refused_with_its_line() {
    for name in ["v1", "v2"] {
        let yard = Yard::with(name);
        let folder = yard.folder("bad", &[("compose.yaml", "services:\n  web: [\n    image: x\n")]);
        let wanted = yard.wanted(&[]);
        let images = yard.stand.images();
        let fault =
            yard.projects().resolve(&images, folder.to_str().unwrap(), &wanted).unwrap_err();
        assert!(fault.to_string().contains("line"), "{name}: {fault}");
    }
}

#[test]
fn services_that_wait_for_each_other_are_refused_with_their_names() {
    let text = "services:
  web:
    image: x
    ports: [\"80:8080\"]
    depends_on: [db]
  db:
    image: y
    depends_on: [web]
";
    for name in ["v1", "v2"] {
        let yard = Yard::with(name);
        let folder = yard.folder("bad", &[("compose.yaml", text)]);
        let wanted = yard.wanted(&[]);
        let resolved =
            yard.projects().resolve(&yard.stand.images(), folder.to_str().unwrap(), &wanted);
        let told = resolved.unwrap_err().to_string();
        assert!(told.contains("Compose refused") && told.contains("web"), "{name}: {told}");
    }
}

/// A project of which one service runs this image.
fn with_image(yard: &Yard, image: &Pushed) -> (String, ops_core::world::Project) {
    let text =
        "services:\n  web:\n    image: x\n    ports: [\"80:8080\"]\n  worker: { image: y }\n";
    let folder = yard.folder("one", &[("compose.yaml", text)]);
    let wanted = yard.wanted(&[("web", &yard.stand.pushed), ("worker", image)]);
    (folder.to_str().unwrap().to_owned(), wanted)
}

#[test]
fn an_image_for_other_machines_is_refused_before_anything_is_kept() {
    let yard = Yard::with("v2");
    let strange = image::push(REGISTRY, "other-machine", "one", "s390x");
    let (reference, wanted) = with_image(&yard, &strange);
    let fault = yard.projects().resolve(&yard.stand.images(), &reference, &wanted).unwrap_err();
    assert!(fault.to_string().contains("s390x"), "{fault}");
}

#[test]
fn a_registry_that_is_down_is_told_with_the_image() {
    let yard = Yard::with("v2");
    let repository = "127.0.0.1:1/ops-test/worker".to_owned();
    let away = Pushed { repository, digest: ops_core::id::Digest::of(b"away") };
    let (reference, wanted) = with_image(&yard, &away);
    let fault = yard.projects().resolve(&yard.stand.images(), &reference, &wanted).unwrap_err();
    let told = fault.to_string();
    assert!(told.contains("127.0.0.1:1") && told.contains("cannot be reached"), "{told}");
}

/// Runs a container of somebody else's by this name.
fn theirs(yard: &Yard, name: &str) -> String {
    let kept = format!("ops.local/kept:{}", yard.stand.pushed.digest.hex());
    let image = yard.stand.docker(&["images", "-q", &kept]);
    let label = format!("ops.test={}", yard.stand.name);
    yard.stand.docker(&["run", "-d", "--name", name, "--label", &label, &image, "serve"])
}

#[test]
fn a_name_that_somebody_else_s_container_has_is_told_and_that_one_is_left_alone() {
    for (compose, taken) in [("v1", "_worker_1"), ("v2", "-worker-1")] {
        let yard = Yard::with(compose);
        let lines = "  worker:\n    image: WORKER\n    command: [serve]\n"
            .replace("WORKER", &yard.second.reference());
        let spec = small(&yard, "abc-1", &lines);
        let target = yard.target();
        // Of the front's copy, and of another service.
        let replica = format!("ops-{}-abc-1-0", yard.stand.name);
        let other = format!("{}{taken}", yard.project());
        for (op, name) in [&other, &replica].into_iter().enumerate() {
            let id = theirs(&yard, name);
            eventually("it is named", || {
                let Err(error) = target.start(stamp(1, op as u32 + 1), &spec) else { return false };
                error.to_string().contains(name)
            });
            let runs = yard.stand.docker(&["inspect", "-f", "{{.State.Running}}", &id]);
            assert_eq!(runs, "true", "{compose}");
            yard.stand.docker(&["rm", "-f", &id]);
        }
        done(|| target.start(stamp(1, 3), &spec));
        yard.stand.wait_for(&[Running]);
    }
}

#[test]
fn a_service_that_dies_after_it_was_well_is_told_with_how_it_ended() {
    let yard = Yard::with("v2");
    let lines =
        "  worker:\n    image: WORKER\n    command: [serve]\n    restart: unless-stopped\n  \
                 mill:\n    image: WORKER\n    command: [serve]\n"
            .replace("WORKER", &yard.second.reference());
    let spec = small(&yard, "abc-1", &lines);
    done(|| yard.target().start(stamp(1, 1), &spec));
    yard.stand.wait_for(&[Running]);
    let kill = |service: &str| {
        let id = yard.seen(service).unwrap().id;
        let pid = yard.stand.docker(&["inspect", "-f", "{{.State.Pid}}", &id]);
        let killed = std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap();
        assert!(killed.success());
    };
    kill("mill");
    kill("worker");
    let ended = Some("exit status 137 (signal 9)");
    eventually("how both ended", || {
        let beside = yard.beside();
        let (worker, mill) = (&beside["worker"], &beside["mill"]);
        let again = worker.restarts == 1 && worker.state == Running;
        let down = mill.state == Stopped && mill.restarts == 0;
        again && down && worker.last_exit.as_deref() == ended && mill.last_exit.as_deref() == ended
    });
}

#[test]
fn p1_an_image_that_is_not_pinned_or_not_there_is_refused() {
    let yard = Yard::with("v2");
    let folder = yard
        .folder("one", &[("compose.yaml", &file("v1", "a")), ("worker.env", ""), ("db.conf", "")]);
    let (one, images) = (yard.stand.pushed.clone(), yard.stand.images());
    let resolve = |wanted: &ops_core::world::Project| {
        yard.projects().resolve(&images, folder.to_str().unwrap(), wanted)
    };
    let fault = resolve(&yard.wanted(&[("web", &one), ("db", &one)])).unwrap_err();
    assert!(fault.to_string().contains("`worker` runs `shop-worker`"), "{fault}");
    let gone = Pushed { digest: ops_core::id::Digest::of(b"gone"), ..one.clone() };
    let fault =
        resolve(&yard.wanted(&[("web", &one), ("db", &one), ("worker", &gone)])).unwrap_err();
    assert!(fault.to_string().contains(gone.digest.as_str()), "{fault}");
    // Another pin is another content.
    let all =
        |db| resolve(&yard.wanted(&[("web", &one), ("db", db), ("worker", &one)])).unwrap().digest;
    assert_ne!(all(&one), all(&yard.second));
}

#[test]
fn a_service_that_ends_at_once_is_told_with_its_status() {
    let yard = Yard::with("v2");
    let lines = "  worker:\n    image: WORKER\n    command: [fail]\n"
        .replace("WORKER", &yard.second.reference());
    let spec = small(&yard, "abc-1", &lines);
    let target = yard.target();
    eventually("why", || {
        let Err(error) = target.start(stamp(1, 1), &spec) else { return false };
        error.to_string().contains("`worker` ended with exit status 3")
    });
}
