//! The parts of a worker.

use std::path::PathBuf;

use blob::Blob;
use encode::{Runner, Tools, first_frame};
use jail::Jail;
use jobs::Queue;
use pipeline::Pipeline;
use tokio_util::sync::CancellationToken;

use crate::Config;

/// A worker in this process, with as many slots as configured. A service.
#[derive(Debug)]
pub struct Worker {
    pub(crate) name: String,
    pub(crate) slots: usize,
    pub(crate) queue: Queue,
    pub(crate) pipeline: Pipeline,
    pub(crate) blob: Blob,
    pub(crate) tools: Tools,
    pub(crate) jail: Jail,
    pub(crate) scratch: PathBuf,
    pub(crate) headers: first_frame::Known,
}

impl Worker {
    /// Makes a worker. `name` is unique among running workers; `scratch` is a folder of its own, emptied at the start.
    #[expect(clippy::too_many_arguments, reason = "the binary wires every part here, once")]
    pub fn new(
        name: String,
        config: &Config,
        queue: Queue,
        pipeline: Pipeline,
        blob: Blob,
        tools: Tools,
        jail: Jail,
        scratch: PathBuf,
    ) -> Self {
        let headers = first_frame::Known::default();
        Self { name, slots: config.slots, queue, pipeline, blob, tools, jail, scratch, headers }
    }

    /// Runs this worker's tools; `cancel` kills them.
    pub(crate) fn runner<'a>(&'a self, cancel: &'a CancellationToken) -> Runner<'a> {
        Runner { tools: &self.tools, jail: &self.jail, cancel }
    }
}
