//! The writer: the one process of a machine that changes what its gate knows.

use super::catalogue::{self, Names, SCOPES, TENANTS, TIERS};
use super::file::{Identity, Segment, io_error};
use super::header::Header;
use super::index::Index;
use super::layout::{CHUNK_SLOTS, MAGIC, VERSION, WORD, head};
use super::slots::{Facts, Slot};
use super::{Result, SegmentError};
use crate::bucket::{self, Instant};
use crate::digest::{Digest, Pepper};
use crate::key_id::KeyId;
use crate::lease;
use crate::quota::Quota;
use crate::record::{KeyRecord, MAX_TENANT_LEN, State, flag};
use crate::scope::{ScopeSet, is_name};
use crate::secret::Prefix;
use crate::usage::Usage;
use rustix::fs::FlockOperation;
use std::collections::{HashMap, HashSet};
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a segment is made from.
#[derive(Clone, Debug)]
pub struct Options {
    /// Keys that it can hold.
    pub capacity: u32,
    /// The prefix of its keys.
    pub prefix: Prefix,
    /// Peppers under which digests may be kept, the current one first; at most four.
    pub peppers: Vec<Pepper>,
    /// The budget for failed attempts of one client.
    pub failures: Quota,
    /// Whether to go on deciding when the lease has run out.
    pub allow_stale: bool,
    /// 32 random bytes, for the gate's id and the key of its client table. Used only when the segment is new.
    pub random: [u8; 32],
}

/// The right to write a machine's segment, held as long as the value lives.
pub struct Writer {
    segment: Arc<Segment>,
    by_id: HashMap<KeyId, u32>,
    tenants: HashMap<String, u16>,
    /// Holding it is the right to write; the kernel frees it when this process ends, however it does.
    _lock: File,
}

impl Writer {
    /// Takes the right to write the segment at `path`, and adopts what lies there if it fits, with its buckets and
    /// counters; else puts a new one in its place.
    ///
    /// # Errors
    /// [`SegmentError::Busy`] while another process holds the right; [`SegmentError::Unusable`] if the file there is
    /// not ours to replace.
    pub fn open(path: &Path, options: &Options, identity: &Identity) -> Result<Self> {
        let lock = lock(path)?;
        let segment = match Segment::open(path, identity, true) {
            Ok(segment) if fits(&segment, options) => segment,
            Ok(_) | Err(SegmentError::Absent(_) | SegmentError::Outdated { .. }) => make(path, options, identity)?,
            Err(error) => return Err(error),
        };
        let mut writer =
            Self { segment: Arc::new(segment), by_id: HashMap::new(), tenants: HashMap::new(), _lock: lock };
        writer.configure(options)?;
        writer.adopt();
        Ok(writer)
    }

    /// The segment, for a gate in this process.
    #[must_use]
    pub fn segment(&self) -> Arc<Segment> {
        Arc::clone(&self.segment)
    }

    /// The random id of this segment, under which its counters are reported.
    #[must_use]
    pub fn gate_id(&self) -> u128 {
        self.header().get_wide(head::GATE_ID)
    }

