//! The objects of decisions that nobody holds any more, to be used again.
//!
//! Making and ending an object costs about as much as the rest of a call. So a gate keeps those it made last, and fills
//! one again when its own reference is the only one left, as CPython's `zip` does with its tuples. Where threads run
//! without the GIL, the count of an object of another thread cannot be relied on: there each decision is a new object.

use crate::decision::Decision;
use keystile_core::Gate;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// More than a thread or an event loop usually has in flight at a time; a power of two.
const SIZE: usize = 64;
/// Places that are looked at before a new object is made.
const TRIES: usize = 2;

/// The objects of one gate.
pub(crate) struct Pool {
    places: [PyOnceLock<Py<Decision>>; SIZE],
    /// Where to look first: the place that served last, whose object is in the processor's cache.
    first: AtomicUsize,
}

impl Default for Pool {
    fn default() -> Self {
        Self { places: [const { PyOnceLock::new() }; SIZE], first: AtomicUsize::new(0) }
    }
}

impl Pool {
    /// An object for `decision` of `gate`.
    #[inline]
    pub(crate) fn give<'py>(
        &self,
        py: Python<'py>,
        gate: &Arc<Gate>,
        decision: &keystile_core::Decision,
    ) -> PyResult<Bound<'py, Decision>> {
        if cfg!(Py_GIL_DISABLED) {
            return Bound::new(py, Decision::new(gate, decision));
        }
        let first = self.first.load(Relaxed);
        for place in (first..first + TRIES).map(|place| place % SIZE) {
            let Some(object) = self.places[place].get(py) else {
                let made = Bound::new(py, Decision::new(gate, decision))?;
                // Another thread may fill the place first; then this object is simply not kept.
                let _ = self.places[place].set(py, made.clone().unbind());
                return Ok(made);
            };
            if is_ours_alone(object, py) {
                // From the count to the clone nothing lets go of the GIL, so nobody else takes the object.
                self.first.store(place, Relaxed);
                object.get().renew(decision);
                return Ok(object.bind(py).clone());
            }
        }
        self.first.store(first.wrapping_add(TRIES) % SIZE, Relaxed);
        Bound::new(py, Decision::new(gate, decision))
    }
}

#[inline]
#[expect(deprecated, reason = "its successor is an unsafe function; the caller keeps to builds with the GIL")]
fn is_ours_alone(object: &Py<Decision>, py: Python<'_>) -> bool {
    object.get_refcnt(py) == 1
}
