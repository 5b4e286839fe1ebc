//! The segment: one shared-memory file per machine that holds every key's facts, bucket and counters.
//!
//! * One process writes facts: the [`Writer`], which holds an exclusive `flock`. When it dies the kernel frees the
//!   lock and another takes over.
//! * Any number of processes read facts through [`Segment`], whose mapping of them is read-only. Buckets and counters
//!   lie apart and are written by all.
//! * Nothing waits: readers never lock, and every shared word is an atomic.
//!
//! The parts, in the order of the file ([`layout`]): header, catalogue (scopes, tiers, tenants), index (digest →
//! slot), slots (facts of each key), then buckets, counters and the budget of failed attempts.

pub(crate) mod catalogue;
mod catalogue_keeper;
mod counts;
mod editions;
mod figures;
mod file;
mod header;
mod index;
mod index_keeper;
mod layout;
mod lock;
mod making;
mod map;
#[cfg(all(loom, test))]
mod models;
mod outcomes;
mod slots;
mod tallies;
mod totals;
mod writer;

pub use file::{Identity, Segment};
pub use tallies::{Connections, Workers};
pub use writer::{Options, Writer};

pub(crate) use layout::head;
pub(crate) use slots::Found;

use std::path::PathBuf;

/// Why a segment could not be made, opened or written.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// There is no file at this path.
    #[error("there is no gate at {0}: start `keystile serve` or `keystile agent` on this machine")]
    Absent(PathBuf),
    /// Another process writes this segment.
    #[error("another process is already keeping the gate at {0} fresh")]
    Busy(PathBuf),
    /// The file is not a segment that this version can read, and why.
    #[error("{path} cannot be used as a gate: {why}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The file was a segment once: of another version, boot or configuration. An agent replaces it.
    #[error("{path} cannot be used as a gate: {why}")]
    Outdated {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No room for another key.
    #[error("the gate is full: the setting `capacity` ends it at {0} keys; raise it and restart the agent")]
    Full(u32),
    /// No room for another tenant.
    #[error("the gate is full: it holds {0} tenants at most")]
    TooManyTenants(usize),
    /// The file system has no room left.
    #[error("no space left for the gate at {0}; checks go on with the keys it holds")]
    NoSpace(PathBuf),
    /// A record or a setting is out of range, and why.
    #[error("{0}")]
    Invalid(String),
    /// The operating system said no.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
}

pub(crate) type Result<T> = std::result::Result<T, SegmentError>;
