//! Models of what processes do to shared memory at the same time: the code itself, run by the model checker in every
//! order, and with every stale value, that the language's memory model allows.
//!
//! A model must hold, and it must also fail: [`every_weakening_is_caught`] runs the models again with each ordering
//! relaxed, each fence left out and each read-modify-write torn, one at a time, and some model must notice each.

mod bucket;
mod counts;
mod facts;
mod header;
mod index;
mod slots;

use crate::sync::{Weakening, observed, weaken};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

type Model = (&'static str, fn());

const MODELS: [Model; 12] = [
    ("bucket: burst", bucket::burst),
    ("bucket: refill", bucket::refill),
    ("bucket: carried over", bucket::carried_over),
    ("slots: changes", slots::changes),
    ("index: publication", index::publication),
    ("index: neighbours", index::neighbours),
    ("index: rotation", index::rotation),
    ("counts: flush", counts::flush),
    ("counts: one key", counts::one_key),
    ("counts: one word", counts::one_word),
    ("header: lease", header::lease),
    ("header: catalogue", header::catalogue),
];

/// Runs a model in all interleavings and gives their number, or nothing if one of them failed.
fn explore(model: impl Fn() + Send + Sync + 'static, weakening: Option<Weakening>) -> Option<Explored> {
    let run = move || {
        let interleavings = Arc::new(AtomicUsize::new(0));
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = std::env::var("P").ok().map(|p| p.parse().unwrap());
        weaken(weakening);
        builder.check({
            let interleavings = Arc::clone(&interleavings);
            move || {
                interleavings.fetch_add(1, Ordering::Relaxed);
                model();
            }
        });
        Explored { interleavings: interleavings.load(Ordering::Relaxed), weakenings: observed() }
    };
    // A thread of its own: the model checker's state does not outlive a failure.
    std::thread::spawn(run).join().ok()
}

struct Explored {
    interleavings: usize,
    weakenings: BTreeSet<Weakening>,
}

#[test]
fn probe() {
    for (name, model) in MODELS {
        let t = std::time::Instant::now();
        let e = explore(model, None).expect(name);
        println!("{name}: {} in {:?}, {} weakenings", e.interleavings, t.elapsed(), e.weakenings.len());
        for w in e.weakenings.into_iter().filter(|_| std::env::var("W").is_ok()) {
            let t = std::time::Instant::now();
            let r = explore(model, Some(w));
            println!("    {w:?}: caught={} {:?}", r.is_none(), t.elapsed());
        }
    }
}
