//! Keystile's gate, without Python, without a clock and without a network.
//!
//! The story of one check ([`gate::Gate::check`]):
//!
//! 1. [`lease`]: can the table show that it is fresh?
//! 2. [`secret`]: is the text shaped like a key, checksum included?
//! 3. [`digest`]: SHA-256, then HMAC with the pepper; compared in constant time only.
//! 4. [`segment`]: index probe, then the key's facts, read under their generation.
//! 5. [`record`]: is the key revoked, disabled or expired?
//! 6. [`bucket`]: one token from the key's bucket, by one compare-and-swap.
//! 7. [`scope`]: does the key hold the scope asked for?
//! 8. [`usage`]: count, whatever the outcome.
//! 9. [`decision`]: allowed, or one of a closed set of refusals, and what to tell the client.
//! 10. [`latency`]: one check in 1,024 is timed.
//!
//! Time, randomness and file paths are arguments everywhere: nothing here reads a clock. All memory that
//! processes share is reached through [`segment`], whose `map` module holds the crate's only `unsafe` code.

pub mod address;
pub mod bucket;
pub mod decision;
pub mod digest;
pub mod gate;
pub mod headers;
pub mod imported;
pub mod key_id;
pub mod latency;
pub mod lease;
pub mod quota;
pub mod record;
pub mod scope;
pub mod secret;
pub mod segment;
mod sync;
pub mod usage;

pub use address::Client;
pub use decision::{Decision, Outcome};
pub use digest::{Digest, Pepper};
pub use gate::{Credential, Gate};
pub use key_id::KeyId;
pub use quota::Quota;
pub use record::KeyRecord;
pub use scope::{Scope, ScopeSet};
pub use segment::{Segment, SegmentError, Writer};
pub use usage::Usage;
