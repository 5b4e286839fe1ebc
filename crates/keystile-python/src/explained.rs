//! An application's answer on its way out, explained by the decision that let its request pass.

use crate::decision::Decision;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use std::sync::atomic::{AtomicBool, Ordering};

/// An ASGI `send` that adds a decision's headers to the answer and counts its status, the first time.
///
/// It hands on what the server's `send` returns, so it adds neither a coroutine nor a Python frame.
#[pyclass(frozen, freelist = 64, module = "keystile._core")]
pub(crate) struct Explained {
    decision: Py<Decision>,
    send: Py<PyAny>,
    ended: AtomicBool,
}

#[pymethods]
impl Explained {
    #[new]
    fn new(decision: Py<Decision>, send: Py<PyAny>) -> Self {
        Self { decision, send, ended: AtomicBool::new(false) }
    }

    fn __call__<'py>(&self, message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if !self.ended.load(Ordering::Relaxed) {
            self.explain(message)?;
        }
        self.send.bind(message.py()).call1((message,))
    }
}

impl Explained {
    fn explain(&self, message: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = message.py();
        let kind = message.get_item(intern!(py, "type"))?;
        let Some(answer) = kind.cast::<PyString>().ok().and_then(|kind| Answer::of(kind.to_str().ok()?)) else {
            return Ok(());
        };
        if self.ended.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let decision = self.decision.get();
        let status = item_of(message, intern!(py, "status"))?;
        decision.finish(status.map_or(Ok(answer.status), |status| status.extract())?);
        if answer.has_headers {
            let name = intern!(py, "headers");
            let headers = item_of(message, name)?.map_or_else(|| Ok(PyList::empty(py)), |headers| copy_of(&headers))?;
            decision.explain(&headers)?;
            message.set_item(name, headers)?;
        }
        Ok(())
    }
}

fn item_of<'py>(message: &Bound<'py, PyAny>, name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
    if let Ok(dict) = message.cast::<PyDict>() {
        return dict.get_item(name);
    }
    let found = message.call_method1(intern!(message.py(), "get"), (name,))?;
    Ok((!found.is_none()).then_some(found))
}

/// A list of our own: the application may send the same one again.
fn copy_of<'py>(headers: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    if let Ok(list) = headers.cast::<PyList>() {
        return Ok(list.get_slice(0, list.len()));
    }
    let list = PyList::empty(headers.py());
    for header in headers.try_iter()? {
        list.append(header?)?;
    }
    Ok(list)
}

/// A message that decides on the status of an answer.
struct Answer {
    /// Its status where the message does not carry it.
    status: u16,
    has_headers: bool,
}

impl Answer {
    fn of(kind: &str) -> Option<Self> {
        match kind {
            "http.response.start" => Some(Self { status: 200, has_headers: true }),
            "websocket.http.response.start" => Some(Self { status: 403, has_headers: true }),
            "websocket.accept" => Some(Self { status: 101, has_headers: true }),
            // Closed before it was accepted: the server answers the handshake with 403.
            "websocket.close" => Some(Self { status: 403, has_headers: false }),
            _ => None,
        }
    }
}
