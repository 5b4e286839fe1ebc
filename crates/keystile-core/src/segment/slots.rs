//! Slots: the facts of each key, read under a generation, a sequence lock with one writer that blocks nobody.
//!
//! The writer copies a slot's facts to the *shadow*, makes the slot's generation odd, changes the words, and makes it
//! even again. A reader that finds an even generation reads the slot, one that finds an odd one reads the shadow; if
//! the generation is still the same afterwards, what it read was one state. So a writer that is put to sleep, or
//! killed, in the middle of a change leaves readers with the facts as they were, and never waiting. There is one
//! shadow because there is one writer.
//!
//! On fences: H.-J. Boehm, "Can seqlocks get along with programming language memory models?", 2012. The state word is
//! one atomic of its own: a revocation is one store to it.

use super::layout::{SLOT_WORDS, fact, head};
use crate::digest::Digest;
use crate::key_id::KeyId;
use crate::record::State;
use crate::scope::ScopeSet;
use crate::sync::{AtomicU64, fence};
use crate::usage::Presented;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// How often a reader looks again. Each time means that the writer has finished a change of this very slot within
/// the few nanoseconds of a read.
const PATIENCE: u32 = 10_000;

/// The words of one slot, and of the shadow.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'a> {
    words: &'a [AtomicU64],
    shadow: &'a [AtomicU64],
}

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

impl Facts {
    /// The key's secrets: the current one, and the one before if it is kept.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = Digest> + use<> {
        std::iter::once(self.digest).chain(self.previous.map(|(digest, _)| digest))
    }
}

/// What a reader found under a digest.
pub(crate) enum Found {
    /// The slot does not hold the digest.
    Other,
    /// It does: the key's standing, scopes, when this very secret expires (wall time, ns), and which of the two it is.
    Key(State, ScopeSet, u64, Presented),
    /// The slot changed faster than it could be read.
    Torn,
}

/// The facts of a slot or of the shadow, word by word; only [`Slot::consistent`] can tell whether they fit together.
#[derive(Clone, Copy)]
struct View<'a>(&'a [AtomicU64]);

impl View<'_> {
    #[inline]
    fn word(self, place: usize) -> u64 {
        self.0[place].load(Relaxed)
    }

    #[inline]
    fn digest_at(self, place: usize) -> Digest {
        Digest(std::array::from_fn(|i| self.word(place + i)))
    }

    fn facts(self) -> Facts {
        let previous_expires = self.word(fact::PREVIOUS_EXPIRES_AT);
        Facts {
            id: KeyId(u128::from(self.word(fact::KEY_ID)) << 64 | u128::from(self.word(fact::KEY_ID + 1))),
            state: State(self.word(fact::STATE)),
            scopes: ScopeSet(self.word(fact::SCOPES)),
            expires_at_ns: self.word(fact::EXPIRES_AT),
            digest: self.digest_at(fact::DIGEST),
            previous: (previous_expires != 0).then(|| (self.digest_at(fact::PREVIOUS), previous_expires)),
        }
    }
}

impl<'a> Slot<'a> {
    /// The slot at `at` among all `facts` of the segment.
    #[inline]
    pub(crate) fn new(facts: &'a [AtomicU64], at: usize) -> Self {
        Self { words: &facts[at..at + SLOT_WORDS], shadow: &facts[head::SHADOW..head::SHADOW + SLOT_WORDS] }
    }

