//! A start on a full disk: it waits for space instead of giving up, since nobody may be there to start it again.

use std::time::Duration;

/// From one try to the next.
const AGAIN: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 1000 });

/// Does a step of the start, again and again while all that keeps it from being done is a full disk.
pub(crate) async fn patiently<T>(step: impl AsyncFn() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let mut said = false;
    loop {
        match step().await {
            Err(error) if model::fault::is_full(error.as_ref()) => {
                if !said {
                    tracing::error!("the disk is full; the start waits for free space: {error:#}");
                }
                said = true;
                tokio::time::sleep(AGAIN).await;
            }
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io;

    use anyhow::Context;

    use super::*;

    #[tokio::test]
    async fn a_full_disk_is_waited_for_and_nothing_else() {
        let tries = Cell::new(0);
        let step = async || {
            tries.set(tries.get() + 1);
            let why = match tries.get() {
                ..3 => io::ErrorKind::StorageFull,
                _ => io::ErrorKind::PermissionDenied,
            };
            Err::<(), _>(io::Error::from(why)).context("cannot open the store")
        };
        assert!(patiently(step).await.is_err());
        assert_eq!(tries.get(), 3);
    }
}
