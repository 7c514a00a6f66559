//! Finding captions within the picture, before a plan is made: a look at two stretches of the film.

use std::path::Path;
use std::time::Duration;

use model::media::{Source, Video};
use model::plan::{CaptionOrigin, CaptionTrack};
use tokio_util::sync::CancellationToken;

use crate::blocking::blocking;
use crate::jail::Limits;
use crate::run::{self, Arg, Ffmpeg, Input, Name, Patience};
use crate::scratch::Folder;
use crate::{Error, Jail, Result, Tools, cea608};

/// Caption tracks of a source at most.
pub const MOST_CAPTIONS: usize = 8;

/// Seconds of each of the two stretches that are looked at.
const STRETCH_S: u64 = 30;

/// Bytes of units of a stretch that are looked at.
const MOST_BYTES: u64 = 16 << 20;

/// Finds the CEA-608 channels that bring text at the beginning or in the middle of the film; no frame is decoded.
///
/// A stretch that cannot be read has no captions; that never keeps a film from being played.
///
/// # Errors
/// Those of a run that are not the file's fault.
pub async fn within(
    tools: &Tools,
    jail: &Jail,
    source: &Source,
    file: &Path,
    scratch: &Path,
    cancel: &CancellationToken,
) -> Result<Vec<CaptionTrack>> {
    let Some(video) = &source.video else { return Ok(vec![]) };
    let input = Input { file, container: source.container };
    let stretch = Stretch { tools, jail, input, video, scratch, cancel };
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
    let room = MOST_CAPTIONS.saturating_sub(source.captions.len());
    let language = source.audio.first().map_or("und", |audio| audio.language.as_str());
    let track = |channel: u8| CaptionTrack {
        from: CaptionOrigin::Cea608(channel),
        // The first channel has the words of the film's own language, by convention.
        language: if channel == 1 { language } else { "und" }.to_owned(),
        label: Some(format!("CC{channel}")),
        forced: false,
        hearing_impaired: true,
    };
    Ok(channels.into_iter().take(room).map(track).collect())
}

struct Stretch<'a> {
    tools: &'a Tools,
    jail: &'a Jail,
    input: Input<'a>,
    video: &'a Video,
    scratch: &'a Path,
    cancel: &'a CancellationToken,
}

impl Stretch<'_> {
    async fn channels(&self, folder: &str, from_s: u64) -> Result<Vec<u8>> {
        let (data, times) = (name("units"), name("times"));
        let Some(after) = cea608::copy(self.video, &data, &times) else { return Ok(vec![]) };
        let folder = Folder::create(self.scratch, folder)?;
        let mut before = vec![];
        if from_s > 0 {
            before.extend(["-ss".into(), Arg::of(&[&from_s])]);
        }
        before.extend(["-t".into(), Arg::of(&[&STRETCH_S])]);
        let run = Ffmpeg {
            input: self.input,
            before,
            after,
            folder: folder.path(),
            limits: Limits { file_bytes: MOST_BYTES, cpu: Duration::from_secs(120), ..Limits::default() },
            patience: Patience { wall: Duration::from_secs(120), stall: Duration::from_secs(60) },
        };
        match run::ffmpeg(self.tools, self.jail, run, self.cancel, |_| ()).await {
            Ok(_) | Err(Error::Signalled { .. }) => {}
            Err(error @ (Error::Exited { .. } | Error::Stalled { .. } | Error::OutOfTime { .. })) => {
                tracing::warn!(%error, "captions within the picture are not looked for");
                return Ok(vec![]);
            }
            Err(error) => return Err(error),
        }
        let (data, times) = (folder.path().join(data.as_str()), folder.path().join(times.as_str()));
        if !data.is_file() || !times.is_file() {
            return Ok(vec![]);
        }
        let look = move || cea608::read(&data, &times).map(|pairs| cea608::channels(&pairs));
        blocking(look).await
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("names made here are letters")
}
