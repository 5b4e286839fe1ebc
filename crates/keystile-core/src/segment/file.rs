//! A segment's file: made, opened, and refused when it is not what it should be.

use super::counts::Counts;
use super::editions::Editions;
use super::header::Header;
use super::layout::{CAPACITY, Layout, MAGIC, VERSION, WORD, head};
use super::lock::is_same;
use super::map::Map;
use super::slots::Slot;
use super::tallies::Tallies;
use super::{Result, SegmentError};
use crate::secret::Prefix;
use crate::sync::AtomicU64;
use rustix::fs::{FallocateFlags, OFlags};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Which machine run and which user a segment must belong to.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// The kernel's id of this boot: bucket times of another boot mean nothing.
    pub boot_id: u128,
    /// The user whose file it must be.
    pub uid: u32,
}

impl Identity {
    /// Of this boot and this process.
    ///
    /// # Errors
    /// If the kernel does not tell its boot id.
    pub fn current() -> io::Result<Self> {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
        let boot_id = u128::from_str_radix(&digits, 16).map_err(io::Error::other)?;
        Ok(Self { boot_id, uid: rustix::process::geteuid().as_raw() })
    }
}

/// A mapped segment.
pub struct Segment {
    path: PathBuf,
    file: File,
    map: Map,
    layout: Layout,
}

impl Segment {
    /// Opens the segment at `path` for checks.
    ///
    /// # Errors
    /// If there is none, or it is of another layout, boot or owner, or others may write it.
    pub fn attach(path: &Path, identity: &Identity) -> Result<Self> {
        Self::open(path, identity, false)
    }

    pub(crate) fn open(path: &Path, identity: &Identity, write_facts: bool) -> Result<Self> {
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).custom_flags(OFlags::NOFOLLOW.bits() as i32).open(path);
        let mut file = opened.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => SegmentError::Absent(path.into()),
            _ => io_error(path)(source),
        })?;
        let layout = read_layout(&mut file, identity).map_err(|unfit| match unfit {
            Unfit::Foreign(why) => SegmentError::Unusable { path: path.into(), why },
            Unfit::Outdated(why) => SegmentError::Outdated { path: path.into(), why },
        })?;
        Self::mapped(path, file, layout, write_facts)
    }

    /// Makes a new file at `path`, which must not exist, with everything zero but its fixed memory taken.
    pub(crate) fn create(path: &Path, capacity: u32, prefix: &Prefix) -> Result<Self> {
        if !CAPACITY.contains(&capacity) {
            let (least, most) = (CAPACITY.start(), CAPACITY.end());
            return Err(SegmentError::Invalid(format!("capacity must be between {least} and {most} keys")));
        }
        let layout = Layout::new(capacity);
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create_new(true).mode(0o600).open(path);
        let file = opened.map_err(io_error(path))?;
        file.set_len(layout.file_len()).map_err(io_error(path))?;
        for (first, words) in layout.fixed_parts() {
            allocate(path, &file, (first * WORD) as u64, (words * WORD) as u64)?;
        }
        let segment = Self::mapped(path, file, layout, true)?;
        segment.header().set_prefix(prefix);
        Ok(segment)
    }

    fn mapped(path: &Path, file: File, layout: Layout, write_facts: bool) -> Result<Self> {
        let map = Map::new(&file, &layout, write_facts).map_err(io_error(path))?;
        Ok(Self { path: path.into(), file, map, layout })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many keys it can hold.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.layout.capacity
    }

    /// The prefix of its keys.
    ///
    /// # Errors
    /// If its header spells none.
    pub fn prefix(&self) -> Result<Prefix> {
        self.header()
            .prefix()
            .ok_or_else(|| SegmentError::Unusable { path: self.path.clone(), why: "it names no key prefix" })
    }

    /// Whether the file at the path is still this one.
    #[must_use]
    pub fn is_current(&self) -> bool {
        is_same(&self.file, &self.path)
    }

    #[inline]
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    #[inline]
    pub(crate) fn facts(&self) -> &[AtomicU64] {
        self.map.facts.words()
    }

    pub(crate) fn writable_facts(&self) -> &[AtomicU64] {
        self.map.facts.writable()
    }

    #[inline]
    pub(crate) fn header(&self) -> Header<'_> {
        Header(self.facts())
    }

    #[inline]
    pub(crate) fn editions(&self) -> Editions<'_> {
        Editions::new(self.facts(), self.layout.areas)
    }

    #[inline]
    pub(crate) fn slot(&self, slot: u32) -> Slot<'_> {
        Slot::new(self.facts(), self.layout.slot_at(slot))
    }

    #[inline]
    pub(crate) fn counts(&self) -> Counts<'_> {
        Counts::new(self.map.counts.words(), &self.layout)
    }

    /// What all processes of the machine add to.
    pub(crate) fn tallies(&self) -> Tallies<'_> {
        Tallies(self.map.counts.words())
    }

    /// The same, to be written; for the holder of the lock.
    pub(crate) fn writable_editions(&self) -> Editions<'_> {
        Editions::new(self.writable_facts(), self.layout.areas)
    }

    /// The words of the counts area.
    pub(crate) fn counts_words(&self) -> &[AtomicU64] {
        self.map.counts.words()
    }

    /// Slots in use.
    pub(crate) fn used(&self) -> u32 {
        (self.header().get(head::SLOTS_USED) as u32).min(self.layout.capacity)
    }

    /// Gives memory to the chunk that begins with `slot`.
    pub(crate) fn allocate_chunk(&self, slot: u32) -> Result<()> {
        for (first, words) in self.layout.chunk_parts(slot as usize) {
            self.allocate((first * WORD) as u64, (words * WORD) as u64)?;
        }
        Ok(())
    }

    /// Gives memory to the next index.
    pub(crate) fn allocate_spare_index(&self, log2: u32) -> Result<()> {
        let words = self.editions().spare(log2);
        self.allocate((words.start * WORD) as u64, (words.len() * WORD) as u64)
    }

    /// Takes the memory of the index that is not in use, which reads as empty from then on.
    pub(crate) fn empty_spare_index(&self) -> Result<()> {
        let mut done = Ok(());
        self.editions().empty_spare(|words| {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            done = fallocate(&self.path, &self.file, flags, (words.start * WORD) as u64, (words.len() * WORD) as u64);
        });
        done
    }

    /// Gives memory to a part of the file now, so that a full file system is an error here and not a signal later.
    pub(crate) fn allocate(&self, first_byte: u64, bytes: u64) -> Result<()> {
        allocate(&self.path, &self.file, first_byte, bytes)
    }
}

