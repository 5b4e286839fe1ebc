//! How errors of the core reach Python: as classes of `keystile.errors`.

use keystile_core::SegmentError;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

/// The Python exception for `error`.
pub(crate) fn of_segment(error: SegmentError) -> PyErr {
    let class = match &error {
        SegmentError::Absent(_) => "GateAbsent",
        SegmentError::Busy(_) => "GateBusy",
        SegmentError::Full(_) | SegmentError::TooManyTenants(_) | SegmentError::NoSpace(_) => "GateFull",
        SegmentError::Unusable { .. } | SegmentError::Outdated { .. } | SegmentError::Io { .. } => "GateUnusable",
        SegmentError::Invalid(_) => "GateError",
    };
    raised(class, error.to_string())
}

/// An exception of `keystile.errors` by its name.
pub(crate) fn raised(class: &str, message: String) -> PyErr {
    Python::attach(|py| {
        let class = py.import("keystile.errors").and_then(|module| module.getattr(class));
        match class.and_then(|class| class.call1((message,))) {
            Ok(error) => PyErr::from_value(error),
            Err(broken) => broken,
        }
    })
}

/// The exception for a random source that failed.
pub(crate) fn of_random(error: getrandom::Error) -> PyErr {
    PyOSError::new_err(format!("the operating system's random source failed: {error}"))
}
