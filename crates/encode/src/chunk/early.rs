//! Complete segments of a running encode: they can be played before the chunk is done.

use std::collections::HashMap;
use std::path::PathBuf;

use model::Plan;
use model::plan::{Chunk, Medium, Track};
use runtime::blocking;

use super::{Encoded, Work, audio, run_folder, seen, video};
use crate::fragments::Fragments;
use crate::retime::{self, Retiming};
use crate::run::Name;
use crate::{Error, Result};

/// The part of a running encode that was read.
#[derive(Debug, Default)]
pub struct SoFar(HashMap<Track, u64>);

/// The segments that are whole of a chunk that [`super::encode`] is encoding with the same `work`: of each track of
/// which there are more than at the last look all of them. They are the beginning of the finished chunk, unless the
/// encode begins again before its end, from another place or from the whole source: then other bytes may follow, and
/// callers that kept these have to ask again.
///
/// Their files are in the scratch folder and belong to the caller.
///
/// A track that cannot be read now is skipped, and read again the next time.
///
/// # Errors
/// As [`super::encode`], but for what ffmpeg wrote.
pub async fn so_far(work: Work<'_>, known: &mut SoFar) -> Result<Vec<Encoded>> {
    let chunk = work
        .plan
        .chunk(work.chunk)
        .ok_or_else(|| Error::Plan { reason: format!("it has no chunk {}", work.chunk) })?;
    let folder = work.scratch.join(run_folder(work.chunk));
    let list = folder.join(seen::LIST);
    let first = blocking(move || seen::first(&list)).await?;
    let running: Vec<Running> = tracks(&work, chunk, first)?
        .into_iter()
        .map(|(track, warm_up, from)| Running {
            track,
            warm_up,
            from: folder.join(from.as_str()),
            to: work.scratch.join(format!("c{}-{track}.early", work.chunk)),
            known: known.0.get(&track).copied().unwrap_or(0),
        })
        .collect();
    let grown = runtime::begin(move || grown(running)).await?;
    if grown.is_empty() {
        return Ok(vec![]);
    }
    let (plan, chunk) = (work.plan.clone(), chunk.clone());
    let written = runtime::begin(move || written(&plan, &chunk, grown)).await?;
    let mut early = vec![];
    for (whole, written) in written {
        known.0.insert(written.track, whole);
        if !written.index.segments.is_empty() {
            early.push(written);
        }
    }
    Ok(early)
}

/// The tracks of a chunk that may be shown, if decoding began early enough by the first time in its list: frames of
/// warm-up, and the names of the files that ffmpeg writes.
fn tracks(work: &Work<'_>, chunk: &Chunk, first: Option<i64>) -> Result<Vec<(Track, u64, Name)>> {
    Ok(match chunk.of {
        Medium::Video if video::begins_well(work, chunk, first) => (0_u16..)
            .zip(&work.plan.renditions)
            .map(|(n, _)| (Track::Video(n), 0, video::output(n.into())))
            .collect(),
        Medium::Audio(n) => {
            let lists = audio::lists();
            let part = audio::part(work, chunk, n, &lists)?;
            let well = part.begins_well(first);
            well.then(|| (Track::Audio(n), part.skip(), audio::output())).into_iter().collect()
        }
        Medium::Video | Medium::Captions(_) => vec![],
    })
}

/// A track that is being encoded.
struct Running {
    track: Track,
    warm_up: u64,
    /// The file that ffmpeg writes.
    from: PathBuf,
    /// The file to write from it.
    to: PathBuf,
    /// Bytes of whole fragments that were there at the last look.
    known: u64,
}

/// The files with more complete segments than before, and how many bytes. Blocks.
fn grown(running: Vec<Running>) -> Vec<(Running, u64)> {
    let whole = |track: Running| {
        // There is no file before the first frame; the other tracks may be further.
        let whole = Fragments::open_running(&track.from).ok()?.left();
        (whole > track.known).then_some((track, whole))
    };
    running.into_iter().filter_map(whole).collect()
}

/// Complete segments of tracks, with the bytes they were made of; a track that cannot be read is left out. Blocks.
fn written(plan: &Plan, chunk: &Chunk, grown: Vec<(Running, u64)>) -> Vec<(u64, Encoded)> {
    let write = |(Running { track, warm_up, from, to, .. }, whole): (Running, u64)| {
        let (from, to) = (from.as_path(), to.as_path());
        match retime::write(&Retiming { plan, chunk, track, warm_up, from, to, running: true }) {
            Ok(written) => Some((whole, written)),
            // It is looked at again, and what is really wrong shows when the encode ends.
            Err(error) => {
                tracing::trace!(%track, %error, "a track cannot be shown early");
                None
            }
        }
    };
    grown.into_iter().filter_map(write).collect()
}
