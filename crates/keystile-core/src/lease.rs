//! Freshness and the gate's idea of wall time.
//!
//! The agent polls the database. Each answer extends the lease to `boot time before the poll was sent + stale_after`,
//! so at any time later than a commit plus `stale_after`, every gate that still answers has seen that commit.
//! No clocks of different machines are compared.

/// The lease's end for a gate that has no Hub and so cannot grow stale.
pub const FOREVER_NS: u64 = u64::MAX;

/// The offset to add to boot time to get wall time, given one more measurement of it.
///
/// `measured` is the database's clock minus the boot time at which its answer was read, in ns: too small by the
/// answer's way, never too large. Forward it is followed at once; backward wall time only runs at half speed
/// until it agrees, because a clock that jumped back would let an expired key live again. `elapsed_ns` is the boot
/// time since the offset was last set.
#[must_use]
pub fn next_offset(current: Option<i64>, measured: i64, elapsed_ns: u64) -> i64 {
    let Some(current) = current else { return measured };
    let slowest = current.saturating_sub(i64::try_from(elapsed_ns / 2).unwrap_or(i64::MAX));
    measured.max(slowest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn wall_time_never_moves_back(
            measured in prop::collection::vec((any::<i32>(), 0..10_000_000_000u64), 1..100),
        ) {
            let (mut boot, mut offset, mut wall) = (0u64, None, i128::MIN);
            for (offset_ms, elapsed) in measured {
                boot += elapsed;
                let next = next_offset(offset, i64::from(offset_ms) * 1_000_000, elapsed);
                prop_assert!(i128::from(boot) + i128::from(next) >= wall || offset.is_none());
                wall = i128::from(boot) + i128::from(next);
                offset = Some(next);
            }
        }
    }

    #[test]
    fn it_follows_forward_at_once_and_backward_slowly() {
        assert_eq!(next_offset(None, 5, 0), 5);
        assert_eq!(next_offset(Some(5), 1_000, 10), 1_000);
        assert_eq!(next_offset(Some(1_000), 0, 10), 995);
        assert_eq!(next_offset(Some(1_000), 999, 10), 999);
    }
}
