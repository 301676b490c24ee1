//! An image of the program that runs, here of these very tests.

use ops_docker::OwnImage;

use crate::stand::Stand;

/// Builds an image from the one of the program, which differs by a label.
fn another(stand: &Stand, image: &OwnImage, name: &str, label: &str) {
    let made = stand.docker(&["create", &image.name()]);
    let label = format!("LABEL {label}");
    stand.docker(&["commit", "--change", &label, &made, name]);
    stand.docker(&["rm", &made]);
}

/// Leaves none of the images behind.
struct Tidy<'a>(&'a Stand, Vec<String>);

impl Drop for Tidy<'_> {
    fn drop(&mut self) {
        for name in &self.1 {
            self.0.docker_says(&["rmi", "-f", name]);
        }
    }
}

fn is_there(stand: &Stand, name: &str) -> bool {
    stand.docker_says(&["image", "inspect", name]).status.success()
}

#[test]
fn an_engine_runs_this_program_from_nothing_and_forgets_others_of_ops_that_nobody_uses() {
    let stand = Stand::new();
    let image = OwnImage::of_this_program().unwrap();
    let id = image.give(&stand.engine()).unwrap();
    assert_eq!(image.give(&stand.engine()).unwrap(), id, "it is there");
    let said = stand.docker(&["run", "--rm", &id, "--list"]);
    assert!(said.contains("own_image::"), "{said}");

    // Beside it: old ones, one of which is used, one that only has our label, and one that only
    // has our name.
    let unique = stand.name.to_lowercase();
    let names = ["old", "used", "name"].map(|what| format!("ops.local/own:{unique}-{what}"));
    let [old, in_use, bare] = &names;
    let labelled = format!("{unique}/foreign:1");
    let all = names.iter().chain([&labelled]).cloned().chain([image.name()]);
    let _tidy = Tidy(&stand, all.collect());
    another(&stand, &image, old, "mark=old");
    another(&stand, &image, in_use, "mark=used");
    another(&stand, &image, &labelled, "mark=foreign");
    let empty = stand.state().join("empty.tar");
    std::fs::write(&empty, [0; 1024]).unwrap();
    stand.docker(&["import", &empty.display().to_string(), bare]);
    let container =
        stand.docker(&["create", "--label", &format!("ops.test={}", stand.name), in_use]);
    image.give(&stand.engine()).unwrap();
    assert!(!is_there(&stand, old), "nobody uses it");
    for name in [in_use, bare, &labelled, &image.name()] {
        assert!(is_there(&stand, name), "{name}");
    }
    stand.docker(&["rm", &container]);
    image.give(&stand.engine()).unwrap();
    assert!(!is_there(&stand, in_use), "nobody uses it any more");
}
