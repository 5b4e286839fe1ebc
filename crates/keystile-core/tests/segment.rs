//! The segment as a file: who may write it, what survives a writer, what is refused.

mod common;

use common::{START, World, at, identity, options};
use keystile_core::segment::{Identity, Options, Segment};
use keystile_core::{Credential, Decision, Gate, SegmentError, Writer};
use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn ask(gate: &Gate, secret: &str) -> Decision {
    gate.check(Credential::Token(secret.as_bytes()), None, None, 1, START)
}

#[test]
fn one_writer_at_a_time() {
    let world = World::new();
    let second = Writer::open(&world.path(), &options(), &identity());
    assert!(matches!(second, Err(SegmentError::Busy(_))));
    let path = world.path();
    let World { writer, gate, folder, .. } = world;
    drop((writer, gate));
    assert!(Writer::open(&path, &options(), &identity()).is_ok());
    drop(folder);
}

#[test]
fn the_next_writer_adopts_keys_buckets_and_unreported_counts() {
    let mut world = World::new();
    let (secret, record) = world.record();
    world.put(&record);
    for _ in 0..40 {
        world.check(&secret, "PSA", START);
    }
    let id = world.writer.gate_id();
    assert_eq!(world.writer.drain().len(), 1);
    let path = world.path();
    let World { writer, gate, folder, .. } = world;
    drop(writer);
    let mut writer = Writer::open(&path, &options(), &identity()).unwrap();
    assert_eq!(writer.gate_id(), id);
    let drained = writer.drain();
    assert_eq!((drained.len(), drained[0].1.allowed), (1, 40));
    // Read by the writer before, and not stored by it.
    assert_eq!(drained[0].1.scopes.bits(), 1 << gate.scope("PSA").unwrap().place());
    assert_eq!(ask(&gate, &secret).limits().unwrap().tokens, 59);
    drop(folder);
}

#[test]
fn another_database_gets_a_new_segment() {
    let mut world = World::new();
    let (secret, record) = world.record();
    world.put(&record);
    let path = world.path();
    let World { writer, gate, folder, .. } = world;
    drop(writer);
    let other = Options { peppers: vec![keystile_core::Pepper::new(&[9; 32])], random: [5; 32], ..options() };
    let writer = Writer::open(&path, &other, &identity()).unwrap();
    assert_ne!(writer.gate_id(), gate.id());
    assert!(!gate.segment().is_current());
    assert_eq!(Gate::new(writer.segment()).unwrap().key_count(), 0);
    // Whoever is still attached to the old one must not go on with what it holds.
    assert_eq!(ask(&gate, &secret).outcome.code(), "gate_stale");
    drop(folder);
}

#[test]
fn a_larger_segment_takes_everything_over() {
    for allow_stale in [false, true] {
        let mut world = World::with(&Options { allow_stale, ..options() });
        let (secret, record) = world.record();
        let (revoked, gone) = world.record();
        world.put(&record);
        world.put(&gone);
        world.writer.revoke(&gone.id);
        for _ in 0..95 {
            world.check(&secret, "PSA", START);
        }
        let path = world.path();
        let World { writer, gate, folder, .. } = world;
        drop(writer);
        let larger = Options { capacity: 50_000, random: [5; 32], allow_stale, ..options() };
        let mut writer = Writer::open(&path, &larger, &identity()).unwrap();
        let new = Gate::new(writer.segment()).unwrap();
        assert_eq!((new.segment().capacity(), new.id(), new.key_count()), (50_000, gate.id(), 2));
        assert_eq!(ask(&gate, &secret).outcome.code(), "gate_stale");
        // Nothing is decided before the feed was heard, and then all is as it was.
        assert_eq!(ask(&new, &secret).outcome.code(), "gate_stale");
        writer.refresh(1, 9, u64::MAX);
        assert_eq!(ask(&new, &secret).limits().unwrap().tokens, 4);
        assert_eq!(ask(&new, &revoked).outcome.code(), "revoked_key");
        let counted: u64 = writer.drain().iter().map(|(_, usage)| usage.requests()).sum();
        assert_eq!(counted, 97);
        writer.undrain([record.id]);
        assert_eq!(writer.drain()[0].1.scopes.bits(), 1 << new.scope("PSA").unwrap().place());
        drop(folder);
    }
}

