//! A look into a film for what it can do without: what cannot be read keeps no film from being played.

use std::path::Path;
use std::time::Duration;

use model::media::Source;

use crate::run::{Arg, Ffmpeg, Input, Timeouts};
use crate::scratch::Folder;
use crate::{Error, Result, Runner};
use jail::Limits;

/// Longest time of a look before a plan is made, of the clock and of the processor.
const WALL: Duration = Duration::from_secs(120);

/// A source to look into, and what it takes.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// Runs the tools.
    pub runner: Runner<'a>,
    /// The result of the probe.
    pub source: &'a Source,
    /// The source's file.
    pub file: &'a Path,
    /// A folder for results and what is needed on the way.
    pub scratch: &'a Path,
}

impl<'a> Look<'a> {
    /// The input for a tool.
    pub(crate) fn input(&self) -> Input<'a> {
        Input { file: self.file, container: self.source.container }
    }

    /// Runs ffmpeg with arguments before and behind the input, and answers the folder with what it wrote: at most so
    /// many bytes, at which it is killed. `None`, with a line in the log, where it cannot read the file.
    ///
    /// # Errors
    /// Errors of a run that are not caused by the file.
    pub(crate) async fn take(
        &self,
        folder: &str,
        (before, after): (Vec<Arg>, Vec<Arg>),
        most_bytes: u64,
    ) -> Result<Option<Folder>> {
        let folder = Folder::create(self.scratch, folder).await?;
        let run = Ffmpeg {
            input: self.input(),
            before,
            after,
            folder: folder.path(),
            limits: Limits { file_bytes: most_bytes, cpu: WALL, ..Limits::default() },
            timeouts: Timeouts::of(WALL),
        };
        match self.runner.ffmpeg(run, |_| ()).await {
            Ok(_) | Err(Error::Signalled { .. }) => Ok(Some(folder)),
            Err(error @ (Error::Exited { .. } | Error::Stalled { .. } | Error::OutOfTime { .. })) => {
                tracing::warn!(%error, folder = %folder.path().display(), "cannot inspect a film");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
