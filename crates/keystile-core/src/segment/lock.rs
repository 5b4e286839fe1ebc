//! The right to write a segment: an exclusive `flock` on a file beside it.
//!
//! The lock has a file of its own because the segment's may be replaced. The kernel frees it when its holder ends,
//! however that ends.

use super::file::io_error;
use super::{Result, SegmentError};
use rustix::fs::{FlockOperation, OFlags};
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The lock, held as long as the value lives.
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock of the segment at `path`, whose folder is made (mode 0700) if it is missing.
    ///
    /// # Errors
    /// [`SegmentError::Busy`] while another process holds it; [`SegmentError::Unusable`] if other users could put
    /// files in our place.
    pub(crate) fn take(path: &Path, uid: u32) -> Result<Self> {
        check_folder(path, uid)?;
        let beside = suffixed(path, "lock");
        loop {
            let lock = Self::open(path, &beside, uid)?;
            // Between opening and locking somebody may have removed the file: then the lock is on nothing.
            if lock.is_current() {
                return Ok(lock);
            }
        }
    }

    fn open(path: &Path, beside: &Path, uid: u32) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        options.custom_flags(OFlags::NOFOLLOW.bits() as i32);
        let file = options.open(beside).map_err(io_error(beside))?;
        if file.metadata().map_err(io_error(beside))?.uid() != uid {
            return Err(SegmentError::Unusable { path: beside.into(), why: "it belongs to another user" });
        }
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { file, path: beside.into() }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(SegmentError::Busy(path.into())),
            Err(errno) => Err(io_error(beside)(errno.into())),
        }
    }

    /// Whether the file at the path is still the locked one. If not, another process may hold the right too.
    pub(crate) fn is_current(&self) -> bool {
        is_same(&self.file, &self.path)
    }
}

/// Whether an open file is the one that a path leads to.
pub(crate) fn is_same(file: &File, path: &Path) -> bool {
    let identity = |about: Metadata| (about.dev(), about.ino());
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(here), Ok(there)) => identity(here) == identity(there),
        _ => false,
    }
}

/// A path with one more suffix.
pub(crate) fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

/// Makes the folder if need be, and refuses one in which another user could exchange our files.
fn check_folder(path: &Path, uid: u32) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io_error(folder))?;
    let about = std::fs::metadata(folder).map_err(io_error(folder))?;
    let ours = about.uid() == uid || about.uid() == 0;
    // In a sticky folder such as /dev/shm others may add files, but not move ours.
    let closed = about.mode() & 0o022 == 0 || about.mode() & 0o1000 != 0;
    if ours && closed {
        return Ok(());
    }
    Err(SegmentError::Unusable { path: folder.into(), why: "other users can exchange files in this folder" })
}
