//! Captions: finding those within the picture before a plan is made, by a look at two stretches of the film, and reading
//! those that are text.

mod ass;
mod charset;
pub(crate) mod copied;
pub(crate) mod read;
mod subrip;
mod tx3g;
mod words;

use model::media::Video;
use model::plan::{CaptionOrigin, CaptionTrack};
use runtime::blocking;

use crate::run::{Arg, Name};
use crate::{Look, Result, cea608};

/// Caption tracks of a source at most.
pub const MAX_CAPTIONS: usize = 8;

/// Seconds of each of the two stretches that are read.
const STRETCH_S: u64 = 30;

/// Bytes of units of a stretch that are read.
const MAX_BYTES: u64 = 16 << 20;

/// Finds the CEA-608 channels that bring text at the beginning or in the middle of the film; no frame is decoded.
///
/// A stretch that cannot be read has no captions.
///
/// # Errors
/// Errors of a run that are not caused by the file.
pub async fn in_picture(look: Look<'_>) -> Result<Vec<CaptionTrack>> {
    let source = look.source;
    let Some(video) = &source.video else { return Ok(vec![]) };
    let stretch = Stretch { look, video };
    let seconds = source.duration_ms / 1000;
    let middle = (seconds > 2 * STRETCH_S).then_some(seconds / 2);
    let later = async {
        match middle {
            Some(second) => stretch.channels("captions-middle", second).await,
            None => Ok(vec![]),
        }
    };
    let (mut channels, later) = tokio::try_join!(stretch.channels("captions-head", 0), later)?;
    channels.extend(later);
    channels.sort_unstable();
    channels.dedup();
    let space = MAX_CAPTIONS.saturating_sub(source.captions.len());
    let language = source.audio.first().map_or("und", |audio| audio.language.as_str());
    let track = |channel: u8| CaptionTrack {
        from: CaptionOrigin::Cea608(channel),
        // The first channel has the words of the film's own language, by convention.
        language: if channel == 1 { language } else { "und" }.to_owned(),
        label: Some(format!("CC{channel}")),
        forced: false,
        hearing_impaired: true,
    };
    Ok(channels.into_iter().take(space).map(track).collect())
}

struct Stretch<'a> {
    look: Look<'a>,
    video: &'a Video,
}

impl Stretch<'_> {
    async fn channels(&self, folder: &str, from_s: u64) -> Result<Vec<u8>> {
        let (data, times) = (Name::new("units"), Name::new("times"));
        let Some(after) = cea608::copy(self.video, &data, &times) else { return Ok(vec![]) };
        let mut before = vec![];
        if from_s > 0 {
            before.extend(["-ss".into(), Arg::of(&[&from_s])]);
        }
        before.extend(["-t".into(), Arg::of(&[&STRETCH_S])]);
        let Some(folder) = self.look.take(folder, (before, after), MAX_BYTES).await? else {
            return Ok(vec![]);
        };
        let (data, times) = (folder.path().join(data.as_str()), folder.path().join(times.as_str()));
        if !data.is_file() || !times.is_file() {
            return Ok(vec![]);
        }
        let look = move || cea608::read(&data, &times).map(|pairs| cea608::channels(&pairs));
        blocking(look).await
    }
}
