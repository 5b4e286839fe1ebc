//! The textbook bucket: a level of credit and the time of its last change, in integers that hold everything exactly.

use crate::quota::Quota;

/// A bucket whose tokens are worth `interval` nanoseconds of credit each.
#[derive(Clone, Copy)]
pub(super) struct Oracle {
    level_ns: i128,
    last_ns: i128,
    touched: bool,
}

impl Oracle {
    pub(super) fn new(quota: &Quota, start_ns: u64) -> Self {
        Self { level_ns: i128::from(quota.capacity_ns()), last_ns: i128::from(start_ns), touched: false }
    }

    fn fill(&mut self, now_ns: u64, quota: &Quota) {
        let full = i128::from(quota.capacity_ns());
        self.level_ns = full.min(self.level_ns + i128::from(now_ns) - self.last_ns);
        self.last_ns = i128::from(now_ns);
    }

    pub(super) fn take(&mut self, now_ns: u64, quota: &Quota, cost: u32) -> bool {
        self.fill(now_ns, quota);
        let price = i128::from(cost) * i128::from(quota.interval_ns());
        let admitted = price <= self.level_ns;
        if admitted {
            self.level_ns -= price;
            self.touched = true;
        }
        admitted
    }

    /// Whole tokens go over, as many as fit; a bucket that was never touched stays full.
    pub(super) fn requota(&mut self, now_ns: u64, old: &Quota, new: &Quota) {
        self.fill(now_ns, old);
        let kept = self.tokens(old).min(i128::from(new.burst()));
        let kept = if self.touched { kept } else { i128::from(new.burst()) };
        self.level_ns = kept * i128::from(new.interval_ns());
    }

    pub(super) fn tokens(&self, quota: &Quota) -> i128 {
        self.level_ns / i128::from(quota.interval_ns())
    }

    /// Nanoseconds until it holds `tokens`.
    pub(super) fn wait_ns(&self, quota: &Quota, tokens: u32) -> i128 {
        (i128::from(tokens) * i128::from(quota.interval_ns()) - self.level_ns).max(0)
    }
}
