//! The sums of all keys' counters, kept by the writer, so that nobody else has to walk over every key to tell them.
//!
//! A key's counters never go down and its slot is never given to another, so their sum never goes down either. The
//! writer remembers a sum for each group of neighbouring slots. Where a mark says that a key was used, it sums that
//! key's group again and adds the difference: costs grow with keys in use, and the memory for it is a byte for each
//! counter of a key. A new writer sums everything once, so whatever the one before it did not come to is in it.

use super::file::Segment;
use super::header::Header;
use super::layout::head;
use super::writer::Writer;
use crate::usage::COUNTERS;

/// Slots of a group. Their counters lie side by side, so reading eight costs little more than reading one.
const GROUP: u32 = 8;

type Sums = [u64; COUNTERS];

/// The sums of one segment; for the holder of its lock.
pub(crate) struct Totals {
    groups: Vec<Sums>,
    all: Sums,
}

impl Writer {
    /// Brings what [`crate::Gate::decisions`] tells up to date, and leaves all marks for the next drain. Costs grow with
    /// keys used since the last one.
    pub fn tally(&mut self) {
        self.totals.update(&self.segment, self.segment.counts().marked(self.segment.used()));
    }
}

impl Totals {
    /// Sums everything that was ever counted, and publishes it.
    pub(crate) fn adopt(segment: &Segment) -> Self {
        let mut totals = Self { groups: Vec::new(), all: [0; COUNTERS] };
        totals.update(segment, 0..segment.used());
        totals
    }

    /// Brings the sums up to what the counters of these `slots`, in rising order, say now.
    pub(crate) fn update(&mut self, segment: &Segment, slots: impl IntoIterator<Item = u32>) {
        self.groups.resize(segment.used().div_ceil(GROUP) as usize, [0; COUNTERS]);
        let mut last = None;
        for group in slots.into_iter().map(|slot| slot / GROUP) {
            if last.replace(group) != Some(group) {
                self.sum(segment, group);
            }
        }
        let header = Header(segment.writable_facts());
        for (counter, sum) in self.all.into_iter().enumerate() {
            header.set(head::TOTALS + counter, sum);
        }
    }

    fn sum(&mut self, segment: &Segment, group: u32) {
        let (counts, first) = (segment.counts(), group * GROUP);
        let mut now = [0; COUNTERS];
        for slot in first..(first + GROUP).min(segment.used()) {
            for (sum, count) in now.iter_mut().zip(counts.counters(slot)) {
                *sum += count;
            }
        }
        let before = std::mem::replace(&mut self.groups[group as usize], now);
        for ((all, now), before) in self.all.iter_mut().zip(now).zip(before) {
            // All processes may write counters: nothing that one of them spoils may end the writer.
            *all = all.wrapping_add(now.wrapping_sub(before));
        }
    }
}
