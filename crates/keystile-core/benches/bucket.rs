//! One step of a token bucket, beside `governor`'s keyed limiter.

mod common;

use common::{LARGEST, boot_ns, median_ratio, record};
use criterion::{Criterion, criterion_group, criterion_main};
use governor::clock::FakeRelativeClock;
use governor::{Quota as GovernorQuota, RateLimiter};
use keystile_core::Quota;
use keystile_core::bucket::{Instant, take};
use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

const KEY: u32 = 42;

fn governor_quota() -> GovernorQuota {
    let largest = NonZeroU32::new(LARGEST).unwrap();
    GovernorQuota::per_second(largest).allow_burst(largest)
}

fn steps(criterion: &mut Criterion) {
    let quota = Quota::new(LARGEST, LARGEST).unwrap();
    let cell = AtomicU64::new(0);
    let step = |now: u64| take(black_box(&cell), Instant::from_boottime(now), black_box(&quota), 1).is_ok();

    // Each with the clock that it is used with, and each without reading any.
    let keyed = RateLimiter::keyed(governor_quota());
    let timeless = RateLimiter::dashmap_with_clock(governor_quota(), FakeRelativeClock::default());
    let still = boot_ns();
    assert!(step(still) && keyed.check_key(&KEY).is_ok() && timeless.check_key(&KEY).is_ok());

    let mut group = criterion.benchmark_group("bucket");
    group.bench_function("step", |bencher| bencher.iter(|| step(still)));
    group.bench_function("step and clock", |bencher| bencher.iter(|| step(boot_ns())));
    group.bench_function("governor, keyed", |bencher| bencher.iter(|| timeless.check_key(black_box(&KEY)).is_ok()));
    group.bench_function("governor, keyed, and clock", |bencher| {
        bencher.iter(|| keyed.check_key(black_box(&KEY)).is_ok());
    });
    group.finish();

    let ours = |calls| (0..calls).for_each(|_| assert!(black_box(step(still))));
    let theirs = |calls| (0..calls).for_each(|_| assert!(black_box(timeless.check_key(black_box(&KEY))).is_ok()));
    record("core", "bucket step ÷ governor, keyed", median_ratio(100_000, ours, theirs), Some(0.5));
    let ours = |calls| (0..calls).for_each(|_| assert!(black_box(step(boot_ns()))));
    let theirs = |calls| (0..calls).for_each(|_| assert!(black_box(keyed.check_key(black_box(&KEY))).is_ok()));
    let ratio = median_ratio(100_000, ours, theirs);
    record("core", "bucket step ÷ governor, keyed; both with their clocks", ratio, None);
}

criterion_group! {
    name = benches;
    config = Criterion::default().without_plots().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = steps
}
criterion_main!(benches);
