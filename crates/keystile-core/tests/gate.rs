//! What a gate decides, in the order of the public contract, and what it counts.

mod common;

use common::{SECOND, START, WALL_OFFSET, World, at, options};
use keystile_core::segment::Options;
use keystile_core::{Credential, Decision, Gate, Outcome, Quota, ScopeSet, Usage, headers};

/// A decision's headers, as text.
fn headers_of(gate: &Gate, decision: &Decision) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    headers::explain(gate, decision, |header, value| {
        found.push((header.name(), String::from_utf8(value.to_vec()).unwrap()));
    });
    found
}

fn wall(boot_ns: u64) -> u64 {
    boot_ns + WALL_OFFSET as u64
}

#[test]
fn a_live_key_with_the_scope_passes() {
    let mut world = World::new();
    let (secret, record) = world.record();
    assert_eq!(world.code(&secret, "PSA", START), "unknown_key");
    world.put(&record);
    let decision = world.check(&secret, "PSA", START);
    assert!(decision.allowed());
    assert_eq!(world.gate.key_id_of(&decision), Some(record.id.to_string()));
    assert_eq!(world.gate.tenant_of(&decision).as_deref(), Some("home"));
    assert_eq!(world.gate.tier_of(&decision).as_deref(), Some("Standard"));
    assert_eq!(world.gate.scopes_of(&decision), ["PSA"]);
}

#[test]
fn a_key_without_scopes_passes_nowhere() {
    let mut world = World::new();
    let (secret, mut record) = world.record();
    record.scopes.clear();
    world.put(&record);
    for scope in ["PSA", "CRM", "Books"] {
        assert_eq!(world.code(&secret, scope, START), "insufficient_scope");
    }
    let anywhere = world.gate.check(Credential::Token(secret.as_bytes()), None, None, 1, START);
    assert_eq!(anywhere.outcome, Outcome::InsufficientScope);
    let shown = headers_of(&world.gate, &anywhere);
    assert!(shown.contains(&("WWW-Authenticate", "Bearer error=\"insufficient_scope\"".into())), "{shown:?}");
}

#[test]
fn the_first_reason_that_applies_is_given() {
    let mut world = World::new();
    let (secret, mut record) = world.record();
    record.scopes.clear();
    world.put(&record);
    assert_eq!(world.code(&secret, "PSA", START), "insufficient_scope");
    for _ in 0..99 {
        world.check(&secret, "PSA", START);
    }
    assert_eq!(world.code(&secret, "PSA", START), "rate_limited");
    record.expires_at_ns = wall(START);
    world.put(&record);
    assert_eq!(world.code(&secret, "PSA", START), "expired_key");
    record.disabled = true;
    world.put(&record);
    assert_eq!(world.code(&secret, "PSA", START), "disabled_key");
    record.revoked = true;
    world.put(&record);
    assert_eq!(world.code(&secret, "PSA", START), "revoked_key");
    assert_eq!(world.code("tos_nonsense", "PSA", START), "malformed_key");
    world.writer.refresh(1, 2, START);
    assert_eq!(world.code("tos_nonsense", "PSA", START), "gate_stale");
    assert_eq!(world.code(&secret, "PSA", START), "gate_stale");
    assert_eq!(world.gate.stale_refusals(), 2);
}

#[test]
fn credentials_are_read_as_rfc_6750_says() {
    let mut world = World::new();
    let (secret, record) = world.record();
    world.put(&record);
    let code = |values: &[&str]| {
        let credential = Credential::from_headers(values.iter().map(|value| value.as_bytes()));
        world.gate.check(credential, None, None, 1, START).outcome.code()
    };
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        assert_eq!(code(&[&format!("{scheme} {secret}")]), "ok", "{scheme}");
    }
    for bad in ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", &secret] {
        assert_eq!(code(&[bad]), "malformed_key", "{bad}");
    }
    for spaced in ["Bearer  ", "Bearer\t", " Bearer ", "Bearer \n"] {
        assert_eq!(code(&[&format!("{spaced}{secret}")]), "malformed_key", "{spaced:?}");
    }
    for tail in ["\n", " ", "%00", "\0", ", Bearer x"] {
        assert_eq!(code(&[&format!("Bearer {secret}{tail}")]), "malformed_key", "{tail:?}");
    }
    let good = format!("Bearer {secret}");
    assert_eq!(code(&[]), "missing_credentials");
    assert_eq!(code(&[&good, &good]), "multiple_credentials");
    assert_eq!(code(&["Bearer x", &good]), "multiple_credentials");
}