    /// Reads `what` as one state; `None` if the slot changes too fast.
    #[inline]
    fn consistent<T>(self, what: impl Fn(View<'a>) -> T) -> Option<T> {
        for _ in 0..PATIENCE {
            let before = self.words[fact::GENERATION].load(Acquire);
            let value = what(View(if before & 1 == 0 { self.words } else { self.shadow }));
            fence(Acquire);
            if self.words[fact::GENERATION].load(Relaxed) == before {
                return Some(value);
            }
            std::hint::spin_loop();
        }
        None
    }

    /// Two words of one state, for the models: as few as can be a mixture.
    #[cfg(all(loom, test))]
    pub(crate) fn pair(self) -> Option<(u64, u64)> {
        self.consistent(|view| (view.word(fact::SCOPES), view.word(fact::PREVIOUS_EXPIRES_AT)))
    }

    /// Looks for `digest` among the slot's secrets. Both digests are compared in full and in constant time.
    #[inline]
    pub(crate) fn find(self, digest: &Digest) -> Found {
        let found = self.consistent(|view| {
            let expires_at = view.word(fact::EXPIRES_AT);
            let (until, presented) = if view.digest_at(fact::DIGEST).matches(digest) {
                (expires_at, Presented::Current)
            } else if view.digest_at(fact::PREVIOUS).matches(digest) {
                (expires_at.min(view.word(fact::PREVIOUS_EXPIRES_AT)), Presented::Previous)
            } else {
                return Found::Other;
            };
            Found::Key(State(view.word(fact::STATE)), ScopeSet(view.word(fact::SCOPES)), until, presented)
        });
        found.unwrap_or(Found::Torn)
    }

    /// The standing alone, for the one writer.
    pub(crate) fn state(self) -> State {
        State(self.words[fact::STATE].load(Relaxed))
    }

    /// The scopes alone. The names of those that are seen are in the catalogue.
    pub(crate) fn scopes(self) -> ScopeSet {
        ScopeSet(self.words[fact::SCOPES].load(Acquire))
    }

    /// The key's id. It never changes once the slot is published.
    pub(crate) fn id(self) -> KeyId {
        View(self.words).facts().id
    }

    /// All facts, for the one writer: nobody else changes them.
    pub(crate) fn facts(self) -> Facts {
        View(if self.is_torn() { self.shadow } else { self.words }).facts()
    }

    /// Whether a writer was cut off in the middle of a change; to be asked by the next writer only.
    pub(crate) fn is_torn(self) -> bool {
        self.words[fact::GENERATION].load(Relaxed) & 1 == 1
    }

    /// Replaces all facts. One writer only. Mends a torn slot too: readers then use its shadow until the end.
    pub(crate) fn write(self, facts: &Facts) {
        let generation = self.words[fact::GENERATION].load(Relaxed);
        if generation & 1 == 0 {
            // A reader that meets the shadow's next contents must also see that the change before is over.
            fence(Release);
            for (shadow, word) in self.shadow.iter().zip(self.words).skip(1) {
                shadow.store(word.load(Relaxed), Relaxed);
            }
            // Whoever sees the odd generation sees the whole shadow ...
            self.words[fact::GENERATION].store(generation | 1, Release);
        }
        // ... and whoever sees a word of the change sees the odd generation.
        fence(Release);
        self.store(facts);
        self.words[fact::GENERATION].store((generation | 1).wrapping_add(1), Release);
    }

    fn store(self, facts: &Facts) {
        let put = |place: usize, value: u64| self.words[place].store(value, Relaxed);
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
    }

    /// Replaces the standing alone, by one store. The next lease announces it.
    pub(crate) fn set_state(self, state: State) {
        self.words[fact::STATE].store(state.0, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(n: u64) -> Facts {
        Facts {
            id: KeyId(7),
            state: State(n),
            scopes: ScopeSet(n),
            expires_at_ns: n,
            digest: Digest([n; 4]),
            previous: Some((Digest([n + 1; 4]), n)),
        }
    }

    /// The writer is stopped before each of its stores in turn, for good: a reader sees the old facts or the new.
    #[test]
    fn a_writer_that_dies_anywhere_leaves_one_state() {
        let words: Vec<_> = (0..512).map(|_| AtomicU64::new(0)).collect();
        let slot = Slot::new(&words, 256);
        slot.write(&facts(1));
        let before: Vec<u64> = words.iter().map(|word| word.load(Relaxed)).collect();
        slot.write(&facts(5));
        let after: Vec<u64> = words.iter().map(|word| word.load(Relaxed)).collect();
        // The stores in the order in which `write` makes them: shadow, odd generation, facts, even generation.
        let shadow = (head::SHADOW + 1..head::SHADOW + SLOT_WORDS).map(|at| (at, after[at]));
        let change = (257..256 + SLOT_WORDS).map(|at| (at, after[at]));
        let stores: Vec<_> = shadow.chain([(256, before[256] | 1)]).chain(change).chain([(256, after[256])]).collect();
        for died_before in 0..=stores.len() {
            for (word, value) in words.iter().zip(&before) {
                word.store(*value, Relaxed);
            }
            for (at, value) in &stores[..died_before] {
                words[*at].store(*value, Relaxed);
            }
            let (old, new) = (slot.find(&Digest([1; 4])), slot.find(&Digest([5; 4])));
            match (old, new) {
                (Found::Key(state, scopes, until, _), Found::Other) => {
                    assert_eq!((state.0, scopes.0, until), (1, 1, 1))
                }
                (Found::Other, Found::Key(state, scopes, until, _)) => {
                    assert_eq!((state.0, scopes.0, until), (5, 5, 5))
                }
                _ => panic!("neither state after {died_before} stores"),
            }
            // The next writer reads one state too, and can go on.
            assert!([1, 5].contains(&slot.facts().expires_at_ns));
            slot.write(&facts(9));
            assert!(matches!(slot.find(&Digest([9; 4])), Found::Key(..)));
        }
    }
}
