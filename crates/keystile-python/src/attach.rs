//! Which gate `Gate.attach()` means when it is not told.

use crate::{clock, errors};
use keystile_core::Gate;
use keystile_core::segment::{Identity, Segment};
use pyo3::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The setting `segment`, else the one gate that this user has on this machine; if there are several, the one that an
/// agent keeps fresh.
pub(crate) fn only_gate(identity: &Identity) -> PyResult<PathBuf> {
    if let Some(path) = std::env::var_os("KEYSTILE_SEGMENT") {
        return Ok(path.into());
    }
    let folder = PathBuf::from(format!("/dev/shm/keystile-{}", identity.uid));
    let found = segments_in(&folder);
    let fresh: Vec<_> = found.iter().filter(|path| is_fresh(path, identity)).cloned().collect();
    match (found.as_slice(), fresh.as_slice()) {
        ([only], _) | (_, [only]) => Ok(only.clone()),
        ([], _) => Err(errors::raised(
            "GateAbsent",
            "this machine has no gate: start `keystile serve` or `keystile agent`".into(),
        )),
        (_, fresh) => {
            let which = if fresh.is_empty() { &found } else { fresh };
            Err(errors::raised(
                "GateAbsent",
                format!(
                    "this machine has several gates; name one by KEYSTILE_SEGMENT or Gate.attach(path), as `keystile \
                     serve` and `keystile doctor` show it: {which:?}"
                ),
            ))
        }
    }
}

fn segments_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.extension().is_some_and(|suffix| suffix == "segment")).collect()
}

fn is_fresh(path: &Path, identity: &Identity) -> bool {
    let segment = Segment::attach(path, identity).ok();
    let gate = segment.and_then(|segment| Gate::new(Arc::new(segment)).ok());
    gate.is_some_and(|gate| clock::boot_ns() < gate.fresh_until_ns())
}