#[test]
fn a_writer_knows_when_its_files_are_gone() {
    let world = World::new();
    assert!(world.writer.is_current());
    fs::remove_file(world.folder.path().join("gate.lock")).unwrap();
    assert!(!world.writer.is_current());
    let world = World::new();
    fs::remove_file(world.path()).unwrap();
    assert!(!world.writer.is_current());
}

#[test]
fn a_folder_that_others_can_write_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(Writer::open(&path, &options(), &identity()), Err(SegmentError::Unusable { .. })));
    fs::set_permissions(folder.path(), Permissions::from_mode(0o1777)).unwrap();
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), folder.path().join("gate.lock")).unwrap();
    assert!(Writer::open(&path, &options(), &identity()).is_err());
    assert!(!folder.path().join("elsewhere").exists());
}

#[test]
fn going_on_when_stale_needs_something_to_go_on_with() {
    let mut world = World::with(&Options { allow_stale: true, ..options() });
    let (secret, record) = world.record();
    world.put(&record);
    world.writer.refresh(1, 2, START);
    assert_eq!(world.code(&secret, "PSA", START + 1), "ok");
    world.writer.refresh(1, 2, 0);
    assert_eq!(world.code(&secret, "PSA", START + 1), "gate_stale");
}

#[test]
fn a_file_that_is_not_ours_or_not_whole_is_refused() {
    let world = World::new();
    let (path, right) = (world.path(), identity());
    let why = |identity: &Identity| match Segment::attach(&path, identity) {
        Err(SegmentError::Unusable { why, .. } | SegmentError::Outdated { why, .. }) => why,
        Err(other) => panic!("{other}"),
        Ok(_) => "",
    };
    assert_eq!(why(&right), "");
    assert!(why(&Identity { uid: right.uid + 1, ..right }).contains("another user"));
    assert!(why(&Identity { boot_id: 1, ..right }).contains("last started"));
    fs::set_permissions(&path, Permissions::from_mode(0o602)).unwrap();
    assert!(why(&right).contains("other users"));
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let word = |place: u64, value: u64| file.write_all_at(&value.to_ne_bytes(), place * 8).unwrap();
    let mut version = [0; 8];
    file.read_exact_at(&mut version, 8).unwrap();
    for other in [u64::from_ne_bytes(version) - 1, 999] {
        word(1, other);
        assert!(why(&right).contains("another version"));
    }
    word(1, u64::from_ne_bytes(version));
    word(4, 1 << 20);
    assert!(why(&right).contains("shorter"));
    word(4, 10_000);
    word(0, 0);
    assert!(why(&right).contains("no segment"));
    let empty = world.folder.path().join("empty");
    fs::write(&empty, b"").unwrap();
    fs::set_permissions(&empty, Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(Segment::attach(&empty, &right), Err(SegmentError::Unusable { .. })));
    let absent = world.folder.path().join("absent");
    assert!(matches!(Segment::attach(&absent, &right), Err(SegmentError::Absent(_))));
}

#[test]
fn a_writer_never_replaces_what_it_does_not_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate");
    fs::write(&path, [7; 4096]).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(Writer::open(&path, &options(), &identity()), Err(SegmentError::Unusable { .. })));
    assert_eq!(fs::read(&path).unwrap(), [7; 4096]);
}

#[test]
fn a_full_gate_says_so_and_keeps_serving() {
    let mut world = World::with(&Options { capacity: 64, ..options() });
    let keys: Vec<_> = (0..64).map(|_| world.record()).collect();
    for (_, record) in &keys {
        world.put(record);
    }
    let (secret, record) = world.record();
    assert!(matches!(world.writer.put(&record, at(START)), Err(SegmentError::Full(64))));
    assert_eq!(world.code(&secret, "PSA", START), "unknown_key");
    assert!(keys.iter().all(|(secret, _)| world.check(secret, "PSA", START).allowed()));
}

