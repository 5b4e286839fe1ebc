//! The agent's side of the segment.

use crate::gate::{Gate, measured_offset, quota_of, random, tiers_of};
use crate::keys::{id_of, pepper_of, prefix_of};
use crate::record::KeyRecord;
use crate::{clock, errors};
use keystile_core::bucket::Instant;
use keystile_core::segment::{Identity, Options};
use keystile_core::{Digest, KeyId, ScopeSet, SegmentError, Usage};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Key id, requests, client errors, server errors, then refusals (rate limited, insufficient scope, revoked, disabled,
/// expired), the uses of its secrets, and the scopes in use, a bit for each place.
type UsageTuple = (String, u64, u64, u64, u64, u64, u64, u64, u64, SecretUses, u64);

/// The times of the newest request with the current secret and with one before it, in Unix ms, and the digest of the
/// current one.
type SecretUses = (u64, u64, [u8; 32]);

/// The right to write a machine's segment, held until `close` or the process's end.
#[pyclass(frozen, module = "keystile._core")]
pub(crate) struct Writer {
    inner: Mutex<Option<keystile_core::Writer>>,
    /// The process that holds the lock; a child that inherited this object must not write.
    opened_by: u32,
}

impl Writer {
    /// Waits for the writer without holding up the interpreter, and raises only after it was let go: an exception may
    /// run any Python code.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut keystile_core::Writer) -> Result<T, SegmentError> + Send,
    ) -> PyResult<T> {
        if std::process::id() != self.opened_by {
            return Err(errors::raised("GateError", "a writer belongs to the process that opened it".into()));
        }
        let done = py.detach(|| {
            let mut writer = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            writer.as_mut().map(work)
        });
        match done {
            Some(result) => result.map_err(errors::of_segment),
            None => Err(errors::raised("GateError", "this writer is closed".into())),
        }
    }
}

#[pymethods]
impl Writer {
    #[staticmethod]
    #[pyo3(signature = (path, *, capacity, prefix, peppers, failure_rate, failure_burst, allow_stale))]
    fn open(
        path: PathBuf,
        capacity: u32,
        prefix: &str,
        peppers: Vec<Vec<u8>>,
        failure_rate: u32,
        failure_burst: u32,
        allow_stale: bool,
    ) -> PyResult<Self> {
        if peppers.is_empty() {
            return Err(PyValueError::new_err("at least one pepper is needed"));
        }
        let options = Options {
            capacity,
            prefix: prefix_of(prefix)?,
            peppers: peppers.iter().map(|pepper| pepper_of(pepper)).collect::<PyResult<_>>()?,
            failures: quota_of(failure_rate, failure_burst)?,
            allow_stale,
            random: random()?,
        };
        let writer = keystile_core::Writer::open(&path, &options, &Identity::current()?);
        let inner = Mutex::new(Some(writer.map_err(errors::of_segment)?));
        Ok(Self { inner, opened_by: std::process::id() })
    }

    fn close(&self, py: Python<'_>) {
        let writer = py.detach(|| self.inner.lock().unwrap_or_else(PoisonError::into_inner).take());
        drop(writer);
    }

    fn gate(&self, py: Python<'_>) -> PyResult<Gate> {
        Gate::on(self.with(py, |writer| Ok(writer.segment()))?, None)
    }

    #[getter]
    fn gate_id(&self, py: Python<'_>) -> PyResult<[u8; 16]> {
        self.with(py, |writer| Ok(writer.gate_id().to_be_bytes()))
    }

    #[getter]
    fn is_current(&self, py: Python<'_>) -> PyResult<bool> {
        self.with(py, |writer| Ok(writer.is_current()))
    }

    fn set_catalogue(&self, py: Python<'_>, scopes: Vec<String>, tiers: Vec<(String, u32, u32)>) -> PyResult<()> {
        let (tiers, now) = (tiers_of(tiers)?, now());
        self.with(py, |writer| writer.set_catalogue(&scopes, &tiers, now))
    }

    fn reserve(&self, py: Python<'_>, keys: usize) -> PyResult<()> {
        let now = now();
        self.with(py, |writer| {
            writer.reserve(keys, now);
            Ok(())
        })
    }

    fn put(&self, py: Python<'_>, record: &Bound<'_, KeyRecord>) -> PyResult<()> {
        let (now, record) = (now(), &record.get().inner);
        self.with(py, |writer| writer.put(record, now))
    }

