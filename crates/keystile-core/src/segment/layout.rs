//! Where everything lies. All numbers are in words of 8 bytes; changing any of them changes [`VERSION`].
//!
//! Two areas, each mapped on its own: *facts*, which only the writer may write, and *counts*, which all may.

use super::editions::Areas;
use crate::address::BUDGET_BUCKETS;
use crate::decision::Outcome;
use crate::digest::PEPPER_WORDS;
use crate::latency::BOUNDS;
use crate::scope::{MAX_NAME_LEN, MAX_SCOPES};
use crate::usage::COUNTERS;

pub(crate) const MAGIC: u64 = u64::from_be_bytes(*b"KEYSTILE");
pub(crate) const VERSION: u64 = 5;

pub(crate) const WORD: usize = 8;
pub(crate) const PAGE: usize = 4096 / WORD;

pub(crate) const MAX_PEPPERS: usize = 4;
pub(crate) const MAX_TIERS: usize = 64;
pub(crate) const MAX_TENANTS: usize = 1 << 16;
pub(crate) const MAX_FIGURES: usize = 48;
/// As many workers as the settings allow.
pub(crate) const MAX_WORKERS: usize = 256;
/// Smallest and largest number of keys that a segment can be made for.
pub(crate) const CAPACITY: std::ops::RangeInclusive<u32> = 64..=1 << 27;

/// Words of the header, by name. Those that every check reads share one cache line.
pub(crate) mod head {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const VERSION: usize = 1;
    pub(crate) const BOOT_ID: usize = 2; // 2 words
    pub(crate) const CAPACITY: usize = 4;
    pub(crate) const GATE_ID: usize = 5; // 2 words
    pub(crate) const READY: usize = 7;

    pub(crate) const FRESH_UNTIL: usize = 8;
    pub(crate) const WALL_OFFSET: usize = 9;
    pub(crate) const ALLOW_STALE: usize = 10;
    pub(crate) const PEPPERS_USED: usize = 11;
    pub(crate) const FAILURE_QUOTA: usize = 12;
    pub(crate) const FAILURE_KEY: usize = 13; // 2 words
    pub(crate) const INDEX: usize = 15; // the edition of the index

    pub(crate) const PREFIX: usize = 16; // 2 words
    pub(crate) const SLOTS_USED: usize = 18;
    pub(crate) const SCOPES_USED: usize = 19;
    pub(crate) const TIERS_USED: usize = 20;
    pub(crate) const TENANTS_USED: usize = 21;
    pub(crate) const APPLIED_REVISION: usize = 22;
    pub(crate) const FEED_EPOCH: usize = 24; // 2 words
    pub(crate) const OFFSET_SET_AT: usize = 26;
    pub(crate) const HEARTBEAT: usize = 27;
    pub(crate) const FIGURES_USED: usize = 28;
    pub(crate) const IMPORTED: usize = 29; // whether secrets that were made elsewhere are in use

    pub(crate) const PEPPERS: usize = 32; // MAX_PEPPERS * PEPPER_WORDS
    pub(crate) const SHADOW: usize = 64; // SLOT_WORDS: the facts before the change that is being made
    pub(crate) const TOTALS: usize = 80; // COUNTERS: the sums of all keys' counters
    pub(crate) const FIGURES: usize = 128; // MAX_FIGURES * FIGURE_WORDS
}

/// Words of a name in the catalogue.
pub(crate) const NAME_WORDS: usize = MAX_NAME_LEN / WORD;
/// A tier: its name, then its quota in one word.
pub(crate) const TIER_WORDS: usize = 8;
/// A figure: its name, then its value.
pub(crate) const FIGURE_WORDS: usize = 8;
/// A tenant id: up to 63 bytes, zero-padded.
pub(crate) const TENANT_WORDS: usize = 8;

pub(crate) const SCOPES_AT: usize = PAGE;
pub(crate) const TIERS_AT: usize = SCOPES_AT + MAX_SCOPES * NAME_WORDS;
pub(crate) const TENANTS_AT: usize = pages(TIERS_AT + MAX_TIERS * TIER_WORDS);
const INDEX_AT: usize = TENANTS_AT + MAX_TENANTS * TENANT_WORDS;
/// The smallest index has one page.
const LEAST_INDEX_LOG2: u32 = PAGE.ilog2();
pub(crate) const MAX_INDEX_LOG2: u32 = index_log2(index_most(*CAPACITY.end()));