#[test]
fn failed_attempts_have_a_budget_of_their_own() {
    let mut world = World::new();
    let (secret, record) = world.record();
    world.put(&record);
    let attempt = |client: &str| world.gate.check(Credential::Missing, None, Some(client), 1, START).outcome;
    for _ in 0..100 {
        assert_eq!(attempt("192.0.2.1"), Outcome::MissingCredentials);
    }
    assert_eq!(attempt("192.0.2.1"), Outcome::TooManyFailures);
    assert_eq!(attempt("192.0.2.2"), Outcome::MissingCredentials);
    let genuine = Credential::Token(secret.as_bytes());
    assert!(world.gate.check(genuine, None, Some("192.0.2.1"), 1, START).allowed());
    let later = START + SECOND;
    assert_eq!(
        world.gate.check(Credential::Missing, None, Some("192.0.2.1"), 1, later).outcome,
        Outcome::MissingCredentials
    );
}

#[test]
fn rotation_keeps_the_bucket_and_the_old_secret_until_its_end() {
    let mut world = World::new();
    let (old, mut record) = world.record();
    world.put(&record);
    for _ in 0..60 {
        assert!(world.check(&old, "PSA", START).allowed());
    }
    let new = world.mint();
    record.previous = Some((record.digest, wall(START + 10 * SECOND)));
    record.digest = world.digest(&new);
    world.put(&record);
    assert!(world.check(&old, "PSA", START).allowed());
    let decision = world.check(&new, "PSA", START);
    assert_eq!(decision.limits().unwrap().tokens, 38);
    assert_eq!(world.code(&old, "PSA", START + 10 * SECOND), "expired_key");
    assert_eq!(world.code(&new, "PSA", START + 10 * SECOND), "ok");
    let newest = world.mint();
    record.previous = Some((record.digest, wall(START + 20 * SECOND)));
    record.digest = world.digest(&newest);
    world.put(&record);
    assert_eq!(world.code(&old, "PSA", START + 10 * SECOND), "unknown_key");
    assert_eq!(world.code(&new, "PSA", START + 10 * SECOND), "ok");
    record.revoked = true;
    world.put(&record);
    assert_eq!(world.code(&new, "PSA", START + 10 * SECOND), "revoked_key");
    assert_eq!(world.code(&newest, "PSA", START + 10 * SECOND), "revoked_key");
}

#[test]
fn a_revoked_key_stays_revoked() {
    let mut world = World::new();
    let (secret, record) = world.record();
    world.put(&record);
    assert!(world.writer.revoke(&record.id));
    world.put(&record);
    assert_eq!(world.code(&secret, "PSA", START), "revoked_key");
}

#[test]
fn another_tier_does_not_refill_a_bucket() {
    let mut world = World::new();
    let (secret, mut record) = world.record();
    world.put(&record);
    for _ in 0..70 {
        world.check(&secret, "PSA", START);
    }
    record.tier = "Enterprise".into();
    world.put(&record);
    assert_eq!(world.check(&secret, "PSA", START).limits().unwrap().tokens, 29);
    let tiers = [("Enterprise".to_string(), Quota::new(10, 1_000_000).unwrap())];
    world.writer.set_catalogue(&[], &tiers, at(START)).unwrap();
    assert_eq!(world.check(&secret, "PSA", START).limits().unwrap().tokens, 28);
}

