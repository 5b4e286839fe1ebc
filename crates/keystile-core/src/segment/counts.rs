//! The counts area: buckets, counters, marks of what changed, and the budget of failed attempts.

use super::layout::{BUDGET_AT, COLD_WORDS, HOT_WORDS, Layout, cold, hot};
use crate::address::BUDGET_BUCKETS;
use crate::scope::{Scope, ScopeSet};
use crate::sync::{AtomicU64, fence_after_rmw};
use crate::usage::{COUNTERS, Counter, Presented, Usage};
use std::sync::atomic::Ordering::Relaxed;

/// Typed access to the counts area.
#[derive(Clone, Copy)]
pub(crate) struct Counts<'a> {
    words: &'a [AtomicU64],
    layout: &'a Layout,
}

impl<'a> Counts<'a> {
    #[inline]
    pub(crate) fn new(words: &'a [AtomicU64], layout: &'a Layout) -> Self {
        Self { words, layout }
    }

    #[inline]
    fn hot(self, slot: u32, place: usize) -> &'a AtomicU64 {
        &self.words[self.layout.hot_at + slot as usize * HOT_WORDS + place]
    }

    fn cold(self, slot: u32, place: usize) -> &'a AtomicU64 {
        &self.words[self.layout.cold_at + slot as usize * COLD_WORDS + place]
    }

    /// The token bucket of a key.
    #[inline]
    pub(crate) fn bucket(self, slot: u32) -> &'a AtomicU64 {
        self.hot(slot, hot::BUCKET)
    }

    /// The buckets of clients' failed attempts.
    pub(crate) fn budgets(self) -> &'a [AtomicU64] {
        &self.words[BUDGET_AT..BUDGET_AT + BUDGET_BUCKETS]
    }

    fn counter(self, slot: u32, counter: Counter) -> &'a AtomicU64 {
        match counter {
            Counter::Allowed => self.hot(slot, hot::COUNTERS),
            Counter::AppClientErrors => self.hot(slot, hot::COUNTERS + 1),
            Counter::AppServerErrors => self.hot(slot, hot::COUNTERS + 2),
            Counter::RateLimited => self.hot(slot, hot::COUNTERS + 3),
            Counter::InsufficientScope => self.hot(slot, hot::COUNTERS + 4),
            Counter::Revoked => self.cold(slot, cold::COUNTERS),
            Counter::Disabled => self.cold(slot, cold::COUNTERS + 1),
            Counter::Expired => self.cold(slot, cold::COUNTERS + 2),
        }
    }

    /// Counts one decision on a key, made at wall time `wall_ms` on the secret that was `presented`; `used` is the scope
    /// with which it let a request pass.
    #[inline]
    pub(crate) fn count(self, slot: u32, presented: Presented, counter: Counter, used: Option<Scope>, wall_ms: u64) {
        match presented {
            Presented::Current => self.hot(slot, hot::LAST_USED),
            Presented::Previous => self.cold(slot, cold::PREVIOUS_USED),
        }
        .store(wall_ms, Relaxed);
        if let Some(scope) = used {
            self.note(slot, scope);
        }
        self.add(slot, counter);
    }

    /// Notes the use of a scope; to be followed by an addition, which marks the slot. Only the first use after
    /// [`Counts::settle`] writes.
    #[inline]
    fn note(self, slot: u32, scope: Scope) {
        let (word, bit) = (self.hot(slot, hot::SCOPES), ScopeSet::default().with(scope).0);
        if word.load(Relaxed) & bit == 0 {
            word.fetch_or(bit, Relaxed);
        }
    }

    /// Forgets that these scopes were used: it is stored elsewhere. Those that were noted meanwhile stay.
    pub(crate) fn settle(self, slot: u32, scopes: ScopeSet) {
        self.hot(slot, hot::SCOPES).fetch_and(!scopes.0, Relaxed);
    }

    /// Notes that the key has got another secret: what is noted of the current one's use was the one before. Only for
    /// the writer, once checks find the new one. It changes no word that checks write, so no use is lost. Marks the
    /// slot, so that this is reported too.
    pub(crate) fn rotated(self, slot: u32) {
        let used = self.hot(slot, hot::LAST_USED).load(Relaxed);
        self.cold(slot, cold::ROTATED_FROM).store(used, Relaxed);
        if used != 0 {
            self.mark(slot);
        }
    }

    /// Adds one to a counter and marks the slot. See [`crate::usage`] for why the order is as it is.
    #[inline]
    pub(crate) fn add(self, slot: u32, counter: Counter) {
        self.counter(slot, counter).fetch_add(1, Relaxed);
        fence_after_rmw();
        self.mark(slot);
    }

    /// Marks a slot as changed since the last flush. Only the first change after one writes.
    #[inline]
    pub(crate) fn mark(self, slot: u32) {
        let word = &self.words[self.layout.dirty_at + slot as usize / 64];
        let bit = 1 << (slot % 64);
        if word.load(Relaxed) & bit == 0 {
            word.fetch_or(bit, Relaxed);
        }
    }

    /// Clears all marks of the first `used` slots and returns those that were set. All processes may write marks: one
    /// for a slot that there is not is cleared and passed over, and ends nobody.
    pub(crate) fn unmark(self, used: u32) -> Vec<u32> {
        let mut dirty = Vec::new();
        for first in (0..used).step_by(64) {
            let word = &self.words[self.layout.dirty_at + first as usize / 64];
            if word.load(Relaxed) == 0 {
                continue;
            }
            let bits = word.swap(0, Relaxed);
            fence_after_rmw();
            dirty.extend(ones(bits).map(|bit| first + bit).filter(|slot| *slot < used));
        }
        dirty
    }

    /// The marked ones among the first `used` slots, which stay marked.
    pub(crate) fn marked(self, used: u32) -> impl Iterator<Item = u32> + use<'a> {
        (0..used).step_by(64).flat_map(move |first| {
            let bits = self.words[self.layout.dirty_at + first as usize / 64].load(Relaxed);
            ones(bits).map(move |bit| first + bit).filter(move |slot| *slot < used)
        })
    }

    /// A slot's counters, each at its number.
    pub(crate) fn counters(self, slot: u32) -> [u64; COUNTERS] {
        Counter::ALL.map(|counter| self.counter(slot, counter).load(Relaxed))
    }

    /// A slot's counters, and its scopes in use.
    pub(crate) fn usage(self, slot: u32) -> Usage {
        let read = |counter| self.counter(slot, counter).load(Relaxed);
        let used = self.hot(slot, hot::LAST_USED).load(Relaxed);
        let rotated_from = self.cold(slot, cold::ROTATED_FROM).load(Relaxed);
        Usage {
            allowed: read(Counter::Allowed),
            app_client_errors: read(Counter::AppClientErrors),
            app_server_errors: read(Counter::AppServerErrors),
            rate_limited: read(Counter::RateLimited),
            insufficient_scope: read(Counter::InsufficientScope),
            revoked: read(Counter::Revoked),
            disabled: read(Counter::Disabled),
            expired: read(Counter::Expired),
            current_used_at_ms: if used == rotated_from { 0 } else { used },
            previous_used_at_ms: self.cold(slot, cold::PREVIOUS_USED).load(Relaxed).max(rotated_from),
            scopes: ScopeSet(self.hot(slot, hot::SCOPES).load(Relaxed)),
        }
    }
}

/// The numbers of the bits that are set, in rising order.
fn ones(bits: u64) -> impl Iterator<Item = u32> {
    let left = |bits: u64| (bits != 0).then_some(bits);
    std::iter::successors(left(bits), move |bits| left(bits & (bits - 1))).map(u64::trailing_zeros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_for_a_slot_that_there_is_not_is_passed_over() {
        let layout = Layout { dirty_at: 0, ..Layout::new(64) };
        let words = [AtomicU64::new(0)];
        let counts = Counts::new(&words, &layout);
        for slot in [2, 3, 63] {
            counts.mark(slot);
        }
        assert_eq!(counts.marked(3).collect::<Vec<_>>(), [2]);
        assert_eq!(counts.unmark(3), [2]);
        assert!(counts.unmark(64).is_empty());
    }
}
