//! Work that would hold up the runtime, on threads where it may block.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

/// Runs `work` beside the runtime. Once begun it ends by itself, also where nobody waits for it any more.
///
/// # Errors
/// Those of `work`, and [`Broke`] in their terms.
pub async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<Broke> + Send + 'static,
{
    begin(work).await?
}

/// Begins `work`, for callers that do something else meanwhile.
pub fn begin<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Running<T> {
    Running(spawn_blocking(work))
}

/// Has `work` done for which nobody waits, as in a destructor; in place where there is no runtime.
pub fn detach(work: impl FnOnce() + Send + 'static) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(work)),
        Err(_) => work(),
    }
}

/// Work under way on a thread of its own, to be awaited once. Dropping this does not end it.
#[derive(Debug)]
pub struct Running<T>(JoinHandle<T>);

impl<T> Future for Running<T> {
    type Output = Result<T, Broke>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(Broke)
    }
}

/// Work did not come to its end: it panicked, or the process is stopping.
#[derive(Debug)]
pub struct Broke(JoinError);

impl Broke {
    /// Continues the panic of the work, if it was one; else the same again.
    #[must_use]
    pub fn resume(self) -> Self {
        match self.0.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(stopped) => Self(stopped),
        }
    }
}

impl std::fmt::Display for Broke {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Broke {}

impl From<Broke> for io::Error {
    fn from(broke: Broke) -> Self {
        Self::other(broke)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn work_answers_or_says_why_not() {
        assert_eq!(blocking(|| Ok::<_, io::Error>(7)).await.unwrap(), 7);
        let refused = blocking(|| Err::<(), _>(io::Error::other("no"))).await.unwrap_err();
        assert_eq!(refused.to_string(), "no");
        let broke = blocking(|| -> io::Result<()> { panic!("a mistake") }).await.unwrap_err();
        assert!(broke.to_string().contains("a mistake"), "{broke}");
    }

    #[test]
    fn what_is_detached_is_done_with_and_without_a_runtime() {
        let done = || {
            let (tell, told) = mpsc::channel();
            detach(move || tell.send(()).expect("somebody listens"));
            told.recv().unwrap();
        };
        done();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async { done() });
    }
}
