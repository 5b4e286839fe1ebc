//! One model, run in all interleavings.

use crate::sync::{Weakening, observed, weaken};
use std::any::Any;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};

/// What was seen while a model held.
pub(super) struct Explored {
    pub(super) interleavings: usize,
    pub(super) weakenings: BTreeSet<Weakening>,
}

/// Runs a model in all interleavings in which threads are stopped in the middle at most `preemptions` times.
///
/// # Errors
/// The message of the first failure.
pub(super) fn explore(
    model: impl Fn() + Send + Sync + 'static,
    preemptions: usize,
    weakening: Option<Weakening>,
) -> Result<Explored, String> {
    let run = move || {
        let interleavings = Arc::new(AtomicUsize::new(0));
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(preemptions);
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
    // A thread of its own: nothing of the checker's state outlives a failure.
    let name = if weakening.is_some() { EXPECTED } else { "model" };
    QUIET.call_once(be_quiet_where_failure_is_expected);
    let thread = std::thread::Builder::new().name(name.into()).spawn(run).unwrap();
    thread.join().map_err(|panic| message(&*panic))
}

/// The name of threads in which a model ought to fail.
const EXPECTED: &str = "weakened model";
static QUIET: Once = Once::new();

fn be_quiet_where_failure_is_expected() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name() != Some(EXPECTED) {
            report(info);
        }
    }));
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
