//! Encoding one chunk of a plan: one run of ffmpeg for all renditions, for one audio or for one caption track.
//!
//! The result depends on plan, source and encoder alone, not on what was encoded before or on which machine:
//! encoding a chunk again gives the same bytes.

mod audio;
mod captions;
mod changing;
mod early;
#[cfg(feature = "fuzzing")]
pub(crate) mod recorded;
mod seen;
mod video;

use std::path::{Path, PathBuf};

use model::Plan;
use model::media::Source;
use model::plan::{Chunk, Medium, Track};
use runtime::blocking;

use crate::filter::Lists;
use crate::ladder::Rung;
use crate::retime::{self, Retiming};
use crate::run::{self, Ffmpeg, Input, Name, Timeouts};
use crate::scratch::Folder;
use crate::{Error, Result, Runner};
use jail::Limits;
use template::Template;

pub use self::early::{SoFar, so_far};
pub use crate::retime::Encoded;

/// The work to encode.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The number of the chunk in it.
    pub chunk: u32,
    /// The source that the plan was made for.
    pub source: &'a Source,
    /// Where that is.
    pub file: &'a Path,
    /// Whether the file has holes where [`crate::extent`] says that nothing is needed: what turns out to need them
    /// after all is [`Error::Holes`], and to be encoded again from the whole file.
    pub holes: bool,
    /// A folder for results and what is needed on the way; nothing else may use the names in it that begin with
    /// `c` and the chunk's number.
    pub scratch: &'a Path,
}

/// How far a chunk is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Thousandths of the chunk.
    pub permille: u16,
    /// How many seconds of the film a second of work makes; `None` before that is known.
    pub speed: Option<f64>,
}

impl Progress {
    fn of(now: run::Progress, done: u64, all: u64) -> Self {
        let done = if now.end { all } else { done.min(all) };
        Self { permille: u16::try_from(done * 1000 / all.max(1)).unwrap_or(1000), speed: now.speed }
    }
}

/// Encodes a chunk into one file for each of its tracks, in the scratch folder, and verifies it.
///
/// `progress` is called about twice a second, and never falls back. Dropping the future or cancelling kills ffmpeg.
///
/// # Errors
/// [`Error::OtherEncoder`] where the plan is for another encoder, [`Error::Rejected`] where the source turns out
/// to be shorter than it said or broken, and all that can go wrong with a run.
pub async fn encode(
    runner: Runner<'_>,
    template: &Template,
    work: Work<'_>,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Vec<Encoded>> {
    let here = runner.tools.fingerprint();
    if work.plan.fingerprint != here {
        return Err(Error::OtherEncoder { plan: work.plan.fingerprint.clone(), here });
    }
    if work.plan.template != template.id() {
        return Err(template::Error::Changed { name: template.name.clone() }.into());
    }
    let chunk = work
        .plan
        .chunk(work.chunk)
        .ok_or_else(|| Error::Plan { reason: format!("it has no chunk {}", work.chunk) })?;
    let frames = work.plan.grid.span(&chunk.segments);
    let frames = frames.ok_or_else(|| Error::Plan { reason: "a chunk leaves the grid".to_owned() })?;
    let folder = Folder::create(work.scratch, &run_folder(work.chunk)).await?;
    let mut most = 0;
    let progress = move |now: Progress| {
        // Some runs are made again, from another place or in another way.
        most = now.permille.max(most);
        progress(Progress { permille: most, ..now });
    };
    let encoding = Encoding { runner, template, work, chunk, folder: &folder };
    match chunk.of {
        Medium::Video => video::encode(&encoding, frames, progress).await,
        Medium::Audio(n) => audio::encode(&encoding, n, progress).await.map(|encoded| vec![encoded]),
        Medium::Captions(n) => captions::encode(&encoding, n, progress).await.map(|encoded| vec![encoded]),
    }
}

/// Everything about one chunk that stays the same while it is encoded.
struct Encoding<'a> {
    runner: Runner<'a>,
    template: &'a Template,
    work: Work<'a>,
    chunk: &'a Chunk,
    folder: &'a Folder,
}

impl Encoding<'_> {
    async fn ffmpeg(
        &self,
        before: Vec<run::Arg>,
        after: Vec<run::Arg>,
        (limits, timeouts): (Limits, Timeouts),
        each: impl FnMut(run::Progress) + Send,
    ) -> Result<run::Said> {
        let input = Input { file: self.work.file, container: self.work.source.container };
        let run = Ffmpeg { input, before, after, folder: self.folder.path(), limits, timeouts };
        self.runner.ffmpeg(run, each).await
    }

    fn file(&self, name: &Name) -> PathBuf {
        self.folder.path().join(name.as_str())
    }

    /// The decoded pictures, from the list of that name.
    async fn seen(&self, list: &Name) -> Result<seen::Seen> {
        let list = self.file(list);
        blocking(move || seen::read(&list)).await
    }

    /// The decoded frames of sound, from these lists.
    async fn heard(&self, lists: &Lists) -> Result<seen::Seen> {
        let (starts, ends) = (self.file(&lists.starts), self.file(&lists.ends));
        blocking(move || seen::read_both(&starts, &ends)).await
    }

    /// Brings what ffmpeg wrote onto the plan's clock.
    async fn retimed(&self, track: Track, warm_up: u64, from: &Name) -> Result<Encoded> {
        let (plan, chunk) = (self.work.plan.clone(), self.chunk.clone());
        let from = self.file(from);
        let to = self.work.scratch.join(format!("c{}-{track}.cmaf", self.work.chunk));
        let write = move || {
            let retiming =
                Retiming { plan: &plan, chunk: &chunk, track, warm_up, from: &from, to: &to, running: false };
            retime::write(&retiming)
        };
        blocking(write).await
    }
}

/// Resource limits of a run that encodes these renditions.
pub(crate) fn limits(rungs: &[Rung]) -> Limits {
    // Encoders hold some sixty pictures each, decoders twenty large ones; most of it is never touched.
    let pixels: u64 = rungs.iter().map(|rung| rung.size.pixels()).sum();
    let memory = (4 << 30) + pixels.saturating_mul(400);
    Limits { memory_bytes: memory, ..Limits::default() }
}

/// Where ffmpeg writes, in the scratch folder.
fn run_folder(chunk: u32) -> String {
    format!("c{chunk}-run")
}
