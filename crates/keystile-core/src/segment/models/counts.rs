//! No addition is lost: it is in what the flusher drains, or its slot is still marked. No use of a scope is either.

use super::super::counts::Counts;
use super::super::layout::{COLD_WORDS, HOT_WORDS, Layout};
use crate::scope::{Scope, ScopeSet};
use crate::sync::AtomicU64;
use crate::usage::{Counter, Presented, Usage};
use loom::thread;
use std::sync::Arc;

const SLOTS: usize = 2;
const HOT_AT: usize = 1;
const COLD_AT: usize = HOT_AT + SLOTS * HOT_WORDS;

#[derive(Clone)]
struct Area(Arc<(Vec<AtomicU64>, Layout)>);

impl Area {
    /// One word of marks and two slots, of which the first was used and is marked.
    fn new() -> Self {
        let words = (0..COLD_AT + SLOTS * COLD_WORDS).map(|_| AtomicU64::new(0)).collect();
        let layout = Layout { dirty_at: 0, hot_at: HOT_AT, cold_at: COLD_AT, ..Layout::new(64) };
        let area = Self(Arc::new((words, layout)));
        area.counts().count(0, Presented::Current, Counter::Allowed, None, 1);
        area
    }

    fn counts(&self) -> Counts<'_> {
        Counts::new(&self.0.0, &self.0.1)
    }

    /// What the flusher does: clear the marks, then read the slots that had one.
    fn drain(&self, into: &mut [Usage; SLOTS]) {
        for slot in self.counts().unmark(SLOTS as u32) {
            into[slot as usize] = self.counts().usage(slot);
        }
    }

    /// The same for scopes: those that were read are stored, and then taken out.
    fn store_scopes(&self, stored: &mut ScopeSet) {
        for slot in self.counts().unmark(SLOTS as u32) {
            let read = self.counts().usage(slot).scopes;
            *stored = ScopeSet(stored.0 | read.0);
            self.counts().settle(slot, read);
        }
    }
}

fn check_against_flusher(checks: &'static [&'static [u32]], expected: [u64; SLOTS]) {
    let area = Area::new();
    let checks: Vec<_> = checks
        .iter()
        .map(|slots| {
            let area = area.clone();
            thread::spawn(move || {
                slots.iter().for_each(|slot| area.counts().count(*slot, Presented::Current, Counter::Allowed, None, 2))
            })
        })
        .collect();
    let mut drained = [Usage::default(); SLOTS];
    area.drain(&mut drained);
    checks.into_iter().for_each(|check| check.join().unwrap());
    area.drain(&mut drained);
    for (slot, usage) in drained.into_iter().enumerate() {
        assert_eq!(usage, area.counts().usage(slot as u32), "slot {slot} was not marked");
        assert_eq!(usage.allowed, expected[slot], "slot {slot} lost a count");
    }
}

/// One thread counts while the flusher drains.
pub(super) fn flush() {
    check_against_flusher(&[&[0]], [2, 0]);
}

/// Two threads count on one key.
pub(super) fn one_key() {
    check_against_flusher(&[&[0], &[0]], [3, 0]);
}

/// Two threads count on two keys whose marks share a word.
pub(super) fn one_word() {
    check_against_flusher(&[&[0], &[1]], [2, 1]);
}

fn use_scopes(before: &[Scope], at_once: &[Scope], flushes_meanwhile: bool) {
    let area = Area::new();
    before.iter().for_each(|scope| area.counts().count(0, Presented::Current, Counter::Allowed, Some(*scope), 1));
    let start = |scope: &Scope| {
        let (area, scope) = (area.clone(), *scope);
        thread::spawn(move || area.counts().count(0, Presented::Current, Counter::Allowed, Some(scope), 2))
    };
    let checks: Vec<_> = at_once.iter().map(start).collect();
    let mut stored = ScopeSet::default();
    if flushes_meanwhile {
        area.store_scopes(&mut stored);
    }
    checks.into_iter().for_each(|check| check.join().unwrap());
    area.store_scopes(&mut stored);
    let used = before.iter().chain(at_once).fold(ScopeSet::default(), |set, scope| set.with(*scope));
    assert_eq!(stored, used, "a use was lost");
    assert_eq!(area.counts().usage(0).scopes, ScopeSet::default(), "what is stored was not taken out");
}

/// A scope is used while the flusher stores the use of another one, and takes that out.
pub(super) fn scopes() {
    use_scopes(&[Scope(0)], &[Scope(63)], true);
}

/// Two threads use two scopes of one key.
pub(super) fn two_scopes() {
    use_scopes(&[], &[Scope(0), Scope(63)], false);
}
