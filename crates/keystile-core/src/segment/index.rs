//! The index: from a digest to the slot that may hold it.
//!
//! Fixed open addressing with linear probing. An entry is one word, so it is published, changed and withdrawn by one
//! store: 36 bits of the digest, then the slot plus one. The lowest of those bits tell where its probe begins, the
//! others nominate the slot, and the slot's whole digest decides. Digests are keyed with the pepper: nobody outside can
//! aim at a place, and what a probe's length tells is not about secrets.
//!
//! When half of the entries are no longer empty another index takes this one's place ([`super::editions`]). An entry
//! tells where it belongs in that one too, so nothing but entries is read for it, and nearly in order.

use super::layout::{CAPACITY, MAX_INDEX_LOG2};
use crate::digest::Digest;
use crate::sync::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

const EMPTY: u64 = 0;
/// Held a digest once; probes go on past it and an insertion may use it.
const WITHDRAWN: u64 = u64::MAX;

/// Bits of an entry that tell the slot plus one; the largest capacity is below them.
const SLOT_BITS: u32 = 28;
const _: () = assert!(*CAPACITY.end() < 1 << SLOT_BITS && MAX_INDEX_LOG2 + SLOT_BITS < u64::BITS);

/// The index's entries; their number is a power of two.
#[derive(Clone, Copy)]
pub(crate) struct Index<'a>(pub(crate) &'a [AtomicU64]);

impl<'a> Index<'a> {
    /// The slots that `digest` may be in, in probing order.
    #[inline]
    pub(crate) fn candidates(self, digest: &Digest) -> impl Iterator<Item = u32> + use<'a> {
        let wanted = hash_of(digest);
        self.probe(wanted)
            .map(move |place| self.0[place].load(Acquire))
            .take_while(|entry| *entry != EMPTY)
            .filter(move |entry| entry >> SLOT_BITS == wanted && *entry != WITHDRAWN)
            .map(|entry| (entry as u32 & ((1 << SLOT_BITS) - 1)) - 1)
    }

    /// How many entries there are.
    pub(crate) fn len(self) -> usize {
        self.0.len()
    }

    /// Those that lead to a slot.
    pub(crate) fn entries(self) -> impl Iterator<Item = u64> + use<'a> {
        self.0.iter().map(|entry| entry.load(Relaxed)).filter(|entry| *entry != EMPTY && *entry != WITHDRAWN)
    }

    /// Takes over all entries of another index; how many there are. This one is empty, and has room for them.
    pub(crate) fn copy(self, other: Index<'_>) -> Option<usize> {
        let mut copied = 0;
        for entry in other.entries() {
            let free = self.probe(entry >> SLOT_BITS).find(|place| self.0[*place].load(Relaxed) == EMPTY)?;
            // Announced by the edition, with all others.
            self.0[free].store(entry, Relaxed);
            copied += 1;
        }
        Some(copied)
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
        for place in self.probe(hash_of(digest)) {
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
            .probe(hash_of(digest))
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

    #[inline]
    fn probe(self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = self.0.len() - 1;
        let start = hash as usize;
        (0..=mask).map(move |step| start.wrapping_add(step) & mask)
    }
}

/// As much of a digest as an entry holds.
#[inline]
fn hash_of(digest: &Digest) -> u64 {
    digest.0[0] >> SLOT_BITS
}

fn entry_of(digest: &Digest, slot: u32) -> u64 {
    hash_of(digest) << SLOT_BITS | u64::from(slot + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    /// Digests that all start in one of four places, so that chains form, run together and wrap around; two of eight
    /// have the same hash.
    fn crowded(n: u32) -> Digest {
        Digest([(u64::from(n / 8) << 8 | u64::from(n % 4 + 14)) << SLOT_BITS, 0, 0, 0])
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
    fn a_copy_in_any_size_leads_to_the_same_slots() {
        let index_of = |words: usize| -> Vec<_> { (0..words).map(|_| AtomicU64::new(EMPTY)).collect() };
        let words = index_of(64);
        let index = Index(&words);
        (0..24).for_each(|n| assert!(index.insert(&crowded(n), n).is_some()));
        (0..24).step_by(3).for_each(|n| _ = index.remove(&crowded(n), n));
        for len in [16, 32, 64, 1024] {
            let words = index_of(len);
            let copy = Index(&words);
            assert_eq!((copy.copy(index), copy.filled()), (Some(16), 16));
            assert!((0..24).all(|n| copy.leads(&crowded(n), n) == (n % 3 != 0)));
        }
        assert_eq!(Index(&index_of(8)).copy(index), None);
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
