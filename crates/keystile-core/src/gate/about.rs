//! What a gate can tell of itself, and of a decision by name.

use super::Gate;
use crate::decision::{Decision, Subject};
use crate::digest::{Digest, KeyHash};
use crate::scope::Scope;
use crate::secret::KeyText;
use crate::segment::{catalogue, head};

impl Gate {
    /// The names of the scopes that the key of a decision holds; they may have changed since.
    #[must_use]
    pub fn scopes_of(&self, decision: &Decision) -> Vec<String> {
        let Subject::Key { slot, .. } = decision.subject else { return Vec::new() };
        let scopes = self.segment.slot(slot).scopes();
        scopes.iter().map(|scope| self.scope_name(scope)).collect()
    }

    /// The random id of this gate's segment.
    #[must_use]
    pub fn id(&self) -> u128 {
        self.segment.header().get_wide(head::GATE_ID)
    }

    /// The digest under which `secret` is kept here, by the first pepper; `None` if it is not shaped like a key.
    #[must_use]
    pub fn digest(&self, secret: &[u8]) -> Option<Digest> {
        let header = self.segment.header();
        let text = KeyText::parse(secret, &self.prefix)?;
        (header.peppers() > 0).then(|| header.pepper(0).digest(&KeyHash::of(text)))
    }

    /// The name of a scope.
    #[must_use]
    pub fn scope_name(&self, scope: Scope) -> String {
        catalogue::SCOPES.get(self.segment.facts(), scope.place().into())
    }

    /// The id of the key that a decision is about.
    #[must_use]
    pub fn key_id_of(&self, decision: &Decision) -> Option<String> {
        match decision.subject {
            Subject::Key { slot, .. } => Some(self.segment.slot(slot).id().to_string()),
            _ => None,
        }
    }

    /// The tenant of the key that a decision is about.
    #[must_use]
    pub fn tenant_of(&self, decision: &Decision) -> Option<String> {
        match decision.subject {
            Subject::Key { tenant, .. } => Some(catalogue::TENANTS.get(self.segment.facts(), tenant.into())),
            _ => None,
        }
    }

    /// The tier by which a decision was made.
    #[must_use]
    pub fn tier_of(&self, decision: &Decision) -> Option<String> {
        match decision.subject {
            Subject::Key { tier, .. } => Some(catalogue::TIERS.get(self.segment.facts(), tier.into())),
            _ => None,
        }
    }

    pub(crate) fn append_tenant(&self, decision: &Decision, text: &mut Vec<u8>) {
        if let Subject::Key { tenant, .. } = decision.subject {
            catalogue::TENANTS.append(self.segment.facts(), tenant.into(), text);
        }
    }

    pub(crate) fn append_tier(&self, decision: &Decision, text: &mut Vec<u8>) {
        if let Subject::Key { tier, .. } = decision.subject {
            catalogue::TIERS.append(self.segment.facts(), tier.into(), text);
        }
    }

    /// The scopes that the key holds now, with commas between them.
    pub(crate) fn append_scopes(&self, decision: &Decision, text: &mut Vec<u8>) {
        let Subject::Key { slot, .. } = decision.subject else { return };
        for (number, scope) in self.segment.slot(slot).scopes().iter().enumerate() {
            if number > 0 {
                text.push(b',');
            }
            catalogue::SCOPES.append(self.segment.facts(), scope.place().into(), text);
        }
    }

    /// The last revision of the feed that is applied here.
    #[must_use]
    pub fn applied_revision(&self) -> u64 {
        self.segment.header().get(head::APPLIED_REVISION)
    }

    /// Until when its lease runs, in ns of boot time.
    #[must_use]
    pub fn fresh_until_ns(&self) -> u64 {
        self.segment.header().get(head::FRESH_UNTIL)
    }

    /// Boot time at which its writer last showed that it runs, in ns; 0: never.
    #[must_use]
    pub fn heartbeat_ns(&self) -> u64 {
        self.segment.header().get(head::HEARTBEAT)
    }

    /// Keys that it knows, revoked and forgotten ones included.
    #[must_use]
    pub fn key_count(&self) -> u32 {
        self.segment.used()
    }

    /// Wall time minus boot time by which it judges expiry, in ns.
    #[must_use]
    pub fn wall_offset_ns(&self) -> i64 {
        self.segment.header().wall_offset_ns()
    }
}
