//! The task of each kind of job.

use jobs::Fault;
use pipeline::Work;

use crate::sources::Sources;
use crate::stop::Stop;
use crate::turn::Turn;
use crate::worker::Worker;
use crate::{chunk, pictures, plan};

/// Does a job; ends soon when its turn is cancelled. Before it waits for space on the disk, the copy of a source that is
/// only kept to save time is deleted and the job run again.
pub(crate) async fn run(worker: &Worker, sources: &Sources, turn: &Turn<'_>) -> Result<(), Stop> {
    loop {
        match once(worker, sources, turn).await {
            Err(Stop::Held { .. }) if !turn.cancel.is_cancelled() && sources.give_up_kept() => {}
            ended => return ended,
        }
    }
}

async fn once(worker: &Worker, sources: &Sources, turn: &Turn<'_>) -> Result<(), Stop> {
    match Work::of(turn.lease)? {
        Some(Work::Plan(of)) => plan::run(worker, sources, turn, &of).await,
        Some(Work::Chunk(of)) => chunk::run(worker, sources, turn, &of).await,
        Some(Work::Pictures(of)) => pictures::run(worker, sources, turn, &of).await,
        Some(Work::Publish(of)) => {
            turn.report.stage("counting and measuring");
            Ok(worker.pipeline.publish(turn.lease, &of).await?)
        }
        None => {
            let fault = Fault::Permanent(format!("unknown kind of job `{}`", turn.lease.kind));
            Err(Stop::Failed { fault, log: Vec::new() })
        }
    }
}