/// Words of a slot's facts: two cache lines, of which a check with the current secret reads the first.
pub(crate) const SLOT_WORDS: usize = 16;
/// Words of a slot's bucket and everyday counters: one cache line.
pub(crate) const HOT_WORDS: usize = 8;
/// Words of a slot's rare counters, and of what else the usual path does not touch.
pub(crate) const COLD_WORDS: usize = 5;

/// Slots that are given memory at a time.
pub(crate) const CHUNK_SLOTS: usize = 4096;

/// Places within the facts of one slot.
pub(crate) mod fact {
    pub(crate) const GENERATION: usize = 0;
    pub(crate) const STATE: usize = 1;
    pub(crate) const SCOPES: usize = 2;
    pub(crate) const EXPIRES_AT: usize = 3;
    pub(crate) const DIGEST: usize = 4; // 4 words, the end of the first line
    pub(crate) const PREVIOUS: usize = 8; // 4 words
    pub(crate) const PREVIOUS_EXPIRES_AT: usize = 12;
    pub(crate) const KEY_ID: usize = 13; // 2 words
}

/// Places within the hot words of one slot.
pub(crate) mod hot {
    pub(crate) const BUCKET: usize = 0;
    pub(crate) const LAST_USED: usize = 1; // with the secret that was the current one then
    pub(crate) const COUNTERS: usize = 2; // 5 words
    pub(crate) const SCOPES: usize = 7; // one bit for each place of the catalogue
}

/// Places within the cold words of one slot.
pub(crate) mod cold {
    pub(crate) const COUNTERS: usize = 0; // 3 words
    pub(crate) const PREVIOUS_USED: usize = 3; // of the secret before the current one
    pub(crate) const ROTATED_FROM: usize = 4; // what hot::LAST_USED said when the current secret came
}

/// Places in the first page of the counts area: what all processes of the machine add to.
pub(crate) mod tally {
    pub(crate) const REFUSALS: usize = 0; // STRIPES * STRIPE_WORDS: those without a key, by outcome
    pub(crate) const TIMES: usize = 128; // latency::BOUNDS + 1: the histogram of how long checks take
    pub(crate) const TIMES_SUM: usize = 160;
}
/// Refusals without a key are counted in so many places, each with a line or two of its own.
pub(crate) const STRIPES: usize = 8;
pub(crate) const STRIPE_WORDS: usize = 16;
/// What the Hub's workers tell of themselves: a line for each.
pub(crate) const WORKERS_AT: usize = PAGE;
pub(crate) const WORKER_WORDS: usize = 8;
/// Places within the line of one worker.
pub(crate) mod worker {
    pub(crate) const TOLD_AT: usize = 0; // boot time, ns
    pub(crate) const POOL: usize = 1; // 3 words: connections to the database
    pub(crate) const ANSWERED: usize = 4;
    pub(crate) const CLASSES: usize = 4; // 2xx to 5xx
}
pub(crate) const BUDGET_AT: usize = WORKERS_AT + MAX_WORKERS * WORKER_WORDS;
const DIRTY_AT: usize = BUDGET_AT + BUDGET_BUCKETS;

const _: () = {
    assert!(head::PEPPERS + MAX_PEPPERS * PEPPER_WORDS <= head::SHADOW && head::SHADOW + SLOT_WORDS <= head::TOTALS);
    assert!(head::TOTALS + COUNTERS <= head::FIGURES && head::FIGURES + MAX_FIGURES * FIGURE_WORDS <= PAGE);
    assert!(Outcome::ALL.len() <= STRIPE_WORDS && tally::REFUSALS + STRIPES * STRIPE_WORDS <= tally::TIMES);
    assert!(tally::TIMES + BOUNDS < tally::TIMES_SUM && tally::TIMES_SUM < PAGE && BUDGET_AT.is_multiple_of(PAGE));
    assert!(NAME_WORDS < FIGURE_WORDS && worker::ANSWERED + worker::CLASSES <= WORKER_WORDS);
};

/// Rounds up to whole pages.
pub(crate) const fn pages(words: usize) -> usize {
    words.div_ceil(PAGE) * PAGE
}

/// Binary logarithm of the entries that a new index for so many secrets has: they take 7/16 of it at most. From there
/// to a half, where the next one is due, is enough room for building it to be rare.
pub(crate) const fn index_log2(secrets: usize) -> u32 {
    least_log2((secrets * 16).div_ceil(7))
}

/// The same where all that is to come is known: they take a half of it at most, so that memory is what growing key by
/// key would have come to.
pub(crate) const fn reserved_log2(secrets: usize) -> u32 {
    least_log2(secrets * 2)
}

