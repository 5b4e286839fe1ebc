//! Which index is in use, and how another takes its place without a pause.
//!
//! There are two areas for an index, and they take turns. The writer fills the one that is not in use with the entries
//! of the other, in as much room as they need, and then one store of the *edition* makes it the index. Readers take
//! what they find: the slot's whole digest decides. Who finds nothing asks whether the edition is still the same, since
//! under the one before the area may have been emptied, or even filled anew, and goes on in the new one if not. The
//! edition counts, so that it is never the same again.

use super::index::Index;
use super::layout::head;
use crate::digest::Digest;
use crate::sync::{AtomicU64, fence};
use std::ops::Range;
use std::sync::atomic::Ordering::{Acquire, Release};

/// Where the areas lie, one behind the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Areas {
    pub(crate) at: usize,
    /// Words of one area: entries of the largest index.
    pub(crate) len: usize,
}

impl Areas {
    pub(crate) fn end(self) -> usize {
        self.at + 2 * self.len
    }
}

/// How often an index took another's place, and the binary logarithm of its entries (in 8 bits).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Edition(u64);

impl Edition {
    fn next(self, log2: u32) -> Self {
        Self(((self.0 >> 8) + 1) << 8 | u64::from(log2))
    }

    #[inline]
    fn len(self, areas: Areas) -> usize {
        (1 << (self.0 & 63)).min(areas.len)
    }

    #[inline]
    fn start(self, areas: Areas) -> usize {
        areas.at + ((self.0 >> 8) as usize & 1) * areas.len
    }
}

/// Typed access to the edition and to both areas.
#[derive(Clone, Copy)]
pub(crate) struct Editions<'a> {
    facts: &'a [AtomicU64],
    areas: Areas,
}

impl<'a> Editions<'a> {
    #[inline]
    pub(crate) fn new(facts: &'a [AtomicU64], areas: Areas) -> Self {
        Self { facts, areas }
    }

    #[inline]
    fn edition(self) -> Edition {
        Edition(self.facts[head::INDEX].load(Acquire))
    }

    #[inline]
    fn index_of(self, edition: Edition) -> Index<'a> {
        let start = edition.start(self.areas);
        Index(&self.facts[start..start + edition.len(self.areas)])
    }

    /// The index in use.
    pub(crate) fn index(self) -> Index<'a> {
        self.index_of(self.edition())
    }

    /// The slots that `digest` may be in, whichever index comes into use meanwhile.
    #[inline]
    pub(crate) fn candidates(self, digest: &Digest) -> impl Iterator<Item = u32> + use<'a, '_> {
        let mut edition = self.edition();
        let mut found = self.index_of(edition).candidates(digest);
        // Each round but the first means that the writer has filled an index meanwhile, so there are few.
        std::iter::from_fn(move || {
            loop {
                if let Some(slot) = found.next() {
                    return Some(slot);
                }
                let current = self.edition();
                if current == edition {
                    return None;
                }
                edition = current;
                found = self.index_of(edition).candidates(digest);
            }
        })
    }

    /// The words that the next index would lie in, from the beginning of the area that is not in use.
    pub(crate) fn spare(self, log2: u32) -> Range<usize> {
        let next = self.edition().next(log2);
        let start = next.start(self.areas);
        start..start + next.len(self.areas)
    }

    /// Empties the area that is not in use, by `empty`, which is told its words.
    pub(crate) fn empty_spare(self, empty: impl FnOnce(Range<usize>)) {
        let start = self.edition().next(0).start(self.areas);
        // Whoever meets an empty entry, or one of the next index, sees that the edition is another.
        fence(Release);
        empty(start..start + self.areas.len);
    }

    /// Makes an index with room for 2^`log2` entries, and those of `old`, the one in use. The spare area must be empty
    /// and have memory for it. Returns how many entries there are; `None`, and nothing changes, if they do not fit.
    pub(crate) fn renew(self, log2: u32, old: Index<'_>) -> Option<usize> {
        let next = self.edition().next(log2);
        let filled = self.index_of(next).copy(old)?;
        self.facts[head::INDEX].store(next.0, Release);
        Some(filled)
    }
}
