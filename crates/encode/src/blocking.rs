//! Work that would hold up the runtime, on a thread where it may block.

use crate::{Error, Result};

/// Runs `work` beside the runtime. Once begun it ends by itself, also where nobody waits for it any more.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|source| Err(Error::Broke { source }))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    /// Processor time that this thread takes for `work`: as much on a machine that does a lot besides.
    pub(crate) fn time_of(work: impl FnOnce()) -> Duration {
        let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
        let begun = now();
        work();
        now() - begun
    }
}
