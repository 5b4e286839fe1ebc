//! The gate grows while it is in use: no key is missed, nothing is allocated that is not given back.

mod common;

use common::{SECOND, START, World, at, options};
use keystile_core::record::NEVER_NS;
use keystile_core::segment::Options;
use keystile_core::{Credential, Gate, KeyRecord, Quota, SegmentError};
use proptest::prelude::*;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// As many keys as nobody ever has.
const CEILING: u32 = 1 << 24;

fn world() -> World {
    let world = World::with(&Options { capacity: CEILING, ..options() });
    let unlimited = Quota::new(1_000_000_000, 1_000_000_000).unwrap();
    world.writer.set_catalogue(&[], &[("Standard".to_string(), unlimited)], at(START)).unwrap();
    world
}

fn taken(world: &World) -> u64 {
    std::fs::metadata(world.path()).unwrap().blocks() * 512
}

struct Random(u64);

impl Random {
    /// A number below `end`, the same ones in each run.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// A key as the model knows it.
struct Known {
    record: KeyRecord,
    secret: String,
    previous: Option<String>,
    removed: bool,
}

/// What the segment ought to hold.
#[derive(Default)]
struct Model {
    keys: Vec<Known>,
    gone: Vec<String>,
}

impl Model {
    fn step(&mut self, world: &mut World, random: &mut Random, now: u64) {
        if self.keys.is_empty() || random.below(10) < 6 {
            let (secret, record) = world.record();
            world.writer.put(&record, at(now)).unwrap();
            return self.keys.push(Known { record, secret, previous: None, removed: false });
        }
        let one = random.below(self.keys.len());
        let known = &mut self.keys[one];
        if random.below(3) == 0 && !known.removed {
            known.removed = world.writer.remove(&known.record.id);
            return;
        }
        let secret = world.mint();
        let overlaps = random.below(2) == 0;
        known.record.previous = overlaps.then_some((known.record.digest, NEVER_NS));
        known.record.digest = world.digest(&secret);
        world.writer.put(&known.record, at(now)).unwrap();
        let old = std::mem::replace(&mut known.secret, secret);
        let kept = overlaps.then(|| old.clone());
        let before = std::mem::replace(&mut known.previous, kept);
        self.gone.extend(before.into_iter().chain((!overlaps).then_some(old)));
        known.removed = false;
    }

    fn compare(&self, world: &World) {
        for known in &self.keys {
            let expected = if known.removed { "unknown_key" } else { "ok" };
            for secret in std::iter::once(&known.secret).chain(&known.previous) {
                assert_eq!(world.code(secret, "PSA", START), expected);
            }
        }
        assert!(self.gone.iter().all(|secret| world.code(secret, "PSA", START) == "unknown_key"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]
    #[test]
    fn it_knows_what_a_map_would_know(seed in any::<u64>(), step_ns in 0..SECOND) {
        let (mut world, mut model, mut random) = (world(), Model::default(), Random(seed));
        for step in 0..6_000 {
            model.step(&mut world, &mut random, START + step * step_ns);
            if step % 1_000 == 999 {
                model.compare(&world);
            }
        }
    }
}

/// A thread that asks for keys which are known, one after the other, and must find each.
struct Reader {
    done: Arc<AtomicBool>,
    known: Arc<AtomicUsize>,
    thread: JoinHandle<u64>,
}

impl Reader {
    /// Of the `secrets`, the first so many are said to be known.
    fn start(world: &World, secrets: Vec<String>, known: usize) -> Self {
        let gate = Gate::new(world.writer.segment()).unwrap();
        let (done, known) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(known)));
        let thread = std::thread::spawn({
            let (done, known) = (Arc::clone(&done), Arc::clone(&known));
            move || {
                let (mut random, mut checks) = (Random(7), 0);
                while !done.load(Ordering::Relaxed) || checks == 0 {
                    let secret = &secrets[random.below(known.load(Ordering::Acquire))];
                    let decision = gate.check(Credential::Token(secret.as_bytes()), None, None, 1, START);
                    assert!(decision.allowed(), "{:?} after {checks} checks", decision.outcome);
                    checks += 1;
                }
                checks
            }
        });
        Self { done, known, thread }
    }

