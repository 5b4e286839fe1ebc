//! The writer's side of the index: each secret leads to its slot, and there is room for the next one.

use super::file::Segment;
use super::index::Index;
use super::layout::{index_log2, reserved_log2};
use super::slots::Facts;
use super::{Result, SegmentError};
use crate::bucket::Instant;
use crate::digest::Digest;
use std::sync::Arc;

/// How long the memory of an index is kept when another has taken its place. A check that was stopped in it would take
/// a page of it again, and on a full file system could not.
const GRACE_NS: u64 = 1_000_000_000;
/// How long a writer that found no space for a larger index does not look again.
const PAUSE_NS: u64 = 1_000_000_000;

/// Keeps the index of one segment; for the holder of its lock.
pub(crate) struct IndexKeeper {
    segment: Arc<Segment>,
    /// Entries that are not empty, withdrawn ones among them.
    filled: usize,
    /// Boot time from which the memory of the index before this one can be given back, if it still has any.
    spare_from_ns: Option<u64>,
    /// Boot time until which there is no use in asking for a larger one.
    pause_until_ns: u64,
}

impl IndexKeeper {
    /// Takes over from a writer that may have died anywhere: what it left of an index that is not in use goes.
    pub(crate) fn adopt(segment: &Arc<Segment>) -> Result<Self> {
        segment.empty_spare_index()?;
        let filled = segment.writable_editions().index().filled();
        Ok(Self { segment: Arc::clone(segment), filled, spare_from_ns: None, pause_until_ns: 0 })
    }

    fn index(&self) -> Index<'_> {
        self.segment.writable_editions().index()
    }

    /// Sees to it that the secrets of `facts` can be pointed to `slot`.
    ///
    /// # Errors
    /// [`SegmentError::NoSpace`] if that needs a larger index and there is no memory for one.
    pub(crate) fn make_room(&mut self, facts: &Facts, slot: u32, now: Instant) -> Result<()> {
        self.give_back(now);
        let new = facts.secrets().filter(|digest| !self.index().leads(digest, slot)).count();
        let (len, wanted) = (self.index().len(), self.filled + new);
        if new == 0 || wanted <= len / 2 {
            return Ok(());
        }
        match self.renew(index_log2(self.index().entries().count() + new), now) {
            // Better longer ways for a while than a rotated key that its new secret does not lead to.
            Err(SegmentError::NoSpace(_)) if wanted <= len / 4 * 3 => Ok(()),
            renewed => renewed,
        }
    }

    /// Sees to it that so many more secrets can come without another index, if there is memory for it now. It is as
    /// small as that allows.
    pub(crate) fn reserve(&mut self, more: usize, now: Instant) {
        if more > 0 && self.filled + more > self.index().len() / 2 {
            // Without it the index grows when it must, and says so then.
            _ = self.renew(reserved_log2(self.index().entries().count() + more), now);
        }
    }

    /// Points a slot's secrets to it. There is room for them.
    pub(crate) fn point(&mut self, facts: &Facts, slot: u32) -> Result<()> {
        for digest in facts.secrets() {
            let taken = self.index().insert(&digest, slot);
            self.filled += taken.ok_or(SegmentError::Full(self.segment.capacity()))?;
        }
        Ok(())
    }

    /// No longer points `digest` to `slot`.
    pub(crate) fn withdraw(&mut self, digest: &Digest, slot: u32) {
        self.filled -= self.index().remove(digest, slot);
    }

    fn renew(&mut self, log2: u32, now: Instant) -> Result<()> {
        if now.boottime() < self.pause_until_ns {
            return Err(SegmentError::NoSpace(self.segment.path().into()));
        }
        match renew_index(&self.segment, self.index(), log2) {
            Ok(filled) => (self.filled, self.spare_from_ns) = (filled, Some(now.boottime() + GRACE_NS)),
            Err(error) => {
                self.pause_until_ns = now.boottime() + PAUSE_NS;
                return Err(error);
            }
        }
        Ok(())
    }

    fn give_back(&mut self, now: Instant) {
        let is_due = self.spare_from_ns.is_some_and(|from| now.boottime() >= from);
        // Where that fails the memory is kept, and the next change tries again.
        if is_due && self.segment.empty_spare_index().is_ok() {
            self.spare_from_ns = None;
        }
    }
}

/// Makes an index of 2^`log2` entries, those of `old` among them, the segment's; returns how many are taken. It is the
/// same whether the old one is full of secrets, full of withdrawn entries, or another segment's.
pub(crate) fn renew_index(segment: &Segment, old: Index<'_>, log2: u32) -> Result<usize> {
    segment.empty_spare_index()?;
    segment.allocate_spare_index(log2)?;
    segment.writable_editions().renew(log2, old).ok_or(SegmentError::Full(segment.capacity()))
}
