//! Numbers of the whole machine that all its processes add to, in the first pages of the counts area.
//!
//! No check of a genuine key comes here, but for the one in 1,024 that is timed. Nothing else is read together with
//! these words, so no order among them is promised.

use super::layout::{MAX_WORKERS, STRIPE_WORDS, STRIPES, WORKER_WORDS, WORKERS_AT, tally, worker};
use crate::decision::Outcome;
use crate::latency::{BOUNDS, Times, bucket_of};
use crate::sync::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Typed access to these words.
#[derive(Clone, Copy)]
pub(crate) struct Tallies<'a>(pub(crate) &'a [AtomicU64]);

impl<'a> Tallies<'a> {
    fn tally(self, at: usize) -> &'a AtomicU64 {
        &self.0[at]
    }

    fn add(self, at: usize, more: u64) {
        self.tally(at).fetch_add(more, Relaxed);
    }

    fn read(self, at: usize) -> u64 {
        self.tally(at).load(Relaxed)
    }

    /// Counts a refusal without a key, in one of several lines: any number chooses which, so that a flood of them does
    /// not make all processors wait for one.
    pub(crate) fn refused(self, outcome: Outcome, number: usize) {
        self.add(refusals_at(outcome, number % STRIPES), 1);
    }

    /// Refusals of this kind.
    pub(crate) fn refusals(self, outcome: Outcome) -> u64 {
        (0..STRIPES).map(|stripe| self.read(refusals_at(outcome, stripe))).sum()
    }

    /// Adds a check that took `ns` to the histogram.
    pub(crate) fn time(self, ns: u64) {
        self.add(tally::TIMES + bucket_of(ns), 1);
        self.add(tally::TIMES_SUM, ns);
    }

    /// The histogram.
    pub(crate) fn times(self) -> Times {
        let counts = std::array::from_fn::<_, { BOUNDS + 1 }, _>(|bucket| self.read(tally::TIMES + bucket));
        Times { counts, sum_ns: self.read(tally::TIMES_SUM) }
    }

    /// Takes down what the worker at `place` tells of itself at `now_ns` of boot time: its connections to the database
    /// as they are now, and how many requests it has answered since it told last, by class of status.
    pub(crate) fn report(self, place: usize, now_ns: u64, pool: Connections, answered: [u64; worker::CLASSES]) {
        let at = WORKERS_AT + place % MAX_WORKERS * WORKER_WORDS;
        for (class, more) in answered.into_iter().enumerate() {
            self.add(at + worker::ANSWERED + class, more);
        }
        for (word, value) in [pool.size, pool.idle, pool.most].into_iter().enumerate() {
            self.tally(at + worker::POOL + word).store(value, Relaxed);
        }
        self.tally(at + worker::TOLD_AT).store(now_ns, Relaxed);
    }

    /// All workers together. Answers of those that are gone count; connections only of those that told something since
    /// `since_ns`.
    pub(crate) fn workers(self, since_ns: u64) -> Workers {
        let mut all = Workers::default();
        for at in (0..MAX_WORKERS).map(|place| WORKERS_AT + place * WORKER_WORDS) {
            for (class, answered) in all.answered.iter_mut().enumerate() {
                *answered += self.read(at + worker::ANSWERED + class);
            }
            let told_at = self.read(at + worker::TOLD_AT);
            if told_at != 0 && told_at >= since_ns {
                all.alive += 1;
                all.pool.size += self.read(at + worker::POOL);
                all.pool.idle += self.read(at + worker::POOL + 1);
                all.pool.most += self.read(at + worker::POOL + 2);
            }
        }
        all
    }
}

fn refusals_at(outcome: Outcome, stripe: usize) -> usize {
    tally::REFUSALS + stripe * STRIPE_WORDS + outcome as usize
}

/// Connections to the database.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Connections {
    /// All that there are.
    pub size: u64,
    /// Those that nobody uses just now.
    pub idle: u64,
    /// As many as there may be.
    pub most: u64,
}

/// The workers of a machine's Hub together.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Workers {
    /// Those that told something lately.
    pub alive: u64,
    /// Their connections.
    pub pool: Connections,
    /// Requests answered since the segment was made: with 2xx, 3xx, 4xx and 5xx.
    pub answered: [u64; worker::CLASSES],
}

#[cfg(test)]
mod tests {
    use super::super::layout::BUDGET_AT;
    use super::*;

    fn words() -> Vec<AtomicU64> {
        (0..BUDGET_AT).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn refusals_of_a_kind_are_summed_over_all_lines() {
        let words = words();
        let tallies = Tallies(&words);
        (0..20).for_each(|number| tallies.refused(Outcome::UnknownKey, number));
        tallies.refused(Outcome::MalformedKey, usize::MAX);
        let found = Outcome::ALL.map(|outcome| tallies.refusals(outcome));
        assert_eq!(found.iter().sum::<u64>(), 21);
        assert_eq!(tallies.refusals(Outcome::UnknownKey), 20);
        // No processor writes a line that all others write too.
        assert!((0..STRIPES).all(|stripe| tallies.read(refusals_at(Outcome::UnknownKey, stripe)) >= 2));
    }

    #[test]
    fn times_fall_into_their_buckets() {
        let words = words();
        let tallies = Tallies(&words);
        [90, 100, 101, 250, u64::from(u32::MAX)].into_iter().for_each(|ns| tallies.time(ns));
        let times = tallies.times();
        assert_eq!((times.counts[..3].to_vec(), times.counts[BOUNDS]), (vec![2, 1, 1], 1));
        assert_eq!(times.sum_ns, 90 + 100 + 101 + 250 + u64::from(u32::MAX));
        assert_eq!(Outcome::ALL.map(|outcome| tallies.refusals(outcome)).iter().sum::<u64>(), 0);
    }

    #[test]
    fn a_worker_that_is_gone_keeps_its_answers_but_no_connections() {
        let words = words();
        let tallies = Tallies(&words);
        let pool = Connections { size: 3, idle: 1, most: 8 };
        tallies.report(0, 100, pool, [5, 0, 1, 0]);
        tallies.report(255, 200, pool, [7, 0, 0, 2]);
        tallies.report(255, 210, Connections { idle: 2, ..pool }, [1, 0, 0, 0]);
        let both = tallies.workers(100);
        assert_eq!((both.alive, both.pool), (2, Connections { size: 6, idle: 3, most: 16 }));
        let one = tallies.workers(101);
        assert_eq!((one.alive, one.pool), (1, Connections { size: 3, idle: 2, most: 8 }));
        assert_eq!((both.answered, one.answered), ([13, 0, 1, 2], [13, 0, 1, 2]));
    }
}
