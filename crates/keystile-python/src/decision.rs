//! A decision, explained on demand.

use crate::gate::Gate;
use crate::lines::Lines;
use crate::pairs::Pairs;
use keystile_core::headers;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use std::sync::atomic::{AtomicBool, Ordering};

/// What a gate decided on one request.
#[pyclass(frozen, freelist = 64, module = "keystile._core")]
pub(crate) struct Decision {
    inner: keystile_core::Decision,
    gate: Py<Gate>,
    finished: AtomicBool,
}

impl Decision {
    #[inline]
    pub(crate) fn new(gate: &Bound<'_, Gate>, inner: keystile_core::Decision) -> Self {
        Self { inner, gate: gate.clone().unbind(), finished: AtomicBool::new(false) }
    }

    fn core(&self) -> &keystile_core::Gate {
        self.gate.get().core()
    }

    /// Appends the headers that explain it, as ASGI takes them.
    pub(crate) fn explain(&self, list: &Bound<'_, PyList>) -> PyResult<()> {
        let mut pairs = Pairs::onto(list);
        headers::explain(self.core(), &self.inner, |header, value| pairs.push(header, value));
        pairs.done
    }

    /// Counts the final status; only the first time, a request ends once.
    pub(crate) fn finish(&self, status: u16) {
        if !self.finished.swap(true, Ordering::Relaxed) {
            self.core().finish(&self.inner, status);
        }
    }
}

#[pymethods]
impl Decision {
    fn __bool__(&self) -> bool {
        self.inner.allowed()
    }

    #[getter]
    fn allowed(&self) -> bool {
        self.inner.allowed()
    }

    #[getter]
    fn status(&self) -> u16 {
        self.inner.outcome.status()
    }

    #[getter]
    fn code(&self) -> &'static str {
        self.inner.outcome.code()
    }

    #[getter]
    fn key_id(&self) -> Option<String> {
        self.core().key_id_of(&self.inner)
    }

    #[getter]
    fn tenant(&self) -> Option<String> {
        self.core().tenant_of(&self.inner)
    }

    #[getter]
    fn tier(&self) -> Option<String> {
        self.core().tier_of(&self.inner)
    }

    #[getter]
    fn scopes(&self) -> Vec<String> {
        self.core().scopes_of(&self.inner)
    }

    #[getter]
    fn needed_scope(&self) -> Option<String> {
        self.inner.needed.map(|scope| self.core().scope_name(scope))
    }

    #[getter]
    fn limit(&self) -> Option<u32> {
        self.inner.limits().map(|limits| limits.limit)
    }

    #[getter]
    fn remaining(&self) -> Option<u32> {
        self.inner.limits().map(|limits| limits.remaining)
    }

    #[getter]
    fn reset_at(&self) -> Option<i64> {
        self.inner.limits().map(|limits| limits.reset_at)
    }

    #[getter]
    fn retry_after(&self) -> Option<u64> {
        self.inner.retry_after_s()
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        let mut done = Ok(());
        headers::explain(self.core(), &self.inner, |header, value| {
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
        headers::identify(self.core(), &self.inner, |header, value| pairs.push(header, value));
        pairs.done.map(|()| list)
    }

    #[getter]
    fn header_lines<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut lines = Lines::new();
        headers::explain(self.core(), &self.inner, |header, value| lines.push(header.small_name(), value));
        headers::identify(self.core(), &self.inner, |header, value| lines.push(header.small_name(), value));
        lines.into_bytes(py)
    }

    fn __repr__(&self) -> String {
        let key = self.key_id().unwrap_or_else(|| "none".into());
        format!("Decision({}, key_id={key})", self.code())
    }
}
