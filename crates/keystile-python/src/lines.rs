//! Headers as HTTP/1 writes them.

use crate::gate::pair_of;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

/// As long as the headers of most answers are.
const USUAL_LEN: usize = 512;

/// Lines of headers, one after the other.
pub(crate) struct Lines {
    text: Vec<u8>,
    sound: bool,
}

impl Lines {
    pub(crate) fn new() -> Self {
        Self { text: Vec::with_capacity(USUAL_LEN), sound: true }
    }

    pub(crate) fn push(&mut self, name: impl AsRef<[u8]>, value: &[u8]) {
        for (text, end) in [(name.as_ref(), b": "), (value, b"\r\n")] {
            self.sound &= text.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\t');
            self.text.extend_from_slice(text);
            self.text.extend_from_slice(end);
        }
    }

    /// A value that would end its line would begin another header: then there are none.
    pub(crate) fn into_bytes(self, py: Python<'_>) -> PyResult<Bound<'_, PyBytes>> {
        if !self.sound {
            return Err(PyValueError::new_err("a header has no control characters"));
        }
        Ok(PyBytes::new(py, &self.text))
    }
}

#[pyfunction]
pub(crate) fn header_lines<'py>(headers: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyBytes>> {
    let mut lines = Lines::new();
    for header in headers {
        let (name, value) = pair_of(&header)?;
        lines.push(name.as_bytes(), value.as_bytes());
    }
    lines.into_bytes(headers.py())
}
