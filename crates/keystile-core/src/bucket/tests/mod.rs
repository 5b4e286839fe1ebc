//! A bucket against an exact oracle: every case of a small domain, and many of the whole one.

mod exhaustive;
mod oracle;
mod properties;

use super::*;

#[test]
fn a_new_bucket_is_full_and_stays_full_under_another_quota() {
    let (small, large) = (Quota::new(60, 100).unwrap(), Quota::new(1000, 2000).unwrap());
    let now = Instant::from_boottime(5);
    assert_eq!(Since::FULL.tokens(now, &small), 100);
    assert_eq!(Since::FULL.requota(now, &small, &large).tokens(now, &large), 2000);
}

#[test]
fn a_cost_over_the_burst_is_never_admitted() {
    let quota = Quota::new(60, 100).unwrap();
    let now = Instant::from_boottime(u64::MAX);
    assert!(Since::FULL.take(now, &quota, 101).is_none());
    assert!(Since::FULL.take(now, &quota, u32::MAX).is_none());
    assert!(Since::FULL.take(now, &quota, 100).is_some());
}

#[test]
fn threads_together_take_exactly_the_burst() {
    let quota = Quota::new(60, 10_000).unwrap();
    let cell = AtomicU64::new(0);
    let now = Instant::from_boottime(1);
    let admitted: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..20_000).filter(|_| take(&cell, now, &quota, 1).is_ok()).count()))
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(admitted, 10_000);
}
