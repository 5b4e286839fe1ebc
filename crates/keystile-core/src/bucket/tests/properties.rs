//! Buckets of all sizes, at all times.

use super::super::{AtomicU64, EPOCH_NS, Instant, Since, change_quota, take};
use super::oracle::Oracle;
use crate::quota::{MAX_SIZE, Quota};
use proptest::prelude::*;
use std::sync::atomic::Ordering::Relaxed;

/// The last instant of boot time that a bucket can tell from the next.
const END_NS: u64 = u64::MAX - EPOCH_NS;
const GAP_NS: u64 = 4_000_000_000;

fn quotas() -> impl Strategy<Value = Quota> {
    // Hardly any rate divides a minute; the largest primes below 10^9 and 10^6 surely do not.
    let rate = prop_oneof![1..=20u32, 1..=100_000u32, 1..=MAX_SIZE, Just(999_999_937), Just(999_983), Just(MAX_SIZE)];
    let burst = prop_oneof![1..=20u32, 1..=100_000u32, 1..=MAX_SIZE];
    (rate, burst).prop_filter_map("fills in time", |(rate, burst)| Quota::new(rate, burst).ok())
}

/// Boot times in the middle and at both ends; from the latest ones on, the end is reached and time stands still.
fn starts() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..1_000_000_000_000u64, 0..=END_NS, END_NS - 100 * GAP_NS..=END_NS, Just(END_NS)]
}

/// How far the next check is: at once, by chance, or by just what a token takes, or a nanosecond less.
fn gaps() -> impl Strategy<Value = (u8, u64)> {
    (0..4u8, 0..GAP_NS)
}

fn gap_ns((kind, gap): (u8, u64), quota: &Quota) -> u64 {
    match kind {
        0 => 0,
        1 => gap,
        2 => quota.interval_ns(),
        _ => quota.interval_ns() - 1,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn decides_like_the_oracle(
        quota in quotas(),
        start in starts(),
        steps in prop::collection::vec((gaps(), 1..5u32), 1..200),
    ) {
        let cell = AtomicU64::new(0);
        let mut oracle = Oracle::new(&quota, start);
        let mut boot = start;
        for (gap, cost) in steps {
            boot = boot.saturating_add(gap_ns(gap, &quota)).min(END_NS);
            let now = Instant::from_boottime(boot);
            let taken = take(&cell, now, &quota, cost);
            prop_assert_eq!(taken.is_ok(), oracle.take(boot, &quota, cost));
            let after = Since(cell.load(Relaxed));
            prop_assert_eq!(i128::from(after.tokens(now, &quota)), oracle.tokens(&quota));
            let wait = after.until_ns(now, &quota, 1);
            // Time does not go on for as long as that.
            if wait >= END_NS - boot {
                continue;
            }
            let then = |wait| Instant::from_boottime(boot + wait);
            prop_assert!(after.take(then(wait), &quota, 1).is_some());
            prop_assert!(wait == 0 || after.take(then(wait - 1), &quota, 1).is_none());
        }
    }

    /// Whoever never lets it be full gets its burst and one for each whole interval, and never more than the rate.
    #[test]
    fn admits_exactly_its_rate_and_never_more(
        quota in quotas(),
        start in 0..1_000_000_000_000u64,
        steps in prop::collection::vec(gaps(), 1..100),
    ) {
        let cell = AtomicU64::new(0);
        let (mut admitted, mut boot) = (u64::from(quota.burst()), start);
        prop_assert!(take(&cell, Instant::from_boottime(boot), &quota, quota.burst()).is_ok());
        for gap in steps {
            // Never so long that it overflows; and so short that taking tokens one by one comes to an end.
            let room = quota.capacity_ns() - (boot - start) % quota.interval_ns();
            boot += gap_ns(gap, &quota).min(room).min(20 * quota.interval_ns());
            while take(&cell, Instant::from_boottime(boot), &quota, 1).is_ok() {
                admitted += 1;
            }
            let elapsed = boot - start;
            prop_assert_eq!(admitted, u64::from(quota.burst()) + elapsed / quota.interval_ns());
            let by_rate = u128::from(elapsed) * u128::from(quota.rate());
            prop_assert!(u128::from(admitted - u64::from(quota.burst())) * 60_000_000_000 <= by_rate);
        }
    }

    /// Tiers change again and again under traffic.
    #[test]
    fn changes_of_quota_are_like_the_oracle_and_never_add_tokens(
        tiers in [quotas(), quotas(), quotas()],
        start in starts(),
        steps in prop::collection::vec((gaps(), prop_oneof![4 => (1..5u32).prop_map(Ok), 1 => (0..3usize).prop_map(Err)]), 1..200),
    ) {
        let cell = AtomicU64::new(0);
        let mut quota = tiers[0];
        let mut oracle = Oracle::new(&quota, start);
        let mut boot = start;
        for (gap, step) in steps {
            boot = boot.saturating_add(gap_ns(gap, &quota)).min(END_NS);
            let now = Instant::from_boottime(boot);
            let before = Since(cell.load(Relaxed));
            match step {
                Ok(cost) => prop_assert_eq!(take(&cell, now, &quota, cost).is_ok(), oracle.take(boot, &quota, cost)),
                Err(tier) => {
                    let new = tiers[tier];
                    change_quota(std::iter::once(&cell), now, &quota, &new, || ());
                    oracle.requota(boot, &quota, &new);
                    let after = Since(cell.load(Relaxed));
                    prop_assert!(before == Since::FULL || after.tokens(now, &new) <= before.tokens(now, &quota));
                    quota = new;
                }
            }
            let after = Since(cell.load(Relaxed));
            prop_assert_eq!(i128::from(after.tokens(now, &quota)), oracle.tokens(&quota));
        }
    }

    /// One change: both bursts and what accrued, whatever the checks read in between and however late they act.
    #[test]
    fn a_change_admits_at_most_both_bursts_and_the_refill(
        old in quotas(),
        new in quotas(),
        start in 0..1_000_000_000_000u64,
        steps in prop::collection::vec((gaps(), 1..5u32, any::<bool>()), 1..200),
        changed_at in 0..200usize,
    ) {
        let cell = AtomicU64::new(0);
        let (mut boot, mut admitted) = (start, 0u64);
        for (step, (gap, cost, is_late)) in steps.into_iter().enumerate() {
            let quota = if step < changed_at || is_late { old } else { new };
            boot += gap_ns(gap, &quota);
            let now = Instant::from_boottime(boot);
            if step == changed_at {
                change_quota(std::iter::once(&cell), now, &old, &new, || ());
            }
            admitted += take(&cell, now, &quota, cost).map_or(0, |_| u64::from(cost));
        }
        let accrued = |quota: &Quota| (boot - start) / quota.interval_ns();
        let most = u64::from(old.burst()) + u64::from(new.burst()) + accrued(&old).max(accrued(&new));
        prop_assert!(admitted <= most, "{admitted} of {most}");
    }
}
