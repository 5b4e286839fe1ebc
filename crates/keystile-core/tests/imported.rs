//! Secrets that were made elsewhere: they open a gate as they are, and take nothing from whoever does without them.

mod common;

use common::{SECOND, START, WALL_OFFSET, World, nth_record, options};
use keystile_core::digest::KeyHash;
use keystile_core::imported::ImportedText;
use keystile_core::segment::Options;
use keystile_core::{Credential, Digest, Gate, Outcome, Pepper, Writer};
use proptest::prelude::*;

const FORMS: [&str; 6] = [
    "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "550e8400-e29b-41d4-a716-446655440000",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_~+/==",
    "0123456789abcdef",
    "tos_4fG7hJ2kLmN9pQrStUvWxY1F2KpX",  // the outline of a key, with a wrong checksum
    "tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph4", // a character more than a key
];

fn digest(text: &str) -> Digest {
    Pepper::new(&[7; 32]).digest(&KeyHash::of_imported(ImportedText::parse(text.as_bytes()).unwrap()))
}

/// A gate that knows a key for each of the texts.
fn world_with(texts: &[&str]) -> World {
    let mut world = World::new();
    world.writer.expect_imported();
    for (number, text) in texts.iter().enumerate() {
        world.put(&nth_record(number as u64, digest(text)));
    }
    world
}

#[test]
fn they_pass_in_their_own_form() {
    let world = world_with(&FORMS);
    for text in FORMS {
        assert_eq!(world.code(text, "PSA", START), "ok", "{text}");
        assert_eq!(world.code(text, "CRM", START), "insufficient_scope", "{text}");
    }
    // Another pepper is tried for them too.
    let retired = world_of_two_peppers();
    assert_eq!(retired.code(FORMS[0], "PSA", START), "ok");
}

fn world_of_two_peppers() -> World {
    let peppers = vec![Pepper::new(&[8; 32]), Pepper::new(&[7; 32])];
    let mut world = World::with(&Options { peppers, ..options() });
    world.writer.expect_imported();
    world.put(&nth_record(1, digest(FORMS[0])));
    world
}

#[test]
fn nobody_looks_for_them_before_the_first() {
    let mut world = World::new();
    world.put(&nth_record(1, digest(FORMS[0])));
    assert_eq!(world.code(FORMS[0], "PSA", START), "malformed_key");
    world.writer.expect_imported();
    assert_eq!(world.code(FORMS[0], "PSA", START), "ok");
}

#[test]
fn what_is_near_is_malformed() {
    let world = world_with(&FORMS);
    let good = FORMS[0];
    for bad in [
        &good[1..],
        &good.to_uppercase(),
        &format!("{good} "),
        &format!("{good}\n"),
        &format!("{good}\0"),
        &format!("{good}%00"),
        &format!("{good},{good}"),
        &format!("{good}, Bearer {good}"),
        "sk_live_4eC39HqLyjWDarjtT1zdp7dé",
        "",
        &"x".repeat(32_768),
    ] {
        assert_eq!(world.code(bad, "PSA", START), "malformed_key", "{bad:?}");
    }
}

#[test]
fn lengths_are_bounded() {
    let (shortest, longest) = ("aB3-".repeat(4), "aB3-".repeat(128));
    let world = world_with(&[&shortest, &longest]);
    for (text, code) in [
        (shortest.clone(), "ok"),
        (shortest[1..].into(), "malformed_key"),
        (longest.clone(), "ok"),
        (longest + "x", "malformed_key"),
    ] {
        assert_eq!(world.code(&text, "PSA", START), code, "{} bytes", text.len());
    }
}

#[test]
fn they_are_keys_like_others() {
    let mut world = world_with(&FORMS[..1]);
    let (ours, _) = world.record();
    let mut record = nth_record(0, digest(FORMS[0]));
    for _ in 0..100 {
        assert_eq!(world.code(FORMS[0], "PSA", START), "ok");
    }
    assert_eq!(world.code(FORMS[0], "PSA", START), "rate_limited");
    // Rotated, the new secret is one of ours, and the old one ends with its overlap.
    record.previous = Some((record.digest, START + WALL_OFFSET as u64 + 10 * SECOND));
    record.digest = world.digest(&ours);
    world.put(&record);
    assert_eq!(world.code(FORMS[0], "PSA", START + SECOND), "ok");
    assert_eq!(world.code(FORMS[0], "PSA", START + 10 * SECOND), "expired_key");
    assert_eq!(world.code(&ours, "PSA", START + 10 * SECOND), "ok");
    world.writer.revoke(&record.id);
    assert_eq!(world.code(FORMS[0], "PSA", START + 10 * SECOND), "revoked_key");
    world.writer.remove(&record.id);
    assert_eq!(world.code(FORMS[0], "PSA", START + 10 * SECOND), "malformed_key");
    world.writer.refresh(1, 2, START);
    assert_eq!(world.code(FORMS[0], "PSA", START), "gate_stale");
}

#[test]
fn a_larger_segment_still_looks_for_them() {
    let world = world_with(&FORMS);
    let path = world.path();
    let World { folder: _folder, writer, .. } = world;
    drop(writer);
    let larger = Options { capacity: 20_000, ..options() };
    let writer = Writer::open(&path, &larger, &common::identity()).unwrap();
    writer.refresh(1, 1, keystile_core::lease::FOREVER_NS);
    let gate = Gate::new(writer.segment()).unwrap();
    let decision = gate.check(Credential::Token(FORMS[0].as_bytes()), None, None, 1, START);
    assert_eq!(decision.outcome, Outcome::Allowed);
}

/// What may be presented: anything, and what is nearly a key or nearly an imported secret.
fn presented() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<Vec<u8>>(),
        "[!-~]{14,20}".prop_map(String::into_bytes),
        "tos_[0-9A-Za-z]{28}".prop_map(String::into_bytes),
        (0..3u64).prop_map(|n| common::nth_secret(n).into_bytes()),
        "sk_live_[0-9A-Za-z]{24}".prop_map(String::into_bytes),
        (500..520usize).prop_map(|len| vec![b'x'; len]),
    ]
}

proptest! {
    // Each case makes two gates.
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whoever presents what, however often: a gate that looks for imported secrets answers as one that does not, unless
    /// it is one. The client's budget is charged alike too.
    #[test]
    fn no_other_answer_changes(tokens in proptest::collection::vec(presented(), 1..150)) {
        let (mut plain, mut expecting) = (World::new(), world_with(&FORMS[..1]));
        for n in [1, 2] {
            let record = nth_record(100 + n, plain.digest(&common::nth_secret(n)));
            plain.put(&record);
            expecting.put(&record);
        }
        for token in &tokens {
            let check = |world: &World| {
                let decision = world.gate.check(Credential::Token(token), None, Some("192.0.2.1"), 1, START);
                (decision.outcome, decision.since)
            };
            prop_assert_eq!(check(&plain), check(&expecting));
        }
    }
}
