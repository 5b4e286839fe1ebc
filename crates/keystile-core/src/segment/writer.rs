//! The writer: the one process of a machine that changes what its gate knows.

use super::catalogue_keeper::CatalogueKeeper;
use super::file::{Identity, Segment};
use super::header::Header;
use super::index_keeper::IndexKeeper;
use super::layout::{CHUNK_SLOTS, head};
use super::lock::Lock;
use super::making::adopt_or_make;
use super::slots::{Facts, Slot};
use super::totals::Totals;
use super::{Result, SegmentError};
use crate::bucket::Instant;
use crate::digest::{Digest, Pepper};
use crate::key_id::KeyId;
use crate::lease;
use crate::quota::Quota;
use crate::record::{KeyRecord, State, flag};
use crate::scope::ScopeSet;
use crate::secret::Prefix;
use crate::usage::Usage;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// What a segment is made from.
#[derive(Clone, Debug)]
pub struct Options {
    /// Keys that it can hold at most. Costs address space; memory comes with the keys.
    pub capacity: u32,
    /// The prefix of its keys.
    pub prefix: Prefix,
    /// Peppers under which digests may be kept, the current one first; at most four.
    pub peppers: Vec<Pepper>,
    /// The budget for failed attempts of one client.
    pub failures: Quota,
    /// Whether to go on deciding when the lease has run out. A segment that refuses then and has a lease goes on
    /// refusing until [`Writer::allow_stale`].
    pub allow_stale: bool,
    /// 32 random bytes, for the gate's id and the key of its client table. Used only when the segment is new.
    pub random: [u8; 32],
}

/// The right to write a machine's segment, held as long as the value lives.
pub struct Writer {
    pub(super) segment: Arc<Segment>,
    catalogue: CatalogueKeeper,
    index: IndexKeeper,
    pub(super) by_id: HashMap<KeyId, u32>,
    pub(super) totals: Totals,
    lock: Lock,
}

impl Writer {
    /// Takes the right to write the segment at `path`, and adopts what lies there if it fits, with its buckets and
    /// counters; else puts a new one in its place.
    ///
    /// # Errors
    /// [`SegmentError::Busy`] while another process holds the right; [`SegmentError::Unusable`] if the file there is
    /// not ours to replace.
    pub fn open(path: &Path, options: &Options, identity: &Identity) -> Result<Self> {
        let lock = Lock::take(path, identity.uid)?;
        let segment = Arc::new(adopt_or_make(path, options, identity)?);
        let (catalogue, index) = (CatalogueKeeper::adopt(&segment), IndexKeeper::adopt(&segment)?);
        let by_id = HashMap::with_capacity(segment.used() as usize);
        let totals = Totals::adopt(&segment);
        let mut writer = Self { segment, catalogue, index, by_id, totals, lock };
        writer.configure(options)?;
        writer.adopt();
        Ok(writer)
    }

    /// The segment, for a gate in this process.
    #[must_use]
    pub fn segment(&self) -> Arc<Segment> {
        Arc::clone(&self.segment)
    }

