//! The gate: one check, from the bytes that were presented to a decision.

mod about;
mod credential;

pub use credential::Credential;
mod counters;

use crate::address::Client;
use crate::bucket::{self, Instant, Since};
use crate::decision::{Decision, Outcome, Subject};
use crate::digest::{Digest, KeyHash};
use crate::imported::ImportedText;
use crate::latency;
use crate::quota::Quota;
use crate::record::{State, flag};
use crate::scope::{Scope, ScopeSet};
use crate::secret::{KeyText, Prefix};
use crate::segment::{Found, Segment, SegmentError, catalogue, head};
use crate::sync::AtomicU64;
use crate::usage::{Counter, Presented};
pub use counters::Budgets;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Decides on requests, from a machine's segment.
pub struct Gate {
    segment: Arc<Segment>,
    prefix: Prefix,
}

/// A known key at the time of a check.
struct Known {
    slot: u32,
    state: State,
    scopes: ScopeSet,
    expires_at_ns: u64,
    presented: Presented,
}

enum Lookup {
    Known(Known),
    Unknown,
    Torn,
}

/// The request's side of a check: what all of its outcomes have in common.
#[derive(Clone, Copy)]
struct Context<'a> {
    needed: Option<Scope>,
    client: Option<&'a str>,
    cost: u32,
    now: Instant,
    wall_offset_ns: i64,
}

impl Gate {
    /// A gate on `segment`.
    ///
    /// # Errors
    /// If the segment names no key prefix.
    pub fn new(segment: Arc<Segment>) -> Result<Self, SegmentError> {
        let prefix = segment.prefix()?;
        Ok(Self { segment, prefix })
    }

    /// Its segment.
    #[must_use]
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// The scope called `name`, if the catalogue has one.
    #[must_use]
    pub fn scope(&self, name: &str) -> Option<Scope> {
        catalogue::scope(self.segment.facts(), name)
    }

    /// Decides on one request at `boot_ns` (`CLOCK_BOOTTIME`), taking `cost` tokens, and counts it.
    ///
    /// `client` is the address that a failed attempt is charged to; without one, nobody is. Never blocks, never
    /// allocates, never fails.
    #[inline]
    pub fn check(
        &self,
        credential: Credential<'_>,
        needed: Option<Scope>,
        client: Option<&str>,
        cost: u32,
        boot_ns: u64,
    ) -> Decision {
        // The lease before anything that it vouches for, the clock's offset included.
        let is_fresh = self.is_fresh(boot_ns);
        let context = Context {
            needed,
            client,
            cost,
            now: Instant::from_boottime(boot_ns),
            wall_offset_ns: self.segment.header().wall_offset_ns(),
        };
        if !is_fresh {
            return self.stale(&context);
        }
        let token = match credential {
            Credential::Token(token) => token,
            Credential::Missing => return self.failed(&context, Outcome::MissingCredentials),
            Credential::Multiple => return self.failed(&context, Outcome::MultipleCredentials),
            Credential::Malformed => return self.failed(&context, Outcome::MalformedKey),
        };
        let Some(text) = KeyText::outlined(token, &self.prefix) else {
            return match self.segment.header().get(head::IMPORTED) {
                0 => self.failed(&context, Outcome::MalformedKey),
                _ => self.imported(&context, token),
            };
        };
        match self.find(&KeyHash::of(text)) {
            Lookup::Known(key) => self.decide(&context, &key),
            Lookup::Unknown if text.is_whole() => self.failed(&context, Outcome::UnknownKey),
            Lookup::Unknown => self.failed(&context, Outcome::MalformedKey),
            Lookup::Torn => self.stale(&context),
        }
    }

    /// The same at the time that `clock` tells, in ns of boot time. For about one check in [`latency::ONE_IN`] it is
    /// asked again at the end, and how long the check took is noted for [`Gate::times`].
    #[inline]
    pub fn timed(
        &self,
        credential: Credential<'_>,
        needed: Option<Scope>,
        client: Option<&str>,
        cost: u32,
        clock: impl Fn() -> u64,
    ) -> Decision {
        let begun_ns = clock();
        let decision = self.check(credential, needed, client, cost, begun_ns);
        if latency::is_sampled(begun_ns) {
            self.took(clock().saturating_sub(begun_ns));
        }
        decision
    }

    /// Apart, so that what one check in many does is not in the way of the others.
    #[cold]
    #[inline(never)]
    fn took(&self, ns: u64) {
        self.segment.tallies().time(ns);
    }

    /// Whether the gate may decide at `boot_ns`: its lease runs, or it was set to go on without one.
    #[must_use]
    #[inline]
    pub fn is_fresh(&self, boot_ns: u64) -> bool {
        let header = self.segment.header();
        let fresh_until = header.get(head::FRESH_UNTIL);
        // 0: nothing was ever loaded, or the segment was replaced. No policy can go on with that.
        boot_ns < fresh_until || (header.get(head::ALLOW_STALE) == 1 && fresh_until != 0)
    }

    /// Counts the status that was finally sent for a decision that let the request pass. Refusals are counted already.
    pub fn finish(&self, decision: &Decision, status: u16) {
        let (true, Subject::Key { slot, .. }) = (decision.allowed(), decision.subject) else {
            return;
        };
        if let Some(counter) = Counter::of_error(status) {
            self.segment.counts().add(slot, counter);
        }
    }

