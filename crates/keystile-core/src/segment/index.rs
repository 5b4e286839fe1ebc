//! The index: from a digest to the slot that may hold it.
//!
//! Fixed open addressing with linear probing. An entry is one word, so it is published, changed and withdrawn by one
//! store: the upper half is a fingerprint (32 bits of the digest), the lower half the slot plus one. Digests are
//! keyed with the pepper: nobody outside can aim at a place, and what a probe's length tells is not about secrets.
//! A fingerprint only nominates; the slot's whole digest decides.

use crate::digest::Digest;
use crate::sync::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

const EMPTY: u64 = 0;
/// Held a digest once; probes go on past it and an insertion may use it.
const WITHDRAWN: u64 = u64::MAX;

/// The index's entries; their number is a power of two.
#[derive(Clone, Copy)]
pub(crate) struct Index<'a>(pub(crate) &'a [AtomicU64]);

impl<'a> Index<'a> {
    /// The slots that `digest` may be in, in probing order.
    #[inline]
    pub(crate) fn candidates(self, digest: &Digest) -> impl Iterator<Item = u32> + use<'a> {
        let wanted = fingerprint(digest);
        self.probe(digest)
            .map(move |place| self.0[place].load(Acquire))
            .take_while(|entry| *entry != EMPTY)
            .filter(move |entry| *entry != WITHDRAWN && (entry >> 32) == wanted)
            .map(|entry| (entry as u32) - 1)
    }

    /// Makes `digest` lead to `slot`; false when there is no free entry.
    pub(crate) fn insert(self, digest: &Digest, slot: u32) -> bool {
        if self.candidates(digest).any(|known| known == slot) {
            return true;
        }
        let free = self.probe(digest).find(|place| {
            let entry = self.0[*place].load(Relaxed);
            entry == EMPTY || entry == WITHDRAWN
        });
        if let Some(place) = free {
            self.0[place].store(entry_of(digest, slot), Release);
        }
        free.is_some()
    }

    /// Withdraws the entry by which `digest` leads to `slot`, if there is one.
    pub(crate) fn remove(self, digest: &Digest, slot: u32) {
        let gone = entry_of(digest, slot);
        let found = self
            .probe(digest)
            .map(|place| (place, self.0[place].load(Relaxed)))
            .take_while(|(_, entry)| *entry != EMPTY)
            .find(|(_, entry)| *entry == gone);
        let Some((mut place, _)) = found else { return };
        // Nothing is announced by taking an entry away, so relaxed stores do.
        self.0[place].store(WITHDRAWN, Relaxed);
        // Where the chain ends just behind, withdrawn entries at its end can be given back.
        let before = |place: usize| place.wrapping_sub(1) & (self.0.len() - 1);
        if self.0[(place + 1) & (self.0.len() - 1)].load(Relaxed) == EMPTY {
            while self.0[place].load(Relaxed) == WITHDRAWN {
                self.0[place].store(EMPTY, Relaxed);
                place = before(place);
            }
        }
    }

    fn probe(self, digest: &Digest) -> impl Iterator<Item = usize> + use<> {
        let mask = self.0.len() - 1;
        let start = digest.0[0] as usize;
        (0..=mask).map(move |step| start.wrapping_add(step) & mask)
    }
}

fn fingerprint(digest: &Digest) -> u64 {
    digest.0[1] >> 32
}

fn entry_of(digest: &Digest, slot: u32) -> u64 {
    fingerprint(digest) << 32 | u64::from(slot + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    /// Digests that all start in one of four places, so that chains form, run together and wrap around.
    fn crowded(n: u32) -> Digest {
        Digest([u64::from(n % 4) + 14, u64::from(n / 2) << 32, 0, 0])
    }

    proptest! {
        #[test]
        fn holds_what_a_set_holds(steps in prop::collection::vec((any::<bool>(), 0..12u32), 0..200)) {
            let words: Vec<_> = (0..16).map(|_| AtomicU64::new(EMPTY)).collect();
            let index = Index(&words);
            let mut model = HashSet::new();
            for (insert, n) in steps {
                if insert {
                    prop_assert!(index.insert(&crowded(n), n));
                    model.insert(n);
                } else {
                    index.remove(&crowded(n), n);
                    model.remove(&n);
                }
                for n in 0..12 {
                    prop_assert_eq!(index.candidates(&crowded(n)).any(|slot| slot == n), model.contains(&n));
                }
            }
        }
    }

    #[test]
    fn a_full_index_says_so_and_still_answers() {
        let words: Vec<_> = (0..16).map(|_| AtomicU64::new(EMPTY)).collect();
        let index = Index(&words);
        assert!((0..16).all(|n| index.insert(&crowded(n), n)));
        assert!(!index.insert(&crowded(99), 99));
        assert_eq!(index.candidates(&crowded(99)).count(), 0);
    }
}
