//! A decision, explained on demand.

use keystile_core::decision::DECISION_WORDS;
use keystile_core::{Gate, headers};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
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
        for (name, value) in headers::of(&self.gate, &self.inner()) {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    #[getter]
    fn asgi_headers<'py>(&self, py: Python<'py>) -> Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let bytes = |text: &str| PyBytes::new(py, text.as_bytes());
        let headers = headers::of(&self.gate, &self.inner()).into_iter();
        headers.map(|(name, value)| (bytes(&name.to_ascii_lowercase()), bytes(&value))).collect()
    }

    fn __repr__(&self) -> String {
        let key = self.key_id().unwrap_or_else(|| "none".into());
        format!("Decision({}, key_id={key})", self.code())
    }
}
