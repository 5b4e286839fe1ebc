//! Making a segment, and putting it in another one's place without giving anything away.

use super::catalogue::{FIGURES, SCOPES, TENANTS, TIERS};
use super::file::{Identity, Segment, io_error};
use super::header::Header;
use super::index::Index;
use super::index_keeper::renew_index;
use super::layout::{
    BUDGET_AT, CHUNK_SLOTS, COLD_WORDS, FIGURE_WORDS, HOT_WORDS, MAGIC, MAX_FIGURES, SCOPES_AT, TENANT_WORDS,
    TENANTS_AT, VERSION, WORD, head, index_log2,
};
use super::lock::suffixed;
use super::slots::Slot;
use super::writer::Options;
use super::{Result, SegmentError};
use crate::address::BUDGET_BUCKETS;
use crate::sync::AtomicU64;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

/// The segment at `path` if it serves this configuration; else a new one in its place.
///
/// Only for the holder of the lock. A segment of the same database hands over its keys, buckets and counters, so that
/// no limit begins anew and no count is lost. The one that is replaced answers `gate_stale` from then on.
///
/// # Errors
/// [`SegmentError::Unusable`] if the file there is not ours to replace.
pub(crate) fn adopt_or_make(path: &Path, options: &Options, identity: &Identity) -> Result<Segment> {
    let old = match Segment::open(path, identity, true) {
        Ok(segment) if segment.capacity() >= options.capacity && is_of(&segment, options) => return Ok(segment),
        Ok(segment) => Some(segment),
        Err(SegmentError::Absent(_) | SegmentError::Outdated { .. }) => None,
        Err(error) => return Err(error),
    };
    let beside = suffixed(path, "new");
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io_error(&beside)(error)),
        _ => (),
    }
    let new = Segment::create(&beside, options.capacity, &options.prefix)?;
    fill_header(&new, options, identity);
    if let Some(old) = &old {
        retire(old);
        if shares_pepper(old, options) {
            hand_over(old, &new)?;
        }
    }
    let handed_over = old.as_ref().filter(|old| shares_pepper(old, options));
    let entries = handed_over.map_or(Index(&[]), |old| old.editions().index());
    renew_index(&new, entries, index_log2(entries.entries().count()))?;
    finish_header(&new);
    drop(new);
    std::fs::rename(&beside, path).map_err(io_error(path))?;
    Segment::open(path, identity, true)
}

fn is_of(segment: &Segment, options: &Options) -> bool {
    segment.header().prefix() == Some(options.prefix) && shares_pepper(segment, options)
}

/// Whether a segment knows one of the configured peppers. One that does not belongs to another database.
fn shares_pepper(segment: &Segment, options: &Options) -> bool {
    let header = segment.header();
    let known: Vec<_> = (0..header.peppers()).map(|place| header.pepper(place).to_words()).collect();
    options.peppers.iter().any(|pepper| known.contains(&pepper.to_words()))
}

fn fill_header(segment: &Segment, options: &Options, identity: &Identity) {
    let header = Header(segment.writable_facts());
    let random = |at: usize| u64::from_ne_bytes(std::array::from_fn(|i| options.random[at + i]));
    header.set(head::VERSION, VERSION);
    header.set_wide(head::BOOT_ID, identity.boot_id);
    header.set(head::CAPACITY, u64::from(options.capacity));
    header.set_wide(head::GATE_ID, u128::from(random(0)) << 64 | u128::from(random(8)));
    header.set(head::FAILURE_KEY, random(16));
    header.set(head::FAILURE_KEY + 1, random(24));
}

fn finish_header(segment: &Segment) {
    let header = Header(segment.writable_facts());
    header.set(head::READY, 1);
    header.set(head::MAGIC, MAGIC);
}

/// Ends the old segment's lease: whoever is still attached to it refuses, and looks for the new one.
fn retire(old: &Segment) {
    Header(old.writable_facts()).set(head::FRESH_UNTIL, 0);
}

fn hand_over(old: &Segment, new: &Segment) -> Result<()> {
    hand_over_header(old, new)?;
    for slot in 0..old.used() {
        if (slot as usize).is_multiple_of(CHUNK_SLOTS) {
            new.allocate_chunk(slot)?;
        }
        let facts = old.slot(slot).facts();
        Slot::new(new.writable_facts(), new.layout().slot_at(slot)).write(&facts);
        copy(old.counts_words(), old.layout().hot_of(slot), new.counts_words(), new.layout().hot_of(slot), HOT_WORDS);
        copy(
            old.counts_words(),
            old.layout().cold_of(slot),
            new.counts_words(),
            new.layout().cold_of(slot),
            COLD_WORDS,
        );
    }
    Header(new.writable_facts()).set(head::SLOTS_USED, u64::from(old.used()));
    Ok(())
}

/// The catalogue with all its places, figures, tallies and budgets, the clock and the gate's id, under which its counters
/// are known.
fn hand_over_header(old: &Segment, new: &Segment) -> Result<()> {
    let (from, to) = (old.facts(), new.writable_facts());
    let tenants = TENANTS.len(from) * TENANT_WORDS;
    new.allocate((TENANTS_AT * WORD) as u64, (tenants.max(1) * WORD) as u64)?;
    copy(from, SCOPES_AT, to, SCOPES_AT, TENANTS_AT - SCOPES_AT + tenants);
    for word in [head::GATE_ID, head::GATE_ID + 1, head::FAILURE_KEY, head::FAILURE_KEY + 1] {
        copy(from, word, to, word, 1);
    }
    copy(from, head::FIGURES, to, head::FIGURES, MAX_FIGURES * FIGURE_WORDS);
    for word in [SCOPES.used, TIERS.used, TENANTS.used, FIGURES.used] {
        copy(from, word, to, word, 1);
    }
    for word in [head::WALL_OFFSET, head::OFFSET_SET_AT, head::IMPORTED] {
        copy(from, word, to, word, 1);
    }
    copy(old.counts_words(), 0, new.counts_words(), 0, BUDGET_AT + BUDGET_BUCKETS);
    Ok(())
}

fn copy(from: &[AtomicU64], from_at: usize, to: &[AtomicU64], to_at: usize, words: usize) {
    for (source, target) in from[from_at..from_at + words].iter().zip(&to[to_at..to_at + words]) {
        target.store(source.load(Relaxed), Relaxed);
    }
}
