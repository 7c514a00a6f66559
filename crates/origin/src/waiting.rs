//! How many requests may wait for segments, and for how long.

use std::time::Duration;

use pipeline::Pipeline;
use tokio::sync::Semaphore;

use crate::Config;

/// Requests that wait for a segment, and for how long.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) pipeline: Pipeline,
    pub(crate) time_limit: Duration,
    pub(crate) places: Semaphore,
}

impl Waiting {
    pub(crate) fn new(pipeline: Pipeline, config: Config) -> Self {
        Self {
            pipeline,
            time_limit: Duration::from_millis(config.wait_ms.into()),
            places: Semaphore::new(config.waiting as usize),
        }
    }
}
