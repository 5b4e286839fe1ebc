//! The gate and its scope handles.

use crate::counters::Counters;
use crate::decision::Decision;
use crate::keys::{id_of, pepper_of, prefix_of};
use crate::pool::Pool;
use crate::record::KeyRecord;
use crate::text::bytes_of;
use crate::{attach, clock, errors};
use keystile_core::bucket::Instant;
use keystile_core::segment::{Identity, Options, Segment};
use keystile_core::{Credential, Quota, SegmentError, Writer, lease};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// A scope of one gate's catalogue, resolved once so that checks need not look it up.
#[pyclass(frozen, module = "keystile._core")]
pub(crate) struct Scope {
    inner: keystile_core::Scope,
    gate_id: u64,
    #[pyo3(get)]
    name: String,
}

#[pymethods]
impl Scope {
    fn __repr__(&self) -> String {
        format!("Scope({})", self.name)
    }
}

/// Decides on requests, from this machine's segment.
#[pyclass(frozen, module = "keystile._core")]
pub(crate) struct Gate {
    inner: Arc<keystile_core::Gate>,
    decisions: Pool,
    /// Half of the segment's random id: scope handles of another gate are refused by it.
    id: u64,
    /// Present when this gate keeps its keys itself.
    writer: Option<Mutex<Writer>>,
}

impl Gate {
    pub(crate) fn on(segment: Arc<Segment>, writer: Option<Writer>) -> PyResult<Self> {
        let inner = keystile_core::Gate::new(segment).map_err(errors::of_segment)?;
        Ok(Self {
            id: inner.id() as u64,
            inner: Arc::new(inner),
            decisions: Pool::default(),
            writer: writer.map(Mutex::new),
        })
    }

    #[inline]
    fn needed(&self, scope: Option<&Bound<'_, Scope>>) -> PyResult<Option<keystile_core::Scope>> {
        match scope {
            None => Ok(None),
            Some(scope) if scope.get().gate_id == self.id => Ok(Some(scope.get().inner)),
            Some(_) => Err(PyValueError::new_err("the scope belongs to another gate")),
        }
    }

    #[inline]
    fn decide<'py>(
        slf: &Bound<'py, Self>,
        credential: Credential<'_>,
        scope: Option<&Bound<'_, Scope>>,
        client: Option<&str>,
        cost: u32,
    ) -> PyResult<Bound<'py, Decision>> {
        let gate = slf.get();
        let decision = gate.inner.timed(credential, gate.needed(scope)?, client, cost, clock::boot_ns);
        gate.decisions.give(slf.py(), &gate.inner, &decision)
    }

    /// Changes the segment of a gate from `Gate.open`. Waits for the writer without holding up the interpreter, and
    /// raises only after it was let go: an exception may run any Python code.
    fn change<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Writer) -> Result<T, SegmentError> + Send,
    ) -> PyResult<T> {
        let Some(writer) = &self.writer else {
            let message = "this gate is kept by its Hub; only a gate from Gate.open can be changed";
            return Err(errors::raised("GateError", message.into()));
        };
        let changed = py.detach(|| work(&mut writer.lock().unwrap_or_else(PoisonError::into_inner)));
        changed.map_err(errors::of_segment)
    }
}

#[pymethods]
impl Gate {
    #[staticmethod]
    #[pyo3(signature = (path = None))]
    fn attach(path: Option<PathBuf>) -> PyResult<Self> {
        let identity = Identity::current()?;
        let path = path.map_or_else(|| attach::only_gate(&identity), Ok)?;
        let segment = Segment::attach(&path, &identity).map_err(errors::of_segment)?;
        Self::on(Arc::new(segment), None)
    }

