//! What a gate tells of all decisions on its machine: nothing is missing, nothing counts twice, whoever dies.

mod common;

use common::{SECOND, START, World, identity, options};
use keystile_core::segment::Options;
use keystile_core::{Credential, Gate, Outcome, Quota, Writer, latency};
use std::cell::Cell;
use std::collections::HashMap;

fn decided(gate: &Gate) -> HashMap<Outcome, u64> {
    gate.decisions().into_iter().filter(|(_, decided)| *decided != 0).collect()
}

fn refuse(gate: &Gate, credential: Credential<'_>, client: Option<&str>) -> Outcome {
    gate.check(credential, None, client, 1, START).outcome
}

#[test]
fn each_decision_is_told_under_its_outcome() {
    let mut world = World::new();
    let (secret, mut record) = world.record();
    let unknown = world.mint();
    world.put(&record);
    let check = |scope: &str| world.check(&secret, scope, START).outcome;
    let mut made = vec![check("PSA"), check("CRM")];
    let ended = [404, 503, 200].map(|status| (world.check(&secret, "PSA", START), status));
    made.extend(ended.map(|(decision, status)| {
        world.gate.finish(&decision, status);
        decision.outcome
    }));
    made.extend((0..96).map(|_| check("PSA")));
    let token = Credential::Token(unknown.as_bytes());
    for client in [None, Some("192.0.2.1"), Some("2001:db8::1"), Some("unix")] {
        let malformed = Credential::Token(b"tos_nonsense");
        for credential in [Credential::Missing, Credential::Multiple, Credential::Malformed, malformed, token] {
            made.push(refuse(&world.gate, credential, client));
        }
    }
    made.extend((0..120).map(|_| refuse(&world.gate, token, Some("192.0.2.9"))));
    record.expires_at_ns = 1;
    world.put(&record);
    made.push(world.check(&secret, "PSA", START).outcome);
    record.disabled = true;
    world.put(&record);
    made.push(world.check(&secret, "PSA", START).outcome);
    record.revoked = true;
    world.put(&record);
    made.push(world.check(&secret, "PSA", START).outcome);
    world.writer.refresh(1, 2, START);
    made.push(world.check(&secret, "PSA", START).outcome);
    made.push(refuse(&world.gate, Credential::Missing, Some("192.0.2.9")));

    world.writer.tally();
    let mut expected = HashMap::new();
    made.iter().for_each(|outcome| *expected.entry(*outcome).or_insert(0) += 1);
    assert_eq!(expected.len(), Outcome::ALL.len(), "{expected:?}");
    assert_eq!(decided(&world.gate), expected);
    assert_eq!((world.gate.app_errors(), world.gate.stale_refusals()), ((1, 1), 2));
    // Told again, and after a flush: nothing counts twice.
    world.writer.tally();
    assert_eq!(world.writer.drain().len(), 1);
    world.writer.tally();
    assert_eq!(decided(&world.gate), expected);
}

#[test]
fn what_comes_between_two_flushes_is_in_the_next_tally() {
    let mut world = World::new();
    let keys: Vec<_> = (0..200)
        .map(|_| {
            let (secret, record) = world.record();
            world.put(&record);
            secret
        })
        .collect();
    let mut checks = 0;
    for round in 0..5 {
        // Some keys of some groups; the last ones share theirs with slots that there are not.
        for secret in keys.iter().skip(round * 7).step_by(round + 1) {
            assert_eq!(world.code(secret, "PSA", START), "ok");
            checks += 1;
        }
        match round % 3 {
            0 => world.writer.tally(),
            _ => assert!(!world.writer.drain().is_empty()),
        }
        assert_eq!(decided(&world.gate), HashMap::from([(Outcome::Allowed, checks)]));
        let (secret, record) = world.record();
        world.put(&record);
        assert!(world.check(&secret, "PSA", START).allowed());
        checks += 1;
        world.writer.tally();
        assert_eq!(decided(&world.gate)[&Outcome::Allowed], checks);
    }
}