    /// What has not the outline of a key is one that was imported, or none.
    #[cold]
    #[inline(never)]
    fn imported(&self, context: &Context<'_>, token: &[u8]) -> Decision {
        match ImportedText::parse(token).map(|text| self.find(&KeyHash::of_imported(text))) {
            Some(Lookup::Known(key)) => self.decide(context, &key),
            Some(Lookup::Torn) => self.stale(context),
            Some(Lookup::Unknown) | None => self.failed(context, Outcome::MalformedKey),
        }
    }

    // Always in place, as is `decide`: that they are called from a second place must cost the first nothing.
    #[inline(always)]
    fn find(&self, hashed: &KeyHash) -> Lookup {
        let header = self.segment.header();
        for place in 0..header.peppers() {
            let digest = header.pepper(place).digest(hashed);
            for slot in self.segment.editions().candidates(&digest) {
                match self.segment.slot(slot).find(&digest) {
                    Found::Key(state, scopes, expires_at_ns, presented) if !state.has(flag::REMOVED) => {
                        return Lookup::Known(Known { slot, state, scopes, expires_at_ns, presented });
                    }
                    Found::Torn => return Lookup::Torn,
                    Found::Key(..) | Found::Other => (),
                }
            }
        }
        // A miss compares too, so that finding a slot is not told from finding none by the compare's time.
        let nothing = Digest([0; 4]);
        std::hint::black_box(nothing.matches(std::hint::black_box(&nothing)));
        Lookup::Unknown
    }

    #[inline(always)]
    fn decide(&self, context: &Context<'_>, key: &Known) -> Decision {
        let quota = catalogue::quota(self.segment.facts(), key.state.tier());
        let wall_ns = context.now.boottime().saturating_add_signed(context.wall_offset_ns);
        let cell = self.segment.counts().bucket(key.slot);
        let (outcome, counter, since) = match standing(key, wall_ns) {
            Some((outcome, counter)) => (outcome, counter, Since(cell.load(Relaxed))),
            None => take(cell, context, &quota, key.scopes),
        };
        let used = context.needed.filter(|_| outcome == Outcome::Allowed);
        self.segment.counts().count(key.slot, key.presented, counter, used, wall_ns / 1_000_000);
        let subject = Subject::Key { slot: key.slot, tenant: key.state.tenant(), tier: key.state.tier() };
        decision(context, outcome, subject, quota, since)
    }

    /// A failed attempt: charged to the client, and refused as one too many when its budget is used up.
    #[cold]
    fn failed(&self, context: &Context<'_>, outcome: Outcome) -> Decision {
        let Some((place, cell)) = self.budget(context) else {
            self.segment.tallies().refused(outcome, 0);
            return decision(context, outcome, Subject::Nobody, Quota::from_word(0), Since::FULL);
        };
        let quota = self.segment.header().failure_quota();
        let (outcome, since) = match bucket::take(cell, context.now, &quota, 1) {
            Ok(since) => (outcome, since),
            Err(since) => (Outcome::TooManyFailures, since),
        };
        self.segment.tallies().refused(outcome, place);
        decision(context, outcome, Subject::Client, quota, since)
    }

    #[cold]
    fn stale(&self, context: &Context) -> Decision {
        let budget = self.budget(context);
        self.segment.tallies().refused(Outcome::GateStale, budget.map_or(0, |(place, _)| place));
        let Some((_, cell)) = budget else {
            return decision(context, Outcome::GateStale, Subject::Nobody, Quota::from_word(0), Since::FULL);
        };
        let quota = self.segment.header().failure_quota();
        decision(context, Outcome::GateStale, Subject::Client, quota, Since(cell.load(Relaxed)))
    }

    /// The place and the bucket of the client's failed attempts.
    fn budget(&self, context: &Context<'_>) -> Option<(usize, &AtomicU64)> {
        let client = Client::parse(context.client?);
        let place = client.bucket(self.segment.header().failure_key());
        Some((place, &self.segment.counts().budgets()[place]))
    }
}

/// The refusal that a key's standing calls for, if any.
#[inline]
fn standing(key: &Known, wall_ns: u64) -> Option<(Outcome, Counter)> {
    if key.state.has(flag::REVOKED) {
        Some((Outcome::RevokedKey, Counter::Revoked))
    } else if key.state.has(flag::DISABLED) {
        Some((Outcome::DisabledKey, Counter::Disabled))
    } else if wall_ns >= key.expires_at_ns {
        Some((Outcome::ExpiredKey, Counter::Expired))
    } else {
        None
    }
}

/// Takes the request's tokens, then looks at its scope: a refused scope costs a token too.
#[inline]
fn take(cell: &AtomicU64, context: &Context<'_>, quota: &Quota, scopes: ScopeSet) -> (Outcome, Counter, Since) {
    match bucket::take(cell, context.now, quota, context.cost) {
        Err(since) => (Outcome::RateLimited, Counter::RateLimited, since),
        Ok(since) if scopes.grants(context.needed) => (Outcome::Allowed, Counter::Allowed, since),
        Ok(since) => (Outcome::InsufficientScope, Counter::InsufficientScope, since),
    }
}

#[inline]
fn decision(context: &Context<'_>, outcome: Outcome, subject: Subject, quota: Quota, since: Since) -> Decision {
    Decision {
        outcome,
        subject,
        needed: context.needed,
        quota,
        since,
        now: context.now,
        wall_offset_ns: context.wall_offset_ns,
        cost: context.cost,
    }
}