    fn header(&self) -> Header<'_> {
        Header(self.segment.writable_facts())
    }

    fn configure(&self, options: &Options) -> Result<()> {
        let header = self.header();
        if !options.peppers.iter().all(|pepper| header.add_pepper(pepper)) {
            return Err(SegmentError::Invalid("a gate knows four peppers at most, retired ones included".into()));
        }
        header.set(head::FAILURE_QUOTA, options.failures.to_word());
        header.set(head::ALLOW_STALE, u64::from(options.allow_stale));
        Ok(())
    }

    /// Learns what a writer before this one left, mends what it was changing when it died, and marks every counter as
    /// not yet reported.
    fn adopt(&mut self) {
        let facts = self.segment.facts();
        for place in 0..TENANTS.len(facts) {
            self.tenants.insert(TENANTS.get(facts, place), place as u16);
        }
        for slot in 0..self.segment.used() {
            let found = self.writable_slot(slot);
            if found.is_torn() {
                found.write(&found.facts());
            }
            self.by_id.insert(found.id(), slot);
            if self.segment.counts().usage(slot) != Usage::default() {
                self.segment.counts().mark(slot);
            }
        }
    }

    /// Makes the catalogue hold these scopes and tiers. Names that are no longer listed keep their places; a tier
    /// whose quota changed carries over the tokens of its keys, so that no bucket is refilled.
    ///
    /// # Errors
    /// If a name is malformed, or there are more than 64 of a kind over the segment's life.
    pub fn set_catalogue(&self, scopes: &[String], tiers: &[(String, Quota)], now: Instant) -> Result<()> {
        for name in scopes {
            self.place_of(SCOPES, name, |_| ())?;
        }
        let facts = self.segment.writable_facts();
        for (name, quota) in tiers {
            let place = self.place_of(TIERS, name, |place| catalogue::set_quota(facts, place, *quota))?;
            let old = catalogue::quota(facts, place as u8);
            if old != *quota {
                catalogue::set_quota(facts, place, *quota);
                self.carry_over(place as u8, &old, quota, now);
            }
        }
        Ok(())
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

    fn carry_over(&self, tier: u8, old: &Quota, new: &Quota, now: Instant) {
        for slot in 0..self.segment.used() {
            if self.segment.slot(slot).state().tier() == tier {
                bucket::requota(self.segment.counts().bucket(slot), now, old, new);
            }
        }
    }

    /// Makes the segment hold `record`, new or changed. A revoked key stays revoked whatever the record says.
    ///
    /// # Errors
    /// If the record names an unknown scope or tier, or there is no room for a new key; the segment is then as before.
    pub fn put(&mut self, record: &KeyRecord, now: Instant) -> Result<()> {
        let (scopes, tier) = self.places_of(record)?;
        let tenant = self.tenant(&record.tenant)?;
        let mut facts = Facts {
            id: record.id,
            state: State::new(tenant, tier, flags(record)),
            scopes,
            expires_at_ns: record.expires_at_ns,
            digest: record.digest,
            previous: record.previous,
        };
        match self.by_id.get(&record.id) {
            Some(&slot) => {
                let before = self.segment.slot(slot).facts();
                facts.state.0 |= before.state.0 & flag::REVOKED;
                self.change(slot, &before, &facts, now)
            }
            None => self.add(&facts),
        }
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

    fn add(&mut self, facts: &Facts) -> Result<()> {
        let slot = self.segment.used();
        if slot >= self.segment.capacity() {
            return Err(SegmentError::Full(self.segment.capacity()));
        }
        if (slot as usize).is_multiple_of(CHUNK_SLOTS) {
            for (first, words) in self.segment.layout().chunk_parts(slot as usize) {
                self.segment.allocate((first * WORD) as u64, (words * WORD) as u64)?;
            }
        }
        self.writable_slot(slot).write(facts);
        // The facts come first, then the slot's number, then the way to it.
        self.header().set(head::SLOTS_USED, u64::from(slot) + 1);
        self.by_id.insert(facts.id, slot);
        self.point(facts, slot)
    }

    fn change(&self, slot: u32, before: &Facts, after: &Facts, now: Instant) -> Result<()> {
        self.writable_slot(slot).write(after);
        if before.state.tier() != after.state.tier() {
            let quota = |state: State| catalogue::quota(self.segment.facts(), state.tier());
            let cell = self.segment.counts().bucket(slot);
            bucket::requota(cell, now, &quota(before.state), &quota(after.state));
        }
        self.point(after, slot)?;
        for old in secrets(before) {
            if !secrets(after).any(|new| new.matches(&old)) {
                self.writable_index().remove(&old, slot);
            }
        }
        Ok(())
    }

    fn point(&self, facts: &Facts, slot: u32) -> Result<()> {
        if secrets(facts).all(|digest| self.writable_index().insert(&digest, slot)) {
            return Ok(());
        }
        Err(SegmentError::Full(self.segment.capacity()))
    }

    fn writable_index(&self) -> Index<'_> {
        let layout = self.segment.layout();
        Index(&self.segment.writable_facts()[layout.index_at..layout.index_at + layout.index_len])
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

    /// Records what was heard from the feed: everything up to `revision` of `epoch` is applied, and the lease runs to
    /// `fresh_until_ns` of boot time.
    pub fn refresh(&self, epoch: u128, revision: u64, fresh_until_ns: u64) {
        let header = self.header();
        header.set_wide(head::FEED_EPOCH, epoch);
        header.set(head::APPLIED_REVISION, revision);
        header.set(head::FRESH_UNTIL, fresh_until_ns);
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

    /// The counters of every key that changed since the last call, cumulative. Costs grow with keys in use.
    #[must_use]
    pub fn drain(&self) -> Vec<(KeyId, Usage)> {
        let counts = self.segment.counts();
        let read = |slot| (self.segment.slot(slot).id(), counts.usage(slot));
        counts.unmark(self.segment.used()).into_iter().map(read).collect()
    }

    /// Marks keys as changed again, after what [`Writer::drain`] gave could not be stored.
    pub fn undrain(&self, ids: impl IntoIterator<Item = KeyId>) {
        for slot in ids.into_iter().filter_map(|id| self.by_id.get(&id)) {
            self.segment.counts().mark(*slot);
        }
    }
}

fn flags(record: &KeyRecord) -> u64 {
    let when = |set: bool, flag: u64| if set { flag } else { 0 };
    when(record.revoked, flag::REVOKED) | when(record.disabled, flag::DISABLED)
}

fn secrets(facts: &Facts) -> impl Iterator<Item = Digest> {
    std::iter::once(facts.digest).chain(facts.previous.map(|(digest, _)| digest))
}

/// Takes the exclusive lock beside the segment. The lock has a file of its own because the segment's may be replaced.
fn lock(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(io_error(folder))?;
    }
    let beside = suffixed(path, "lock");
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&beside);
    let file = opened.map_err(io_error(&beside))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(SegmentError::Busy(path.into())),
        Err(errno) => Err(io_error(&beside)(errno.into())),
    }
}

