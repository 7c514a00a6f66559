//! A value that works on blocking threads, one job after another.

use runtime::{Broke, Running};

use crate::Result;

/// Owns a `T` that is either at rest or busy with one job. Dropping it lets a running job end and drops the value.
pub(crate) struct Lane<T> {
    rest: Option<T>,
    busy: Option<Running<Result<T>>>,
}

impl<T: Send + 'static> Lane<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { rest: Some(value), busy: None }
    }

    /// Starts a job once the one before it has ended; answers that one's error.
    pub(crate) async fn start(
        &mut self,
        job: impl FnOnce(&mut T) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let mut value = self.wait().await?;
        self.busy = Some(runtime::begin(move || job(&mut value).map(|()| value)));
        Ok(())
    }

    /// Waits for the last job and takes the value out.
    pub(crate) async fn finish(mut self) -> Result<T> {
        self.wait().await
    }

    async fn wait(&mut self) -> Result<T> {
        if let Some(busy) = &mut self.busy {
            let ended = busy.await;
            self.busy = None;
            return ended?;
        }
        self.rest.take().ok_or_else(|| failed("it broke off before"))
    }
}

/// A job is never aborted; its panic is resumed here.
impl From<Broke> for crate::Error {
    fn from(broke: Broke) -> Self {
        failed(broke.resume())
    }
}

fn failed(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> crate::Error {
    crate::error::disk("finish work on", "the store")(std::io::Error::other(why))
}
