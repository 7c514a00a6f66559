//! Moments at which a test kills the process: right before and right after each commit. Nothing happens there otherwise.

#[cfg(feature = "testing")]
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How many moments are left; 0 for ever when nobody asked.
#[cfg(feature = "testing")]
static LEFT: AtomicU32 = AtomicU32::new(0);

#[cfg(feature = "testing")]
pub(crate) fn crash_at(moment: u32) {
    LEFT.store(moment, Relaxed);
}

#[cfg(feature = "testing")]
pub(crate) fn moment() {
    if LEFT.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)) == Ok(1) {
        std::process::abort();
    }
}

#[cfg(not(feature = "testing"))]
pub(crate) fn moment() {}

/// Runs what commits when it succeeds.
pub(crate) async fn around<T, E>(commit: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    moment();
    let done = commit.await?;
    moment();
    Ok(done)
}
