//! What of a running encode is whole already: its first segments can be played before the chunk is done.

use std::collections::HashMap;

use model::plan::{Medium, Track};

use super::{Encoded, Work, audio, run_folder, seen, video};
use crate::blocking::blocking;
use crate::retime::{self, Fragments, Retiming};
use crate::run::Name;
use crate::{Error, Result};

/// How much of a running encode was looked at.
#[derive(Debug, Default)]
pub struct SoFar(HashMap<Track, u64>);

/// The segments that are whole of a chunk that [`super::encode`] is encoding with the same `work`: of each track of
/// which there are more than at the last look all of them, as they will be the beginning of the finished chunk.
///
/// Their files are in the scratch folder and belong to the caller.
///
/// A track that cannot be read now is passed over, and looked at again the next time.
///
/// # Errors
/// As [`super::encode`], but for what ffmpeg wrote.
pub async fn so_far(work: Work<'_>, known: &mut SoFar) -> Result<Vec<Encoded>> {
    let chunk = work
        .plan
        .chunk(work.chunk)
        .ok_or_else(|| Error::Plan { reason: format!("it has no chunk {}", work.chunk) })?;
    let folder = work.scratch.join(run_folder(work.chunk));
    let list = Name::new("seen");
    let seen = seen::read(&folder.join(list.as_str()))?;
    let tracks: Vec<(Track, u64, Name)> = match chunk.of {
        Medium::Video if video::begins_well(&work, chunk, seen) => (0_u16..)
            .zip(&work.plan.renditions)
            .map(|(n, _)| (Track::Video(n), 0, video::output(n.into())))
            .collect(),
        Medium::Audio(n) => {
            let part = audio::part(&work, chunk, n, &list)?;
            let well = part.begins_well(seen);
            well.then(|| (Track::Audio(n), part.skip(), audio::output())).into_iter().collect()
        }
        Medium::Video | Medium::Captions(_) => vec![],
    };
    let mut early = vec![];
    for (track, warm_up, from) in tracks {
        let from = folder.join(from.as_str());
        // There is no file before the first frame; the other tracks may be further.
        let Ok(fragments) = Fragments::open_running(&from) else { continue };
        let whole = fragments.left();
        if known.0.get(&track).is_some_and(|known| *known >= whole) {
            continue;
        }
        let to = work.scratch.join(format!("c{}-{track}.early", work.chunk));
        let (plan, chunk) = (work.plan.clone(), chunk.clone());
        let write = move || {
            let retiming =
                Retiming { plan: &plan, chunk: &chunk, track, warm_up, from: &from, to: &to, running: true };
            retime::write(&retiming)
        };
        match blocking(write).await {
            Ok(written) => {
                known.0.insert(track, whole);
                if !written.index.segments.is_empty() {
                    early.push(written);
                }
            }
            // It is looked at again, and what is really wrong shows when the encode ends.
            Err(error) => tracing::trace!(%track, %error, "a track cannot be shown early"),
        }
    }
    Ok(early)
}
