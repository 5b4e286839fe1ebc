//! Models of what processes do to shared memory at the same time: the code itself, run by the model checker in every
//! order, and with every stale value, that the language's memory model allows.
//!
//! A model must hold, and it must be able to fail: [`every_weakening_is_caught`] runs the models again with each
//! ordering relaxed, each fence left out and each read-modify-write torn, one at a time, and a model must notice.
//!
//! Run by `make test`, with `--cfg loom`. Nothing else of the crate works in such a build.

mod bucket;
mod counts;
mod editions;
mod explore;
mod facts;
mod header;
mod index;
mod slots;
mod source;

use crate::sync::Weakening;
use explore::explore;
use std::collections::{BTreeMap, BTreeSet};

type Model = (&'static str, fn());

const MODELS: [Model; 18] = [
    ("bucket::burst", bucket::burst),
    ("bucket::refill", bucket::refill),
    ("bucket::carried_over", bucket::carried_over),
    ("bucket::faster", bucket::faster),
    ("bucket::larger", bucket::larger),
    ("slots::changes", slots::changes),
    ("index::publication", index::publication),
    ("index::neighbours", index::neighbours),
    ("index::rotation", index::rotation),
    ("editions::larger", editions::larger),
    ("editions::thrice", editions::thrice),
    ("counts::flush", counts::flush),
    ("counts::one_key", counts::one_key),
    ("counts::one_word", counts::one_word),
    ("counts::scopes", counts::scopes),
    ("counts::two_scopes", counts::two_scopes),
    ("header::lease", header::lease),
    ("header::catalogue", header::catalogue),
];

#[test]
fn every_model_holds() {
    for (name, model) in MODELS {
        let explored = explore(model, 3, None).unwrap();
        assert!(explored.interleavings > 1, "{name} has nothing to interleave");
        println!("{name}: {} interleavings", explored.interleavings);
    }
}

#[test]
fn a_writer_that_dies_anywhere_leaves_one_state() {
    let interleavings = (0..=slots::WRITES).map(|writes| explore(move || slots::death(writes), 2, None).unwrap());
    println!("slots::death: {} interleavings", interleavings.map(|explored| explored.interleavings).sum::<usize>());
}

#[test]
fn a_writer_that_dies_while_it_fills_an_index_hides_no_key() {
    let interleavings = (0..=editions::WRITES).map(|writes| explore(move || editions::death(writes), 2, None).unwrap());
    println!("editions::death: {} interleavings", interleavings.map(|explored| explored.interleavings).sum::<usize>());
}

#[test]
fn every_weakening_is_caught() {
    let mut models_of: BTreeMap<Weakening, Vec<Model>> = BTreeMap::new();
    for (name, model) in MODELS {
        for weakening in explore(model, 2, None).unwrap().weakenings {
            models_of.entry(weakening).or_default().push((name, model));
        }
    }
    for (weakening, models) in &models_of {
        let failure = |(name, model): &Model| Some((*name, explore(*model, 2, Some(*weakening)).err()?));
        let caught: Vec<_> = models.iter().filter_map(failure).collect();
        let by_itself = caught.iter().filter(|(_, why)| !why.contains("exceeded maximum number of branches"));
        assert!(by_itself.count() > 0, "no model notices {weakening}");
        println!("{weakening}: {}", caught.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "));
    }
    let places: BTreeSet<_> = models_of.keys().map(|weakening| (weakening.file, weakening.line)).collect();
    source::assert_covered(&places);
}
