//! A bucket admits exactly what it holds, to however many threads.

use crate::bucket::{Instant, Since, change_quota, requota, take};
use crate::quota::Quota;
use crate::segment::catalogue::{quota, set_quota};
use crate::segment::layout::TENANTS_AT;
use crate::sync::AtomicU64;
use loom::thread;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Each thread takes as often as it says, all at one instant; how many were admitted together.
fn admitted(cell: &Arc<AtomicU64>, quota: Quota, takers: &[(u64, usize)]) -> usize {
    let takers: Vec<_> = takers
        .iter()
        .map(|&(boot_ns, times)| {
            let cell = Arc::clone(cell);
            thread::spawn(move || {
                let now = Instant::from_boottime(boot_ns);
                (0..times).filter(|_| take(&cell, now, &quota, 1).is_ok()).count()
            })
        })
        .collect();
    takers.into_iter().map(|taker| taker.join().unwrap()).sum()
}

/// Three threads share a burst of two.
pub(super) fn burst() {
    let quota = Quota::new(1, 2).unwrap();
    let cell = Arc::new(AtomicU64::new(0));
    assert_eq!(admitted(&cell, quota, &[(5, 1), (5, 1), (5, 1)]), 2);
}

/// Two threads share a burst of two, and a third token that has accrued by the second one's time.
pub(super) fn refill() {
    let quota = Quota::new(1, 2).unwrap();
    let cell = Arc::new(AtomicU64::new(0));
    let (start, later) = (5, 5 + quota.interval_ns());
    assert!(take(&cell, Instant::from_boottime(start), &quota, 2).is_ok());
    // Whoever comes first: at the start nothing is left, and one interval later there is one token.
    assert_eq!(admitted(&cell, quota, &[(start, 1), (later, 2)]), 1);
}

/// Two threads take while the bucket is carried over to a larger burst: it gains nothing.
pub(super) fn carried_over() {
    let (old, new) = (Quota::new(1, 2).unwrap(), Quota::new(1, 5).unwrap());
    let cell = Arc::new(AtomicU64::new(0));
    let now = Instant::from_boottime(5);
    assert!(take(&cell, now, &old, 1).is_ok());
    let writer = thread::spawn({
        let cell = Arc::clone(&cell);
        move || requota(&cell, now, &old, &new)
    });
    assert_eq!(admitted(&cell, old, &[(5, 1), (5, 1)]), 1);
    writer.join().unwrap();
    assert!(take(&cell, now, &new, 1).is_err());
}

/// Checks go on while their tier gets another quota: one after the other they are given no token more than there was.
fn changed(old: Quota, new: Quota) {
    let area = Arc::new(((0..TENANTS_AT).map(|_| AtomicU64::new(0)).collect::<Vec<_>>(), AtomicU64::new(0)));
    let now = Instant::from_boottime(5);
    set_quota(&area.0, 0, old);
    assert!(take(&area.1, now, &old, old.burst() - 1).is_ok());
    let writer = thread::spawn({
        let area = Arc::clone(&area);
        move || change_quota(std::iter::once(&area.1), now, &old, &new, || set_quota(&area.0, 0, new))
    });
    let check = || {
        let quota = quota(&area.0, 0);
        // What a refusal tells its client: a load, which nothing but the quota's order keeps from being an old one.
        let told = Since(area.1.load(Relaxed)).tokens(now, &quota);
        assert!(told <= 1, "told {told} of 1");
        take(&area.1, now, &quota, 1).is_ok()
    };
    let before = usize::from(check()) + usize::from(check());
    writer.join().unwrap();
    let admitted = before + (0..3).filter(|_| check()).count();
    assert!(admitted <= 1, "{admitted} of 1");
}

/// The tier becomes faster, and its burst larger.
pub(super) fn faster() {
    changed(Quota::new(1, 2).unwrap(), Quota::new(10, 5).unwrap());
}

/// The tier's burst becomes larger at the same rate.
pub(super) fn larger() {
    changed(Quota::new(1, 2).unwrap(), Quota::new(1, 5).unwrap());
}
