//! The writer's side of the catalogue: names get their places, records are told in them, and quotas change.

use super::catalogue::{self, Names, SCOPES, TENANTS, TIERS};
use super::file::Segment;
use super::layout::WORD;
use super::slots::Facts;
use super::{Result, SegmentError};
use crate::bucket::{self, Instant};
use crate::quota::Quota;
use crate::record::{KeyRecord, MAX_TENANT_LEN, State, flag};
use crate::scope::{ScopeSet, is_name};
use std::collections::HashMap;
use std::sync::Arc;

/// Keeps the catalogue of one segment; for the holder of its lock.
pub(crate) struct CatalogueKeeper {
    segment: Arc<Segment>,
    tenants: HashMap<String, u16>,
}

impl CatalogueKeeper {
    /// Learns what a writer before this one left.
    pub(crate) fn adopt(segment: &Arc<Segment>) -> Self {
        let facts = segment.facts();
        let tenants = (0..TENANTS.len(facts)).map(|place| (TENANTS.get(facts, place), place as u16)).collect();
        Self { segment: Arc::clone(segment), tenants }
    }

    /// See [`super::Writer::set_catalogue`].
    pub(crate) fn set(&self, scopes: &[String], tiers: &[(String, Quota)], now: Instant) -> Result<()> {
        for name in scopes {
            self.place_of(SCOPES, name, |_| ())?;
        }
        let facts = self.segment.writable_facts();
        for (name, quota) in tiers {
            let place = self.place_of(TIERS, name, |place| catalogue::set_quota(facts, place, *quota))?;
            let old = catalogue::quota(facts, place as u8);
            if old != *quota {
                let has_it = |slot: &u32| self.segment.slot(*slot).state().tier() == place as u8;
                let slots: Vec<_> = (0..self.segment.used()).filter(has_it).collect();
                let publish = || catalogue::set_quota(facts, place, *quota);
                self.requota(&slots, &old, quota, now, publish);
            }
        }
        Ok(())
    }

    /// See [`super::Writer::scope_names`].
    pub(crate) fn scope_names(&self) -> Vec<String> {
        let facts = self.segment.facts();
        (0..SCOPES.len(facts)).map(|place| SCOPES.get(facts, place)).collect()
    }

    fn place_of(&self, names: Names, name: &str, fill: impl FnOnce(usize)) -> Result<usize> {
        let facts = self.segment.writable_facts();
        if let Some(place) = names.find(facts, name) {
            return Ok(place);
        }
        if !is_name(name) || names.len(facts) >= names.max {
            return Err(SegmentError::Invalid(format!("no room for the scope or tier {name:?}, or no name for one")));
        }
        Ok(names.add(facts, name, fill))
    }

    /// Changes the quota of `slots` by `publish`; see [`bucket::change_quota`].
    fn requota(&self, slots: &[u32], old: &Quota, new: &Quota, now: Instant, publish: impl FnOnce()) {
        let cells = slots.iter().map(|slot| self.segment.counts().bucket(*slot));
        bucket::change_quota(cells, now, old, new, publish);
    }

    /// Lets `publish` change the state of `slot`; what its bucket holds is carried over to another tier.
    pub(crate) fn restate(&self, slot: u32, before: State, after: State, now: Instant, publish: impl FnOnce()) {
        if before.tier() == after.tier() {
            return publish();
        }
        let quota = |state: State| catalogue::quota(self.segment.facts(), state.tier());
        self.requota(&[slot], &quota(before), &quota(after), now, publish);
    }

    /// What a slot holds of `record`. A tenant that is new gets its place.
    ///
    /// # Errors
    /// If it names an unknown scope or tier, or there is no room for its tenant.
    pub(crate) fn facts_of(&mut self, record: &KeyRecord) -> Result<Facts> {
        let (scopes, tier) = self.places_of(record)?;
        let tenant = self.tenant(&record.tenant)?;
        Ok(Facts {
            id: record.id,
            state: State::new(tenant, tier, flags(record)),
            scopes,
            expires_at_ns: record.expires_at_ns,
            digest: record.digest,
            previous: record.previous,
        })
    }

    fn places_of(&self, record: &KeyRecord) -> Result<(ScopeSet, u8)> {
        let facts = self.segment.facts();
        let mut scopes = ScopeSet::default();
        for name in &record.scopes {
            let scope = catalogue::scope(facts, name)
                .ok_or_else(|| SegmentError::Invalid(format!("{} has the unknown scope {name:?}", record.id)))?;
            scopes = scopes.with(scope);
        }
        let tier = TIERS
            .find(facts, &record.tier)
            .ok_or_else(|| SegmentError::Invalid(format!("{} has the unknown tier {:?}", record.id, record.tier)))?;
        Ok((scopes, tier as u8))
    }

    fn tenant(&mut self, name: &str) -> Result<u16> {
        if let Some(place) = self.tenants.get(name) {
            return Ok(*place);
        }
        if name.is_empty() || name.len() > MAX_TENANT_LEN || name.contains('\0') {
            return Err(SegmentError::Invalid(format!("a tenant id has 1 to {MAX_TENANT_LEN} bytes, not {name:?}")));
        }
        let facts = self.segment.writable_facts();
        if TENANTS.len(facts) >= TENANTS.max {
            return Err(SegmentError::TooManyTenants(TENANTS.max));
        }
        self.segment.allocate(TENANTS.next_byte(facts), 8 * WORD as u64)?;
        let place = TENANTS.add(facts, name, |_| ()) as u16;
        self.tenants.insert(name.into(), place);
        Ok(place)
    }
}

fn flags(record: &KeyRecord) -> u64 {
    let when = |set: bool, flag: u64| if set { flag } else { 0 };
    when(record.revoked, flag::REVOKED) | when(record.disabled, flag::DISABLED)
}
