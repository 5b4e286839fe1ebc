//! The response headers that explain a decision (RFC 6750, RFC 9110, IETF draft "RateLimit header fields").

use crate::decision::{Decision, Outcome, Subject};
use crate::gate::Gate;

/// Policy name where no key is known.
const NO_KEY_POLICY: &str = "unauthenticated";

/// The headers of a decision, names in the usual capitals; to be sent with every answer, allowed or not.
#[must_use]
pub fn of(gate: &Gate, decision: &Decision) -> Vec<(&'static str, String)> {
    let mut headers = Vec::with_capacity(7);
    if let Some(challenge) = challenge(gate, decision) {
        headers.push(("WWW-Authenticate", challenge));
    }
    if let Some(seconds) = decision.retry_after_s() {
        headers.push(("Retry-After", seconds.to_string()));
    }
    let Some(limits) = decision.limits() else { return headers };
    let policy = match decision.subject {
        Subject::Key { .. } => gate.tier_of(decision).unwrap_or_default().to_ascii_lowercase(),
        Subject::Client | Subject::Nobody => NO_KEY_POLICY.into(),
    };
    let refused = matches!(decision.outcome, Outcome::RateLimited | Outcome::TooManyFailures);
    let until = if refused { limits.admitted_in_s } else { limits.full_in_s };
    headers.extend([
        ("X-RateLimit-Limit", limits.limit.to_string()),
        ("X-RateLimit-Remaining", limits.remaining.to_string()),
        ("X-RateLimit-Reset", limits.reset_at.to_string()),
        ("RateLimit-Policy", format!("\"{policy}\";q={};w={}", limits.burst, limits.window_s)),
        ("RateLimit", format!("\"{policy}\";r={};t={until}", limits.tokens)),
    ]);
    headers
}

fn challenge(gate: &Gate, decision: &Decision) -> Option<String> {
    match decision.outcome {
        Outcome::MissingCredentials => Some("Bearer".into()),
        Outcome::InsufficientScope => {
            let named = decision.needed.map(|scope| format!(", scope=\"{}\"", gate.scope_name(scope)));
            Some(format!("Bearer error=\"insufficient_scope\"{}", named.unwrap_or_default()))
        }
        outcome if outcome.status() == 401 => Some("Bearer error=\"invalid_token\"".into()),
        _ => None,
    }
}
