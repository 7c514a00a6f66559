//! What each kind of job does.

use jobs::Fault;
use pipeline::Work;

use crate::run::Worker;
use crate::sources::Sources;
use crate::stop::Stop;
use crate::turn::Turn;
use crate::{chunk, pictures, plan};

/// Does a job; ends soon when its turn is cancelled.
pub(crate) async fn run(worker: &Worker, sources: &Sources, turn: &Turn<'_>) -> Result<(), Stop> {
    match Work::of(turn.lease)? {
        Some(Work::Plan(of)) => plan::run(worker, sources, turn, &of).await,
        Some(Work::Chunk(of)) => chunk::run(worker, sources, turn, &of).await,
        Some(Work::Pictures(of)) => pictures::run(worker, sources, turn, &of).await,
        Some(Work::Publish(of)) => {
            turn.report.stage("counting and measuring");
            Ok(worker.pipeline.publish(turn.lease, &of).await?)
        }
        None => {
            let fault = Fault::Permanent(format!("this version knows no jobs of kind `{}`", turn.lease.kind));
            Err(Stop::Failed { fault, log: Vec::new() })
        }
    }
}
