//! Headers as ASGI takes them: a list of pairs of byte strings.

use keystile_core::headers::Header;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyList, PyTuple};

type Names = [Py<PyBytes>; Header::NAMES.len()];

/// The names in small letters, made once.
static NAMES: PyOnceLock<Names> = PyOnceLock::new();

/// Appends headers to a list, until one fails.
pub(crate) struct Pairs<'a, 'py> {
    list: &'a Bound<'py, PyList>,
    names: &'static Names,
    pub(crate) done: PyResult<()>,
}

impl<'a, 'py> Pairs<'a, 'py> {
    pub(crate) fn onto(list: &'a Bound<'py, PyList>) -> Self {
        let py = list.py();
        let made = || Header::SMALL_NAMES.map(|name| PyBytes::new(py, name.as_bytes()).unbind());
        Self { list, names: NAMES.get_or_init(py, made), done: Ok(()) }
    }

    pub(crate) fn push(&mut self, header: Header, value: &[u8]) {
        let py = self.list.py();
        let name = self.names[header as usize].bind(py);
        let pair = PyTuple::new(py, [name, &PyBytes::new(py, value)]);
        if self.done.is_ok() {
            self.done = pair.and_then(|pair| self.list.append(pair));
        }
    }
}
