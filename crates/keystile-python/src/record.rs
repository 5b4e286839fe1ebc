//! A key as the gate sees it.

use crate::keys::id_of;
use keystile_core::Digest;
use keystile_core::record::NEVER_NS;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// One key: what `Gate.put` and `Writer.put` take.
#[pyclass(frozen, module = "keystile._core")]
pub(crate) struct KeyRecord {
    pub(crate) inner: keystile_core::KeyRecord,
}

#[pymethods]
impl KeyRecord {
    #[new]
    #[pyo3(signature = (key_id, digest, *, scopes, tier, tenant = "home", expires_at_ns = None, disabled = false,
        revoked = false, previous_digest = None, previous_expires_at_ns = None))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only in Python, where this is the readable form")]
    fn new(
        key_id: &str,
        digest: &[u8],
        scopes: Vec<String>,
        tier: String,
        tenant: &str,
        expires_at_ns: Option<u64>,
        disabled: bool,
        revoked: bool,
        previous_digest: Option<&[u8]>,
        previous_expires_at_ns: Option<u64>,
    ) -> PyResult<Self> {
        let previous = match (previous_digest, previous_expires_at_ns) {
            (Some(digest), Some(until)) => Some((digest_of(digest)?, until)),
            (None, None) => None,
            _ => return Err(PyValueError::new_err("previous_digest and previous_expires_at_ns go together")),
        };
        let inner = keystile_core::KeyRecord {
            id: id_of(key_id)?,
            tenant: tenant.to_owned(),
            digest: digest_of(digest)?,
            previous,
            scopes,
            tier,
            expires_at_ns: expires_at_ns.unwrap_or(NEVER_NS),
            disabled,
            revoked,
        };
        Ok(Self { inner })
    }

    #[getter]
    fn key_id(&self) -> String {
        self.inner.id.to_string()
    }

    fn __repr__(&self) -> String {
        format!("KeyRecord(key_id={}, tenant={}, tier={})", self.inner.id, self.inner.tenant, self.inner.tier)
    }
}

fn digest_of(bytes: &[u8]) -> PyResult<Digest> {
    let bytes = bytes.try_into().map_err(|_| PyValueError::new_err("a digest has 32 bytes"))?;
    Ok(Digest::from_bytes(bytes))
}