    #[staticmethod]
    #[pyo3(signature = (path, *, scopes, tiers, pepper = None, prefix = "tos_", capacity = 16_777_216,
        failure_rate = 60, failure_burst = 100))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only in Python, where this is the readable form")]
    fn open(
        path: PathBuf,
        scopes: Vec<String>,
        tiers: Vec<(String, u32, u32)>,
        pepper: Option<&[u8]>,
        prefix: &str,
        capacity: u32,
        failure_rate: u32,
        failure_burst: u32,
    ) -> PyResult<Self> {
        let mut fresh_pepper = [0; 32];
        getrandom::fill(&mut fresh_pepper).map_err(errors::of_random)?;
        let options = Options {
            capacity,
            prefix: prefix_of(prefix)?,
            peppers: vec![pepper_of(pepper.unwrap_or(&fresh_pepper))?],
            failures: quota_of(failure_rate, failure_burst)?,
            allow_stale: false,
            random: random()?,
        };
        let writer = Writer::open(&path, &options, &Identity::current()?).map_err(errors::of_segment)?;
        let now = Instant::from_boottime(clock::boot_ns());
        writer.set_catalogue(&scopes, &tiers_of(tiers)?, now).map_err(errors::of_segment)?;
        writer.set_wall_offset(measured_offset(clock::wall_ns()), now);
        writer.refresh(0, 0, lease::FOREVER_NS);
        Self::on(writer.segment(), Some(writer))
    }

    fn scope(&self, name: &str) -> PyResult<Scope> {
        match self.inner.scope(name) {
            Some(inner) => Ok(Scope { inner, gate_id: self.id, name: name.into() }),
            None => Err(errors::raised("UnknownScope", format!("the catalogue has no scope {name:?}"))),
        }
    }

    #[pyo3(signature = (secret, scope = None, client = None, cost = 1))]
    fn check<'py>(
        slf: &Bound<'py, Self>,
        secret: &Bound<'_, PyAny>,
        scope: Option<&Bound<'_, Scope>>,
        client: Option<&str>,
        cost: u32,
    ) -> PyResult<Bound<'py, Decision>> {
        if cost == 0 {
            return Err(PyValueError::new_err("a request costs at least one token"));
        }
        Self::decide(slf, Credential::Token(bytes_of(secret)?), scope, client, cost)
    }

    #[pyo3(signature = (headers, scope = None, client = None))]
    fn check_headers<'py>(
        slf: &Bound<'py, Self>,
        headers: &Bound<'_, PyAny>,
        scope: Option<&Bound<'_, Scope>>,
        client: Option<&str>,
    ) -> PyResult<Bound<'py, Decision>> {
        let mut values = Vec::with_capacity(1);
        for header in headers.try_iter()? {
            let (name, value) = pair_of(&header?)?;
            if name.as_bytes().eq_ignore_ascii_case(b"authorization") {
                values.push(value);
            }
        }
        Self::decide(slf, Credential::from_headers(values.iter().map(|value| value.as_bytes())), scope, client, 1)
    }

    #[expect(clippy::unused_self, reason = "the public form is gate.finish(decision, status)")]
    fn finish(&self, decision: &Bound<'_, Decision>, status: u16) {
        decision.get().finish(status);
    }

    fn digest<'py>(&self, py: Python<'py>, secret: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let digest = self.inner.digest(bytes_of(secret)?);
        let digest = digest.ok_or_else(|| PyValueError::new_err("the text is not shaped like a key"))?;
        Ok(PyBytes::new(py, &digest.to_bytes()))
    }

    fn put(&self, py: Python<'_>, record: &Bound<'_, KeyRecord>) -> PyResult<()> {
        let (now, record) = (Instant::from_boottime(clock::boot_ns()), &record.get().inner);
        self.change(py, |writer| writer.put(record, now))
    }

    fn revoke(&self, py: Python<'_>, key_id: &str) -> PyResult<bool> {
        let id = id_of(key_id)?;
        self.change(py, |writer| Ok(writer.revoke(&id)))
    }

    #[getter]
    fn path(&self) -> PathBuf {
        self.inner.segment().path().into()
    }

    #[getter]
    fn fresh(&self) -> bool {
        self.inner.is_fresh(clock::boot_ns())
    }

    #[getter]
    fn is_current(&self) -> bool {
        self.inner.segment().is_current()
    }

    #[getter]
    fn applied_revision(&self) -> u64 {
        self.inner.applied_revision()
    }

    #[getter]
    fn heartbeat_ns(&self) -> u64 {
        self.inner.heartbeat_ns()
    }

    #[getter]
    fn key_count(&self) -> u32 {
        self.inner.key_count()
    }

    #[getter]
    fn capacity(&self) -> u32 {
        self.inner.segment().capacity()
    }

    #[getter]
    fn stale_refusals(&self) -> u64 {
        self.inner.stale_refusals()
    }

    #[getter]
    fn counters(&self, py: Python<'_>) -> PyResult<Counters> {
        if self.writer.is_some() {
            // Where there is an agent, it does this at each interval.
            self.change(py, |writer| {
                writer.tally();
                Ok(())
            })?;
        }
        Ok(Counters::of(&self.inner))
    }

    #[getter]
    fn wall_offset_ns(&self) -> i64 {
        self.inner.wall_offset_ns()
    }
}

/// A header as ASGI gives it: two byte strings in a tuple, or in a list as some servers do.
pub(crate) fn pair_of<'py>(header: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let pair = match header.cast::<PyTuple>() {
        Ok(pair) => (pair.get_item(0)?, pair.get_item(1)?),
        Err(_) => (header.get_item(0)?, header.get_item(1)?),
    };
    match (pair.0.cast_into::<PyBytes>(), pair.1.cast_into::<PyBytes>()) {
        (Ok(name), Ok(value)) => Ok((name, value)),
        _ => Err(PyTypeError::new_err("headers are pairs of bytes")),
    }
}

pub(crate) fn random() -> PyResult<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(errors::of_random)?;
    Ok(bytes)
}

pub(crate) fn quota_of(rate: u32, burst: u32) -> PyResult<Quota> {
    Quota::new(rate, burst).map_err(|error| PyValueError::new_err(error.to_string()))
}

pub(crate) fn tiers_of(tiers: Vec<(String, u32, u32)>) -> PyResult<Vec<(String, Quota)>> {
    tiers.into_iter().map(|(name, rate, burst)| Ok((name, quota_of(rate, burst)?))).collect()
}

/// Wall time minus boot time, for a wall time that was read just now or a little earlier.
pub(crate) fn measured_offset(wall_ns: u64) -> i64 {
    i64::try_from(i128::from(wall_ns) - i128::from(clock::boot_ns())).unwrap_or(0)
}
