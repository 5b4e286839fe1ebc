//! Whether the time of a refusal tells how nearly a key was right: Welch's t-test on two classes of input whose
//! samples take random turns (O. Reparaz, J. Balasch, I. Verbauwhede, "Dude, is my code constant time?", 2017).
//!
//! A |t| below 5 shows no difference. `leaky_compare` is a compare that stops at the first difference: it must be
//! caught in the same run, or the run shows nothing.

mod common;

use common::{Random, World, boot_ns};
use dudect_bencher::ctbench::{BenchMetadata, BenchName, BenchOpts, run_benches_console};
use dudect_bencher::rand::{Rng, RngExt};
use dudect_bencher::{BenchRng, Class, CtRunner};
use keystile_core::{Credential, Digest};
use std::hint::black_box;

/// Compares in one sample, so that a few cycles stand out against reading the clock.
const COMPARES: usize = 16;
/// Texts of each class that are prepared with one world.
const KEYS: usize = 2_000;

/// Samples of one test, of both classes together.
fn samples() -> usize {
    std::env::var("KEYSTILE_SAMPLES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000)
}

fn coin(rng: &mut BenchRng) -> Class {
    if rng.random() { Class::Left } else { Class::Right }
}

/// Times `equal` on a digest and one that is wrong in its first byte (left) or in its last (right).
fn compare(runner: &mut CtRunner, rng: &mut BenchRng, equal: fn(&[u8; 32], &[u8; 32]) -> bool) {
    for _ in 0..samples() {
        let class = coin(rng);
        let mut right = [0u8; 32];
        rng.fill_bytes(&mut right);
        let mut wrong = right;
        // Both bytes are touched for both classes.
        let (first, last) = match class {
            Class::Left => (1, 0),
            Class::Right => (0, 1),
        };
        wrong[0] ^= first;
        wrong[31] ^= last;
        let (right, wrong) = (black_box(right), black_box(wrong));
        runner.run_one(class, || (0..COMPARES).filter(|_| equal(black_box(&right), black_box(&wrong))).count());
    }
}

fn digest_compare(runner: &mut CtRunner, rng: &mut BenchRng) {
    compare(runner, rng, |one, other| Digest::from_bytes(one).matches(&Digest::from_bytes(other)));
}

fn leaky_compare(runner: &mut CtRunner, rng: &mut BenchRng) {
    compare(runner, rng, |one, other| one.iter().zip(other).all(|(a, b)| black_box(*a) == black_box(*b)));
}

/// Times one check of each text of a world, all of them refused. Keys differ in how far away they lie in memory, so
/// each is timed once, and the next samples come from another world: chance then weighs on both classes alike.
fn refusals(runner: &mut CtRunner, rng: &mut BenchRng, code: &str, prepare: fn(&mut World, &mut BenchRng) -> Texts) {
    for _ in 0..samples().div_ceil(2 * KEYS) {
        let mut world = World::new(2 * KEYS as u32);
        world.random = Random::new(rng.next_u64());
        let texts = prepare(&mut world, rng);
        let psa = world.gate.scope("PSA");
        let check =
            |text: &str| world.gate.check(Credential::Token(black_box(text.as_bytes())), psa, None, 1, boot_ns());
        let mut order: Vec<_> = texts.left.iter().map(|text| (Class::Left, text)).collect();
        order.extend(texts.right.iter().map(|text| (Class::Right, text)));
        for place in (1..order.len()).rev() {
            order.swap(place, rng.random_range(0..=place));
        }
        for (_, text) in &order {
            assert_eq!(check(text).outcome.code(), code);
        }
        for (class, text) in order {
            // The text itself is fetched before the clock starts.
            let text = text.clone();
            runner.run_one(class, || check(&text));
        }
    }
}

/// What is presented to a gate, in two classes.
struct Texts {
    left: Vec<String>,
    right: Vec<String>,
}

/// Any unknown key (left) and one that differs from a genuine one in a single character (right).
fn near_miss_of_text(runner: &mut CtRunner, rng: &mut BenchRng) {
    refusals(runner, rng, "unknown_key", |world, rng| {
        let genuine = world.keys(KEYS);
        let right = genuine.iter().map(|secret| near(secret, rng)).collect();
        Texts { left: (0..KEYS).map(|_| world.mint()).collect(), right }
    });
}

/// Unknown keys that lead to a slot whose digest is wrong in its first byte (left) or in its last (right). Nobody
/// without the pepper can make such keys; here they are planted.
fn near_miss_of_digest(runner: &mut CtRunner, rng: &mut BenchRng) {
    refusals(runner, rng, "unknown_key", |world, rng| {
        let mut planted = |place: usize| {
            let text = world.mint();
            let mut digest = world.digest(&text).to_bytes();
            digest[place] ^= 1;
            world.put(Digest::from_bytes(&digest), "Unlimited");
            text
        };
        // In random order, so that the two kinds lie alike in memory.
        let mut texts = Texts { left: Vec::new(), right: Vec::new() };
        while texts.left.len() < KEYS || texts.right.len() < KEYS {
            let class = coin(rng);
            let (kind, place) = match class {
                Class::Left => (&mut texts.left, 0),
                Class::Right => (&mut texts.right, 31),
            };
            if kind.len() < KEYS {
                kind.push(planted(place));
            }
        }
        texts
    });
}

/// Any text that was never imported (left) and one that differs from an imported secret in its last character (right).
fn near_miss_of_imported(runner: &mut CtRunner, rng: &mut BenchRng) {
    refusals(runner, rng, "malformed_key", |world, rng| {
        world.expect_imported();
        let text = |rng: &mut BenchRng| {
            format!("sk_live_{:032x}", u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64()))
        };
        let right = (0..KEYS).map(|_| {
            let mut secret = text(rng);
            world.put_imported(&secret);
            secret.pop();
            secret + "x"
        });
        let right = right.collect();
        Texts { left: (0..KEYS).map(|_| text(rng)).collect(), right }
    });
}

/// The text that differs from `secret` in its last random character, with its checksum put right.
fn near(secret: &str, rng: &mut BenchRng) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    loop {
        let mut text = secret.as_bytes().to_vec();
        text[25] = DIGITS[rng.random_range(0..DIGITS.len())];
        let mut sum = crc32fast::hash(&text[..26]);
        for place in (26..32).rev() {
            text[place] = DIGITS[(sum % 62) as usize];
            sum /= 62;
        }
        if text != secret.as_bytes() {
            return String::from_utf8(text).unwrap();
        }
    }
}

fn main() -> std::io::Result<()> {
    let bench = |name, benchfn| BenchMetadata { name: BenchName(name), seed: None, benchfn };
    let benches = vec![
        bench("digest_compare", digest_compare),
        bench("leaky_compare", leaky_compare),
        bench("near_miss_of_digest", near_miss_of_digest),
        bench("near_miss_of_imported", near_miss_of_imported),
        bench("near_miss_of_text", near_miss_of_text),
    ];
    run_benches_console(BenchOpts::default(), benches)
}
