//! The agent's side of the segment.

use crate::gate::{Gate, measured_offset, quota_of, random, tiers_of};
use crate::keys::{id_of, pepper_of, prefix_of};
use crate::record::KeyRecord;
use crate::{clock, errors};
use keystile_core::bucket::Instant;
use keystile_core::segment::{Identity, Options};
use keystile_core::{KeyId, Usage};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Key id, requests, client errors, server errors, then refusals (rate limited, insufficient scope, revoked, disabled,
/// expired) and the time of the newest request in Unix ms.
type UsageTuple = (String, u64, u64, u64, u64, u64, u64, u64, u64, u64);

/// The right to write a machine's segment, held until `close` or the process's end.
#[pyclass(frozen, module = "keystile._core")]
pub(crate) struct Writer {
    inner: Mutex<Option<keystile_core::Writer>>,
}

impl Writer {
    fn guard(&self) -> MutexGuard<'_, Option<keystile_core::Writer>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, work: impl FnOnce(&mut keystile_core::Writer) -> PyResult<T>) -> PyResult<T> {
        match self.guard().as_mut() {
            Some(writer) => work(writer),
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
        Ok(Self { inner: Mutex::new(Some(writer.map_err(errors::of_segment)?)) })
    }

    fn close(&self) {
        self.guard().take();
    }

    fn gate(&self) -> PyResult<Gate> {
        self.with(|writer| Gate::on(writer.segment(), None))
    }

    #[getter]
    fn gate_id(&self) -> PyResult<[u8; 16]> {
        self.with(|writer| Ok(writer.gate_id().to_be_bytes()))
    }

    fn set_catalogue(&self, scopes: Vec<String>, tiers: Vec<(String, u32, u32)>) -> PyResult<()> {
        let (tiers, now) = (tiers_of(tiers)?, now());
        self.with(|writer| writer.set_catalogue(&scopes, &tiers, now).map_err(errors::of_segment))
    }

    fn put(&self, record: &Bound<'_, KeyRecord>) -> PyResult<()> {
        let now = now();
        self.with(|writer| writer.put(&record.get().inner, now).map_err(errors::of_segment))
    }

    fn remove(&self, key_id: &str) -> PyResult<bool> {
        let id = id_of(key_id)?;
        self.with(|writer| Ok(writer.remove(&id)))
    }

    fn retain(&self, key_ids: Vec<String>) -> PyResult<()> {
        let ids = key_ids.iter().map(|text| id_of(text)).collect::<PyResult<_>>()?;
        self.with(|writer| {
            writer.retain(&ids);
            Ok(())
        })
    }

    fn refresh(&self, epoch: [u8; 16], revision: u64, fresh_until_ns: u64) -> PyResult<()> {
        self.with(|writer| {
            writer.refresh(u128::from_be_bytes(epoch), revision, fresh_until_ns);
            Ok(())
        })
    }

    fn set_wall_clock(&self, wall_ns: u64) -> PyResult<()> {
        let (measured, now) = (measured_offset(wall_ns), now());
        self.with(|writer| {
            writer.set_wall_offset(measured, now);
            Ok(())
        })
    }

    fn drain(&self) -> PyResult<Vec<UsageTuple>> {
        self.with(|writer| Ok(writer.drain().into_iter().map(tuple_of).collect()))
    }

    fn undrain(&self, key_ids: Vec<String>) -> PyResult<()> {
        let ids = key_ids.iter().map(|text| id_of(text)).collect::<PyResult<Vec<_>>>()?;
        self.with(|writer| {
            writer.undrain(ids);
            Ok(())
        })
    }
}

fn now() -> Instant {
    Instant::from_boottime(clock::boot_ns())
}

fn tuple_of((id, usage): (KeyId, Usage)) -> UsageTuple {
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
        usage.last_used_at_ms,
    )
}
