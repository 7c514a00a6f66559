//! The view of a task on its current try: its parameters and its reports.

use std::sync::Mutex;

use jobs::{Fault, Lease, Progress};
use tokio_util::sync::CancellationToken;

use crate::stop::Stop;

/// One try of a job.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) lease: &'a Lease,
    /// How far the task is.
    pub(crate) report: Report,
    /// Tells the task to end.
    pub(crate) cancel: CancellationToken,
    /// Whether the worker itself is told to end.
    pub(crate) shutdown: &'a CancellationToken,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(lease: &'a Lease, shutdown: &'a CancellationToken) -> Self {
        Self { lease, report: Report::default(), cancel: shutdown.child_token(), shutdown }
    }

    /// Does a part of a job that may take long and can be dropped at any point: copying a source, or a probe, whose tools
    /// that kills.
    pub(crate) async fn unless_stopped<T>(
        &self,
        part: impl Future<Output = Result<T, Stop>>,
    ) -> Result<T, Stop> {
        let stopped =
            || Stop::Failed { fault: Fault::Transient("the job was stopped".to_owned()), log: Vec::new() };
        self.cancel.run_until_cancelled(part).await.unwrap_or_else(|| Err(stopped()))
    }
}

/// How far a running job is, for the next beat of its lease.
#[derive(Debug, Default)]
pub(crate) struct Report(Mutex<Progress>);

impl Report {
    pub(crate) fn now(&self) -> Progress {
        runtime::lock(&self.0).clone()
    }

    pub(crate) fn stage(&self, message: &str) {
        let mut beat = runtime::lock(&self.0);
        beat.message = Some(message.to_owned());
    }

    pub(crate) fn progress(&self, permille: u16, speed: Option<f64>) {
        let mut beat = runtime::lock(&self.0);
        beat.permille = permille;
        beat.speed = speed;
    }
}

#[cfg(test)]
mod tests {
    use model::JobId;
    use serde_json::Value;

    use super::*;

    #[tokio::test]
    async fn a_copy_that_goes_on_for_ever_ends_with_its_job() {
        let lease = Lease {
            job: JobId::new(),
            worker: "up/0".into(),
            attempt: 1,
            lease_ms: 30_000,
            kind: "plan".into(),
            payload: Value::Null,
            title: None,
            group: None,
        };
        let shutdown = CancellationToken::new();
        let turn = Turn::new(&lease, &shutdown);
        turn.cancel.cancel();
        let stopped = turn.unless_stopped(std::future::pending::<Result<(), Stop>>()).await;
        assert!(matches!(stopped, Err(Stop::Failed { fault: Fault::Transient(_), .. })), "{stopped:?}");
    }
}
