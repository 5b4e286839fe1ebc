//! Outcomes: how requests ended, as proxies report them.

mod common;

use common::{START, World, identity, options};
use keystile_core::{KeyId, Usage, Writer};

fn usage(world: &mut World, id: &KeyId) -> Option<Usage> {
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
    let before = usage(&mut world, &record.id).unwrap();
    for status in [0, 200, 399, 400, 404, 499, 500, 503, 599, 600] {
        assert!(world.writer.count_outcome(&record.id, status));
    }
    // It is marked again, so that the next flush takes it along.
    let after = usage(&mut world, &record.id).unwrap();
    assert_eq!((after.app_client_errors, after.app_server_errors), (3, 3));
    assert_eq!(Usage { app_client_errors: 0, app_server_errors: 0, ..after }, before);
}

#[test]
fn a_proxys_report_and_the_status_that_a_process_saw_are_added_up() {
    let mut world = World::new();
    let (secret, record) = world.record();
    world.put(&record);
    let decision = world.check(&secret, "PSA", START);
    world.gate.finish(&decision, 500);
    assert!(world.writer.count_outcome(&record.id, 503));
    assert_eq!(usage(&mut world, &record.id).unwrap().app_server_errors, 2);
}

#[test]
fn keys_that_are_not_there_count_nothing() {
    let mut world = World::new();
    let (secret, record) = world.record();
    world.put(&record);
    assert!(world.writer.remove(&record.id));
    for id in [record.id, KeyId::new(1, [9; 10])] {
        assert!(!world.writer.count_outcome(&id, 503));
    }
    assert!(usage(&mut world, &record.id).is_none());
    assert_eq!(world.code(&secret, "PSA", START), "unknown_key");
}

#[test]
fn the_next_writer_reports_what_the_one_before_counted() {
    let mut world = World::new();
    let (_, record) = world.record();
    world.put(&record);
    assert!(world.writer.count_outcome(&record.id, 503));
    assert_eq!(usage(&mut world, &record.id).unwrap().app_server_errors, 1);
    let path = world.path();
    let World { writer, folder, .. } = world;
    drop(writer);
    let mut next = Writer::open(&path, &options(), &identity()).unwrap();
    assert_eq!(next.drain().first().map(|(id, usage)| (*id, usage.app_server_errors)), Some((record.id, 1)));
    drop(folder);
}
