//! Changes by requests, carried to their end.
//!
//! A client that leaves, or time that is up, must not tear apart what belongs together, such as making a title private
//! and ending its playbacks. So a change runs in a task of its own, once the client has sent all of it and there is a
//! slot: who leaves at once gets the slot of the connection back, and could otherwise have any number under way.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::request_id;

/// How many changes of one face run at a time; more wait, each in its client's own request.
const MOST: usize = 256;

/// The changes that are under way. Cheap to clone; clones share them.
#[derive(Debug, Clone)]
pub struct Changes {
    slots: Arc<Semaphore>,
    tasks: TaskTracker,
    broken: CancellationToken,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            slots: Arc::new(Semaphore::new(MOST)),
            tasks: TaskTracker::new(),
            broken: CancellationToken::new(),
        }
    }
}

impl Changes {
    /// Waits until none is under way any more, for when no request can come any more; `false` when some had to be broken
    /// off after `time_limit`.
    pub async fn end(&self, time_limit: Duration) -> bool {
        self.tasks.close();
        let ended = timeout(time_limit, self.tasks.wait()).await.is_ok();
        self.broken.cancel();
        ended
    }

    /// Runs a change, which continues for at most `longest` when nobody waits for it any more; `None` after that, when
    /// it is aborted at shutdown, and when it panics. Waits for a slot first, and does not begin if nobody waits then.
    pub(crate) async fn carry<T: Send + 'static>(
        &self,
        longest: Duration,
        change: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let slot = self.slots.clone().acquire_owned().await.ok()?;
        let change = request_id::carried(change).in_current_span();
        let broken = self.broken.clone();
        let change = async move {
            let done = broken.run_until_cancelled(timeout(longest, change)).await;
            drop(slot);
            done
        };
        self.tasks.spawn(change).await.ok()??.ok()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn no_more_than_so_many_go_on_also_when_their_clients_left() {
        let changes = Changes::default();
        let begun = Arc::new(Semaphore::new(0));
        let go = Arc::new(Semaphore::new(0));
        let one = || {
            let (begun, go) = (begun.clone(), go.clone());
            async move {
                begun.add_permits(1);
                go.acquire().await.unwrap().forget();
            }
        };
        for _ in 0..3 * MOST {
            // Its client leaves after the first look.
            assert_eq!(changes.carry(LONG, one()).now_or_never(), None);
            tokio::task::yield_now().await;
        }
        begun.acquire_many(u32::try_from(MOST).unwrap()).await.unwrap().forget();
        assert_eq!((changes.tasks.len(), begun.available_permits()), (MOST, 0));

        let mut waits = Box::pin(changes.carry(LONG, one()));
        assert_eq!(waits.as_mut().now_or_never(), None);
        go.add_permits(MOST + 1);
        assert_eq!(waits.await, Some(()));
        assert!(changes.end(LONG).await);
    }

    #[tokio::test]
    async fn none_goes_on_for_ever() {
        let changes = Changes::default();
        let ms = Duration::from_millis(50);
        assert_eq!(changes.carry(ms, std::future::pending::<()>()).now_or_never(), None);
        assert_eq!(changes.tasks.len(), 1);
        assert!(changes.end(LONG).await);
        assert_eq!(changes.slots.available_permits(), MOST);
    }

    #[tokio::test]
    async fn what_does_not_end_in_time_is_broken_off() {
        let changes = Changes::default();
        let (held, dropped) = tokio::sync::oneshot::channel::<()>();
        let change = async move {
            std::future::pending::<()>().await;
            drop(held);
        };
        assert_eq!(changes.carry(LONG, change).now_or_never(), None);
        assert!(!changes.end(Duration::from_millis(20)).await);
        assert!(dropped.await.is_err());
        assert!(changes.end(LONG).await);
    }
}
