//! Arguments that may be `bytes` or `str`.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// The bytes of a `bytes` or `str`. Text that is no valid Unicode has none, and so is no key.
#[inline]
pub(crate) fn bytes_of<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<&'a [u8]> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(bytes.as_bytes());
    }
    match value.cast::<PyString>() {
        Ok(text) => Ok(text.to_str().map(str::as_bytes).unwrap_or_default()),
        Err(_) => Err(PyTypeError::new_err("a secret is bytes or str")),
    }
}