    /// Whether this is still the machine's segment and this writer its only one. Once false, it must be opened anew:
    /// somebody has removed or replaced its files.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.lock.is_current() && self.segment.is_current()
    }

    /// The random id of this segment, under which its counters are reported.
    #[must_use]
    pub fn gate_id(&self) -> u128 {
        self.header().get_wide(head::GATE_ID)
    }

    pub(super) fn header(&self) -> Header<'_> {
        Header(self.segment.writable_facts())
    }

    fn configure(&self, options: &Options) -> Result<()> {
        let header = self.header();
        if !options.peppers.iter().all(|pepper| header.add_pepper(pepper)) {
            return Err(SegmentError::Invalid("a gate knows four peppers at most, retired ones included".into()));
        }
        header.set(head::FAILURE_QUOTA, options.failures.to_word());
        // A gate that is already deciding goes on as it was: see `allow_stale`.
        if !options.allow_stale || header.get(head::FRESH_UNTIL) == 0 {
            header.set(head::ALLOW_STALE, u64::from(options.allow_stale));
        }
        Ok(())
    }

    /// Learns what a writer before this one left, mends what it was changing, and marks every counter as not reported.
    fn adopt(&mut self) {
        for slot in 0..self.segment.used() {
            let found = self.writable_slot(slot);
            if found.is_torn() {
                found.write(&found.facts());
            }
            self.by_id.insert(found.id(), slot);
        }
        self.mark_all();
    }

    /// Marks every counter as not yet reported: when nothing is known of what was, or when it was lost. Costs grow with
    /// the keys that there are.
    pub fn mark_all(&self) {
        let counts = self.segment.counts();
        for slot in (0..self.segment.used()).filter(|slot| counts.usage(*slot) != Usage::default()) {
            counts.mark(slot);
        }
    }

    /// Makes the catalogue hold these scopes and tiers. Names that are no longer listed keep their places; a tier
    /// whose quota changed carries over the tokens of its keys, so that no bucket is refilled.
    ///
    /// # Errors
    /// If a name is malformed, or there are more than 64 of a kind over the segment's life.
    pub fn set_catalogue(&self, scopes: &[String], tiers: &[(String, Quota)], now: Instant) -> Result<()> {
        self.catalogue.set(scopes, tiers, now)
    }

    /// Prepares for a load that ends with so many `keys`: what grows with them grows once, now, and not again and again
    /// while they come. Where there is no memory for that yet, nothing is lost.
    pub fn reserve(&mut self, keys: usize, now: Instant) {
        let more = keys.min(self.segment.capacity() as usize).saturating_sub(self.by_id.len());
        self.by_id.reserve(more);
        self.index.reserve(more, now);
    }

    /// Makes the segment hold `record`, new or changed. A revoked key stays revoked whatever the record says.
    ///
    /// # Errors
    /// If the record names an unknown scope or tier, or there is no room for a new key; the segment is then as before.
    pub fn put(&mut self, record: &KeyRecord, now: Instant) -> Result<()> {
        let mut facts = self.catalogue.facts_of(record)?;
        match self.by_id.get(&record.id) {
            Some(&slot) => {
                let before = self.segment.slot(slot).facts();
                facts.state.0 |= before.state.0 & flag::REVOKED;
                self.change(slot, &before, &facts, now)
            }
            None => self.add(&facts, now),
        }
    }

    fn add(&mut self, facts: &Facts, now: Instant) -> Result<()> {
        let slot = self.segment.used();
        if slot >= self.segment.capacity() {
            return Err(SegmentError::Full(self.segment.capacity()));
        }
        if (slot as usize).is_multiple_of(CHUNK_SLOTS) {
            self.segment.allocate_chunk(slot)?;
        }
        self.index.make_room(facts, slot, now)?;
        self.writable_slot(slot).write(facts);
        // The facts come first, then the slot's number, then the way to it.
        self.header().set(head::SLOTS_USED, u64::from(slot) + 1);
        self.by_id.insert(facts.id, slot);
        self.index.point(facts, slot)
    }

    fn change(&mut self, slot: u32, before: &Facts, after: &Facts, now: Instant) -> Result<()> {
        self.index.make_room(after, slot, now)?;
        self.catalogue.restate(slot, before.state, after.state, now, || self.writable_slot(slot).write(after));
        if !after.digest.matches(&before.digest) {
            self.segment.counts().rotated(slot);
        }
        self.index.point(after, slot)?;
        for old in before.secrets() {
            if !after.secrets().any(|new| new.matches(&old)) {
                self.index.withdraw(&old, slot);
            }
        }
        Ok(())
    }

    fn writable_slot(&self, slot: u32) -> Slot<'_> {
        Slot::new(self.segment.writable_facts(), self.segment.layout().slot_at(slot))
    }

    /// Revokes a key for good, by one store; false if the segment does not know it.
    pub fn revoke(&self, id: &KeyId) -> bool {
        self.flag(id, flag::REVOKED)
    }

    /// Forgets a key: it is answered like one that never was. False if the segment does not know it.
    pub fn remove(&self, id: &KeyId) -> bool {
        self.flag(id, flag::REMOVED)
    }

    fn flag(&self, id: &KeyId, flag: u64) -> bool {
        let Some(&slot) = self.by_id.get(id) else { return false };
        let slot = self.writable_slot(slot);
        slot.set_state(State(slot.state().0 | flag));
        true
    }

    /// Forgets every key that is not among `ids`, the last step of a full reload.
    pub fn retain(&self, ids: &HashSet<KeyId>) {
        for id in self.by_id.keys().filter(|id| !ids.contains(id)) {
            self.remove(id);
        }
    }

    /// Records that everything up to `revision` of the feed's `epoch` is applied.
    pub fn applied(&self, epoch: u128, revision: u64) {
        let header = self.header();
        header.set_wide(head::FEED_EPOCH, epoch);
        header.set(head::APPLIED_REVISION, revision);
    }

    /// Lets the lease run to `fresh_until_ns` of boot time. Only for who knows that everything that was committed up
    /// to `stale_after` before then is applied.
    pub fn extend_lease(&self, fresh_until_ns: u64) {
        self.header().set(head::FRESH_UNTIL, fresh_until_ns);
    }

    /// Both of these.
    pub fn refresh(&self, epoch: u128, revision: u64, fresh_until_ns: u64) {
        self.applied(epoch, revision);
        self.extend_lease(fresh_until_ns);
    }

    /// Lets the gate go on deciding when its lease has run out. Only for who has told the database so.
    pub fn allow_stale(&self) {
        self.header().set(head::ALLOW_STALE, 1);
    }

    /// Lets the gate look for secrets that were made elsewhere, from now on: before the first put of such a key.
    pub fn expect_imported(&self) {
        self.header().set(head::IMPORTED, 1);
    }

    /// Shows that this writer still runs, to whoever waits to take its place.
    pub fn beat(&self, now: Instant) {
        self.header().set(head::HEARTBEAT, now.boottime());
    }

    /// Takes one more measurement of wall time minus boot time; see [`lease::next_offset`].
    pub fn set_wall_offset(&self, measured_ns: i64, now: Instant) {
        let header = self.header();
        let set_at = header.get(head::OFFSET_SET_AT);
        let current = (set_at != 0).then(|| header.wall_offset_ns());
        let elapsed = now.boottime().saturating_sub(set_at);
        header.set(head::WALL_OFFSET, lease::next_offset(current, measured_ns, elapsed) as u64);
        header.set(head::OFFSET_SET_AT, now.boottime().max(1));
    }

    /// The counters of every key that changed since the last call, cumulative, and the scopes that it has used since
    /// they were settled. Costs grow with keys in use.
    #[must_use]
    pub fn drain(&mut self) -> Vec<(KeyId, Usage)> {
        let counts = self.segment.counts();
        let slots = counts.unmark(self.segment.used());
        self.totals.update(&self.segment, slots.iter().copied());
        slots.into_iter().map(|slot| (self.segment.slot(slot).id(), counts.usage(slot))).collect()
    }

    /// The digest of a key's current secret as the gate knows it, which tells whose its `current_used_at_ms` is.
    #[must_use]
    pub fn digest_of(&self, id: &KeyId) -> Option<Digest> {
        self.by_id.get(id).map(|slot| self.segment.slot(*slot).facts().digest)
    }

    /// Marks keys as changed again, after what [`Writer::drain`] gave could not be stored.
    pub fn undrain(&self, ids: impl IntoIterator<Item = KeyId>) {
        for slot in ids.into_iter().filter_map(|id| self.by_id.get(&id)) {
            self.segment.counts().mark(*slot);
        }
    }

    /// Takes scopes out of those in use, now that what [`Writer::drain`] gave is stored. Until then they are there for
    /// the next drain, also of another writer.
    pub fn settle(&self, stored: impl IntoIterator<Item = (KeyId, ScopeSet)>) {
        for (id, scopes) in stored {
            if let Some(slot) = self.by_id.get(&id) {
                self.segment.counts().settle(*slot, scopes);
            }
        }
    }

    /// The names of the scopes by place. A place never gets another name, so they hold for all that was drained.
    #[must_use]
    pub fn scope_names(&self) -> Vec<String> {
        self.catalogue.scope_names()
    }
}
