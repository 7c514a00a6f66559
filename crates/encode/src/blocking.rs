//! Work that would hold up the runtime, on a thread where it may block.

use crate::{Error, Result};

/// Runs `work` beside the runtime. Once begun it ends by itself, also where nobody waits for it any more.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|source| Err(Error::Broke { source }))
}
