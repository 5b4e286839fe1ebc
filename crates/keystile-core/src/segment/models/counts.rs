//! No addition is lost: it is in what the flusher drains, or its slot is still marked.

use super::super::counts::Counts;
use super::super::layout::{COLD_WORDS, HOT_WORDS, Layout};
use crate::sync::AtomicU64;
use crate::usage::{Counter, Usage};
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
        area.counts().count(0, Counter::Allowed, 1);
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
}

fn check_against_flusher(checks: &'static [&'static [u32]], expected: [u64; SLOTS]) {
    let area = Area::new();
    let checks: Vec<_> = checks
        .iter()
        .map(|slots| {
            let area = area.clone();
            thread::spawn(move || slots.iter().for_each(|slot| area.counts().count(*slot, Counter::Allowed, 2)))
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
