//! A writer that is killed again and again while it makes one index after the other: no key is missed.

#[expect(dead_code, reason = "this test needs a part of it")]
mod common;

use common::{START, at, identity, nth_record, nth_secret, options};
use keystile_core::segment::{Options, Segment};
use keystile_core::{Credential, Digest, Gate, Quota, Writer, lease};
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const KILLS: u64 = 40;
/// Keys that stay as they are; nearly as many as the smallest index takes.
const KEPT: u64 = 215;
/// Rotations of one more key, after each so many of which a key more is added.
const ROTATIONS_A_KEY: u64 = 1_000;
/// Tells a process that it is the writer: the segment, and where to write down what it has done.
const ORDERS: &str = "KEYSTILE_TEST_WRITER_ORDERS";

fn written(report: &Path) -> u64 {
    let bytes = std::fs::read(report).unwrap();
    bytes.try_into().map_or(0, u64::from_ne_bytes)
}

fn open(segment: &Path) -> (Writer, Gate) {
    let writer = Writer::open(segment, &Options { capacity: 1 << 20, ..options() }, &identity()).unwrap();
    let unlimited = Quota::new(1_000_000_000, 1_000_000_000).unwrap();
    writer.set_catalogue(&["PSA".to_string()], &[("Standard".to_string(), unlimited)], at(START)).unwrap();
    writer.refresh(1, 1, lease::FOREVER_NS);
    let gate = Gate::new(writer.segment()).unwrap();
    (writer, gate)
}

fn digest(gate: &Gate, secret: &str) -> Digest {
    gate.digest(secret.as_bytes()).unwrap()
}

fn is_found(gate: &Gate, secret: &str) -> bool {
    gate.check(Credential::Token(secret.as_bytes()), None, None, 1, START).allowed()
}

/// The n-th secret of the key that is rotated.
fn rotated(n: u64) -> String {
    nth_secret(1 << 32 | n)
}

/// What the writer does until it is killed: rotate, and now and then add. What it has done is in the report first.
fn obey(orders: &str) {
    let (segment, report) = orders.split_once('\n').unwrap();
    let (mut writer, gate) = open(Path::new(segment));
    let done = written(Path::new(report));
    let report = File::options().write(true).open(report).unwrap();
    let mut record = nth_record(1 << 32, digest(&gate, &rotated(done)));
    for n in done + 1.. {
        record.previous = Some((record.digest, u64::MAX));
        record.digest = digest(&gate, &rotated(n));
        // The clock goes on, so that what is left of the index before is given back.
        writer.put(&record, at(START + n * 1_000_000_000)).unwrap();
        if n % ROTATIONS_A_KEY == 0 {
            let added = KEPT + n / ROTATIONS_A_KEY;
            writer.put(&nth_record(added, digest(&gate, &nth_secret(added))), at(START)).unwrap();
        }
        report.write_all_at(&n.to_ne_bytes(), 0).unwrap();
    }
}

fn start(segment: &Path, report: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let orders = [segment, report].map(|path| path.to_str().unwrap()).join("\n");
    command.args(["--exact", "a_killed_writer_hides_no_key"]).env(ORDERS, orders);
    command.stdout(Stdio::null()).spawn().unwrap()
}

/// Checks all the kept keys, over and over, while writers come and go.
fn watch(segment: PathBuf, done: &AtomicBool) -> u64 {
    let gate = Gate::new(Arc::new(Segment::attach(&segment, &identity()).unwrap())).unwrap();
    let secrets: Vec<_> = (1..=KEPT).map(nth_secret).collect();
    let mut rounds = 0;
    while !done.load(Ordering::Relaxed) || rounds == 0 {
        assert!(secrets.iter().all(|secret| is_found(&gate, secret)), "a key is missing in round {rounds}");
        rounds += 1;
    }
    rounds
}

#[test]
fn a_killed_writer_hides_no_key() {
    if let Ok(orders) = std::env::var(ORDERS) {
        return obey(&orders);
    }
    let folder = tempfile::tempdir().unwrap();
    let (segment, report) = (folder.path().join("gate"), folder.path().join("report"));
    File::create(&report).unwrap();
    let (mut writer, gate) = open(&segment);
    for n in 1..=KEPT {
        writer.put(&nth_record(n, digest(&gate, &nth_secret(n))), at(START)).unwrap();
    }
    drop(writer);
    let done = Arc::new(AtomicBool::new(false));
    let watcher = std::thread::spawn({
        let (segment, done) = (segment.clone(), Arc::clone(&done));
        move || watch(segment, &done)
    });
    let blocks = || std::fs::metadata(&segment).unwrap().blocks();
    let mut interrupted = 0;
    for round in 0..KILLS {
        let before = written(&report);
        let mut process = start(&segment, &report);
        while written(&report) == before {
            assert!(process.try_wait().unwrap().is_none(), "the writer gave up in round {round}");
            std::thread::sleep(Duration::from_millis(1));
        }
        // Wherever it is then.
        std::thread::sleep(Duration::from_millis(1 + round * 7 % 23));
        process.kill().unwrap();
        process.wait().unwrap();
        let (rotations, left) = (written(&report), blocks());
        let all = |gate: &Gate| {
            let added = KEPT + rotations / ROTATIONS_A_KEY;
            assert!(is_found(gate, &rotated(rotations)), "rotation {rotations} is not known after round {round}");
            assert!((1..=added).all(|n| is_found(gate, &nth_secret(n))), "a key is missing after round {round}");
        };
        all(&gate);
        // The next writer gives back what the dead one left of an index.
        all(&open(&segment).1);
        interrupted += u64::from(blocks() < left);
    }
    done.store(true, Ordering::Relaxed);
    let rounds = watcher.join().expect("a known key was missed");
    println!("{interrupted} of {KILLS} in an index, {} rotations, {rounds} rounds of checks", written(&report));
    assert!(interrupted > 0);
}