#[test]
fn every_decision_on_a_known_key_counts_once() {
    let mut world = World::new();
    let (secret, mut record) = world.record();
    world.put(&record);
    let check = |scope: &str| world.check(&secret, scope, START);
    let (ok, lost) = (check("PSA"), check("PSA"));
    check("CRM");
    world.gate.finish(&ok, 404);
    world.gate.finish(&lost, 503);
    let refused = check("CRM");
    world.gate.finish(&refused, 403);
    world.gate.check(Credential::Missing, None, None, 1, START);
    record.disabled = true;
    world.put(&record);
    world.check(&secret, "PSA", START);
    let expected = Usage {
        allowed: 2,
        app_client_errors: 1,
        app_server_errors: 1,
        insufficient_scope: 2,
        disabled: 1,
        current_used_at_ms: wall(START) / 1_000_000,
        scopes: ScopeSet::default().with(world.scope("PSA")),
        ..Usage::default()
    };
    assert_eq!(world.writer.drain(), [(record.id, expected)]);
    assert_eq!((expected.requests(), expected.client_errors()), (5, 4));
    assert_eq!(world.writer.drain(), []);
    world.writer.undrain([record.id]);
    assert_eq!(world.writer.drain().len(), 1);
    let (_, unused) = world.record();
    world.put(&unused);
    world.writer.mark_all();
    assert_eq!(world.writer.drain(), [(record.id, expected)]);
}

/// When the current secret, the one before and the key were used last, in seconds after START.
fn last_uses(world: &mut World) -> (Option<u64>, Option<u64>, Option<u64>) {
    let drained = world.writer.drain();
    let usage = drained.first().expect("nothing was reported").1;
    let seconds = |wall_ms: u64| (wall_ms != 0).then(|| (wall_ms - wall(START) / 1_000_000) / 1_000);
    (seconds(usage.current_used_at_ms), seconds(usage.previous_used_at_ms), seconds(usage.last_used_at_ms()))
}

#[test]
fn the_last_use_of_each_secret_is_known() {
    let mut world = World::new();
    let (old, mut record) = world.record();
    world.put(&record);
    let at_second = |world: &World, secret: &str, seconds: u64| world.check(secret, "PSA", START + seconds * SECOND);
    assert!(at_second(&world, &old, 1).allowed());
    assert_eq!(last_uses(&mut world), (Some(1), None, Some(1)));
    // Rotated: what is known of the current secret is now of the one before, and is reported without another use.
    let new = world.mint();
    record.previous = Some((record.digest, wall(START + 60 * SECOND)));
    record.digest = world.digest(&new);
    let known = |world: &World| world.writer.digest_of(&record.id).expect("it is there");
    assert!(!known(&world).matches(&record.digest));
    world.put(&record);
    assert!(known(&world).matches(&record.digest));
    assert_eq!(last_uses(&mut world), (None, Some(1), Some(1)));
    assert!(at_second(&world, &old, 3).allowed());
    assert_eq!(last_uses(&mut world), (None, Some(3), Some(3)));
    assert!(at_second(&world, &new, 5).allowed());
    assert_eq!(last_uses(&mut world), (Some(5), Some(3), Some(5)));
    // The key's last use is that of either; a refused one counts too.
    assert_eq!(world.check(&old, "CRM", START + 7 * SECOND).outcome, Outcome::InsufficientScope);
    assert_eq!(last_uses(&mut world), (Some(5), Some(7), Some(7)));
    // Another change of the key, or the same record again, is no rotation.
    record.scopes.push("CRM".into());
    world.put(&record);
    assert!(world.writer.drain().is_empty());
    // Rotated again, without an overlap.
    let newest = world.mint();
    (record.digest, record.previous) = (world.digest(&newest), None);
    world.put(&record);
    assert!(at_second(&world, &newest, 9).allowed());
    assert_eq!(last_uses(&mut world), (Some(9), Some(7), Some(9)));
}

/// The scopes in use, of the one key that was used; `None` if none was.
fn scopes_in_use(world: &mut World) -> Option<ScopeSet> {
    let drained = world.writer.drain();
    assert!(drained.len() <= 1);
    drained.first().map(|(_, usage)| usage.scopes)
}

