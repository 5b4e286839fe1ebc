//! Outcomes: how requests ended that a gate let pass for a proxy, as the proxy reports them.

use super::Writer;
use crate::key_id::KeyId;
use crate::record::flag;
use crate::usage::Counter;

impl Writer {
    /// Adds the status that a request of a key ended with to the key's errors, as [`crate::Gate::finish`] does; one that
    /// is no error changes nothing. False if the segment does not hold the key.
    #[must_use]
    pub fn count_outcome(&self, id: &KeyId, status: u16) -> bool {
        let Some(&slot) = self.by_id.get(id) else { return false };
        if self.segment.slot(slot).state().has(flag::REMOVED) {
            return false;
        }
        if let Some(counter) = Counter::of_error(status) {
            self.segment.counts().add(slot, counter);
        }
        true
    }
}
