//! The header: what a segment is, until when it is fresh, and the peppers.

use super::layout::{MAX_PEPPERS, head};
use crate::digest::{PEPPER_WORDS, Pepper};
use crate::quota::Quota;
use crate::secret::{MAX_PREFIX_LEN, Prefix};
use crate::sync::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Typed access to the header's words.
#[derive(Clone, Copy)]
pub(crate) struct Header<'a>(pub(crate) &'a [AtomicU64]);

impl Header<'_> {
    #[inline]
    pub(crate) fn get(self, place: usize) -> u64 {
        self.0[place].load(Acquire)
    }

    pub(crate) fn set(self, place: usize, value: u64) {
        self.0[place].store(value, Release);
    }

    pub(crate) fn get_wide(self, place: usize) -> u128 {
        u128::from(self.get(place)) << 64 | u128::from(self.get(place + 1))
    }

    pub(crate) fn set_wide(self, place: usize, value: u128) {
        self.set(place, (value >> 64) as u64);
        self.set(place + 1, value as u64);
    }

    #[inline]
    pub(crate) fn wall_offset_ns(self) -> i64 {
        self.get(head::WALL_OFFSET) as i64
    }

    pub(crate) fn failure_quota(self) -> Quota {
        Quota::from_word(self.get(head::FAILURE_QUOTA))
    }

    pub(crate) fn failure_key(self) -> (u64, u64) {
        (self.get(head::FAILURE_KEY), self.get(head::FAILURE_KEY + 1))
    }

    pub(crate) fn prefix(self) -> Option<Prefix> {
        let mut bytes = [0u8; MAX_PREFIX_LEN];
        bytes[..8].copy_from_slice(&self.get(head::PREFIX).to_be_bytes());
        bytes[8..].copy_from_slice(&self.get(head::PREFIX + 1).to_be_bytes());
        let len = bytes.iter().position(|b| *b == 0).unwrap_or(MAX_PREFIX_LEN);
        Prefix::new(std::str::from_utf8(&bytes[..len]).ok()?)
    }

    pub(crate) fn set_prefix(self, prefix: &Prefix) {
        let mut bytes = [0u8; MAX_PREFIX_LEN];
        bytes[..prefix.as_bytes().len()].copy_from_slice(prefix.as_bytes());
        self.set_wide(head::PREFIX, u128::from_be_bytes(bytes));
    }

    #[inline]
    pub(crate) fn peppers(self) -> usize {
        (self.get(head::PEPPERS_USED) as usize).min(MAX_PEPPERS)
    }

    /// The pepper at `place`. Published peppers never change, so plain loads suffice.
    #[inline]
    pub(crate) fn pepper(self, place: usize) -> Pepper {
        let at = head::PEPPERS + place * PEPPER_WORDS;
        Pepper::from_words(&std::array::from_fn(|i| self.0[at + i].load(Relaxed)))
    }

    /// Adds a pepper unless it is there; false when there is no room for it.
    pub(crate) fn add_pepper(self, pepper: &Pepper) -> bool {
        let (used, words) = (self.peppers(), pepper.to_words());
        if (0..used).any(|place| self.pepper(place).to_words() == words) {
            return true;
        }
        if used == MAX_PEPPERS {
            return false;
        }
        for (i, word) in words.into_iter().enumerate() {
            self.0[head::PEPPERS + used * PEPPER_WORDS + i].store(word, Relaxed);
        }
        self.set(head::PEPPERS_USED, used as u64 + 1);
        true
    }
}
