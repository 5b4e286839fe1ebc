//! Outcomes: how requests ended, as proxies report them.

mod common;

use common::{START, World};
use keystile_core::segment::Outcomes;
use keystile_core::{KeyId, Usage};

fn usage(world: &World, id: &KeyId) -> Option<Usage> {
    world.writer.drain().into_iter().find_map(|(found, usage)| (found == *id).then_some(usage))
}

#[test]
fn errors_are_added_and_never_requests() {
    let mut world = World::new();
    let (secret, record) = world.record();
    world.put(&record);
    for _ in 0..5 {
        assert!(world.check(&secret, "PSA", START).allowed());
    }
    let before = usage(&world, &record.id).unwrap();
    let ended = [200, 399, 400, 404, 499, 500, 503, 599].map(|status| (Some(record.id), status));
    world.writer.count_outcomes(&ended, &Outcomes::default());
    // It is marked again, so that the next flush takes it along.
    let after = usage(&world, &record.id).unwrap();
    assert_eq!((after.app_client_errors, after.app_server_errors), (3, 3));
    assert_eq!(Usage { app_client_errors: 0, app_server_errors: 0, ..after }, before);
    assert_eq!(world.gate.outcomes(), Outcomes { counted: 6, passed_over: 2, ..Outcomes::default() });
}

#[test]
fn a_proxys_report_and_the_status_that_a_process_saw_are_added_up() {
    let mut world = World::new();
    let (secret, record) = world.record();
    world.put(&record);
    let decision = world.check(&secret, "PSA", START);
    world.gate.finish(&decision, 500);
    world.writer.count_outcomes(&[(Some(record.id), 503)], &Outcomes::default());
    assert_eq!(usage(&world, &record.id).unwrap().app_server_errors, 2);
}

#[test]
fn keys_that_are_not_there_are_told_apart_and_count_nothing() {
    let mut world = World::new();
    let (secret, record) = world.record();
    world.put(&record);
    assert!(world.writer.remove(&record.id));
    let nobody = KeyId::new(1, [9; 10]);
    let ended = [(Some(nobody), 503), (None, 503), (None, 200), (Some(record.id), 503)];
    world.writer.count_outcomes(&ended, &Outcomes::default());
    assert_eq!(world.gate.outcomes(), Outcomes { unknown_key: 4, ..Outcomes::default() });
    assert!(usage(&world, &record.id).is_none());
    assert_eq!(world.code(&secret, "PSA", START), "unknown_key");
}

#[test]
fn what_was_lost_on_the_way_is_noted_and_outlives_the_writer() {
    let world = World::new();
    let lost = Outcomes { counted: 0, passed_over: 1, unknown_key: 2, malformed: 3, dropped: 4 };
    world.writer.count_outcomes(&[], &lost);
    world.writer.count_outcomes(&[], &lost);
    let twice = Outcomes { counted: 0, passed_over: 2, unknown_key: 4, malformed: 6, dropped: 8 };
    assert_eq!(world.gate.outcomes(), twice);
    let path = world.path();
    let World { writer, gate, folder, .. } = world;
    drop(writer);
    let _next = keystile_core::Writer::open(&path, &common::options(), &common::identity()).unwrap();
    assert_eq!(gate.outcomes(), twice);
    drop(folder);
}
