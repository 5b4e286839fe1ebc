//! What a gate can tell of all decisions on its machine, whichever process made them.

use super::Gate;
use crate::bucket::{Instant, Since};
use crate::decision::Outcome;
use crate::latency::Times;
use crate::segment::{Connections, Workers, catalogue, head};
use crate::usage::Counter;
use std::sync::atomic::Ordering::Relaxed;

/// How many budgets of failed attempts are not full.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Budgets {
    /// Those that something was charged to lately, exhausted ones included.
    pub charged: u32,
    /// Those that hold no token: their clients get `too_many_failures`.
    pub exhausted: u32,
}

impl Gate {
    /// All decisions since the segment was made, by outcome. Refusals without a key are counted at once, decisions on
    /// keys when the writer next calls [`crate::Writer::tally`]: until then they are in the keys' own counters only.
    #[must_use]
    pub fn decisions(&self) -> [(Outcome, u64); Outcome::ALL.len()] {
        Outcome::ALL.map(|outcome| {
            let decided = match Counter::of(outcome) {
                Some(counter) => self.total(counter),
                None => self.segment.tallies().refusals(outcome),
            };
            (outcome, decided)
        })
    }

    /// Of the requests that passed, those that the application ended with 4xx and with 5xx; as of the last tally.
    #[must_use]
    pub fn app_errors(&self) -> (u64, u64) {
        (self.total(Counter::AppClientErrors), self.total(Counter::AppServerErrors))
    }

    fn total(&self, counter: Counter) -> u64 {
        self.segment.header().get(head::TOTALS + counter as usize)
    }

    /// Requests refused because the gate was stale, since the segment was made.
    #[must_use]
    pub fn stale_refusals(&self) -> u64 {
        self.segment.tallies().refusals(Outcome::GateStale)
    }

    /// How long checks took that were made by [`Gate::timed`]: about one in [`crate::latency::ONE_IN`].
    #[must_use]
    pub fn times(&self) -> Times {
        self.segment.tallies().times()
    }

    /// The state of the budgets of failed attempts at `boot_ns`.
    #[must_use]
    pub fn budgets(&self, boot_ns: u64) -> Budgets {
        let (quota, now) = (self.segment.header().failure_quota(), Instant::from_boottime(boot_ns));
        let mut budgets = Budgets::default();
        for since in self.segment.counts().budgets().iter().map(|cell| Since(cell.load(Relaxed))) {
            budgets.charged += u32::from(since.until_ns(now, &quota, quota.burst()) > 0);
            budgets.exhausted += u32::from(since.take(now, &quota, 1).is_none());
        }
        budgets
    }

    /// The figures that the writer has published, by name.
    #[must_use]
    pub fn figures(&self) -> Vec<(String, u64)> {
        catalogue::figures(self.segment.facts())
    }

    /// Takes down what the Hub's worker at `place` tells of itself.
    pub fn report(&self, place: usize, boot_ns: u64, pool: Connections, answered: [u64; 4]) {
        self.segment.tallies().report(place, boot_ns, pool, answered);
    }

    /// The Hub's workers together; those that told nothing since `since_ns` of boot time are gone.
    #[must_use]
    pub fn workers(&self, since_ns: u64) -> Workers {
        self.segment.tallies().workers(since_ns)
    }
}
