//! A token bucket in one 64-bit word.
//!
//! This is the generic cell rate algorithm (ITU-T I.371, virtual scheduling) with its one number moved: instead of
//! the theoretical arrival time the word holds `since`, the instant from which the bucket's tokens have been
//! accruing (`since = arrival time − capacity`). A bucket holds `min(burst, (now − since) / interval)` tokens;
//! taking `n` moves `since` forward by `n · interval`; a request is admitted unless that would put `since` in the
//! future. For a fixed quota both forms decide alike. With `since`, an empty bucket stays empty whatever quota it
//! is read under, so a change of tier cannot refill one.
//!
//! Instants are nanoseconds of `CLOCK_BOOTTIME` plus [`EPOCH_NS`], so that an instant minus a capacity stays
//! positive ([`crate::quota::MAX_FILL_NS`] is below it) and `0` can mean "never touched: full".

use crate::quota::Quota;
use crate::sync::AtomicU64;
use std::sync::atomic::Ordering;

/// What is added to boot time: 2^62 ns, over the 100 years that a bucket may take to fill.
pub const EPOCH_NS: u64 = 1 << 62;

/// An instant on the bucket's time line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Instant(u64);

impl Instant {
    /// The instant of a boot time in nanoseconds; saturates at the end of 64 bits.
    #[must_use]
    #[inline]
    pub const fn from_boottime(boot_ns: u64) -> Self {
        Self(boot_ns.saturating_add(EPOCH_NS))
    }

    /// Nanoseconds of boot time.
    #[must_use]
    #[inline]
    pub const fn boottime(self) -> u64 {
        self.0 - EPOCH_NS
    }
}

/// What a bucket's word says: the instant from which its tokens have been accruing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Since(pub u64);

impl Since {
    /// A bucket that was never touched. It is full.
    pub const FULL: Self = Self(0);

    /// The same, but no earlier than what fills the bucket.
    #[inline]
    fn clamped(self, now: Instant, quota: &Quota) -> u64 {
        self.0.max(now.0.saturating_sub(quota.capacity_ns()))
    }

    /// The word after taking `cost` tokens at `now`; `None` if it holds fewer.
    #[must_use]
    #[inline]
    pub fn take(self, now: Instant, quota: &Quota, cost: u32) -> Option<Self> {
        let price = u64::from(cost).checked_mul(quota.interval_ns())?;
        let next = self.clamped(now, quota).checked_add(price)?;
        (next <= now.0).then_some(Self(next))
    }

    /// Whole tokens held at `now`.
    #[must_use]
    pub fn tokens(self, now: Instant, quota: &Quota) -> u32 {
        let credit = now.0.saturating_sub(self.clamped(now, quota));
        (credit / quota.interval_ns()) as u32
    }

    /// Nanoseconds until `tokens` (at most the burst) are held; 0 if they are.
    #[must_use]
    pub fn until_ns(self, now: Instant, quota: &Quota, tokens: u32) -> u64 {
        let wanted = u64::from(tokens.min(quota.burst())).saturating_mul(quota.interval_ns());
        self.clamped(now, quota).saturating_add(wanted).saturating_sub(now.0)
    }

    /// The word that holds the same whole tokens under another quota, at most its burst. A bucket that was never
    /// touched stays full: there is no count of tokens to keep.
    #[must_use]
    pub fn requota(self, now: Instant, old: &Quota, new: &Quota) -> Self {
        if self == Self::FULL {
            return self;
        }
        let kept = self.tokens(now, old).min(new.burst());
        let ahead = self.0.saturating_sub(now.0);
        let credit = u64::from(kept) * new.interval_ns();
        Self((now.0 - credit).saturating_add(ahead))
    }
}

