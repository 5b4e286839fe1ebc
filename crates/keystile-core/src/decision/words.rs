//! A decision as plain words, for a holder whose fields are atomics.

use super::{Decision, Outcome, Subject};
use crate::bucket::{Instant, Since};
use crate::quota::Quota;
use crate::scope::Scope;

/// Words of a decision.
pub const DECISION_WORDS: usize = 6;

const KEY: u64 = 0;
const CLIENT: u64 = 1;
const NOBODY: u64 = 2;

impl Decision {
    /// The decision in words that [`Decision::from_words`] understands; they mean nothing outside this process.
    #[must_use]
    #[inline]
    pub fn to_words(&self) -> [u64; DECISION_WORDS] {
        let (subject, slot, tenant, tier) = match self.subject {
            Subject::Key { slot, tenant, tier } => (KEY, slot, tenant, tier),
            Subject::Client => (CLIENT, 0, 0, 0),
            Subject::Nobody => (NOBODY, 0, 0, 0),
        };
        let needed = self.needed.map_or(0, |scope| u64::from(scope.place()) + 1);
        [
            self.outcome as u64 | subject << 8 | u64::from(tier) << 16 | needed << 24 | u64::from(slot) << 32,
            u64::from(tenant) | u64::from(self.cost) << 32,
            self.quota.to_word(),
            self.since.0,
            self.now.boottime(),
            self.wall_offset_ns as u64,
        ]
    }

    /// The decision that [`Decision::to_words`] gave.
    #[must_use]
    pub fn from_words(words: &[u64; DECISION_WORDS]) -> Self {
        let [first, second, quota, since, boot_ns, wall_offset_ns] = *words;
        let subject = match first >> 8 & 0xff {
            KEY => Subject::Key { slot: (first >> 32) as u32, tenant: second as u16, tier: (first >> 16) as u8 },
            CLIENT => Subject::Client,
            _ => Subject::Nobody,
        };
        Self {
            outcome: Outcome::ALL[(first & 0xff) as usize],
            subject,
            needed: (first >> 24 & 0xff).checked_sub(1).map(|place| Scope(place as u8)),
            quota: Quota::from_word(quota),
            since: Since(since),
            now: Instant::from_boottime(boot_ns),
            wall_offset_ns: wall_offset_ns as i64,
            cost: (second >> 32) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn subject() -> impl Strategy<Value = Subject> {
        let key = any::<(u32, u16, u8)>().prop_map(|(slot, tenant, tier)| Subject::Key { slot, tenant, tier });
        prop_oneof![key, Just(Subject::Client), Just(Subject::Nobody)]
    }

    proptest! {
        #[test]
        fn words_say_all(
            outcome in prop::sample::select(&Outcome::ALL[..]),
            subject in subject(),
            needed in prop::option::of(0..64u8),
            (rate, burst) in (1..1_000_000u32, 1..1_000_000u32),
            (since, boot_ns, wall_offset_ns, cost) in any::<(u64, u32, i64, u32)>(),
        ) {
            let decision = Decision {
                outcome,
                subject,
                needed: needed.map(Scope),
                quota: Quota::new(rate, burst).unwrap(),
                since: Since(since),
                now: Instant::from_boottime(boot_ns.into()),
                wall_offset_ns,
                cost,
            };
            prop_assert_eq!(Decision::from_words(&decision.to_words()), decision);
        }
    }
}
