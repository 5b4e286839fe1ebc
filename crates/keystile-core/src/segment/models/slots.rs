//! A key's facts are read as one state, whatever the writer does and wherever it is stopped.

use super::facts::{Area, key, seen};
use crate::sync::dies_after;
use loom::thread;

/// Writes of one change: the shadow, the odd generation, the facts, the even generation.
pub(super) const WRITES: usize = 15 + 1 + 14 + 1;

/// Two keys, each in a state of its own.
fn start() -> Area {
    let area = Area::new();
    area.slot(0).write(&key(1));
    area.slot(1).write(&key(7));
    area
}

/// A change of a key, and then one of another, which takes the shadow away from under readers of the first.
pub(super) fn changes() {
    let area = start();
    let writer = thread::spawn({
        let area = area.clone();
        move || {
            area.slot(0).write(&key(2));
            area.slot(1).write(&key(8));
        }
    });
    let found = seen(area.slot(0));
    assert!(matches!(found, 1 | 2), "{found}");
    writer.join().unwrap();
    assert_eq!(seen(area.slot(0)), 2);
}

/// The writer is killed after so many writes. Readers go on, and the next writer mends what it left.
pub(super) fn death(writes: usize) {
    let area = start();
    let writer = thread::spawn({
        let area = area.clone();
        move || {
            dies_after(writes);
            area.slot(0).write(&key(2));
        }
    });
    let found = seen(area.slot(0));
    assert!(matches!(found, 1 | 2), "{found}");
    // The kernel gives the lock to the next writer only when the first has ended.
    writer.join().unwrap();
    let left = if writes == WRITES { 2 } else { 1 };
    assert_eq!(seen(area.slot(0)), left);
    let next = thread::spawn({
        let area = area.clone();
        move || {
            let slot = area.slot(0);
            if slot.is_torn() {
                slot.write(&slot.facts());
            }
            area.slot(1).write(&key(8));
        }
    });
    assert_eq!(seen(area.slot(0)), left);
    next.join().unwrap();
    assert_eq!(seen(area.slot(0)), left);
}
