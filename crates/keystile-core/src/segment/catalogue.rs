//! The catalogue: scope names, tiers, tenant ids and figures, each known to the rest of the segment by its place.
//!
//! All of them only grow while a segment lives: a place never gets another name, so a reader that holds one cannot
//! be misled. A name is written first and published by the count.

use super::header::Header;
use super::layout::{
    FIGURE_WORDS, MAX_FIGURES, MAX_TENANTS, MAX_TIERS, NAME_WORDS, SCOPES_AT, TENANT_WORDS, TENANTS_AT, TIER_WORDS,
    TIERS_AT, WORD, head,
};
use crate::quota::Quota;
use crate::scope::{MAX_SCOPES, Scope};
use crate::sync::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// One of the tables of names.
#[derive(Clone, Copy)]
pub(crate) struct Names {
    at: usize,
    stride: usize,
    words: usize,
    pub(crate) used: usize,
    pub(crate) max: usize,
}

pub(crate) const SCOPES: Names =
    Names { at: SCOPES_AT, stride: NAME_WORDS, words: NAME_WORDS, used: head::SCOPES_USED, max: MAX_SCOPES };
pub(crate) const TIERS: Names =
    Names { at: TIERS_AT, stride: TIER_WORDS, words: NAME_WORDS, used: head::TIERS_USED, max: MAX_TIERS };
pub(crate) const TENANTS: Names =
    Names { at: TENANTS_AT, stride: TENANT_WORDS, words: TENANT_WORDS, used: head::TENANTS_USED, max: MAX_TENANTS };
pub(crate) const FIGURES: Names =
    Names { at: head::FIGURES, stride: FIGURE_WORDS, words: NAME_WORDS, used: head::FIGURES_USED, max: MAX_FIGURES };

impl Names {
    /// How many there are.
    pub(crate) fn len(self, facts: &[AtomicU64]) -> usize {
        (facts[self.used].load(Acquire) as usize).min(self.max)
    }

    /// The name at `place`; empty when there is none.
    pub(crate) fn get(self, facts: &[AtomicU64], place: usize) -> String {
        let mut bytes = Vec::with_capacity(self.words * WORD);
        self.append(facts, place, &mut bytes);
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// Appends the name at `place` to `text`; nothing when there is none.
    pub(crate) fn append(self, facts: &[AtomicU64], place: usize, text: &mut Vec<u8>) {
        if place >= self.len(facts) {
            return;
        }
        let at = self.at + place * self.stride;
        for word in &facts[at..at + self.words] {
            let bytes = word.load(Relaxed).to_be_bytes();
            match bytes.iter().position(|byte| *byte == 0) {
                None => text.extend_from_slice(&bytes),
                Some(end) => return text.extend_from_slice(&bytes[..end]),
            }
        }
    }

    /// The place of `name`.
    pub(crate) fn find(self, facts: &[AtomicU64], name: &str) -> Option<usize> {
        (0..self.len(facts)).find(|place| self.get(facts, *place) == name)
    }

    /// The place that the next name gets, in bytes from the file's start; for the writer to give it memory.
    pub(crate) fn next_byte(self, facts: &[AtomicU64]) -> u64 {
        ((self.at + self.len(facts) * self.stride) * WORD) as u64
    }

    /// Adds `name`, which the caller has checked for length and room, and returns its place.
    pub(crate) fn add(self, facts: &[AtomicU64], name: &str, and_then: impl FnOnce(usize)) -> usize {
        let place = self.len(facts);
        let mut bytes = name.as_bytes().to_vec();
        bytes.resize(self.words * WORD, 0);
        for (i, chunk) in bytes.chunks_exact(WORD).enumerate() {
            let word = u64::from_be_bytes(std::array::from_fn(|k| chunk[k]));
            facts[self.at + place * self.stride + i].store(word, Relaxed);
        }
        and_then(place);
        facts[self.used].store(place as u64 + 1, Release);
        place
    }
}

/// The quota of the tier at `place`. Whoever sees a new one sees what was done to its buckets before.
#[inline]
pub(crate) fn quota(facts: &[AtomicU64], place: u8) -> Quota {
    let place = usize::from(place) % MAX_TIERS;
    Quota::from_word(facts[TIERS_AT + place * TIER_WORDS + NAME_WORDS].load(Acquire))
}

/// Changes the quota of the tier at `place`, by one store.
pub(crate) fn set_quota(facts: &[AtomicU64], place: usize, quota: Quota) {
    facts[TIERS_AT + place * TIER_WORDS + NAME_WORDS].store(quota.to_word(), Release);
}

/// Where the value of the figure at `place` lies.
pub(crate) const fn figure_at(place: usize) -> usize {
    head::FIGURES + place * FIGURE_WORDS + NAME_WORDS
}

/// All figures: name and value.
pub(crate) fn figures(facts: &[AtomicU64]) -> Vec<(String, u64)> {
    let figure = |place| (FIGURES.get(facts, place), Header(facts).get(figure_at(place)));
    (0..FIGURES.len(facts)).map(figure).collect()
}

/// The scope called `name`.
pub(crate) fn scope(facts: &[AtomicU64], name: &str) -> Option<Scope> {
    SCOPES.find(facts, name).map(|place| Scope(place as u8))
}
