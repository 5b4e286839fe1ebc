//! The response headers that explain a decision (RFC 6750, RFC 9110, IETF draft "RateLimit header fields"), and those
//! that tell a proxy whose request it lets pass.

use crate::decision::{Decision, Outcome, Subject};
use crate::gate::Gate;

/// Policy name where no key is known.
const NO_KEY_POLICY: &[u8] = b"unauthenticated";
/// As long as most values are: the buffer for them is made once and seldom grows.
const USUAL_LEN: usize = 96;

/// A header that a decision can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Header {
    /// What a client must bring (401, 403).
    WwwAuthenticate,
    /// When to try again (429, 503).
    RetryAfter,
    /// Requests per minute.
    Limit,
    /// Requests that will be admitted now.
    Remaining,
    /// When that is back at its largest.
    Reset,
    /// The bucket.
    Policy,
    /// What is in it.
    RateLimit,
    /// The key's id.
    KeyId,
    /// The key's tenant.
    Tenant,
    /// The key's tier.
    Tier,
    /// The scopes that the key holds.
    Scopes,
}

impl Header {
    /// Their names in the usual capitals, each at the place of its header.
    pub const NAMES: [&'static str; 11] = [
        "WWW-Authenticate",
        "Retry-After",
        "X-RateLimit-Limit",
        "X-RateLimit-Remaining",
        "X-RateLimit-Reset",
        "RateLimit-Policy",
        "RateLimit",
        "X-Keystile-Key-Id",
        "X-Keystile-Tenant",
        "X-Keystile-Tier",
        "X-Keystile-Scopes",
    ];

    /// The same in small letters.
    pub const SMALL_NAMES: [&'static str; 11] = [
        "www-authenticate",
        "retry-after",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "ratelimit-policy",
        "ratelimit",
        "x-keystile-key-id",
        "x-keystile-tenant",
        "x-keystile-tier",
        "x-keystile-scopes",
    ];

    /// Its name in the usual capitals.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Its name in small letters, as HTTP/2 and ASGI have it.
    #[must_use]
    pub const fn small_name(self) -> &'static str {
        Self::SMALL_NAMES[self as usize]
    }
}

/// Calls `sink` with each header of a decision; to be sent with every answer, allowed or not.
///
/// One buffer serves all values: this runs once for every answer, and is most of what an answer costs the gate.
#[inline]
pub fn explain(gate: &Gate, decision: &Decision, mut sink: impl FnMut(Header, &[u8])) {
    let mut text = Vec::with_capacity(USUAL_LEN);
    let mut send = |header, text: &mut Vec<u8>| {
        sink(header, text);
        text.clear();
    };
    if challenge(gate, decision, &mut text) {
        send(Header::WwwAuthenticate, &mut text);
    }
    if let Some(seconds) = decision.retry_after_s() {
        number(&mut text, seconds);
        send(Header::RetryAfter, &mut text);
    }
    let Some(limits) = decision.limits() else { return };
    let refused = matches!(decision.outcome, Outcome::RateLimited | Outcome::TooManyFailures);
    let until_s = if refused { limits.admitted_in_s } else { limits.full_in_s };
    number(&mut text, limits.limit.into());
    send(Header::Limit, &mut text);
    number(&mut text, limits.remaining.into());
    send(Header::Remaining, &mut text);
    number(&mut text, u64::try_from(limits.reset_at).unwrap_or(0));
    send(Header::Reset, &mut text);
    for (header, of, amount, within, seconds) in [
        (Header::Policy, b";q=", limits.burst, b";w=", limits.window_s),
        (Header::RateLimit, b";r=", limits.tokens, b";t=", until_s),
    ] {
        policy(gate, decision, &mut text);
        text.extend_from_slice(of);
        number(&mut text, amount.into());
        text.extend_from_slice(within);
        number(&mut text, seconds);
        send(header, &mut text);
    }
}

/// Calls `sink` with who it is that a decision lets pass: key, tenant, tier and scopes. With nothing for a refusal.
#[inline]
pub fn identify(gate: &Gate, decision: &Decision, mut sink: impl FnMut(Header, &[u8])) {
    let (true, Subject::Key { .. }) = (decision.allowed(), decision.subject) else { return };
    sink(Header::KeyId, gate.key_id_of(decision).unwrap_or_default().as_bytes());
    let mut text = Vec::with_capacity(USUAL_LEN);
    gate.append_tenant(decision, &mut text);
    sink(Header::Tenant, &text);
    text.clear();
    gate.append_tier(decision, &mut text);
    sink(Header::Tier, &text);
    text.clear();
    gate.append_scopes(decision, &mut text);
    sink(Header::Scopes, &text);
}

/// The policy's name in quotes: the tier's, in small letters.
fn policy(gate: &Gate, decision: &Decision, text: &mut Vec<u8>) {
    text.push(b'"');
    match decision.subject {
        Subject::Key { .. } => gate.append_tier(decision, text),
        Subject::Client | Subject::Nobody => text.extend_from_slice(NO_KEY_POLICY),
    }
    text.make_ascii_lowercase();
    text.push(b'"');
}

/// Writes what a client must bring; whether there is anything to say of it.
fn challenge(gate: &Gate, decision: &Decision, text: &mut Vec<u8>) -> bool {
    let outcome = decision.outcome;
    if outcome == Outcome::InsufficientScope {
        text.extend_from_slice(b"Bearer error=\"insufficient_scope\"");
        if let Some(scope) = decision.needed {
            text.extend_from_slice(format!(", scope=\"{}\"", gate.scope_name(scope)).as_bytes());
        }
    } else if outcome == Outcome::MissingCredentials {
        text.extend_from_slice(b"Bearer");
    } else if outcome.status() == 401 {
        text.extend_from_slice(b"Bearer error=\"invalid_token\"");
    }
    !text.is_empty()
}

/// Writes a number in decimal. (`write!` goes through the formatting machinery, which takes several times as long.)
fn number(text: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_decimal(value: u64, shift in 0u32..64) {
            for value in [value >> shift, 0, u64::MAX] {
                let mut text = b"t=".to_vec();
                number(&mut text, value);
                prop_assert_eq!(text, format!("t={value}").into_bytes());
            }
        }
    }

    #[test]
    fn every_header_has_its_name() {
        assert_eq!((Header::WwwAuthenticate.name(), Header::NAMES[0]), ("WWW-Authenticate", "WWW-Authenticate"));
        assert_eq!(Header::RateLimit.name(), "RateLimit");
        assert_eq!(Header::Scopes.name(), *Header::NAMES.last().unwrap());
        assert_eq!(Header::NAMES.map(str::to_ascii_lowercase), Header::SMALL_NAMES);
    }
}
