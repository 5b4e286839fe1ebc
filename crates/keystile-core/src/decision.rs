//! What a gate answers: allowed, or one of a closed set of refusals.

mod words;

use crate::bucket::{Instant, Since};
use crate::quota::Quota;
use crate::scope::Scope;
pub use words::DECISION_WORDS;

/// The outcome of a check. The order is that of the checks: the first that applies wins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// The request may pass.
    Allowed,
    /// The gate cannot show that its table is fresh.
    GateStale,
    /// No credential was sent.
    MissingCredentials,
    /// More than one credential was sent.
    MultipleCredentials,
    /// Not `Bearer`, or not shaped like a key.
    MalformedKey,
    /// No such key.
    UnknownKey,
    /// The key was revoked.
    RevokedKey,
    /// The key is disabled.
    DisabledKey,
    /// The key, or the rotated secret that was sent, has expired.
    ExpiredKey,
    /// The client's budget for failed attempts is used up.
    TooManyFailures,
    /// The key's bucket holds too few tokens.
    RateLimited,
    /// The key lacks the scope asked for.
    InsufficientScope,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Allowed,
        Self::GateStale,
        Self::MissingCredentials,
        Self::MultipleCredentials,
        Self::MalformedKey,
        Self::UnknownKey,
        Self::RevokedKey,
        Self::DisabledKey,
        Self::ExpiredKey,
        Self::TooManyFailures,
        Self::RateLimited,
        Self::InsufficientScope,
    ];

    /// The HTTP status that it is answered with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Allowed => 200,
            Self::GateStale => 503,
            Self::MultipleCredentials => 400,
            Self::MissingCredentials
            | Self::MalformedKey
            | Self::UnknownKey
            | Self::RevokedKey
            | Self::DisabledKey
            | Self::ExpiredKey => 401,
            Self::TooManyFailures | Self::RateLimited => 429,
            Self::InsufficientScope => 403,
        }
    }

    /// The code that programs tell it by; `ok` when allowed.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Allowed => "ok",
            Self::GateStale => "gate_stale",
            Self::MissingCredentials => "missing_credentials",
            Self::MultipleCredentials => "multiple_credentials",
            Self::MalformedKey => "malformed_key",
            Self::UnknownKey => "unknown_key",
            Self::RevokedKey => "revoked_key",
            Self::DisabledKey => "disabled_key",
            Self::ExpiredKey => "expired_key",
            Self::TooManyFailures => "too_many_failures",
            Self::RateLimited => "rate_limited",
            Self::InsufficientScope => "insufficient_scope",
        }
    }
}

/// Whose bucket a decision speaks of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    /// A known key: its slot, tenant and tier by place.
    Key {
        /// Slot in the segment; never given to another key.
        slot: u32,
        /// Place of its tenant.
        tenant: u16,
        /// Place of its tier at the time of the check.
        tier: u8,
    },
    /// The client's budget for failed attempts.
    Client,
    /// Neither: no key was recognised and no client address was given.
    Nobody,
}

/// A decision, with what is needed to explain it later. Small and `Copy`: headers are worked out on demand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The outcome.
    pub outcome: Outcome,
    /// Whose bucket the limits describe.
    pub subject: Subject,
    /// The scope that was asked for.
    pub needed: Option<Scope>,
    /// The bucket's quota at the time of the check.
    pub quota: Quota,
    /// The bucket after the check.
    pub since: Since,
    /// When the check was made.
    pub now: Instant,
    /// Wall time minus boot time, in ns.
    pub wall_offset_ns: i64,
    /// Tokens that the request asked for.
    pub cost: u32,
}

