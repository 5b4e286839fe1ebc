//! One key as the gate sees it: what the feed delivers and the segment holds.

use crate::digest::Digest;
use crate::key_id::KeyId;

/// Never, as an instant of wall time.
pub const NEVER_NS: u64 = u64::MAX;
/// Longest tenant id, in bytes.
pub const MAX_TENANT_LEN: usize = 63;

/// The facts of a key that a decision needs, by name. The segment stores them by place.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// The key's id.
    pub id: KeyId,
    /// The tenant it belongs to, 1 to 63 bytes.
    pub tenant: String,
    /// Digest of the current secret.
    pub digest: Digest,
    /// Digest of the secret before the last rotation, and the Unix time in ns at which it ends.
    pub previous: Option<(Digest, u64)>,
    /// Names of the scopes it holds.
    pub scopes: Vec<String>,
    /// Name of its tier.
    pub tier: String,
    /// Unix time in ns at which it expires, or [`NEVER_NS`].
    pub expires_at_ns: u64,
    /// Switched off for now.
    pub disabled: bool,
    /// Switched off for good.
    pub revoked: bool,
}

/// Flags of a key's standing, as bits of its state word.
pub(crate) mod flag {
    pub(crate) const REVOKED: u64 = 1 << 32;
    pub(crate) const DISABLED: u64 = 1 << 33;
    /// Deleted in the database: answered like a key that never was, its slot kept for its counters.
    pub(crate) const REMOVED: u64 = 1 << 34;
}

/// The state word: tenant in bits 0–15, tier in bits 16–23, flags from bit 32.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct State(pub(crate) u64);

impl State {
    pub(crate) fn new(tenant: u16, tier: u8, flags: u64) -> Self {
        Self(u64::from(tenant) | u64::from(tier) << 16 | flags)
    }

    pub(crate) fn tenant(self) -> u16 {
        self.0 as u16
    }

    pub(crate) fn tier(self) -> u8 {
        (self.0 >> 16) as u8
    }

    pub(crate) fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }
}
