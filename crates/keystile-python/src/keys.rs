//! Key text and key ids.

use crate::text::bytes_of;
use crate::{clock, errors};
use keystile_core::digest::KeyHash;
use keystile_core::secret::{self, KeyText, Prefix};
use keystile_core::{KeyId, Pepper};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

pub(crate) fn prefix_of(text: &str) -> PyResult<Prefix> {
    Prefix::new(text).ok_or_else(|| PyValueError::new_err("a key prefix is [a-z][a-z0-9_]{0,15}"))
}

pub(crate) fn pepper_of(bytes: &[u8]) -> PyResult<Pepper> {
    let bytes = bytes.try_into().map_err(|_| PyValueError::new_err("a pepper has 32 bytes"))?;
    Ok(Pepper::new(bytes))
}

pub(crate) fn id_of(text: &str) -> PyResult<KeyId> {
    KeyId::parse(text).ok_or_else(|| PyValueError::new_err("a key id is `key_` and 26 base32 characters"))
}

#[pyfunction]
#[pyo3(signature = (prefix = "tos_"))]
pub(crate) fn mint(prefix: &str) -> PyResult<String> {
    secret::mint(&prefix_of(prefix)?, getrandom::fill).map_err(errors::of_random)
}

#[pyfunction]
#[pyo3(signature = (text, prefix = "tos_"))]
pub(crate) fn checksum_ok(text: &Bound<'_, PyAny>, prefix: &str) -> PyResult<bool> {
    Ok(KeyText::parse(bytes_of(text)?, &prefix_of(prefix)?).is_some())
}

#[pyfunction]
pub(crate) fn new_key_id() -> PyResult<String> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(errors::of_random)?;
    Ok(KeyId::new(clock::wall_ns() / 1_000_000, random).to_string())
}

#[pyfunction]
#[pyo3(signature = (text, pepper, prefix = "tos_"))]
pub(crate) fn digest(text: &Bound<'_, PyAny>, pepper: &[u8], prefix: &str) -> PyResult<[u8; 32]> {
    let text = KeyText::parse(bytes_of(text)?, &prefix_of(prefix)?)
        .ok_or_else(|| PyValueError::new_err("the text is not shaped like a key"))?;
    Ok(pepper_of(pepper)?.digest(&KeyHash::of(text)).to_bytes())
}

#[pyfunction]
pub(crate) fn digest_of_sha256(sha256: &[u8], pepper: &[u8]) -> PyResult<[u8; 32]> {
    let sha256 = sha256.try_into().map_err(|_| PyValueError::new_err("a SHA-256 digest has 32 bytes"))?;
    Ok(pepper_of(pepper)?.digest(&KeyHash::from_bytes(sha256)).to_bytes())
}