const fn least_log2(entries: usize) -> u32 {
    let log2 = entries.next_power_of_two().ilog2();
    if log2 < LEAST_INDEX_LOG2 { LEAST_INDEX_LOG2 } else { log2 }
}

/// The most secrets at a time: two for each key, and two more while one changes.
const fn index_most(capacity: u32) -> usize {
    2 * capacity as usize + 2
}

/// The places that depend on the capacity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) capacity: u32,
    pub(crate) areas: Areas,
    pub(crate) slots_at: usize,
    /// Length of the facts area; the counts area begins there.
    pub(crate) facts_len: usize,
    pub(crate) dirty_at: usize,
    pub(crate) hot_at: usize,
    pub(crate) cold_at: usize,
    pub(crate) counts_len: usize,
}

impl Layout {
    /// The layout for `capacity` keys.
    pub(crate) fn new(capacity: u32) -> Self {
        let slots = capacity as usize;
        let areas = Areas { at: INDEX_AT, len: 1 << index_log2(index_most(capacity)) };
        let slots_at = pages(areas.end());
        let hot_at = pages(DIRTY_AT + slots.div_ceil(64));
        let cold_at = pages(hot_at + slots * HOT_WORDS);
        Self {
            capacity,
            areas,
            slots_at,
            facts_len: pages(slots_at + slots * SLOT_WORDS),
            dirty_at: DIRTY_AT,
            hot_at,
            cold_at,
            counts_len: pages(cold_at + slots * COLD_WORDS),
        }
    }

    /// The first word of a slot's facts.
    #[inline]
    pub(crate) fn slot_at(&self, slot: u32) -> usize {
        self.slots_at + slot as usize * SLOT_WORDS
    }

    /// The first word of a slot's bucket and everyday counters, in the counts area.
    #[inline]
    pub(crate) fn hot_of(&self, slot: u32) -> usize {
        self.hot_at + slot as usize * HOT_WORDS
    }

    /// The first word of a slot's rare counters, in the counts area.
    #[inline]
    pub(crate) fn cold_of(&self, slot: u32) -> usize {
        self.cold_at + slot as usize * COLD_WORDS
    }

    pub(crate) fn file_len(&self) -> u64 {
        ((self.facts_len + self.counts_len) * WORD) as u64
    }

    /// Parts of the file that need memory before the first key: `(first word, words)` from the file's start.
    /// Tenants, index and slots get theirs as they come.
    pub(crate) fn fixed_parts(&self) -> [(usize, usize); 2] {
        [(0, TENANTS_AT), (self.facts_len, DIRTY_AT)]
    }

    /// Parts of the file that the chunk with `slot` in it needs.
    pub(crate) fn chunk_parts(&self, slot: usize) -> [(usize, usize); 4] {
        let first = slot / CHUNK_SLOTS * CHUNK_SLOTS;
        let count = CHUNK_SLOTS.min(self.capacity as usize - first);
        [
            (self.slots_at + first * SLOT_WORDS, count * SLOT_WORDS),
            (self.facts_len + self.dirty_at + first / 64, count.div_ceil(64)),
            (self.facts_len + self.hot_at + first * HOT_WORDS, count * HOT_WORDS),
            (self.facts_len + self.cold_at + first * COLD_WORDS, count * COLD_WORDS),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a million keys take, whether the index grew with them or was made for them at once.
    #[test]
    fn a_key_takes_256_bytes_at_most() {
        const KEYS: usize = 1_000_000;
        // The size that the last doubling before a million came to.
        let grown = index_log2((1 << 19) + 1);
        assert!(KEYS <= 1 << (grown - 1), "it would have grown once more");
        assert_eq!(reserved_log2(KEYS), grown);
        let words = KEYS * (SLOT_WORDS + HOT_WORDS + COLD_WORDS) + KEYS.div_ceil(64) + (1 << grown);
        assert!(words * WORD <= 256 * KEYS, "{} bytes a key", words * WORD / KEYS);
    }

    #[test]
    fn what_is_reserved_fills_at_most_a_half() {
        for secrets in [1, 256, 257, 7_168, 8_192, 8_193, 1 << 20, (1 << 20) + 1] {
            let entries = 1 << reserved_log2(secrets);
            assert!(secrets <= entries / 2, "{secrets} in {entries}");
            assert!(entries == PAGE || secrets > entries / 4, "{secrets} in {entries}: half would do");
        }
    }
}
