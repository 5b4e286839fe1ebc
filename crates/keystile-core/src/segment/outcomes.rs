//! Outcomes: how requests ended that a gate let pass for a proxy, as the proxy reports them.
//!
//! They add to the errors of a key where [`crate::Gate::finish`] does, and the flusher cannot tell one from the other.

use super::Writer;
use super::layout::tally;
use crate::key_id::KeyId;
use crate::record::flag;
use crate::sync::AtomicU64;
use crate::usage::Counter;
use std::sync::atomic::Ordering::Relaxed;

/// What became of the outcomes that were reported since the segment was made.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Outcomes {
    /// Added to the errors of a key.
    pub counted: u64,
    /// Nothing to count: no error, or no key.
    pub passed_over: u64,
    /// Of keys that the segment does not hold.
    pub unknown_key: u64,
    /// Not understood.
    pub malformed: u64,
    /// Lost before anybody read them.
    pub dropped: u64,
}

impl Outcomes {
    /// Each figure with its name.
    #[must_use]
    pub const fn by_name(&self) -> [(&'static str, u64); tally::OUTCOME_WORDS] {
        [
            ("counted", self.counted),
            ("passed_over", self.passed_over),
            ("unknown_key", self.unknown_key),
            ("malformed", self.malformed),
            ("dropped", self.dropped),
        ]
    }
}

impl Writer {
    /// Counts the statuses that requests of keys ended with, an id that is none being `None`; and notes `besides` what
    /// became of reports that are not among them. A status that is no error changes nothing of its key.
    pub fn count_outcomes(&self, ended: &[(Option<KeyId>, u16)], besides: &Outcomes) {
        let mut outcomes = *besides;
        for (id, status) in ended {
            match (id.as_ref().and_then(|id| self.living_slot(id)), Counter::of_error(*status)) {
                (None, _) => outcomes.unknown_key += 1,
                (Some(_), None) => outcomes.passed_over += 1,
                (Some(slot), Some(counter)) => {
                    self.segment.counts().add(slot, counter);
                    outcomes.counted += 1;
                }
            }
        }
        let tallies = self.segment.counts().outcomes();
        for (word, (_, more)) in tallies.iter().zip(outcomes.by_name()) {
            // Nobody else writes them.
            word.store(word.load(Relaxed).wrapping_add(more), Relaxed);
        }
    }

    fn living_slot(&self, id: &KeyId) -> Option<u32> {
        let slot = *self.by_id.get(id)?;
        (!self.segment.slot(slot).state().has(flag::REMOVED)).then_some(slot)
    }
}

/// What the words of the segment say.
pub(crate) fn read(words: &[AtomicU64]) -> Outcomes {
    let word = |place: usize| words[place].load(Relaxed);
    Outcomes { counted: word(0), passed_over: word(1), unknown_key: word(2), malformed: word(3), dropped: word(4) }
}