#[test]
fn a_record_that_names_unknown_things_changes_nothing() {
    let mut world = World::new();
    let (secret, record) = world.record();
    world.put(&record);
    let mut bad = record.clone();
    bad.scopes = vec!["Nonsense".into()];
    assert!(world.writer.put(&bad, at(START)).is_err());
    bad = record.clone();
    bad.tier = "Nonsense".into();
    assert!(world.writer.put(&bad, at(START)).is_err());
    bad = record.clone();
    bad.tenant = "x".repeat(64);
    assert!(world.writer.put(&bad, at(START)).is_err());
    assert!(world.check(&secret, "PSA", START).allowed());
}

#[test]
fn a_reload_forgets_what_is_gone() {
    let mut world = World::new();
    let (kept_secret, kept) = world.record();
    let (gone_secret, gone) = world.record();
    world.put(&kept);
    world.put(&gone);
    world.writer.retain(&HashSet::from([kept.id]));
    assert_eq!(world.code(&kept_secret, "PSA", START), "ok");
    assert_eq!(world.code(&gone_secret, "PSA", START), "unknown_key");
    world.put(&gone);
    assert_eq!(world.code(&gone_secret, "PSA", START), "ok");
}

/// A reader that checks while the writer rotates never sees a mixture: with the current secret it always passes.
#[test]
fn readers_never_see_half_a_change() {
    let mut world = World::new();
    let (secret, mut record) = world.record();
    record.tier = "Enterprise".into();
    world.put(&record);
    let tiers = [("Enterprise".to_string(), keystile_core::Quota::new(1_000_000_000, 1_000_000_000).unwrap())];
    world.writer.set_catalogue(&[], &tiers, at(START)).unwrap();
    let other = world.mint();
    let (first, second) = (record.digest, world.digest(&other));
    let gate = Arc::new(Gate::new(world.writer.segment()).unwrap());
    let done = Arc::new(AtomicBool::new(false));
    let reader = std::thread::spawn({
        let (gate, done) = (Arc::clone(&gate), Arc::clone(&done));
        move || {
            let mut seen = 0u64;
            while !done.load(Ordering::Relaxed) || seen == 0 {
                let decision = gate.check(Credential::Token(secret.as_bytes()), None, None, 1, START);
                assert!(decision.allowed(), "{:?}", decision.outcome);
                seen += 1;
            }
            seen
        }
    });
    for round in 0..200_000u64 {
        let swapped = round % 2 == 0;
        record.digest = if swapped { second } else { first };
        record.previous = Some((if swapped { first } else { second }, u64::MAX));
        world.writer.put(&record, at(START)).unwrap();
    }
    done.store(true, Ordering::Relaxed);
    assert!(reader.join().unwrap() > 0);
}

#[test]
fn a_gate_that_refuses_when_stale_goes_on_so_until_it_is_told_otherwise() {
    let mut world = World::new();
    let (secret, record) = world.record();
    world.put(&record);
    world.writer.refresh(1, 2, START);
    let path = world.path();
    let World { writer, gate, folder, .. } = world;
    drop(writer);
    let writer = Writer::open(&path, &Options { allow_stale: true, ..options() }, &identity()).unwrap();
    assert!(!gate.is_fresh(START));
    writer.allow_stale();
    assert!(gate.is_fresh(START));
    drop(writer);
    // The other way round it is at once.
    drop(Writer::open(&path, &options(), &identity()).unwrap());
    assert!(!gate.is_fresh(START));
    assert_eq!(ask(&gate, &secret).outcome.code(), "gate_stale");
    drop(folder);
}

#[test]
fn a_writer_shows_that_it_runs() {
    let world = World::new();
    assert_eq!(world.gate.heartbeat_ns(), 0);
    world.writer.beat(at(START));
    assert_eq!(world.gate.heartbeat_ns(), START);
}
