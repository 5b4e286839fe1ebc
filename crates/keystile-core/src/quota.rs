//! A quota: how fast a token bucket refills and how much it holds.

/// Largest rate and largest burst.
pub const MAX_SIZE: u32 = 1_000_000_000;
/// A bucket must fill within this time, so that no sum of instants can leave 64 bits.
pub const MAX_FILL_NS: u64 = 100 * 365 * 86_400 * 1_000_000_000;

const MINUTE_NS: u64 = 60_000_000_000;

/// Rate and burst of a tier, with the interval that follows from the rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quota {
    rate: u32,
    burst: u32,
    interval_ns: u64,
}

/// Why a quota was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum QuotaError {
    /// The rate is not between 1 and 10^9.
    #[error("rate must be between 1 and 1000000000 requests per minute")]
    Rate,
    /// The burst is not between 1 and 10^9.
    #[error("burst must be between 1 and 1000000000 requests")]
    Burst,
    /// `burst / rate` minutes exceed 100 years.
    #[error("a bucket of this burst would take over 100 years to fill at this rate")]
    Fill,
}

impl Quota {
    /// `rate` tokens a minute, at most `burst` tokens; both 1 to 10^9.
    ///
    /// # Errors
    /// If a size is out of range, or an empty bucket would take over 100 years to fill.
    pub fn new(rate: u32, burst: u32) -> Result<Self, QuotaError> {
        if !(1..=MAX_SIZE).contains(&rate) {
            return Err(QuotaError::Rate);
        }
        if !(1..=MAX_SIZE).contains(&burst) {
            return Err(QuotaError::Burst);
        }
        // Rounded up: a rate that does not divide a minute refills a little slower, never faster.
        let interval_ns = MINUTE_NS.div_ceil(u64::from(rate));
        let capacity_ns = interval_ns.checked_mul(u64::from(burst)).ok_or(QuotaError::Fill)?;
        if capacity_ns > MAX_FILL_NS {
            return Err(QuotaError::Fill);
        }
        Ok(Self { rate, burst, interval_ns })
    }

    /// Requests per minute.
    #[must_use]
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// Tokens of a full bucket.
    #[must_use]
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// Nanoseconds in which one token accrues, rounded up.
    #[must_use]
    pub const fn interval_ns(&self) -> u64 {
        self.interval_ns
    }

    /// Nanoseconds in which an empty bucket fills. Saturates, should a damaged segment hold what `new` refuses.
    #[must_use]
    #[inline]
    pub const fn capacity_ns(&self) -> u64 {
        self.interval_ns.saturating_mul(self.burst as u64)
    }

    /// Whole seconds in which an empty bucket fills, rounded up.
    #[must_use]
    pub const fn fill_s(&self) -> u64 {
        (self.burst as u64 * 60).div_ceil(if self.rate == 0 { 1 } else { self.rate as u64 })
    }

    /// A quota with a smaller interval than a rate can have, so that a test can go through all of its instants.
    #[cfg(test)]
    pub(crate) const fn of_interval(interval_ns: u64, burst: u32) -> Self {
        Self { rate: 1, burst, interval_ns }
    }

    pub(crate) const fn to_word(self) -> u64 {
        (self.rate as u64) << 32 | self.burst as u64
    }

    /// The quota of a word that [`Quota::to_word`] made. One word, so that a tier changes by one store.
    #[inline]
    pub(crate) const fn from_word(word: u64) -> Self {
        let (rate, burst) = ((word >> 32) as u32, word as u32);
        // A place that was never filled reads as 0: a bucket of no tokens, and no division by zero.
        let interval_ns = MINUTE_NS.div_ceil(if rate == 0 { 1 } else { rate as u64 });
        Self { rate, burst, interval_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_checked() {
        assert_eq!(Quota::new(0, 1), Err(QuotaError::Rate));
        assert_eq!(Quota::new(MAX_SIZE + 1, 1), Err(QuotaError::Rate));
        assert_eq!(Quota::new(1, 0), Err(QuotaError::Burst));
        assert_eq!(Quota::new(1, MAX_SIZE + 1), Err(QuotaError::Burst));
        assert_eq!(Quota::new(1, MAX_SIZE), Err(QuotaError::Fill));
        assert!(Quota::new(MAX_SIZE, MAX_SIZE).is_ok());
        assert!(Quota::new(1, 52_560_000).is_ok());
    }

    #[test]
    fn the_default_tiers() {
        let fill = |rate, burst| Quota::new(rate, burst).unwrap().fill_s();
        assert_eq!((fill(60, 100), fill(300, 500), fill(1000, 2000)), (100, 100, 120));
    }

    #[test]
    fn an_interval_is_rounded_up() {
        assert_eq!(Quota::new(7, 1).unwrap().interval_ns(), 8_571_428_572);
    }

    #[test]
    fn words_round_trip() {
        let quota = Quota::new(300, 500).unwrap();
        assert_eq!(Quota::from_word(quota.to_word()), quota);
        assert_eq!(Quota::from_word(0).burst(), 0);
    }
}
