//! The clocks of this machine. The core takes time as an argument; here is where it comes from.

use pyo3::prelude::*;
use rustix::time::{ClockId, clock_gettime};

fn read_ns(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    // Both clocks count up from zero or from 1970; neither is negative on a running Linux.
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Nanoseconds since boot, suspended time included: the clock of leases and buckets.
#[inline]
pub(crate) fn boot_ns() -> u64 {
    read_ns(ClockId::Boottime)
}

/// Nanoseconds of Unix time by this machine's own clock.
pub(crate) fn wall_ns() -> u64 {
    read_ns(ClockId::Realtime)
}

#[pyfunction]
pub(crate) fn boottime() -> u64 {
    boot_ns()
}
