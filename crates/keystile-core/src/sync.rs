//! The atomics of shared memory: the standard library's, or, for the models in `segment/models`, the model checker's.

#[cfg(all(loom, test))]
mod model;

#[cfg(all(loom, test))]
pub(crate) use model::{AtomicU64, Weakening, dies_after, fence, observed, weaken};
#[cfg(not(all(loom, test)))]
pub(crate) use std::sync::atomic::{AtomicU64, fence};

/// A sequentially consistent fence for a thread whose last access was a read-modify-write.
///
/// In the language's memory model it is a fence like any other, and so the models see it. On x86-64 every
/// read-modify-write is a locked instruction, which already is a full barrier for all accesses around it: only the
/// compiler is left to be told not to move any, and that costs nothing.
#[inline(always)]
#[track_caller]
pub(crate) fn fence_after_rmw() {
    #[cfg(all(target_arch = "x86_64", not(all(loom, test))))]
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
    #[cfg(not(all(target_arch = "x86_64", not(all(loom, test)))))]
    fence(std::sync::atomic::Ordering::SeqCst);
}
