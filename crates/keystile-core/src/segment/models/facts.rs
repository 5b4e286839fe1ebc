//! The facts area of a model: header, shadow, two slots, two areas for a small index, and the catalogue where one needs it.

use super::super::editions::{Areas, Editions};
use super::super::index::Index;
use super::super::layout::{SLOT_WORDS, head};
use super::super::slots::{Facts, Slot};
use crate::digest::Digest;
use crate::key_id::KeyId;
use crate::record::State;
use crate::scope::ScopeSet;
use crate::sync::AtomicU64;
use std::sync::Arc;

const SLOTS_AT: usize = head::SHADOW + SLOT_WORDS;
const INDEX_AT: usize = SLOTS_AT + 2 * SLOT_WORDS;
const INDEX_LEN: usize = 4;
const AREAS: Areas = Areas { at: INDEX_AT, len: INDEX_LEN };

/// The words, shared by the threads of a model.
#[derive(Clone)]
pub(super) struct Area(Arc<Vec<AtomicU64>>);

impl Area {
    pub(super) fn new() -> Self {
        Self::of(AREAS.end())
    }

    pub(super) fn of(words: usize) -> Self {
        Self(Arc::new((0..words).map(|_| AtomicU64::new(0)).collect()))
    }

    pub(super) fn words(&self) -> &[AtomicU64] {
        &self.0
    }

    pub(super) fn slot(&self, slot: u32) -> Slot<'_> {
        Slot::new(&self.0, SLOTS_AT + slot as usize * SLOT_WORDS)
    }

    pub(super) fn index(&self) -> Index<'_> {
        Index(&self.0[INDEX_AT..INDEX_AT + INDEX_LEN])
    }

    pub(super) fn editions(&self) -> Editions<'_> {
        Editions::new(&self.0, AREAS)
    }

    /// The state of the key that `digest` leads to.
    pub(super) fn find(&self, digest: &Digest) -> Option<u64> {
        self.index().candidates(digest).map(|slot| seen(self.slot(slot))).next()
    }
}

/// A digest whose probe begins in `place`.
pub(super) fn digest(place: u64, n: u64) -> Digest {
    Digest([(n << 8 | place) << 28, n, n, n])
}

/// The n-th state of a key: each word that [`seen`] looks at says `n`.
pub(super) fn key(n: u64) -> Facts {
    Facts {
        id: KeyId(7),
        state: State(n),
        scopes: ScopeSet(n),
        expires_at_ns: n,
        digest: digest(0, n),
        previous: Some((digest(0, n), n)),
    }
}

/// Which state of its key a reader sees; fails the model when it is a mixture.
pub(super) fn seen(slot: Slot<'_>) -> u64 {
    let (first, second) = slot.pair().expect("a reader lost its patience");
    assert_eq!(first, second, "a mixture of states");
    first
}
