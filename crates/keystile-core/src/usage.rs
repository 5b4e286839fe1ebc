//! Usage counters: cumulative, one set per slot, never reset.
//!
//! A check adds and then looks whether its slot is marked, and marks it if not; the flusher clears the marks and then
//! reads. Between its two steps each has a sequentially consistent fence, and one of the two fences comes first. If it
//! is the check's, the flusher reads the addition; if it is the flusher's, the check sees that the mark is cleared and
//! sets it again. So an addition is either in what is read, or its mark outlives the flush.
//!
//! A process that is killed between its two steps leaves an addition without a mark. It is reported with the key's
//! next request, or when the next writer takes over.
//!
//! Beside them is a set: the scopes with which requests passed. A check puts its scope in before it adds, so what holds
//! for additions holds for the set. It is not cumulative: the flusher takes out what it has stored, and only that. A use
//! that comes between reading and taking out, of a scope that was read, counts with those that were stored.

use crate::decision::Outcome;
use crate::scope::ScopeSet;

/// Counters of a key.
pub(crate) const COUNTERS: usize = Counter::ALL.len();

/// Which counter of a slot's counting line a decision adds to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Counter {
    Allowed,
    AppClientErrors,
    AppServerErrors,
    RateLimited,
    InsufficientScope,
    Revoked,
    Disabled,
    Expired,
}

impl Counter {
    /// All of them, each at its number.
    pub(crate) const ALL: [Self; 8] = [
        Self::Allowed,
        Self::AppClientErrors,
        Self::AppServerErrors,
        Self::RateLimited,
        Self::InsufficientScope,
        Self::Revoked,
        Self::Disabled,
        Self::Expired,
    ];

    /// Where a status counts that an application answered with; `None` if it is no error.
    pub(crate) const fn of_error(status: u16) -> Option<Self> {
        match status {
            400..=499 => Some(Self::AppClientErrors),
            500..=599 => Some(Self::AppServerErrors),
            _ => None,
        }
    }

    /// The one that a decision on a key adds to; `None` for an outcome that has no key.
    pub(crate) const fn of(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Allowed => Some(Self::Allowed),
            Outcome::RateLimited => Some(Self::RateLimited),
            Outcome::InsufficientScope => Some(Self::InsufficientScope),
            Outcome::RevokedKey => Some(Self::Revoked),
            Outcome::DisabledKey => Some(Self::Disabled),
            Outcome::ExpiredKey => Some(Self::Expired),
            Outcome::GateStale
            | Outcome::MissingCredentials
            | Outcome::MultipleCredentials
            | Outcome::MalformedKey
            | Outcome::UnknownKey
            | Outcome::TooManyFailures => None,
        }
    }
}

/// Which of a key's two secrets a request presented.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Presented {
    Current,
    /// The one before, which works until its overlap ends.
    Previous,
}

/// The counters of one key since its segment was made, and what scopes it uses.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Usage {
    /// Requests that passed the gate.
    pub allowed: u64,
    /// Of those, the ones that the application answered with 4xx.
    pub app_client_errors: u64,
    /// Of those, the ones that the application answered with 5xx.
    pub app_server_errors: u64,
    /// Refused: no token left.
    pub rate_limited: u64,
    /// Refused: scope not held.
    pub insufficient_scope: u64,
    /// Refused: revoked.
    pub revoked: u64,
    /// Refused: disabled.
    pub disabled: u64,
    /// Refused: expired.
    pub expired: u64,
    /// Wall time in Unix ms of the newest request with the current secret; 0 for never.
    pub current_used_at_ms: u64,
    /// Wall time in Unix ms of the newest request with a secret before it; 0 for never.
    pub previous_used_at_ms: u64,
    /// Scopes with which requests passed since [`crate::Writer::settle`] took them out.
    pub scopes: ScopeSet,
}

impl Usage {
    /// The gate's own refusals.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.rate_limited + self.insufficient_scope + self.revoked + self.disabled + self.expired
    }

    /// Wall time in Unix ms of the newest request, with either secret; 0 for never.
    #[must_use]
    pub fn last_used_at_ms(&self) -> u64 {
        self.current_used_at_ms.max(self.previous_used_at_ms)
    }

    /// Every decision on the key.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.allowed + self.refused()
    }

    /// Requests that ended in 4xx; all refusals do.
    #[must_use]
    pub const fn client_errors(&self) -> u64 {
        self.app_client_errors + self.refused()
    }
}
