//! The mapping of a segment's two areas: the only unsafe code of this crate.
//!
//! # Safety
//!
//! What makes the shared slices sound, by subject:
//! * **Length.** Before mapping, the file is shown to be at least as long as its layout says, and nobody shrinks it: a
//!   segment is replaced by renaming another file over it, never truncated.
//! * **Alignment.** Mappings begin at a page, and so at a multiple of 8.
//! * **Lifetime.** The slices borrow from the mapping's owner and cannot outlive it.
//! * **Aliasing.** Every word is an `AtomicU64` in every process; no plain reference into the memory is ever made.
//! * **Read-only memory.** The facts of a reader are mapped without write permission. Loads of `AtomicU64` up to
//!   `Acquire` are defined there on the platforms below; stores are kept out by [`Area::writable`].
//! * **Initialisation.** A file's bytes are always initialised; every bit pattern is a valid `u64`.

#![allow(unsafe_code)] // see the module's text; `deny` everywhere else

use super::layout::{Layout, WORD};
use crate::sync::AtomicU64;
use memmap2::{Advice, MmapOptions, MmapRaw};
use std::fs::File;
use std::io;

#[cfg(not(all(target_pointer_width = "64", target_os = "linux")))]
compile_error!("the segment needs 64-bit Linux: atomic loads of 8 bytes from read-only memory, boot time, fallocate");

/// One mapped area of words.
pub(crate) struct Area {
    map: MmapRaw,
    writable: bool,
}

impl Area {
    fn new(file: &File, first_word: usize, words: usize, writable: bool) -> io::Result<Self> {
        if cfg!(all(loom, test)) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "the atomics of a model do not lie in files"));
        }
        let mut options = MmapOptions::new();
        options.offset((first_word * WORD) as u64).len(words * WORD);
        let map = if writable { options.map_raw(file)? } else { options.map_raw_read_only(file)? };
        // Peppers and digests must not reach a core file.
        map.advise(Advice::DontDump)?;
        Ok(Self { map, writable })
    }

    /// The area's words. Storing to them is allowed only where [`Area::writable`] gave them out.
    #[inline]
    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: length, alignment, lifetime, aliasing and initialisation as the module's text shows; `map` stays
        // mapped as long as `self`, to which the slice is bound.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast::<AtomicU64>(), self.map.len() / WORD) }
    }

    /// The area's words, to be stored to; panics where the area is mapped read-only, which is a fault of this crate.
    pub(crate) fn writable(&self) -> &[AtomicU64] {
        assert!(self.writable, "facts are read-only in this process");
        self.words()
    }
}

/// Both areas of a segment.
pub(crate) struct Map {
    pub(crate) facts: Area,
    pub(crate) counts: Area,
}

impl Map {
    /// Maps `file`, of which the caller has shown that it has `layout`.
    pub(crate) fn new(file: &File, layout: &Layout, write_facts: bool) -> io::Result<Self> {
        if file.metadata()?.len() < layout.file_len() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than its layout"));
        }
        Ok(Self {
            facts: Area::new(file, 0, layout.facts_len, write_facts)?,
            counts: Area::new(file, layout.facts_len, layout.counts_len, true)?,
        })
    }
}