/// Takes `cost` tokens from a shared bucket.
///
/// Returns the word it left (admitted) or found (refused). Lock-free: a thread retries only when another one's
/// take succeeded. A refusal only loads. `Relaxed` is enough: the word is the whole state and guards no other
/// memory.
///
/// # Errors
/// The word found, if it holds fewer than `cost` tokens.
#[inline]
pub fn take(cell: &AtomicU64, now: Instant, quota: &Quota, cost: u32) -> Result<Since, Since> {
    let mut seen = cell.load(Ordering::Relaxed);
    loop {
        let Some(next) = Since(seen).take(now, quota, cost) else {
            return Err(Since(seen));
        };
        match cell.compare_exchange_weak(seen, next.0, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return Ok(next),
            Err(other) => seen = other,
        }
    }
}

/// Carries a shared bucket over to another quota; see [`Since::requota`].
pub fn requota(cell: &AtomicU64, now: Instant, old: &Quota, new: &Quota) {
    let carry = |seen| Some(Since(seen).requota(now, old, new).0);
    // `carry` never refuses, so neither does this.
    let _ = cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, carry);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The textbook bucket in unbounded-enough integers: time and tokens are both kept as exact fractions,
    /// `level` counts nanoseconds of credit in `i128`.
    struct Oracle {
        level: i128,
        last: i128,
    }

    impl Oracle {
        fn new(quota: &Quota, start: u64) -> Self {
            Self { level: i128::from(quota.capacity_ns()), last: i128::from(start) }
        }

        fn take(&mut self, now: u64, quota: &Quota, cost: u32) -> bool {
            let full = i128::from(quota.capacity_ns());
            self.level = full.min(self.level + (i128::from(now) - self.last));
            self.last = i128::from(now);
            let price = i128::from(cost) * i128::from(quota.interval_ns());
            let admitted = price <= self.level;
            if admitted {
                self.level -= price;
            }
            admitted
        }

        fn tokens(&self, quota: &Quota) -> i128 {
            self.level / i128::from(quota.interval_ns())
        }
    }

    fn quotas() -> impl Strategy<Value = Quota> {
        let size = prop_oneof![1..=20u32, 1..=100_000u32, 1..=crate::quota::MAX_SIZE];
        (size.clone(), size).prop_filter_map("fills in time", |(rate, burst)| Quota::new(rate, burst).ok())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn decides_like_the_oracle(
            quota in quotas(),
            start in prop_oneof![0..1_000_000_000_000u64, (u64::MAX - EPOCH_NS - 2_000_000_000_000_000)..(u64::MAX - EPOCH_NS - 1_000_000_000_000_000)],
            steps in prop::collection::vec((0..3u8, 0..4_000_000_000u64, 1..5u32), 1..200),
        ) {
            let cell = AtomicU64::new(0);
            let mut oracle = Oracle::new(&quota, start);
            let mut boot = start;
            for (kind, gap, cost) in steps {
                boot += match kind { 0 => 0, 1 => gap, _ => quota.interval_ns().min(4_000_000_000) };
                let now = Instant::from_boottime(boot);
                let taken = take(&cell, now, &quota, cost);
                prop_assert_eq!(taken.is_ok(), oracle.take(boot, &quota, cost));
                let after = Since(cell.load(Ordering::Relaxed));
                prop_assert_eq!(i128::from(after.tokens(now, &quota)), oracle.tokens(&quota));
                let wait = after.until_ns(now, &quota, 1);
                let then = Instant::from_boottime(boot + wait);
                prop_assert!(after.take(then, &quota, 1).is_some());
                prop_assert!(wait == 0 || after.take(Instant::from_boottime(boot + wait - 1), &quota, 1).is_none());
            }
        }

        #[test]
        fn another_quota_never_adds_tokens(old in quotas(), new in quotas(), boot in 1..1_000_000_000_000u64, taken in 1..50u32) {
            let now = Instant::from_boottime(boot);
            prop_assume!(taken <= old.burst());
            let before = Since::FULL.take(now, &old, taken).unwrap();
            let after = before.requota(now, &old, &new);
            prop_assert_eq!(after.tokens(now, &new), before.tokens(now, &old).min(new.burst()));
        }
    }

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
}
