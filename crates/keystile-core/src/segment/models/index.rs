//! A published digest is found, and its facts are there before the way to them.

use super::facts::{Area, digest, key};
use loom::thread;

/// Whoever finds the entry finds the key.
pub(super) fn publication() {
    let area = Area::new();
    let writer = thread::spawn({
        let area = area.clone();
        move || {
            area.slot(0).write(&key(1));
            assert_eq!(area.index().insert(&digest(0, 1), 0), Some(1));
        }
    });
    if let Some(slot) = area.index().candidates(&digest(0, 1)).next() {
        assert_eq!((slot, area.slot(0).id()), (0, key(1).id), "an entry without its key");
        assert_eq!(area.find(&digest(0, 1)), Some(1), "an entry without its facts");
    }
    writer.join().unwrap();
    assert_eq!(area.find(&digest(0, 1)), Some(1));
}

/// A digest stays to be found while those before and behind it in its chain come and go.
pub(super) fn neighbours() {
    let area = Area::new();
    area.slot(0).write(&key(1));
    let index = area.index();
    assert!([(9, 1), (1, 0), (8, 1)].iter().all(|(n, slot)| index.insert(&digest(0, *n), *slot) == Some(1)));
    let writer = thread::spawn({
        let area = area.clone();
        move || {
            let index = area.index();
            index.remove(&digest(0, 9), 1);
            index.remove(&digest(0, 8), 1);
            assert!(index.insert(&digest(0, 7), 1).is_some());
            index.remove(&digest(0, 7), 1);
        }
    });
    assert_eq!(area.find(&digest(0, 1)), Some(1));
    writer.join().unwrap();
    assert_eq!(area.find(&digest(0, 1)), Some(1));
    assert_eq!(area.index().candidates(&digest(0, 9)).count(), 0);
}

/// A rotation: the old secret and the new one are found from the moment in which each is said to hold.
pub(super) fn rotation() {
    let (old, new) = (digest(0, 1), digest(3, 2));
    let area = Area::new();
    area.slot(0).write(&key(1));
    assert_eq!(area.index().insert(&old, 0), Some(1));
    let writer = thread::spawn({
        let area = area.clone();
        move || {
            area.slot(0).write(&key(2));
            assert_eq!(area.index().insert(&new, 0), Some(1));
        }
    });
    let found = area.find(&new);
    assert!(matches!(found, None | Some(2)), "{found:?}");
    let found = area.find(&old);
    assert!(matches!(found, Some(1 | 2)), "{found:?}");
    writer.join().unwrap();
    assert_eq!((area.find(&old), area.find(&new)), (Some(2), Some(2)));
}
