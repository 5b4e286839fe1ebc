//! What is announced has happened: a lease covers every change before it, and a name is whole when it is counted.

use super::super::catalogue::{SCOPES, set_quota};
use super::super::header::Header;
use super::super::layout::{TENANTS_AT, head};
use super::facts::{Area, key};
use crate::quota::Quota;
use crate::record::{State, flag};
use crate::segment::catalogue::{TIERS, quota};
use loom::thread;

/// A revocation, then the lease that says that it was heard of.
pub(super) fn lease() {
    let area = Area::new();
    area.slot(0).write(&key(1));
    let writer = thread::spawn({
        let area = area.clone();
        move || {
            area.slot(0).set_state(State(flag::REVOKED));
            Header(area.words()).set(head::FRESH_UNTIL, 2);
        }
    });
    if Header(area.words()).get(head::FRESH_UNTIL) == 2 {
        assert!(area.slot(0).state().has(flag::REVOKED), "fresh, and did not hear of the revocation");
    }
    writer.join().unwrap();
}

/// A new scope and a new tier, then a key that has them.
pub(super) fn catalogue() {
    let area = Area::of(TENANTS_AT);
    let fast = Quota::new(60, 100).unwrap();
    let writer = thread::spawn({
        let area = area.clone();
        move || {
            let words = area.words();
            SCOPES.add(words, "PSA", |_| ());
            TIERS.add(words, "Fast", |place| set_quota(words, place, fast));
            area.slot(0).write(&key(1));
        }
    });
    let words = area.words();
    if TIERS.find(words, "Fast").is_some() {
        assert_eq!(quota(words, 0), fast);
    }
    assert!(TIERS.len(words) == 0 || TIERS.get(words, 0) == "Fast", "half a name");
    assert!(area.slot(0).scopes().0 == 0 || SCOPES.get(words, 0) == "PSA", "a scope without a name");
    writer.join().unwrap();
}
