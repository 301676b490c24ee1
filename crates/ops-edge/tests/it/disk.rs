//! A real disk that is really full (S20): a small file system in memory, mounted for the test.

use std::{fs, path::Path, process::Command};

use ops_engine::ports::ActError;
use tempfile::TempDir;

use crate::{
    backend::Backend,
    house::{House, config, leg, route, stamp, until},
};

/// A mounted file system of 1 MiB; unmounted when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` if this machine does not let the test mount: it must be root. The same rules are
    /// then still tested beside the code, on a disk that only pretends.
    fn mount() -> Option<Self> {
        let dir = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(dir.path());
        mount.output().is_ok_and(|output| output.status.success()).then(|| Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the space that is left.
    fn fill(&self, name: &str) {
        let mut size = 512 * 1024;
        let mut content = Vec::new();
        while size > 0 {
            let longer = vec![b'x'; content.len() + size];
            if fs::write(self.path().join(name), &longer).is_ok() {
                content = longer;
            } else {
                size /= 2;
            }
        }
        let _ = fs::write(self.path().join(name), &content);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_a_full_disk_lets_one_way_back_through_and_refuses_the_rest() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("NOT TESTED on a real full disk: this machine does not let the test mount one");
        return;
    };
    let house = House::on(config(disk.path())).await;
    let (old, new) = (Backend::start("old").await, Backend::start("new").await);
    let (back, forth) =
        (route(vec![leg("old", 100, &[&old])]), route(vec![leg("new", 100, &[&new])]));
    house.set(1, &forth);
    let reserve = disk.path().join("routes.reserve");
    assert_eq!(fs::metadata(&reserve).unwrap().len(), 256 * 1024);
    disk.fill("logs");
    house.set(2, &back);
    assert_eq!(house.get("/").await.release(), "old");
    // The file that was replaced gave its space back, so that there is room for the next time.
    assert!(reserve.exists());

    // Others take the space of the reserve too: nothing can be written any more. The edge may set
    // it aside again between the two, so it may take more than one attempt.
    let mut op = 2;
    let refused = loop {
        op += 1;
        fs::remove_file(&reserve).unwrap();
        disk.fill(&format!("more-logs-{op}"));
        match house.try_set(stamp(1, op), &forth) {
            Ok(()) => {}
            Err(refused) => break refused,
        }
        op += 1;
        house.set(op, &back);
        assert!(op < 20, "the disk was never full");
    };
    assert!(matches!(&refused, ActError::NotApplied(fault) if fault.next.contains("make room")));
    assert_eq!(house.get("/").await.release(), "old");
    assert_eq!(house.served("shop").unwrap().stamp, stamp(1, op - 1));
    house.crash().await;

    // The disk is still full: the door opens all the same, with the route that was acknowledged.
    let house = House::on(config(disk.path())).await;
    assert_eq!(house.served("shop").unwrap().route, back);
    assert_eq!(house.get("/").await.release(), "old");
    fs::remove_file(disk.path().join("logs")).unwrap();
    house.set(op, &forth);
    until("the reserve is set aside again", || reserve.exists()).await;
    house.stopped().await;
}
