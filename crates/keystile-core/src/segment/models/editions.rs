//! A key stays to be found while one index takes another's place, and the place of that one is emptied and used again.

use super::super::index::Index;
use super::facts::{Area, digest, key};
use crate::digest::Digest;
use crate::sync::dies_after;
use loom::thread;
use std::sync::atomic::Ordering::Relaxed;

/// Writes of [`exchange`] with two entries: these, the edition, then the emptied area.
pub(super) const WRITES: usize = 2 + 1 + 4;

/// The key that is looked for, and one that is in its way.
const KEPT: fn() -> Digest = || digest(0, 1);
const OTHER: fn() -> Digest = || digest(0, 9);

fn start() -> Area {
    let area = Area::new();
    area.slot(0).write(&key(1));
    assert_eq!(area.editions().renew(1, Index(&[])), Some(0));
    let index = area.editions().index();
    assert_eq!((index.insert(&OTHER(), 1), index.insert(&KEPT(), 0)), (Some(1), Some(1)));
    area
}

/// A new index, and the memory of the old one is taken at once: nobody knows who is still reading there.
fn exchange(area: &Area, log2: u32) {
    assert!(area.editions().renew(log2, area.editions().index()).is_some());
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
        move || exchange(&area, 2)
    });
    assert!(is_found(&area), "lost while the index grew");
    writer.join().unwrap();
    assert!(is_found(&area));
}

/// Two more after the first, so that the last lies where the first did and is as large, but in another order.
pub(super) fn thrice() {
    let area = start();
    let writer = thread::spawn({
        let area = area.clone();
        move || {
            exchange(&area, 1);
            area.editions().index().remove(&OTHER(), 1);
            exchange(&area, 1);
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
            exchange(&area, 1);
        }
    });
    assert!(is_found(&area), "lost when the writer died");
    writer.join().unwrap();
    assert!(is_found(&area));
    let next = thread::spawn({
        let area = area.clone();
        move || {
            empty(&area);
            exchange(&area, 2);
        }
    });
    assert!(is_found(&area), "lost to the next writer");
    next.join().unwrap();
    assert!(is_found(&area));
    assert_eq!(area.editions().index().filled(), 2, "an entry of the dead writer");
}
