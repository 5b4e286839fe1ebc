//! How long checks take, as a histogram of about one check in 1,024.
//!
//! Which one is chosen by the time that the check has read anyway: no counter, and no second look at the clock for the
//! others. A clock may tick in steps, of 100 ns for instance, and its low digits are then not spread evenly; so all of
//! its digits are mixed first.

/// One check in so many is timed; a power of two.
pub const ONE_IN: u64 = 1 << 10;

/// Buckets of the histogram that have an upper bound.
pub const BOUNDS: usize = 25;

/// Their upper bounds in ns, themselves included: from 100 ns to 100 ms, four in each power of ten.
pub const BOUNDS_NS: [u64; BOUNDS] = [
    100,
    200,
    300,
    500,
    1_000,
    2_000,
    3_000,
    5_000,
    10_000,
    20_000,
    30_000,
    50_000,
    100_000,
    200_000,
    300_000,
    500_000,
    1_000_000,
    2_000_000,
    3_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    30_000_000,
    50_000_000,
    100_000_000,
];

/// What was timed since the segment was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    /// Checks in each bucket of [`BOUNDS_NS`], then those that took longer.
    pub counts: [u64; BOUNDS + 1],
    /// The time of all of them together, in ns.
    pub sum_ns: u64,
}

/// Whether the check that began at `boot_ns` is timed.
#[must_use]
#[inline]
pub const fn is_sampled(boot_ns: u64) -> bool {
    mixed(boot_ns) >> (u64::BITS - ONE_IN.ilog2()) == 0
}

/// The bucket that a check of `ns` belongs to.
#[must_use]
pub fn bucket_of(ns: u64) -> usize {
    BOUNDS_NS.partition_point(|bound| *bound < ns)
}

/// Each digit of the result depends on each of `word`, the upper ones most: two rounds of MurmurHash3's end.
#[inline]
const fn mixed(word: u64) -> u64 {
    let once = (word ^ (word >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (once ^ (once >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_rise_and_belong_to_their_bucket() {
        assert!(BOUNDS_NS.is_sorted_by(|a, b| a < b));
        for (bucket, bound) in BOUNDS_NS.into_iter().enumerate() {
            assert_eq!((bucket_of(bound), bucket_of(bound + 1)), (bucket, bucket + 1));
        }
        assert_eq!((bucket_of(0), bucket_of(u64::MAX)), (0, BOUNDS));
    }

    /// Whatever the clock's steps, and however regularly checks come.
    #[test]
    fn the_share_of_timed_checks_is_right() {
        const CHECKS: u64 = 1 << 20;
        let start = 35_000_000_000_123;
        for apart_ns in
            [1, 2, 7, 10, 16, 40, 64, 100, 128, 150, 196, 256, 279, 1_000, 1_024, 1 << 16, 1_000_000, 1 << 30]
        {
            let timed = (0..CHECKS).filter(|n| is_sampled(start + n * apart_ns)).count() as u64;
            let expected = CHECKS / ONE_IN;
            // Four standard deviations of a fair choice.
            assert!(timed.abs_diff(expected) <= 4 * expected.isqrt(), "{timed} of {CHECKS} at {apart_ns} ns");
        }
    }

    /// The paired test: the low digits alone would time four times as many checks, or none, where the clock ticks in
    /// steps of 100 ns.
    #[test]
    fn low_digits_would_not_do() {
        const CHECKS: u64 = 1 << 20;
        let timed_from = |start: u64| (0..CHECKS).filter(|n| (start + n * 100).is_multiple_of(ONE_IN)).count() as u64;
        assert_eq!(timed_from(35_000_000_000_000), 4 * CHECKS / ONE_IN);
        assert_eq!(timed_from(35_000_000_000_001), 0);
    }
}
