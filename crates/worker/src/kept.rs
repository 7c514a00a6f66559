//! The copy of a source that was needed last: the next job mostly needs the same one, and comes right away.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;

/// Keeps one value alive for a while after its users let go of it.
#[derive(Debug)]
pub(crate) struct Kept<T>(Arc<Mutex<Option<Arc<T>>>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Send + Sync + 'static> Kept<T> {
    /// Keeps this one instead of the one before. The task lets go of it after that time.
    pub(crate) fn keep(&self, value: Arc<T>, time: Duration) -> JoinHandle<()> {
        let weak = Arc::downgrade(&value);
        replace(&self.0, Some(value));
        let kept = self.0.clone();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            let is_same = |kept: &mut Arc<T>| std::ptr::eq(Arc::as_ptr(kept), weak.as_ptr());
            let gone = runtime::lock(&kept).take_if(is_same);
            drop(gone);
        })
    }

    /// Lets go of it now; whether there was one.
    pub(crate) fn forget(&self) -> bool {
        replace(&self.0, None)
    }
}

/// Whether there was a value, which is dropped after the lock: that may give space on the disk back.
fn replace<T>(kept: &Mutex<Option<T>>, value: Option<T>) -> bool {
    let before = std::mem::replace(&mut *runtime::lock(kept), value);
    before.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn it_outlives_its_users_until_it_is_forgotten_or_another_one_comes() {
        let kept = Kept::default();
        let [first, second] = [1, 2].map(Arc::new);
        let weak = [&first, &second].map(Arc::downgrade);
        kept.keep(first, LONG);
        assert!(weak[0].upgrade().is_some());
        kept.keep(second, LONG);
        assert!(weak[0].upgrade().is_none() && weak[1].upgrade().is_some());
        assert!(kept.forget());
        assert!(weak[1].upgrade().is_none());
        assert!(!kept.forget(), "nothing is left");
    }

    #[tokio::test]
    async fn its_time_ends_and_not_that_of_another_one() {
        let kept = Kept::default();
        let [first, second] = [1, 2].map(Arc::new);
        let weak = Arc::downgrade(&second);
        let over = kept.keep(first, Duration::ZERO);
        let later = kept.keep(second, Duration::ZERO);
        later.await.unwrap();
        over.await.unwrap();
        assert!(weak.upgrade().is_none());
        let third = Arc::new(3);
        let weak = Arc::downgrade(&third);
        let over = kept.keep(Arc::new(0), Duration::ZERO);
        kept.keep(third, LONG);
        over.await.unwrap();
        assert!(weak.upgrade().is_some());
    }
}
