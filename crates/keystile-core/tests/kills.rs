//! Processes that share one key, and are killed all the time: together they are admitted to the token.

#[expect(dead_code, reason = "this test needs a part of it")]
mod common;

use common::{World, at, identity, options};
use keystile_core::segment::Segment;
use keystile_core::{Credential, Gate, Outcome, Quota, lease};
use rustix::time::{ClockId, clock_gettime};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const PROCESSES: usize = 4;
const THREADS: usize = 3;
const RUN_NS: u64 = 3_000_000_000;
/// 10 000 requests a second: less than the processes ask for, even unoptimised on a busy machine. The burst is what
/// accrues in a minute, so that the bucket cannot become full again while the test runs.
const RATE: u32 = 600_000;
const BURST: u32 = 600_000;
/// Tells a process that it is one of those to be killed: where, with what and until when to check.
const ORDERS: &str = "KEYSTILE_TEST_ORDERS";

fn boottime() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

fn is_admitted(gate: &Gate, secret: &str, cost: u32, boot_ns: u64) -> bool {
    gate.check(Credential::Token(secret.as_bytes()), None, None, cost, boot_ns).allowed()
}

/// What a process does until it is killed. Each thread writes down how often it was admitted, in a place of its own
/// that nobody wrote to before: what the kernel was given is there after a `kill -9`. So a killed thread was admitted
/// as often as it says, or once more.
fn obey(orders: &str) {
    let [segment, secret, report, place, until_ns] =
        orders.split('\n').collect::<Vec<_>>().try_into().expect("five orders");
    let gate = Arc::new(Gate::new(Arc::new(Segment::attach(Path::new(segment), &identity()).unwrap())).unwrap());
    let report = File::options().write(true).open(report).unwrap();
    let (place, until_ns): (u64, u64) = (place.parse().unwrap(), until_ns.parse().unwrap());
    std::thread::scope(|scope| {
        for thread in 0..THREADS as u64 {
            let (gate, report) = (&gate, &report);
            scope.spawn(move || {
                let mut admitted = 0u64;
                loop {
                    let now = boottime();
                    if now >= until_ns {
                        return;
                    }
                    if is_admitted(gate, secret, 1, now) {
                        admitted += 1;
                        report.write_all_at(&admitted.to_ne_bytes(), (place + thread) * 8).unwrap();
                    }
                }
            });
        }
    });
}

/// The processes, those that were killed too.
struct Fleet {
    /// Orders without the place.
    orders: [String; 4],
    started: usize,
    running: Vec<Child>,
    random: u64,
}

impl Fleet {
    fn start(&mut self) {
        let [segment, secret, report, until_ns] = &self.orders;
        let place = (self.started * THREADS).to_string();
        let orders = [segment, secret, report, &place, until_ns].map(String::as_str).join("\n");
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "killed_processes_are_admitted_to_the_token"]).env(ORDERS, orders);
        self.running.push(command.stdout(Stdio::null()).spawn().unwrap());
        self.started += 1;
    }

    fn kill_one(&mut self) {
        let one = self.random(PROCESSES as u64) as usize;
        let mut process = self.running.swap_remove(one);
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// A number below `bound`, the same ones in each run.
    fn random(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % bound
    }
}

#[test]
fn killed_processes_are_admitted_to_the_token() {
    if let Ok(orders) = std::env::var(ORDERS) {
        return obey(&orders);
    }
    let mut world = World::with(&options());
    let quota = Quota::new(RATE, BURST).unwrap();
    world.writer.set_catalogue(&[], &[("Shared".to_string(), quota)], at(boottime())).unwrap();
    world.writer.refresh(1, 1, lease::FOREVER_NS);
    let (secret, mut record) = world.record();
    record.tier = "Shared".into();
    world.put(&record);
    let report = world.folder.path().join("report");
    File::create(&report).unwrap();

    // The first check takes the whole burst; all others get what accrues from here on.
    let first_ns = boottime();
    assert!(is_admitted(&world.gate, &secret, BURST, first_ns));
    let until_ns = first_ns + RUN_NS;
    let path = |path: &Path| path.to_str().unwrap().to_string();
    let orders = [path(&world.path()), secret.clone(), path(&report), until_ns.to_string()];
    let mut fleet = Fleet { orders, started: 0, running: Vec::new(), random: 20 };
    (0..PROCESSES).for_each(|_| fleet.start());
    while boottime() < until_ns - 100_000_000 {
        std::thread::sleep(Duration::from_millis(10 + fleet.random(50)));
        fleet.kill_one();
        fleet.start();
        // Meanwhile the flusher goes on, and so does whoever sums for the whole machine.
        let _ = world.writer.drain();
        world.writer.tally();
    }
    for process in &mut fleet.running {
        assert!(process.wait().unwrap().success());
    }
    // What nobody took, until the first refusal: at that instant there was not one token left.
    let mut left = 0;
    let last_ns = loop {
        let now = boottime();
        if !is_admitted(&world.gate, &secret, 1, now) {
            break now;
        }
        left += 1;
    };

    let accrued = (last_ns - first_ns) / quota.interval_ns();
    let words = std::fs::read(&report).unwrap();
    let reported = left + words.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap())).sum::<u64>();
    let killed = (fleet.started - PROCESSES) as u64;
    let unreported = killed * THREADS as u64;
    let usage = world.writer.drain().pop().unwrap().1;
    println!("{accrued} accrued, {reported} reported, {} counted after {killed} kills", usage.allowed - 1);
    assert!(reported <= accrued, "{reported} of {accrued} tokens");
    assert!(reported + unreported >= accrued, "{reported} of {accrued} tokens, {killed} killed");
    // A check is counted between its admission and its report.
    assert!((reported..=accrued).contains(&(usage.allowed - 1)), "{} counted", usage.allowed - 1);
    let told = world.gate.decisions().into_iter().filter(|(_, decided)| *decided != 0);
    assert_eq!(
        told.collect::<Vec<_>>(),
        [(Outcome::Allowed, usage.allowed), (Outcome::RateLimited, usage.rate_limited)]
    );
    assert!(killed >= 10 && usage.rate_limited > 0, "{killed} killed, {} refused", usage.rate_limited);
}
