//! Slots: the facts of each key, read under a generation (a sequence lock with one writer).
//!
//! The writer makes the generation odd, changes the words, and makes it even again; a reader that saw the same even
//! generation before and after has read one state (H.-J. Boehm, "Can seqlocks get along with programming language
//! memory models?", 2012). The state word is one atomic of its own: a revocation is one store to it.

use super::layout::{SLOT_WORDS, fact};
use crate::digest::Digest;
use crate::key_id::KeyId;
use crate::record::State;
use crate::scope::ScopeSet;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::fence;

/// How often a reader looks again at a slot that is being written. A write takes some ten nanoseconds; one that
/// never ends was cut off with its process, and the next agent mends it.
const PATIENCE: u32 = 100_000;

/// The facts of one slot.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'a>(&'a [AtomicU64]);

/// The facts as plain values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) id: KeyId,
    pub(crate) state: State,
    pub(crate) scopes: ScopeSet,
    pub(crate) expires_at_ns: u64,
    pub(crate) digest: Digest,
    pub(crate) previous: Option<(Digest, u64)>,
}

/// What a reader found under a digest.
pub(crate) enum Found {
    /// The slot does not hold the digest.
    Other,
    /// It does: the key's standing, scopes, and when this very secret expires (wall time, ns).
    Key(State, ScopeSet, u64),
    /// The slot stayed unreadable: its writer died over it.
    Torn,
}

impl<'a> Slot<'a> {
    #[inline]
    pub(crate) fn new(slots: &'a [AtomicU64], slot: u32) -> Self {
        let at = slot as usize * SLOT_WORDS;
        Self(&slots[at..at + SLOT_WORDS])
    }

    #[inline]
    fn word(self, place: usize) -> u64 {
        self.0[place].load(Relaxed)
    }

    fn digest_at(self, place: usize) -> Digest {
        Digest(std::array::from_fn(|i| self.word(place + i)))
    }

    /// Reads `what` as one state; `None` if the slot stays torn.
    #[inline]
    fn consistent<T>(self, what: impl Fn() -> T) -> Option<T> {
        for _ in 0..PATIENCE {
            let before = self.0[fact::GENERATION].load(Acquire);
            if before & 1 == 0 {
                let value = what();
                fence(Acquire);
                if self.word(fact::GENERATION) == before {
                    return Some(value);
                }
            }
            std::hint::spin_loop();
        }
        None
    }

    /// Looks for `digest` among the slot's secrets. Both digests are compared in full and in constant time.
    #[inline]
    pub(crate) fn find(self, digest: &Digest) -> Found {
        let found = self.consistent(|| {
            let expires_at = self.word(fact::EXPIRES_AT);
            let until = if self.digest_at(fact::DIGEST).matches(digest) {
                expires_at
            } else if self.digest_at(fact::PREVIOUS).matches(digest) {
                expires_at.min(self.word(fact::PREVIOUS_EXPIRES_AT))
            } else {
                return Found::Other;
            };
            Found::Key(State(self.word(fact::STATE)), ScopeSet(self.word(fact::SCOPES)), until)
        });
        found.unwrap_or(Found::Torn)
    }

    pub(crate) fn state(self) -> State {
        State(self.0[fact::STATE].load(Acquire))
    }

    pub(crate) fn scopes(self) -> ScopeSet {
        ScopeSet(self.0[fact::SCOPES].load(Acquire))
    }

    /// The key's id. It never changes once the slot is published.
    pub(crate) fn id(self) -> KeyId {
        KeyId(u128::from(self.word(fact::KEY_ID)) << 64 | u128::from(self.word(fact::KEY_ID + 1)))
    }

    /// All facts, for the one writer: nobody else changes them.
    pub(crate) fn facts(self) -> Facts {
        let previous_expires = self.word(fact::PREVIOUS_EXPIRES_AT);
        Facts {
            id: self.id(),
            state: self.state(),
            scopes: self.scopes(),
            expires_at_ns: self.word(fact::EXPIRES_AT),
            digest: self.digest_at(fact::DIGEST),
            previous: (previous_expires != 0).then(|| (self.digest_at(fact::PREVIOUS), previous_expires)),
        }
    }

    /// Replaces all facts. One writer only. Also mends a slot that a dead writer left odd.
    pub(crate) fn write(self, facts: &Facts) {
        let odd = self.word(fact::GENERATION) | 1;
        self.0[fact::GENERATION].store(odd, Relaxed);
        // No store below may become visible before the odd generation.
        fence(Release);
        let put = |place: usize, value: u64| self.0[place].store(value, Relaxed);
        put(fact::STATE, facts.state.0);
        put(fact::SCOPES, facts.scopes.0);
        put(fact::EXPIRES_AT, facts.expires_at_ns);
        put(fact::KEY_ID, (facts.id.0 >> 64) as u64);
        put(fact::KEY_ID + 1, facts.id.0 as u64);
        let (previous, previous_expires) = facts.previous.unwrap_or((Digest([0; 4]), 0));
        for i in 0..4 {
            put(fact::DIGEST + i, facts.digest.0[i]);
            put(fact::PREVIOUS + i, previous.0[i]);
        }
        put(fact::PREVIOUS_EXPIRES_AT, previous_expires);
        self.0[fact::GENERATION].store(odd + 1, Release);
    }

    /// Replaces the standing alone, by one store.
    pub(crate) fn set_state(self, state: State) {
        self.0[fact::STATE].store(state.0, Release);
    }
}
