//! The model checker's atomics, in which one access at a time can be weakened and a thread's writes can end.
//!
//! An access is known by the place in the source that makes it, so the code under test needs no marks: what it
//! relies on is listed while a model runs, and each item of the list can then be taken away.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::Ordering;

/// What an access gives beyond moving one word, and how that is taken away.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// An ordering stronger than relaxed: made relaxed.
    Ordering,
    /// A fence: left out.
    Fence,
    /// That nobody comes between its read and its write: made a load and a store.
    Atomicity,
}

/// One way to make one access weaker than it is written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Weakening {
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) kind: Kind,
}

impl fmt::Display for Weakening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{} {:?}", self.file, self.line, self.column, self.kind)
    }
}

thread_local! {
    // All threads of a model are coroutines of one thread of the test.
    static WEAKENED: Cell<Option<Weakening>> = const { Cell::new(None) };
    static OBSERVED: RefCell<BTreeSet<Weakening>> = const { RefCell::new(BTreeSet::new()) };
}

loom::thread_local! {
    static WRITES_LEFT: Cell<usize> = Cell::new(usize::MAX);
}

/// From now on the models of this thread run with `weakening`.
pub(crate) fn weaken(weakening: Option<Weakening>) {
    WEAKENED.set(weakening);
    OBSERVED.take();
}

/// The weakenings that were possible since [`weaken`] was called.
pub(crate) fn observed() -> BTreeSet<Weakening> {
    OBSERVED.take()
}

/// The calling thread of the model makes this many more writes; all later ones are lost, as if it had been killed.
pub(crate) fn dies_after(writes: usize) {
    WRITES_LEFT.with(|left| left.set(writes));
}

fn lives() -> bool {
    WRITES_LEFT.with(|left| {
        let before = left.get();
        left.set(before.saturating_sub(usize::from(before != usize::MAX)));
        before > 0
    })
}

#[track_caller]
fn is_weakened(kind: Kind) -> bool {
    let place = Location::caller();
    let here = Weakening { file: place.file(), line: place.line(), column: place.column(), kind };
    OBSERVED.with_borrow_mut(|observed| observed.insert(here));
    WEAKENED.get() == Some(here)
}

#[track_caller]
fn ordering(written: Ordering) -> Ordering {
    if written != Ordering::Relaxed && is_weakened(Kind::Ordering) { Ordering::Relaxed } else { written }
}

#[track_caller]
pub(crate) fn fence(ordering: Ordering) {
    if !is_weakened(Kind::Fence) {
        loom::sync::atomic::fence(ordering);
    }
}

/// As much of the standard library's type as the crate uses.
pub struct AtomicU64 {
    word: loom::sync::atomic::AtomicU64,
    /// Stored to before each access and never read. The checker looks for an order to reverse only at the last access
    /// to a word, and a writer's own load hides the one by which a reader came before it. Among stores nothing hides.
    turn: loom::sync::atomic::AtomicU64,
}

impl AtomicU64 {
    pub(crate) fn new(value: u64) -> Self {
        let new = loom::sync::atomic::AtomicU64::new;
        Self { word: new(value), turn: new(0) }
    }

    fn word(&self) -> &loom::sync::atomic::AtomicU64 {
        self.turn.store(0, Ordering::Relaxed);
        &self.word
    }

    #[track_caller]
    pub(crate) fn load(&self, order: Ordering) -> u64 {
        self.word().load(ordering(order))
    }

    #[track_caller]
    pub(crate) fn store(&self, value: u64, order: Ordering) {
        let order = ordering(order);
        if lives() {
            self.word().store(value, order);
        }
    }

    #[track_caller]
    pub(crate) fn swap(&self, value: u64, order: Ordering) -> u64 {
        let order = ordering(order);
        if is_weakened(Kind::Atomicity) { self.torn(order, |_| value) } else { self.word().swap(value, order) }
    }

    #[track_caller]
    pub(crate) fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        let order = ordering(order);
        if is_weakened(Kind::Atomicity) {
            self.torn(order, |old| old + value)
        } else {
            self.word().fetch_add(value, order)
        }
    }

    #[track_caller]
    pub(crate) fn fetch_or(&self, value: u64, order: Ordering) -> u64 {
        let order = ordering(order);
        if is_weakened(Kind::Atomicity) {
            self.torn(order, |old| old | value)
        } else {
            self.word().fetch_or(value, order)
        }
    }

    #[track_caller]
    pub(crate) fn fetch_and(&self, value: u64, order: Ordering) -> u64 {
        let order = ordering(order);
        if is_weakened(Kind::Atomicity) {
            self.torn(order, |old| old & value)
        } else {
            self.word().fetch_and(value, order)
        }
    }

    #[track_caller]
    pub(crate) fn compare_exchange_weak(
        &self,
        seen: u64,
        next: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        let success = ordering(success);
        if is_weakened(Kind::Atomicity) {
            let found = self.word().load(failure);
            return if found == seen { Ok(self.torn(success, |_| next)) } else { Err(found) };
        }
        self.word().compare_exchange_weak(seen, next, success, failure)
    }

    #[track_caller]
    pub(crate) fn fetch_update(
        &self,
        success: Ordering,
        failure: Ordering,
        mut change: impl FnMut(u64) -> Option<u64>,
    ) -> Result<u64, u64> {
        let success = ordering(success);
        if is_weakened(Kind::Atomicity) {
            let found = self.word().load(failure);
            let next = change(found).ok_or(found)?;
            return Ok(self.torn(success, |_| next));
        }
        self.word().fetch_update(success, failure, change)
    }

    /// What a read-modify-write is when it is not atomic.
    fn torn(&self, order: Ordering, change: impl FnOnce(u64) -> u64) -> u64 {
        let found = self.word().load(Ordering::Relaxed);
        self.word().store(change(found), order);
        found
    }
}