fn allocate(path: &Path, file: &File, first_byte: u64, bytes: u64) -> Result<()> {
    fallocate(path, file, FallocateFlags::empty(), first_byte, bytes)
}

fn fallocate(path: &Path, file: &File, flags: FallocateFlags, first_byte: u64, bytes: u64) -> Result<()> {
    rustix::fs::fallocate(file, flags, first_byte, bytes).map_err(|errno| match errno {
        rustix::io::Errno::NOSPC | rustix::io::Errno::NOMEM => SegmentError::NoSpace(path.into()),
        other => io_error(path)(other.into()),
    })
}

pub(crate) fn io_error(path: &Path) -> impl Fn(io::Error) -> SegmentError {
    let path = path.to_path_buf();
    move |source| SegmentError::Io { path: path.clone(), source }
}

/// Why a file is not the segment that was looked for.
enum Unfit {
    /// Not ours, or not what it says: nobody may touch it.
    Foreign(&'static str),
    /// Ours, but of another time: an agent may put a new one in its place.
    Outdated(&'static str),
}

/// Reads a file's layout from its first words, before anything is mapped.
fn read_layout(file: &mut File, identity: &Identity) -> std::result::Result<Layout, Unfit> {
    use Unfit::{Foreign, Outdated};
    let about = file.metadata().map_err(|_| Foreign("it cannot be examined"))?;
    if !about.is_file() {
        return Err(Foreign("it is not a regular file"));
    }
    if about.uid() != identity.uid {
        return Err(Foreign("it belongs to another user"));
    }
    if about.mode() & 0o077 != 0 {
        return Err(Foreign("other users may open it (its mode must be 0600)"));
    }
    let mut line = [0u8; 64];
    file.read_exact(&mut line).map_err(|_| Foreign("it is too short"))?;
    let word = |place: usize| u64::from_ne_bytes(std::array::from_fn(|i| line[place * WORD + i]));
    if word(head::MAGIC) != MAGIC {
        return Err(Foreign("it is no segment"));
    }
    if word(head::VERSION) != VERSION {
        return Err(Outdated("another version of Keystile made it; run the same version everywhere on this machine"));
    }
    if word(head::READY) != 1 {
        return Err(Outdated("it was never finished"));
    }
    let boot_id = u128::from(word(head::BOOT_ID)) << 64 | u128::from(word(head::BOOT_ID + 1));
    if boot_id != identity.boot_id {
        return Err(Outdated("it was made before this machine last started"));
    }
    let capacity = u32::try_from(word(head::CAPACITY)).unwrap_or(0);
    if !CAPACITY.contains(&capacity) {
        return Err(Foreign("its capacity is out of range"));
    }
    let layout = Layout::new(capacity);
    if about.len() < layout.file_len() {
        return Err(Foreign("it is shorter than its layout"));
    }
    Ok(layout)
}
