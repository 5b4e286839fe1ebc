//! What a gate counts for its whole machine.

use crate::clock;
use keystile_core::Gate;
use keystile_core::latency::BOUNDS_NS;
use keystile_core::segment::Connections;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::Arc;

/// Workers that are alive; the size, the idle and the most of their connections; answers by class of status.
type WorkersTuple = (u64, (u64, u64, u64), [u64; 4]);

/// The numbers of one machine's gate, whichever process asks.
#[pyclass(frozen, module = "keystile._core")]
pub(crate) struct Counters {
    gate: Arc<Gate>,
}

impl Counters {
    pub(crate) fn of(gate: &Arc<Gate>) -> Self {
        Self { gate: Arc::clone(gate) }
    }
}

#[pymethods]
impl Counters {
    fn decisions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let decisions = PyDict::new(py);
        for (outcome, decided) in self.gate.decisions() {
            decisions.set_item(outcome.code(), decided)?;
        }
        Ok(decisions)
    }

    fn application_errors(&self) -> (u64, u64) {
        self.gate.app_errors()
    }

    fn durations(&self) -> (Vec<u64>, Vec<u64>, u64) {
        let times = self.gate.times();
        (BOUNDS_NS.to_vec(), times.counts.to_vec(), times.sum_ns)
    }

    fn failure_budgets(&self, py: Python<'_>) -> (u32, u32) {
        let budgets = py.detach(|| self.gate.budgets(clock::boot_ns()));
        (budgets.charged, budgets.exhausted)
    }

    fn figures<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let figures = PyDict::new(py);
        for (name, value) in self.gate.figures() {
            figures.set_item(name, value)?;
        }
        Ok(figures)
    }

    #[pyo3(signature = (place, *, pool, answered))]
    fn report(&self, place: usize, pool: (u64, u64, u64), answered: [u64; 4]) {
        let (size, idle, most) = pool;
        self.gate.report(place, clock::boot_ns(), Connections { size, idle, most }, answered);
    }

    fn workers(&self, within_ns: u64) -> WorkersTuple {
        let found = self.gate.workers(clock::boot_ns().saturating_sub(within_ns));
        let pool = found.pool;
        (found.alive, (pool.size, pool.idle, pool.most), found.answered)
    }
}