    fn remove(&self, py: Python<'_>, key_id: &str) -> PyResult<bool> {
        let id = id_of(key_id)?;
        self.with(py, |writer| Ok(writer.remove(&id)))
    }

    fn retain(&self, py: Python<'_>, key_ids: Vec<String>) -> PyResult<()> {
        let ids = key_ids.iter().map(|text| id_of(text)).collect::<PyResult<_>>()?;
        self.with(py, |writer| {
            writer.retain(&ids);
            Ok(())
        })
    }

    fn refresh(&self, py: Python<'_>, epoch: [u8; 16], revision: u64, fresh_until_ns: Option<u64>) -> PyResult<()> {
        self.with(py, |writer| {
            writer.applied(u128::from_be_bytes(epoch), revision);
            if let Some(fresh_until_ns) = fresh_until_ns {
                writer.extend_lease(fresh_until_ns);
            }
            Ok(())
        })
    }

    fn allow_stale(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |writer| {
            writer.allow_stale();
            Ok(())
        })
    }

    fn expect_imported(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |writer| {
            writer.expect_imported();
            Ok(())
        })
    }

    fn beat(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |writer| {
            writer.beat(now());
            Ok(())
        })
    }

    fn set_wall_clock(&self, py: Python<'_>, wall_ns: u64) -> PyResult<()> {
        let (measured, now) = (measured_offset(wall_ns), now());
        self.with(py, |writer| {
            writer.set_wall_offset(measured, now);
            Ok(())
        })
    }

    fn drain(&self, py: Python<'_>) -> PyResult<Vec<UsageTuple>> {
        self.with(py, |writer| {
            let drained = writer.drain();
            let with_digest = |(id, usage)| Some(tuple_of(&id, &usage, writer.digest_of(&id)?));
            Ok(drained.into_iter().filter_map(with_digest).collect())
        })
    }

    fn count_outcomes(&self, py: Python<'_>, ended: Vec<(String, u16)>) -> PyResult<usize> {
        let ended: Vec<_> = ended.iter().filter_map(|(text, status)| Some((KeyId::parse(text)?, *status))).collect();
        self.with(py, |writer| Ok(ended.iter().filter(|(id, status)| writer.count_outcome(id, *status)).count()))
    }

    fn undrain(&self, py: Python<'_>, key_ids: Vec<String>) -> PyResult<()> {
        let ids = key_ids.iter().map(|text| id_of(text)).collect::<PyResult<Vec<_>>>()?;
        self.with(py, |writer| {
            writer.undrain(ids);
            Ok(())
        })
    }

    fn settle(&self, py: Python<'_>, stored: Vec<(String, u64)>) -> PyResult<()> {
        let entry = |(text, bits): &(String, u64)| Ok((id_of(text)?, ScopeSet::from_bits(*bits)));
        let stored = stored.iter().map(entry).collect::<PyResult<Vec<_>>>()?;
        self.with(py, |writer| {
            writer.settle(stored);
            Ok(())
        })
    }

    #[getter]
    fn scope_names(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.with(py, |writer| Ok(writer.scope_names()))
    }

    fn tally(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |writer| {
            writer.tally();
            Ok(())
        })
    }

    fn set_figure(&self, py: Python<'_>, name: &str, value: u64) -> PyResult<()> {
        self.with(py, |writer| writer.set_figure(name, value))
    }

    fn add_to_figure(&self, py: Python<'_>, name: &str, more: u64) -> PyResult<()> {
        self.with(py, |writer| writer.add_to_figure(name, more))
    }

    fn mark_all(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |writer| {
            writer.mark_all();
            Ok(())
        })
    }
}

fn now() -> Instant {
    Instant::from_boottime(clock::boot_ns())
}

fn tuple_of(id: &KeyId, usage: &Usage, digest: Digest) -> UsageTuple {
    (
        id.to_string(),
        usage.requests(),
        usage.client_errors(),
        usage.app_server_errors,
        usage.rate_limited,
        usage.insufficient_scope,
        usage.revoked,
        usage.disabled,
        usage.expired,
        (usage.current_used_at_ms, usage.previous_used_at_ms, digest.to_bytes()),
        usage.scopes.bits(),
    )
}