/// A decision's limits, in the units of the response headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Requests per minute.
    pub limit: u32,
    /// Requests that will certainly be admitted now, at most `limit`.
    pub remaining: u32,
    /// Whole tokens left.
    pub tokens: u32,
    /// Unix time in seconds, rounded up, at which `remaining` is back at its largest.
    pub reset_at: i64,
    /// Seconds, rounded up, until the bucket is full.
    pub full_in_s: u64,
    /// Seconds, rounded up, until the same request is admitted; 0 if it would be now.
    pub admitted_in_s: u64,
    /// Tokens of a full bucket.
    pub burst: u32,
    /// Seconds, rounded up, that an empty bucket takes to fill.
    pub window_s: u64,
}

const SECOND_NS: u64 = 1_000_000_000;

impl Decision {
    /// Whether the request may pass.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.outcome == Outcome::Allowed
    }

    /// What to tell the client of its limits; `None` when nobody's bucket was asked.
    #[must_use]
    pub fn limits(&self) -> Option<Limits> {
        if self.subject == Subject::Nobody {
            return None;
        }
        let (quota, now) = (&self.quota, self.now);
        let tokens = self.since.tokens(now, quota);
        let back_in_ns = self.since.until_ns(now, quota, quota.rate());
        let wall_ns = i128::from(now.boottime()) + i128::from(self.wall_offset_ns);
        let reset_ns = wall_ns + i128::from(back_in_ns);
        Some(Limits {
            limit: quota.rate(),
            remaining: tokens.min(quota.rate()),
            tokens,
            reset_at: (reset_ns + i128::from(SECOND_NS) - 1).div_euclid(i128::from(SECOND_NS)) as i64,
            full_in_s: self.since.until_ns(now, quota, quota.burst()).div_ceil(SECOND_NS),
            admitted_in_s: self.since.until_ns(now, quota, self.cost).div_ceil(SECOND_NS),
            burst: quota.burst(),
            window_s: quota.fill_s(),
        })
    }

    /// Whole seconds until a retry makes sense, for the refusals that say so: until its tokens are there, or a moment
    /// for a gate that is about to hear from its Hub again.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u64> {
        match self.outcome {
            // What costs more than a full bucket is never admitted, however long one waits.
            Outcome::RateLimited if self.cost > self.quota.burst() => None,
            Outcome::RateLimited | Outcome::TooManyFailures => {
                Some(self.limits().map_or(1, |limits| limits.admitted_in_s.max(1)))
            }
            Outcome::GateStale => Some(1),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(since: Since, boot_ns: u64) -> Decision {
        Decision {
            outcome: Outcome::RateLimited,
            subject: Subject::Client,
            needed: None,
            quota: Quota::new(60, 100).unwrap(),
            since,
            now: Instant::from_boottime(boot_ns),
            wall_offset_ns: 1_000 * SECOND_NS as i64,
            cost: 1,
        }
    }

    #[test]
    fn a_full_bucket() {
        let limits = decision(Since::FULL, 7 * SECOND_NS).limits().unwrap();
        assert_eq!((limits.limit, limits.remaining, limits.tokens, limits.burst), (60, 60, 100, 100));
        assert_eq!((limits.reset_at, limits.full_in_s, limits.admitted_in_s, limits.window_s), (1007, 0, 0, 100));
    }

    #[test]
    fn an_empty_bucket_rounds_waits_up() {
        let now = Instant::from_boottime(7 * SECOND_NS + 1);
        let empty = Since::FULL.take(now, &Quota::new(60, 100).unwrap(), 100).unwrap();
        let decision = decision(empty, 7 * SECOND_NS + 1);
        let limits = decision.limits().unwrap();
        assert_eq!((limits.remaining, limits.tokens), (0, 0));
        // 60 of 60 are back 60 s later, a nanosecond into the next second.
        assert_eq!((limits.reset_at, limits.full_in_s, limits.admitted_in_s), (1068, 100, 1));
        assert_eq!(decision.retry_after_s(), Some(1));
    }

    #[test]
    fn codes_are_distinct() {
        let codes: std::collections::HashSet<_> = Outcome::ALL.iter().map(|o| o.code()).collect();
        assert_eq!(codes.len(), Outcome::ALL.len());
    }
}
