//! One check in the core, beside its digest alone.

mod common;

use common::{PEPPER, World, boot_ns, fine_ratio, median_ratio, prefix, record};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use keystile_core::digest::KeyHash;
use keystile_core::secret::KeyText;
use keystile_core::{Credential, Decision, Digest, Pepper, Scope};
use std::hint::black_box;
use std::time::Duration;

/// A check as the binding makes it: the clock is read for each, and once more for one in 1,024.
#[inline]
fn check(world: &World, secret: &str, scope: Scope) -> Decision {
    world.gate.timed(Credential::Token(black_box(secret.as_bytes())), Some(scope), None, 1, boot_ns)
}

/// The same without looking whether to time it.
#[inline]
fn untimed(world: &World, secret: &str, scope: Scope) -> Decision {
    world.gate.check(Credential::Token(black_box(secret.as_bytes())), Some(scope), None, 1, boot_ns())
}

/// Shape, checksum and the three compressions, without gate or clock.
#[inline]
fn digest_alone(pepper: &Pepper, secret: &str) -> Digest {
    let text = KeyText::parse(black_box(secret.as_bytes()), &prefix()).unwrap();
    pepper.digest(&KeyHash::of(text))
}

fn outcomes(criterion: &mut Criterion) {
    let mut world = World::new(1_000);
    let (live, spent, unknown) = (world.key("Unlimited"), world.key("Exhausted"), world.mint());
    let (psa, crm) = (world.gate.scope("PSA").unwrap(), world.gate.scope("CRM").unwrap());
    check(&world, &spent, psa);
    let pepper = Pepper::new(&PEPPER);

    let mut group = criterion.benchmark_group("check");
    group.bench_function("digest alone", |bencher| bencher.iter(|| digest_alone(&pepper, &live)));
    let cases = [
        ("ok", live.as_str(), psa),
        ("insufficient_scope", &live, crm),
        ("rate_limited", &spent, psa),
        ("unknown_key", &unknown, psa),
        ("malformed_key", "tos_nonsense", psa),
    ];
    for (code, secret, scope) in cases {
        assert_eq!(check(&world, secret, scope).outcome.code(), code);
        group.bench_function(code, |bencher| bencher.iter(|| check(&world, secret, scope)));
    }
    group.finish();

    let hot = |calls| {
        (0..calls).for_each(|_| {
            black_box(check(&world, &live, psa));
        })
    };
    let digest = |calls| {
        (0..calls).for_each(|_| {
            black_box(digest_alone(&pepper, &live));
        })
    };
    record("core", "check, one key ÷ its digest alone", median_ratio(100_000, hot, digest), Some(1.5));
    let unwatched = |calls| {
        (0..calls).for_each(|_| {
            black_box(untimed(&world, &live, psa));
        })
    };
    record("core", "check, one in 1,024 timed ÷ none", fine_ratio(hot, unwatched), Some(1.02));
}

fn populations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("check in random order");
    group.throughput(Throughput::Elements(1));
    for count in [1, 10_000, 1_000_000] {
        let mut world = World::new(count.max(64));
        let secrets = world.keys(count as usize);
        let psa = world.gate.scope("PSA").unwrap();
        let mut order = secrets.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| check(&world, order.next().unwrap(), psa));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().without_plots().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = outcomes, populations
}

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
}