#[test]
fn a_scope_is_in_use_when_a_request_passed_with_it() {
    let mut world = World::new();
    let (secret, mut record) = world.record();
    record.scopes.push("CRM".into());
    world.put(&record);
    let none = ScopeSet::default();
    let (psa, crm) = (world.scope("PSA"), world.scope("CRM"));
    // Neither what was refused, nor what asked for no scope in particular.
    world.check(&secret, "Books", START);
    world.gate.check(Credential::Token(secret.as_bytes()), None, None, 1, START);
    world.gate.check(Credential::Token(secret.as_bytes()), Some(crm), None, 1_000, START);
    assert_eq!(scopes_in_use(&mut world), Some(none));
    (0..3).for_each(|_| assert!(world.check(&secret, "PSA", START).allowed()));
    assert_eq!(scopes_in_use(&mut world), Some(none.with(psa)));
    record.disabled = true;
    world.put(&record);
    world.check(&secret, "CRM", START);
    assert_eq!(scopes_in_use(&mut world), Some(none.with(psa)));
}

#[test]
fn a_scope_is_in_use_until_that_is_stored() {
    let mut world = World::new();
    let (secret, mut record) = world.record();
    record.scopes.push("CRM".into());
    world.put(&record);
    let (psa, crm) = (ScopeSet::default().with(world.scope("PSA")), ScopeSet::default().with(world.scope("CRM")));
    world.check(&secret, "PSA", START);
    assert_eq!(scopes_in_use(&mut world), Some(psa));
    // A flush that failed: nothing is settled, so it is there again.
    world.writer.undrain([record.id]);
    assert_eq!(scopes_in_use(&mut world), Some(psa));
    // One that did not, with another use meanwhile.
    world.check(&secret, "CRM", START);
    world.writer.settle([(record.id, psa)]);
    assert_eq!(scopes_in_use(&mut world), Some(crm));
    world.check(&secret, "PSA", START);
    assert_eq!(scopes_in_use(&mut world).map(ScopeSet::bits), Some(psa.bits() | crm.bits()));
    world.writer.settle([(record.id, ScopeSet::from_bits(u64::MAX))]);
    world.writer.undrain([record.id]);
    assert_eq!(scopes_in_use(&mut world), Some(ScopeSet::default()));
}

#[test]
fn a_place_keeps_its_name() {
    let world = World::new();
    world.writer.set_catalogue(&["Voice", "Books"].map(String::from), &[], at(START)).unwrap();
    assert_eq!(world.writer.scope_names(), ["PSA", "CRM", "Books", "Voice"]);
    assert_eq!(world.scope("Books").place(), 2);
}

#[test]
fn a_retired_pepper_still_opens() {
    let mut world = World::new();
    let (old, record) = world.record();
    world.put(&record);
    let (path, folder) = (world.path(), world.folder);
    drop(world.writer);
    let fresh = keystile_core::Pepper::new(&[8; 32]);
    let peppers = Options { peppers: vec![fresh, options().peppers[0]], ..options() };
    let writer = keystile_core::Writer::open(&path, &peppers, &common::identity()).unwrap();
    let gate = keystile_core::Gate::new(writer.segment()).unwrap();
    assert!(gate.check(Credential::Token(old.as_bytes()), None, None, 1, START).allowed());
    drop(folder);
}

#[test]
fn headers_describe_the_bucket_that_was_asked() {
    let mut world = World::new();
    let (secret, record) = world.record();
    world.put(&record);
    let shown = headers_of(&world.gate, &world.check(&secret, "CRM", START));
    let value = |name: &str| shown.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
    assert_eq!(value("WWW-Authenticate"), Some("Bearer error=\"insufficient_scope\", scope=\"CRM\""));
    assert_eq!(value("X-RateLimit-Limit"), Some("60"));
    assert_eq!(value("X-RateLimit-Remaining"), Some("60"));
    assert_eq!(value("RateLimit-Policy"), Some("\"standard\";q=100;w=100"));
    assert_eq!(value("RateLimit"), Some("\"standard\";r=99;t=1"));
    assert_eq!(value("X-RateLimit-Reset"), Some("1700001000"));
    assert_eq!(value("Retry-After"), None);
    let missing = world.gate.check(Credential::Missing, None, Some("192.0.2.9"), 1, START);
    let shown = headers_of(&world.gate, &missing);
    assert!(shown.contains(&("RateLimit", "\"unauthenticated\";r=99;t=1".into())), "{shown:?}");
    assert!(shown.contains(&("WWW-Authenticate", "Bearer".into())), "{shown:?}");
}