/// Whether a segment that lies there can serve this configuration. One without a pepper in common belongs to another
/// database.
fn fits(segment: &Segment, options: &Options) -> bool {
    let header = segment.header();
    let known: Vec<_> = (0..header.peppers()).map(|place| header.pepper(place).to_words()).collect();
    segment.capacity() >= options.capacity
        && header.prefix() == Some(options.prefix)
        && options.peppers.iter().any(|pepper| known.contains(&pepper.to_words()))
}

/// Makes a new segment beside `path` and moves it there when it is whole.
fn make(path: &Path, options: &Options, identity: &Identity) -> Result<Segment> {
    let beside = suffixed(path, "new");
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io_error(&beside)(error)),
        _ => (),
    }
    let segment = Segment::create(&beside, options.capacity, &options.prefix)?;
    let header = Header(segment.writable_facts());
    let random = |at: usize| u64::from_ne_bytes(std::array::from_fn(|i| options.random[at + i]));
    header.set(head::VERSION, VERSION);
    header.set_wide(head::BOOT_ID, identity.boot_id);
    header.set(head::CAPACITY, u64::from(options.capacity));
    header.set_wide(head::GATE_ID, u128::from(random(0)) << 64 | u128::from(random(8)));
    header.set(head::FAILURE_KEY, random(16));
    header.set(head::FAILURE_KEY + 1, random(24));
    header.set(head::READY, 1);
    header.set(head::MAGIC, MAGIC);
    drop(segment);
    std::fs::rename(&beside, path).map_err(io_error(path))?;
    Segment::open(path, identity, true)
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}
