//! Acts on a disk that fails, and bounds.

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicU8, AtomicUsize},
};

use ops_core::id::{Generation, OpId};

use super::*;
use crate::state::disk::Disk;

const GOOD: u8 = 0;
const FULL: u8 = 1;
const UNSURE: u8 = 2;

/// A disk that can be full, and can fail after the replacement.
#[derive(Default)]
struct Trouble {
    kind: AtomicU8,
    reserve: AtomicUsize,
    written: AtomicUsize,
}

struct TroubledDisk(Arc<Trouble>);

impl Disk for TroubledDisk {
    fn replace(&self, _: &Path, _: &str, _: &[u8]) -> Result<(), Unwritten> {
        let trouble = &self.0;
        let full = || Unwritten::Untouched(io::ErrorKind::StorageFull.into());
        match trouble.kind.load(Ordering::SeqCst) {
            FULL if trouble.reserve.load(Ordering::SeqCst) > 0 => return Err(full()),
            // The space that the reserve gave back serves for one file.
            FULL if trouble.written.fetch_add(1, Ordering::SeqCst) > 0 => return Err(full()),
            UNSURE => return Err(Unwritten::Unsure(io::Error::other("sync failed"))),
            _ => {}
        }
        Ok(())
    }

    fn take_reserve(&self, _: &Path) -> io::Result<()> {
        if self.0.kind.load(Ordering::SeqCst) == FULL {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.reserve.store(1, Ordering::SeqCst);
        Ok(())
    }

    fn give_reserve(&self, _: &Path) -> bool {
        self.0.reserve.swap(0, Ordering::SeqCst) > 0
    }
}

fn control() -> (Control, Arc<Trouble>) {
    let trouble = Arc::new(Trouble::default());
    trouble.reserve.store(1, Ordering::SeqCst);
    let disk = Box::new(TroubledDisk(Arc::clone(&trouble)));
    let dir = StateDir::on(Path::new("/nonexistent/ops-edge"), disk);
    (Control::restore(dir).unwrap(), trouble)
}

fn stamp(op: u32) -> Stamp {
    Stamp { generation: Generation(1), deployment: 1, op: OpId(op) }
}

fn to(release: &str) -> Route {
    let backends = vec!["127.0.0.1:1".to_owned()];
    let legs = vec![Leg { release: release.into(), weight: 100, backends }];
    Route { legs, ..Route::new("shop".into(), None, "/") }
}

fn served(control: &Control) -> (String, Stamp) {
    let live = control.table().borrow().route(&"shop".into()).cloned().unwrap();
    (live.route.legs[0].release.0.clone(), live.stamp)
}

#[test]
fn s20_on_a_full_disk_the_reserve_lets_a_way_back_through() {
    let (mut control, trouble) = control();
    control.set_route(stamp(1), to("old")).unwrap();
    trouble.kind.store(FULL, Ordering::SeqCst);
    control.set_route(stamp(2), to("new")).unwrap();
    assert_eq!(served(&control), ("new".to_owned(), stamp(2)));
    let refused = control.set_route(stamp(3), to("newer")).unwrap_err();
    assert!(matches!(refused, Refusal::NotApplied(_)), "{refused:?}");
    assert_eq!(served(&control), ("new".to_owned(), stamp(2)));
    trouble.kind.store(GOOD, Ordering::SeqCst);
    control.dir().keep_reserve();
    assert_eq!(trouble.reserve.load(Ordering::SeqCst), 1);
    control.set_route(stamp(3), to("newer")).unwrap();
}

#[test]
fn p5_what_is_perhaps_not_durable_is_not_served_and_can_be_repeated() {
    let (mut control, trouble) = control();
    control.set_route(stamp(1), to("old")).unwrap();
    trouble.kind.store(UNSURE, Ordering::SeqCst);
    let refused = control.set_route(stamp(2), to("new")).unwrap_err();
    assert!(matches!(refused, Refusal::Unknown(_)), "{refused:?}");
    assert_eq!(served(&control), ("old".to_owned(), stamp(1)));
    trouble.kind.store(GOOD, Ordering::SeqCst);
    control.set_route(stamp(2), to("new")).unwrap();
    assert_eq!(served(&control), ("new".to_owned(), stamp(2)));
}

#[test]
fn the_number_of_services_is_bounded() {
    let (mut control, _) = control();
    let numbered = |n: usize| Route {
        service: format!("s{n}").as_str().into(),
        path: format!("/{n}"),
        ..to("a")
    };
    for n in 0..MAX_SERVICES {
        control.set_route(stamp(1), numbered(n)).unwrap();
    }
    assert!(control.set_route(stamp(1), numbered(MAX_SERVICES)).is_err());
    control.remove_route(stamp(2), &"s0".into()).unwrap();
    control.set_route(stamp(1), numbered(MAX_SERVICES)).unwrap();
}
