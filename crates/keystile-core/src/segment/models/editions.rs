//! A key stays to be found while one index takes another's place, and the place of that one is emptied and used again.

use super::facts::{Area, digest, key};
use crate::digest::Digest;
use crate::sync::dies_after;
use loom::thread;
use std::sync::atomic::Ordering::Relaxed;

/// Writes of [`exchange`] with two secrets: their entries, the edition, then the emptied area.
pub(super) const WRITES: usize = 2 + 1 + 4;

/// The key that is looked for, and one that comes into its way.
const KEPT: fn() -> Digest = || digest(0, 1);
const OTHER: fn() -> Digest = || digest(0, 9);

fn start() -> Area {
    let area = Area::new();
    area.slot(0).write(&key(1));
    exchange(&area, 1, &[(KEPT(), 0)]);
    area
}

/// A new index, and the memory of the old one is taken at once: nobody knows who is still reading there.
fn exchange(area: &Area, log2: u32, secrets: &[(Digest, u32)]) {
    assert_eq!(area.editions().renew(log2, secrets.iter().copied()), Some(secrets.len()));
    empty(area);
}

/// What the kernel does when it takes memory away.
fn empty(area: &Area) {
    area.editions().empty_spare(|words| area.words()[words].iter().for_each(|word| word.store(0, Relaxed)));
}

fn is_found(area: &Area) -> bool {
    area.editions().candidates(&KEPT()).any(|slot| slot == 0)
}

/// An index with more entries.
pub(super) fn larger() {
    let area = start();
    let writer = thread::spawn({
        let area = area.clone();
        move || exchange(&area, 2, &[(OTHER(), 1), (KEPT(), 0)])
    });
    assert!(is_found(&area), "lost while the index grew");
    writer.join().unwrap();
    assert!(is_found(&area));
}

/// Two more after the first, so that the last lies where the first did and is as large.
pub(super) fn thrice() {
    let area = start();
    let writer = thread::spawn({
        let area = area.clone();
        move || {
            exchange(&area, 1, &[(KEPT(), 0)]);
            exchange(&area, 1, &[(OTHER(), 1), (KEPT(), 0)]);
        }
    });
    assert!(is_found(&area), "lost while the index was made anew");
    writer.join().unwrap();
    assert!(is_found(&area));
}

/// The writer is killed after so many writes. Readers go on, and the next writer begins with an empty area.
pub(super) fn death(writes: usize) {
    let area = start();
    let writer = thread::spawn({
        let area = area.clone();
        move || {
            dies_after(writes);
            exchange(&area, 1, &[(OTHER(), 1), (KEPT(), 0)]);
        }
    });
    assert!(is_found(&area), "lost when the writer died");
    writer.join().unwrap();
    assert!(is_found(&area));
    let next = thread::spawn({
        let area = area.clone();
        move || {
            empty(&area);
            exchange(&area, 2, &[(KEPT(), 0)]);
        }
    });
    assert!(is_found(&area), "lost to the next writer");
    next.join().unwrap();
    assert!(is_found(&area));
    assert_eq!(area.editions().candidates(&OTHER()).count(), 0, "an entry of the dead writer");
}
