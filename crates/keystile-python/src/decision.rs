//! A decision, explained on demand.

use crate::lines::Lines;
use crate::pairs::Pairs;
use keystile_core::decision::DECISION_WORDS;
use keystile_core::{Gate, headers};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// What a gate decided on one request.
#[pyclass(frozen, module = "keystile._core")]
pub(crate) struct Decision {
    /// Atomics, so that an object that nobody holds any more can be filled again; see [`crate::pool`].
    words: [AtomicU64; DECISION_WORDS],
    gate: Arc<Gate>,
    finished: AtomicBool,
}

impl Decision {
    pub(crate) fn new(gate: &Arc<Gate>, decision: &keystile_core::Decision) -> Self {
        Self {
            words: decision.to_words().map(AtomicU64::new),
            gate: Arc::clone(gate),
            finished: AtomicBool::new(false),
        }
    }

    /// Makes this another decision of the same gate. Only for an object that nobody can see.
    #[inline]
    pub(crate) fn renew(&self, decision: &keystile_core::Decision) {
        for (word, value) in self.words.iter().zip(decision.to_words()) {
            word.store(value, Relaxed);
        }
        self.finished.store(false, Relaxed);
    }

    fn inner(&self) -> keystile_core::Decision {
        keystile_core::Decision::from_words(&std::array::from_fn(|place| self.words[place].load(Relaxed)))
    }

    /// Appends the headers that explain it, as ASGI takes them.
    pub(crate) fn explain(&self, list: &Bound<'_, PyList>) -> PyResult<()> {
        let mut pairs = Pairs::onto(list);
        headers::explain(&self.gate, &self.inner(), |header, value| pairs.push(header, value));
        pairs.done
    }

    /// Counts the final status; only the first time, a request ends once.
    pub(crate) fn finish(&self, status: u16) {
        if !self.finished.swap(true, Relaxed) {
            self.gate.finish(&self.inner(), status);
        }
    }
}

#[pymethods]
impl Decision {
    fn __bool__(&self) -> bool {
        self.inner().allowed()
    }

    #[getter]
    fn allowed(&self) -> bool {
        self.inner().allowed()
    }

    #[getter]
    fn status(&self) -> u16 {
        self.inner().outcome.status()
    }

    #[getter]
    fn code(&self) -> &'static str {
        self.inner().outcome.code()
    }

    #[getter]
    fn key_id(&self) -> Option<String> {
        self.gate.key_id_of(&self.inner())
    }

    #[getter]
    fn tenant(&self) -> Option<String> {
        self.gate.tenant_of(&self.inner())
    }

    #[getter]
    fn tier(&self) -> Option<String> {
        self.gate.tier_of(&self.inner())
    }

    #[getter]
    fn scopes(&self) -> Vec<String> {
        self.gate.scopes_of(&self.inner())
    }

    #[getter]
    fn needed_scope(&self) -> Option<String> {
        self.inner().needed.map(|scope| self.gate.scope_name(scope))
    }

    #[getter]
    fn limit(&self) -> Option<u32> {
        self.inner().limits().map(|limits| limits.limit)
    }

    #[getter]
    fn remaining(&self) -> Option<u32> {
        self.inner().limits().map(|limits| limits.remaining)
    }

    #[getter]
    fn reset_at(&self) -> Option<i64> {
        self.inner().limits().map(|limits| limits.reset_at)
    }

    #[getter]
    fn retry_after(&self) -> Option<u64> {
        self.inner().retry_after_s()
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        let mut done = Ok(());
        headers::explain(&self.gate, &self.inner(), |header, value| {
            if done.is_ok() {
                done = dict.set_item(header.name(), String::from_utf8_lossy(value));
            }
        });
        done.map(|()| dict)
    }

    #[getter]
    fn asgi_headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        self.explain(&list)?;
        Ok(list)
    }

    #[getter]
    fn asgi_identity<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        let mut pairs = Pairs::onto(&list);
        headers::identify(&self.gate, &self.inner(), |header, value| pairs.push(header, value));
        pairs.done.map(|()| list)
    }

    #[getter]
    fn header_lines<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut lines = Lines::new();
        headers::explain(&self.gate, &self.inner(), |header, value| lines.push(header.small_name(), value));
        headers::identify(&self.gate, &self.inner(), |header, value| lines.push(header.small_name(), value));
        lines.into_bytes(py)
    }

    fn __repr__(&self) -> String {
        let key = self.key_id().unwrap_or_else(|| "none".into());
        format!("Decision({}, key_id={key})", self.code())
    }
}