#[test]
fn the_next_writer_knows_what_the_one_before_did_not_come_to() {
    for capacity in [options().capacity, 50_000] {
        let mut world = World::new();
        let (secret, record) = world.record();
        world.put(&record);
        (0..3).for_each(|_| assert!(world.check(&secret, "PSA", START).allowed()));
        refuse(&world.gate, Credential::Missing, None);
        world.writer.tally();
        world.writer.add_to_figure("lines", 7).unwrap();
        world.writer.set_figure("flushed_ns", 12).unwrap();
        assert!(world.check(&secret, "PSA", START).allowed());
        assert_eq!(decided(&world.gate)[&Outcome::Allowed], 3);
        let path = world.path();
        let World { writer, gate, folder, .. } = world;
        drop(writer);
        // In place, or into a larger segment.
        let writer = Writer::open(&path, &Options { capacity, ..options() }, &identity()).unwrap();
        assert_eq!(gate.segment().is_current(), capacity == options().capacity);
        let gate = Gate::new(writer.segment()).unwrap();
        assert_eq!(decided(&gate), HashMap::from([(Outcome::Allowed, 4), (Outcome::MissingCredentials, 1)]));
        writer.add_to_figure("lines", 1).unwrap();
        assert_eq!(gate.figures(), [("lines".into(), 8), ("flushed_ns".into(), 12)]);
        drop(folder);
    }
}

#[test]
fn a_figure_needs_a_name_and_room() {
    let world = World::new();
    for bad in ["", "a b", "Zürich", &"x".repeat(33)] {
        assert!(world.writer.set_figure(bad, 1).is_err(), "{bad}");
    }
    for number in 0..48 {
        world.writer.set_figure(&format!("figure_{number}"), number).unwrap();
    }
    assert!(world.writer.set_figure("one_more", 1).is_err());
    world.writer.set_figure("figure_47", 9).unwrap();
    let figures = world.gate.figures();
    assert_eq!((figures.len(), figures[47].1, figures[46].1), (48, 9, 46));
}

#[test]
fn about_one_check_in_1024_asks_the_clock_twice() {
    const CHECKS: u64 = 100_000;
    let mut world = World::new();
    let (secret, record) = world.record();
    world.put(&record);
    let (asked, now) = (Cell::new(0), Cell::new(START));
    let clock = || {
        asked.set(asked.get() + 1);
        now.set(now.get() + 250);
        now.get()
    };
    for _ in 0..CHECKS {
        world.gate.timed(Credential::Token(secret.as_bytes()), None, None, 1, clock);
    }
    let times = world.gate.times();
    let timed: u64 = times.counts.iter().sum();
    assert_eq!(asked.get(), CHECKS + timed);
    assert!(timed.abs_diff(CHECKS / latency::ONE_IN) < 40, "{timed}");
    assert_eq!((times.counts[latency::bucket_of(250)], times.sum_ns), (timed, timed * 250));
    world.writer.tally();
    assert_eq!(decided(&world.gate).values().sum::<u64>(), CHECKS);
}

#[test]
fn budgets_that_are_not_full_are_told() {
    let world = World::with(&Options { failures: Quota::new(60, 3).unwrap(), ..options() });
    for (client, attempts) in [("192.0.2.1", 1), ("192.0.2.2", 2), ("192.0.2.3", 9)] {
        (0..attempts).for_each(|_| {
            refuse(&world.gate, Credential::Missing, Some(client));
        });
    }
    let told = |boot_ns: u64| (world.gate.budgets(boot_ns).charged, world.gate.budgets(boot_ns).exhausted);
    assert_eq!(told(START), (3, 1));
    assert_eq!(told(START + SECOND), (2, 0));
    assert_eq!(told(START + 3 * SECOND), (0, 0));
}
