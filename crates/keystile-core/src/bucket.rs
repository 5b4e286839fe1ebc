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

/// Changes the quota of shared buckets by `publish`, and carries their tokens over.
///
/// A check in between, or a crash, meets a bucket that was converted but is still read under the old quota, or the
/// reverse. The order makes that cost tokens and never give any: a bucket is made to hold no more than its old
/// burst, and a faster quota comes after the conversion, a slower one before it. What is left are checks that read
/// the old quota before it was replaced and take after the conversion: one token each, at most the old burst.
pub(crate) fn change_quota<'a>(
    cells: impl Iterator<Item = &'a AtomicU64> + Clone,
    now: Instant,
    old: &Quota,
    new: &Quota,
    publish: impl FnOnce(),
) {
    if new.interval_ns() < old.interval_ns() {
        cells.for_each(|cell| requota(cell, now, old, new));
        publish();
    } else {
        cells.clone().for_each(|cell| requota(cell, now, old, old));
        publish();
        cells.for_each(|cell| requota(cell, now, old, new));
    }
}

#[cfg(test)]
mod tests;
