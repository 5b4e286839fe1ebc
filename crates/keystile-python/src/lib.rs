//! The Python binding of `keystile-core`: `keystile._core`. One file per noun; errors cross in [`errors`] only.

mod attach;
mod clock;
mod counters;
mod decision;
mod errors;
mod explained;
mod gate;
mod keys;
mod lines;
mod pairs;
mod pool;
mod record;
mod text;
mod writer;

/// The fast part of Keystile. See `_core.pyi` for what each name does.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use crate::clock::boottime;
    #[pymodule_export]
    use crate::counters::Counters;
    #[pymodule_export]
    use crate::decision::Decision;
    #[pymodule_export]
    use crate::explained::Explained;
    #[pymodule_export]
    use crate::gate::{Gate, Scope};
    #[pymodule_export]
    use crate::keys::{checksum_ok, digest, digest_of_sha256, mint, new_key_id};
    #[pymodule_export]
    use crate::lines::header_lines;
    #[pymodule_export]
    use crate::record::KeyRecord;
    #[pymodule_export]
    use crate::writer::Writer;
}
