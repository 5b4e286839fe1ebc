//! The index: from a digest to the slot that may hold it.
//!
//! Fixed open addressing with linear probing. An entry is one word, so it is published, changed and withdrawn by one
//! store: the upper half is a fingerprint (32 bits of the digest), the lower half the slot plus one. Digests are
//! keyed with the pepper: nobody outside can aim at a place, and what a probe's length tells is not about secrets.
//! A fingerprint only nominates; the slot's whole digest decides. When half of the entries are no longer empty another
//! index takes this one's place ([`super::editions`]).

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

    /// How many entries there are.
    pub(crate) fn len(self) -> usize {
        self.0.len()
    }

    /// How many of them are not empty.
    pub(crate) fn filled(self) -> usize {
        self.0.iter().filter(|entry| entry.load(Relaxed) != EMPTY).count()
    }

    /// Whether `digest` leads to `slot`.
    pub(crate) fn leads(self, digest: &Digest, slot: u32) -> bool {
        self.candidates(digest).any(|known| known == slot)
    }

    /// Makes `digest` lead to `slot`. Returns how many empty entries this took; `None` when there is no free entry.
    pub(crate) fn insert(self, digest: &Digest, slot: u32) -> Option<usize> {
        let wanted = entry_of(digest, slot);
        let mut free = None;
        for place in self.probe(digest) {
            let entry = self.0[place].load(Relaxed);
            if entry == wanted {
                return Some(0);
            }
            if entry == EMPTY || entry == WITHDRAWN {
                free = free.or(Some((place, entry)));
            }
            if entry == EMPTY {
                break;
            }
        }
        let (place, entry) = free?;
        self.0[place].store(wanted, Release);
        Some(usize::from(entry == EMPTY))
    }

    /// Withdraws the entry by which `digest` leads to `slot`, if there is one. Returns how many entries are empty again.
    pub(crate) fn remove(self, digest: &Digest, slot: u32) -> usize {
        let gone = entry_of(digest, slot);
        let found = self
            .probe(digest)
            .map(|place| (place, self.0[place].load(Relaxed)))
            .take_while(|(_, entry)| *entry != EMPTY)
            .find(|(_, entry)| *entry == gone);
        let Some((mut place, _)) = found else { return 0 };
        // Nothing is announced by taking an entry away, so relaxed stores do.
        self.0[place].store(WITHDRAWN, Relaxed);
        // Where the chain ends just behind, withdrawn entries at its end can be given back.
        let before = |place: usize| place.wrapping_sub(1) & (self.0.len() - 1);
        let mut emptied = 0;
        if self.0[(place + 1) & (self.0.len() - 1)].load(Relaxed) == EMPTY {
            while self.0[place].load(Relaxed) == WITHDRAWN {
                self.0[place].store(EMPTY, Relaxed);
                place = before(place);
                emptied += 1;
            }
        }
        emptied
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
            let (mut model, mut filled) = (HashSet::new(), 0);
            for (insert, n) in steps {
                if insert {
                    filled += index.insert(&crowded(n), n).unwrap();
                    model.insert(n);
                } else {
                    filled -= index.remove(&crowded(n), n);
                    model.remove(&n);
                }
                prop_assert_eq!(filled, index.filled());
                for n in 0..12 {
                    prop_assert_eq!(index.leads(&crowded(n), n), model.contains(&n));
                }
            }
        }
    }

    #[test]
    fn a_full_index_says_so_and_still_answers() {
        let words: Vec<_> = (0..16).map(|_| AtomicU64::new(EMPTY)).collect();
        let index = Index(&words);
        assert!((0..16).all(|n| index.insert(&crowded(n), n) == Some(1)));
        assert_eq!((index.insert(&crowded(99), 99), index.insert(&crowded(3), 3)), (None, Some(0)));
        assert_eq!(index.candidates(&crowded(99)).count(), 0);
    }
}