    fn finish(self) {
        self.done.store(true, Ordering::Relaxed);
        assert!(self.thread.join().expect("a known key was missed") > 0);
    }
}

#[test]
fn a_reader_misses_no_key_while_it_grows() {
    for _ in 0..3 {
        let mut world = world();
        let keys: Vec<_> = (0..9_000).map(|_| world.record()).collect();
        world.put(&keys[0].1);
        let start = taken(&world);
        let reader = Reader::start(&world, keys.iter().map(|(secret, _)| secret.clone()).collect(), 1);
        for (count, (_, record)) in keys.iter().enumerate().skip(1) {
            // Each index is emptied right after the next one took its place.
            world.writer.put(record, at(START + count as u64 * SECOND)).unwrap();
            reader.known.store(count + 1, Ordering::Release);
        }
        reader.finish();
        // From 512 entries to 32 768: six doublings.
        assert!(taken(&world) - start >= (32_768 - 512) * 8);
    }
}

/// Few keys and many rotations: entries that were withdrawn fill an index, and a new one of the same size comes.
#[test]
fn a_reader_misses_no_key_while_entries_come_and_go() {
    let mut world = world();
    let keys: Vec<_> = (0..200).map(|_| world.record()).collect();
    keys.iter().for_each(|(_, record)| world.put(record));
    let (_, mut record) = world.record();
    let secrets: Vec<_> = (0..1_000).map(|_| world.mint()).collect();
    let digests: Vec<_> = secrets.iter().map(|secret| world.digest(secret)).collect();
    world.put(&record);
    let start = taken(&world);
    let reader = Reader::start(&world, keys.iter().map(|(secret, _)| secret.clone()).collect(), keys.len());
    for round in 0..60_000 {
        record.digest = digests[round % digests.len()];
        world.writer.put(&record, at(START + round as u64 * SECOND)).unwrap();
    }
    reader.finish();
    let last = &secrets[59_999 % secrets.len()];
    assert!(secrets.iter().all(|secret| (world.code(secret, "PSA", START) == "ok") == (secret == last)));
    // One page more: that of the other area, until it is given back.
    assert!(taken(&world) <= start + 4096, "{} after {start}", taken(&world));
}

#[test]
fn memory_comes_with_keys_and_unknown_ones_take_none() {
    let mut world = world();
    assert!(taken(&world) < 1 << 20, "{} for no key", taken(&world));
    let keys: Vec<_> = (0..8_192).map(|_| world.record()).collect();
    keys.iter().for_each(|(_, record)| world.put(record));
    // The 8 193rd key makes the index grow; a second later what was there before is given back.
    let (_, mut record) = world.record();
    world.put(&record);
    let both = taken(&world);
    record.disabled = true;
    world.writer.put(&record, at(START + SECOND)).unwrap();
    assert_eq!(both - taken(&world), 16_384 * 8);
    let before = taken(&world);
    for _ in 0..20_000 {
        let secret = world.mint();
        assert_eq!(world.code(&secret, "PSA", START), "unknown_key");
    }
    assert_eq!(taken(&world), before);
}

#[test]
fn the_ceiling_is_reached_with_two_secrets_for_each_key() {
    let mut world = World::with(&Options { capacity: 1_000, ..options() });
    let mut secrets = Vec::new();
    for _ in 0..1_000 {
        let (secret, mut record) = world.record();
        let older = world.mint();
        record.previous = Some((world.digest(&older), NEVER_NS));
        world.put(&record);
        secrets.extend([secret, older]);
    }
    let (_, record) = world.record();
    assert!(matches!(world.writer.put(&record, at(START)), Err(SegmentError::Full(1_000))));
    assert!(secrets.iter().all(|secret| world.check(secret, "PSA", START).allowed()));
}

/// The numbers of the keys with which the file took more memory or less.
fn steps(world: &mut World, keys: u64) -> Vec<u64> {
    let mut step = |n: &u64| {
        let ((_, record), before) = (world.record(), taken(world));
        world.writer.put(&record, at(START + n * SECOND)).unwrap();
        taken(world) != before
    };
    (1..=keys).filter(|n| step(n)).collect()
}

#[test]
fn a_load_that_was_announced_makes_room_once() {
    let (mut announced, mut bit_by_bit, mut small) = (world(), world(), World::new());
    // As many as fill a half of the index: one twice as large would be more than growing comes to.
    announced.writer.reserve(8_192, at(START));
    // Slots come 4 096 at a time; the first index goes when the next one has been in use for a second.
    assert_eq!(steps(&mut announced, 8_192), [1, 4_097]);
    assert!(steps(&mut bit_by_bit, 8_192).len() > 7);
    assert_eq!(taken(&announced), taken(&bit_by_bit));
    // What is there already takes nothing; and there is never more to come than fits.
    announced.writer.reserve(8_192, at(START + 20_000 * SECOND));
    assert_eq!(taken(&announced), taken(&bit_by_bit));
    let before = taken(&small);
    small.writer.reserve(usize::MAX, at(START));
    assert_eq!(taken(&small) - before, 32_768 * 8);
}
