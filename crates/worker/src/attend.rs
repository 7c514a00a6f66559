//! Looking after a job while it is being done: its lease is kept alive, and its end is written down, whatever that is.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use jobs::{Claim, Queue};
use pipeline::{Pipeline, Work};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::clock::{LEASE, LOOK};
use crate::stop::Stop;
use crate::turn::Turn;

/// How often a running job says that it lives and how far it is.
const BEAT: Duration = Duration::from_millis(if cfg!(test) { 5 } else { 1000 });
/// How long a free slot may take to claim what is due, before pictures give way to it.
const CLAIMED: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 250 });
/// Why pictures are put back that gave way.
const GIVES_WAY: &str = "interrupted for a job that a viewer waits for";

/// Runs the jobs of a slot, one after the other.
#[derive(Debug)]
pub(crate) struct Attendant {
    /// Of the encoder that this worker has.
    pub(crate) fingerprint: String,
    pub(crate) queue: Queue,
    pub(crate) pipeline: Pipeline,
}

impl Attendant {
    /// Sees a job to its end. `task` does it, and ends soon when its turn is cancelled.
    ///
    /// Every line of it names the job: the span is of the highest level, so that it is there however few lines are
    /// wanted.
    #[tracing::instrument(
        level = "error", name = "job", skip_all, fields(job = %turn.lease.job, kind = turn.lease.kind)
    )]
    pub(crate) async fn attend(&self, turn: &Turn<'_>, task: impl Future<Output = Result<(), Stop>>) {
        let begun = Instant::now();
        let result = tokio::select! {
            result = task => result,
            // Polled beside the task, never instead of it: the task may hold the transaction that a beat waits for.
            never = self.beat(turn) => match never {},
            never = self.give_way(turn) => match never {},
        };
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(ms, attempt = turn.lease.attempt, end = end(&result, &turn.cancel), "job left");
        let Err(stop) = result else { return };
        if let Stop::Failed { fault, .. } = &stop
            && !turn.cancel.is_cancelled()
        {
            tracing::warn!(?fault, "job failed");
        }
        write_down(turn.shutdown, || self.tell(turn, &stop)).await;
    }

    /// Writes down why a job did not end well, and what becomes of it.
    async fn tell(&self, turn: &Turn<'_>, stop: &Stop) -> pipeline::Result<()> {
        let lease = turn.lease;
        match stop {
            // Stopped by us, so nothing is held against it; where the lease was lost, this changes nothing.
            _ if turn.cancel.is_cancelled() => {
                let why = if turn.shutdown.is_cancelled() { "the worker was stopped" } else { GIVES_WAY };
                Ok(self.queue.put_back(lease, self.queue.now(), why).await?)
            }
            Stop::Held { why } => self.pipeline.hold_up(lease, why).await,
            Stop::Rejected { title, reason } => self.pipeline.rejected(lease, *title, reason).await,
            Stop::Failed { fault, log } => self.pipeline.failed(lease, fault, log).await,
        }
    }

    /// Says every second that the job lives, and cancels it when its lease is lost.
    async fn beat(&self, turn: &Turn<'_>) -> Infallible {
        let mut interval = tokio::time::interval(BEAT);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            match self.queue.progress(self.queue.now(), turn.lease, &turn.report.now()).await {
                Ok(()) => {}
                Err(jobs::Error::LeaseLost { .. }) => {
                    tracing::warn!("lease lost");
                    turn.cancel.cancel();
                    // The task notices and ends; there is nothing more to say.
                    std::future::pending::<()>().await;
                }
                Err(error) => {
                    tracing::warn!(error = %model::Chain(&error), "cannot renew the lease")
                }
            }
        }
    }

    /// Cancels pictures when work is due that somebody waits for and no slot takes it.
    async fn give_way(&self, turn: &Turn<'_>) -> Infallible {
        if turn.lease.kind != Work::PICTURES {
            return std::future::pending().await;
        }
        let mut hints = self.queue.hints();
        loop {
            hints.wait(LOOK).await;
            if !self.urgent().await {
                continue;
            }
            // Work that became due by the clock was announced to nobody.
            self.queue.wake();
            tokio::time::sleep(CLAIMED).await;
            if self.urgent().await {
                turn.cancel.cancel();
                // The task notices and ends.
                return std::future::pending().await;
            }
        }
    }

    /// Whether work is due that somebody waits for.
    async fn urgent(&self) -> bool {
        let capabilities: &[&str] = &[&self.fingerprint];
        let claim = Claim { worker: "", kinds: &Work::AWAITED, capabilities, lease: LEASE };
        match self.queue.next_priority(self.queue.now(), &claim).await {
            Ok(priority) => priority.is_some_and(|priority| priority >= Work::URGENT),
            Err(error) => {
                tracing::warn!(error = %model::Chain(&error), "cannot read the next job's priority");
                false
            }
        }
    }
}

/// Records the end of a job. A full disk prevents that, too; when there is space the job continues at
/// once.
async fn write_down<T>(shutdown: &CancellationToken, mut tell: impl FnMut() -> T)
where
    T: Future<Output = pipeline::Result<()>>,
{
    let mut said = false;
    loop {
        let error = match tell().await {
            Ok(()) | Err(pipeline::Error::Jobs(jobs::Error::LeaseLost { .. })) => return,
            Err(error) => error,
        };
        if !error.is_retryable() || shutdown.is_cancelled() {
            let error = model::Chain(&error);
            return tracing::error!(%error, "cannot record the end of a job");
        }
        if !said {
            let error = model::Chain(&error);
            tracing::warn!(%error, "waiting for the database to record the end of a job");
        }
        said = true;
        let _ = shutdown.run_until_cancelled(tokio::time::sleep(LOOK)).await;
    }
}

/// How a job ended, in a word for the log.
fn end(result: &Result<(), Stop>, cancel: &CancellationToken) -> &'static str {
    match result {
        Ok(()) => "done",
        Err(_) if cancel.is_cancelled() => "put back",
        Err(Stop::Held { .. }) => "held",
        Err(Stop::Rejected { .. }) => "rejected",
        Err(Stop::Failed { .. }) => "failed",
    }
}

#[cfg(test)]
mod tests;
