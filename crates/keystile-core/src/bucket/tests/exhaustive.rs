//! Small buckets, every sequence of instants and costs: not a sample but all there is.

use super::super::{EPOCH_NS, Instant, Since};
use super::oracle::Oracle;
use crate::quota::Quota;

const INTERVALS_NS: std::ops::RangeInclusive<u64> = 1..=3;
const BURSTS: std::ops::RangeInclusive<u32> = 1..=3;
/// The first instant, and one so late that the last instants of the longest sequence are the last that there are.
const STARTS_NS: [u64; 2] = [0, u64::MAX - EPOCH_NS - 4 * (3 * 3 + 1)];

#[derive(Clone, Copy)]
struct Bucket<'a> {
    word: Since,
    oracle: Oracle,
    boot_ns: u64,
    quota: &'a Quota,
}

impl Bucket<'_> {
    fn now(&self) -> Instant {
        Instant::from_boottime(self.boot_ns)
    }

    fn take(&mut self, cost: u32) {
        let taken = self.word.take(self.now(), self.quota, cost);
        assert_eq!(taken.is_some(), self.oracle.take(self.boot_ns, self.quota, cost));
        self.word = taken.unwrap_or(self.word);
    }

    fn assert_like_the_oracle(&self) {
        let (now, quota) = (self.now(), self.quota);
        assert_eq!(i128::from(self.word.tokens(now, quota)), self.oracle.tokens(quota));
        let time_left_ns = i128::from(u64::MAX - EPOCH_NS - self.boot_ns);
        for tokens in 0..=quota.burst() {
            let wait_ns = self.oracle.wait_ns(quota, tokens).min(time_left_ns);
            assert_eq!(i128::from(self.word.until_ns(now, quota, tokens)), wait_ns);
        }
    }
}

/// Goes on from `bucket` in every way for `steps` steps; in each, time passes, by up to more than fills the bucket, and
/// then tokens are taken, at most one more than it can hold, or the other quota comes. Gives the number of ends.
fn go_on(bucket: Bucket<'_>, other: Option<&Quota>, steps: u32) -> u64 {
    if steps == 0 {
        return 1;
    }
    let mut ends = 0;
    for gap_ns in 0..=bucket.quota.capacity_ns() + 1 {
        let later = Bucket { boot_ns: bucket.boot_ns + gap_ns, ..bucket };
        for cost in 1..=bucket.quota.burst() + 1 {
            let mut next = later;
            next.take(cost);
            next.assert_like_the_oracle();
            ends += go_on(next, other, steps - 1);
        }
        if let Some(other) = other {
            let mut next = later;
            next.word = later.word.requota(later.now(), later.quota, other);
            next.oracle.requota(later.boot_ns, later.quota, other);
            next.quota = other;
            next.assert_like_the_oracle();
            ends += go_on(next, Some(later.quota), steps - 1);
        }
    }
    ends
}

fn quotas() -> impl Iterator<Item = Quota> {
    INTERVALS_NS.flat_map(|interval_ns| BURSTS.map(move |burst| Quota::of_interval(interval_ns, burst)))
}

fn new(quota: &Quota, boot_ns: u64) -> Bucket<'_> {
    Bucket { word: Since::FULL, oracle: Oracle::new(quota, boot_ns), boot_ns, quota }
}

#[test]
fn every_sequence_of_takes_is_decided_like_the_oracle() {
    let all = quotas().flat_map(|quota| STARTS_NS.map(|start_ns| go_on(new(&quota, start_ns), None, 4)));
    println!("{} sequences", all.sum::<u64>());
}

#[test]
fn every_sequence_with_changes_of_quota_is_decided_like_the_oracle() {
    let pairs = quotas().flat_map(|old| quotas().map(move |new| (old, new)));
    let all = pairs.flat_map(|(old, other)| STARTS_NS.map(|start_ns| go_on(new(&old, start_ns), Some(&other), 3)));
    println!("{} sequences", all.sum::<u64>());
}
